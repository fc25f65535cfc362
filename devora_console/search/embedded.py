"""How much of the search documents can be found by their words and by their meaning, for the configured model."""

from __future__ import annotations

import asyncio

from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import Guest
from devora_console.search.ground import HERE
from devora_console.search.seen import Embedded

_SECONDS = 20.0


async def read_embedded(guest: Guest, settings: Settings) -> Embedded | Unknown:
    """Count. Raises ConsoleError when the connection is lost."""
    grounds = await guest.query(_GROUND)
    if isinstance(grounds, Unknown):
        return grounds
    if not grounds[0]["documents"]:
        return Unknown("this database has no search_documents", "devora-console schema apply")
    if not grounds[0]["reads_all"]:
        return Unknown("this login does not see everybody's documents", "Connect as the owner of the schema")
    if not grounds[0]["vectors"]:
        return await _without(guest, Unknown("the extension pgvector is not here", "CREATE EXTENSION vector"))
    model = await asyncio.to_thread(_model, settings)
    if isinstance(model, Unknown):
        return await _without(guest, model)
    rows = await guest.query(sql(HERE, "embedded"), model, seconds=_SECONDS)
    if isinstance(rows, Unknown):
        return rows
    row = rows[0]
    return Embedded(utc_now(), model, row["documents"], row["vectors"], row["current"], row["stale"])


_GROUND = """
SELECT to_regclass('public.search_documents') IS NOT NULL AS documents,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.embeddings')
                  AND a.attname = 'embedding_vector' AND NOT a.attisdropped) AS vectors,
       coalesce((SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c
                  WHERE c.oid = to_regclass('public.search_documents')), true)
       OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls)) AS reads_all
"""


async def _without(guest: Guest, why: Unknown) -> Embedded | Unknown:
    """The same where nothing is known of embeddings."""
    rows = await guest.query(
        "SELECT count(*) AS documents, count(*) FILTER (WHERE d.search_vector <> ''::tsvector) AS vectors "
        "FROM public.search_documents d",
        seconds=_SECONDS,
    )
    if isinstance(rows, Unknown):
        return rows
    return Embedded(utc_now(), "", rows[0]["documents"], rows[0]["vectors"], why, why)


def _model(settings: Settings) -> str | Unknown:
    """The model whose vectors count; loads the embedder the first time."""
    from devora_console.search.embed.provider import embedder_of  # noqa: PLC0415 - loads numpy

    try:
        return embedder_of(settings).model
    except ConsoleError as error:
        return Unknown(error.problem.message, error.problem.remedy)

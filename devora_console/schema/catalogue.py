"""The catalogue of our two schemas as data: what is there, and what was recorded with a version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from devora_console.postgres.watch.guest import tagged
from devora_console.schema.record import aside, describe_sql, refuse
from devora_console.schema.sql import question

Properties = dict[str, Any]
Catalogue = dict[str, dict[str, Properties]]
"""Kind of object, then its quoted name, then its properties: texts, booleans, or maps of texts."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The recorded catalogue: with which version and on which server it was written."""

    version: int
    server_version_num: int
    catalogue: Catalogue


async def live(connection: asyncpg.Connection) -> Catalogue:
    """The catalogue as it is now. Run in a transaction: it sets the search path for its length."""
    await connection.execute("SET LOCAL search_path = pg_catalog")
    text: str = await connection.fetchval(tagged(question("catalogue")))
    return _parse(text)


async def expected(connection: asyncpg.Connection) -> Expected | None:
    """The catalogue recorded with the version applied last; None when there is none."""
    row = await connection.fetchrow(
        tagged(
            "SELECT version, server_version_num, catalog::text AS catalogue FROM devora_console.schema_version"
            " WHERE catalog IS NOT NULL ORDER BY applied_at DESC, version DESC LIMIT 1"
        )
    )
    if row is None:
        return None
    return Expected(row["version"], row["server_version_num"], _parse(row["catalogue"]))


async def accept(connection: asyncpg.Connection) -> None:
    """Record the live catalogue as the expected one, for instance after an upgrade of the server. Writes.

    Only after a person has looked at what check says: from here on that is no drift any more. ConsoleError (exit 1)
    while a bulk load has indexes, keys and triggers set aside.
    """
    async with connection.transaction():
        refuse(await aside(connection))
        await connection.execute("SET LOCAL search_path = pg_catalog")
        await connection.execute(describe_sql())
        await connection.execute(
            "UPDATE devora_console.schema_version SET server_version_num ="
            " current_setting('server_version_num')::integer WHERE catalog IS NOT NULL"
            " AND version = (SELECT version FROM devora_console.schema_version"
            " ORDER BY applied_at DESC, version DESC LIMIT 1)"
        )


def _parse(text: str) -> Catalogue:
    found: dict[str, dict[str, Properties] | None] = json.loads(text)
    return {kind: objects or {} for kind, objects in found.items()}

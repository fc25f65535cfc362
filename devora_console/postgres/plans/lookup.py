"""The text of a statement by its queryid, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.plans.read import Author
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.statements.read import read_place
from devora_console.postgres.watch.guest import HERE, Guest

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """A statement of pg_stat_statements: of this database, sent by a client rather than run inside a function."""

    text: str
    author: Author
    toplevel: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """No such queryid in this database. ``databases``: others that have it. ``hidden``: there may be some unseen."""

    databases: tuple[str, ...]
    hidden: bool


async def find_text(guest: Guest, queryid: int) -> Found | Missing | Unknown:
    """The text, or why it cannot be read. Raises ConsoleError when the connection is lost."""
    extension = guest.host.extensions.get("pg_stat_statements")
    if extension is None:
        return await _absent(guest, Unknown("pg_stat_statements was created this moment", "Ask again"))
    schema = quoted(extension.schema)

    def text(name: str) -> str:
        return sql(HERE, name).replace("pgss_schema.", f"{schema}.")

    entries = await guest.query(text("plans_queryid"), queryid, seconds=_SECONDS)
    if isinstance(entries, Unknown):
        return await _explained(guest, entries)
    if not entries or not entries[0]["here"]:
        elsewhere = sorted({row["database"] for row in entries if row["database"]})
        return Missing(tuple(elsewhere), hidden=not guest.host.reads_stats)
    best = entries[0]
    key = (queryid, best["userid"], best["dbid"], best["toplevel"])
    rows = await guest.query(text("plans_text"), *key, seconds=_SECONDS)
    if isinstance(rows, Unknown):
        return await _explained(guest, rows)
    if not rows or rows[0]["query"] is None:
        return Unknown("its text is not kept any more: the file of texts was cleared, or the entry dropped meanwhile")
    return Found(rows[0]["query"], Author(best["userid"], best["role"] or f"OID {best['userid']}"), best["toplevel"])


async def _absent(guest: Guest, otherwise: Unknown) -> Unknown:
    """Which of the ways to have no statistics of statements it is."""
    place = await read_place(guest)
    return place if isinstance(place, Unknown) else otherwise


async def _explained(guest: Guest, why: Unknown) -> Unknown:
    if "encoding" in why.reason:
        return Unknown(
            "texts cannot be read: one statement there holds text in another encoding than this database's",
            "Give the text itself: --sql-file FILE",
        )
    return await _absent(guest, why)

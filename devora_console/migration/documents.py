"""Search documents after a bulk load: made from the tables at once, by several workers, before their indexes.

While rows are loaded the triggers that keep the documents are set aside, with the indexes of the documents. Here the
triggers are back and everything is made anew: a load that was cut off may have left documents of rows that have
changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.target import quoted
from devora_console.migration.vectors import BLOCKS
from devora_console.postgres.connect import LOST

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
TABLE = "search_documents"
VOCABULARY = "search_vocabulary"
TRIGGERS = frozenset(f"keep_documents_{event}" for event in ("added", "changed", "leaving", "gone", "emptied"))
"""The triggers that keep the documents."""
_KINDS = {"projects": "project", "conversations": "conversation", "project_files": "file", "messages": "message"}
# Building a document without parsing costs a tenth of filling its vector, so pieces may be larger.
_BLOCKS = 2 * BLOCKS


@dataclass(frozen=True, slots=True)
class Kind:
    """Documents of one ``kind``, made from ``rows`` rows of ``table``."""

    kind: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows in the blocks of a kind's table from ``start`` up to ``end`` (not included)."""

    kind: Kind
    start: int
    end: int


async def with_documents(connection: Connection, tables: Sequence[str]) -> list[str]:
    """``tables``, and that of the documents when they are made from one of them and the schema has it."""
    if not _KINDS.keys() & set(tables) or TABLE in tables:
        return list(tables)
    known = await connection.fetchval(
        "SELECT to_regprocedure('devora_console.fill_documents(text,tid,tid)') IS NOT NULL"
    )
    return [*tables, TABLE] if known else list(tables)


async def aside(connection: Connection) -> list[Kind]:
    """Every kind, when a trigger that keeps documents is set aside; else none: the triggers have kept them."""
    names = await connection.fetchval("SELECT array_agg(name) FROM devora_console.set_aside WHERE kind = 'trigger'")
    if not TRIGGERS & set(names or ()):
        return []
    return [Kind(kind, table, await _count(connection, table)) for table, kind in _KINDS.items()]


async def refresh_words(connection: Connection) -> None:
    """Take the words of all documents anew, inside the caller's transaction."""
    await connection.fetchval("SELECT public.devora_refresh_vocabulary()")


async def without_words(connection: Connection) -> bool:
    """Whether there are documents, and no vocabulary of them yet that we could take: searches do without one."""
    if not await connection.fetchval(
        "SELECT coalesce(has_function_privilege(to_regprocedure($1), 'EXECUTE'), false)",
        "public.devora_refresh_vocabulary()",
    ):
        return False
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM public.search_documents) AND NOT EXISTS (SELECT FROM public.search_vocabulary)"
        )
    )


async def _count(connection: Connection, table: str) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM public.{quoted(table)}"))  # noqa: S608 - one of ours


async def empty(connection: Connection) -> None:
    """No document is left."""
    await connection.execute(f"TRUNCATE public.{TABLE}")


async def pieces(connection: Connection, kind: Kind) -> list[Piece]:
    """The heap of its table as it is now, cut into pieces."""
    total = int(
        await connection.fetchval(
            "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint",
            f"public.{quoted(kind.table)}",
        )
    )
    return [Piece(kind, start, min(start + _BLOCKS, total)) for start in range(0, total, _BLOCKS)]


async def fill(connection: Connection, piece: Piece) -> int:
    """Make the documents of ``piece`` inside the caller's transaction; returns how many. Again makes no more.

    ConsoleError (exit 1) when the server cannot make one: too many words for a vector, for instance.
    """
    try:
        return int(
            await connection.fetchval(
                "SELECT devora_console.fill_documents($1, $2, $3)", piece.kind.kind, (piece.start, 0), (piece.end, 0)
            )
        )
    except LOST:
        raise
    except asyncpg.PostgresError as error:  # its words may hold a text
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "documents_refused",
            f"search documents of {piece.kind.table}, blocks {piece.start} to {piece.end - 1}:"
            f" {type(error).__name__} [{error.sqlstate}]",
            "See the server's log for the row, then run the migration again",
        ) from None

"""Search vectors as a phase of their own: after the copy, before the secondary indexes, by several workers at once.

While rows are loaded the trigger that computes their vectors is set aside. Here it is back and does all the work: an
UPDATE that sets a column to itself fires it. Measured, that costs what the bare expression costs; parsing the text is
nearly all of it. A new version of every row would leave a table half as big again: vacuumed after every tenth, it
takes the space of the tenth before, and ends some 3 % above a table that was loaded with its vectors.

Only rows without a vector are touched, so it may be killed and begun again at any time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, refused
from devora_console.core.safetext import one_line
from devora_console.migration.target import quoted
from devora_console.postgres.connect import LOST
from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.migration"
_EXACT_BYTES = 1 << 30  # up to here rows are counted, which takes a second or two
_SAMPLE_BLOCKS = 4000
_LAPS = 10
_PIECES = 40  # at least so many, where there are blocks enough: for workers to share, and for the laps
_FEWEST_BLOCKS = 16
BLOCKS = 500
"""Blocks of a piece: 4 MB, half a second to a second of work."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class VectorTable:
    """A table whose ``column`` is a tsvector that ``trigger`` fills by ``function``.

    ``columns`` are those whose UPDATE fires it, empty: any. ``live`` is false while the trigger is set aside: bring
    it back before :func:`fill`. ``left`` rows have no vector; not ``exact``, that is an estimate from a sample.
    """

    table: str
    column: str
    trigger: str
    function: str
    columns: tuple[str, ...]
    live: bool
    left: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows in the blocks from ``start`` up to ``end`` (not included).

    ``tidy``: once it is committed, call :func:`tidy`. The last piece does not ask for it: when all are done,
    ``tidy(..., last=True)`` is due anyway.
    """

    table: VectorTable
    start: int
    end: int
    tidy: bool


async def targets(connection: Connection, tables: Collection[str]) -> tuple[VectorTable, ...]:
    """Those of ``tables`` (names in schema public) that have vectors to fill, or might have, sorted by name.

    From the catalogue and the record of what is set aside: nothing has to be known about the tables. Counts rows of
    tables up to 1 GB, and estimates in larger ones.
    """
    found = await connection.fetch(sql(_HERE, "vector_tables"), list(tables))
    result = []
    for row in found:
        left, exact = await _left(connection, row["table_name"], row["column_name"])
        result.append(
            VectorTable(
                table=row["table_name"],
                column=row["column_name"],
                trigger=row["trigger_name"],
                function=row["function"],
                columns=tuple(row["columns"]),
                live=row["live"],
                left=left,
                exact=exact,
            )
        )
    return tuple(result)


async def _left(connection: Connection, table: str, column: str) -> tuple[int, bool]:
    """Rows without a vector, and whether that is exact. Rows that others add meanwhile have theirs."""
    place, empty = f"public.{quoted(table)}", f"{quoted(column)} IS NULL"
    size = int(await connection.fetchval("SELECT pg_relation_size($1::text::regclass)", place))
    if size <= _EXACT_BYTES:
        return int(await connection.fetchval(f"SELECT count(*) FROM {place} WHERE {empty}")), True
    blocks = size / int(await connection.fetchval("SELECT current_setting('block_size')::integer"))
    percent = min(100.0, 100.0 * _SAMPLE_BLOCKS / blocks)
    sample = f"SELECT count(*) FROM {place} TABLESAMPLE SYSTEM ($1) WHERE {empty}"
    return round(int(await connection.fetchval(sample, percent)) * 100.0 / percent), False


async def pieces(connection: Connection, table: VectorTable, blocks: int = BLOCKS) -> tuple[Piece, ...]:
    """The heap as it is now, cut into pieces of up to ``blocks`` blocks, in the order in which to fill them.

    A row that is filled moves: to the end of the heap, or into any space that is free. Wherever that is, it has its
    vector then and is not touched again.
    """
    total = int(
        await connection.fetchval(
            "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint",
            f"public.{quoted(table.table)}",
        )
    )
    step = max(1, min(blocks, max(_FEWEST_BLOCKS, total // _PIECES)))
    starts = range(0, total, step)
    count = len(starts)
    return tuple(
        Piece(
            table, start, min(start + step, total), at + 1 < count and (at + 1) * _LAPS // count > at * _LAPS // count
        )
        for at, start in enumerate(starts)
    )


async def fill(connection: Connection, piece: Piece) -> int:
    """Give the rows of ``piece`` their vectors, inside the caller's transaction; returns how many got one.

    Clocks (updated_at) rest meanwhile, until the transaction ends. ConsoleError (exit 4) when the trigger that
    computes the vectors is not live, exit 1 when a row cannot be given one.
    """
    if not connection.is_in_transaction():
        raise RuntimeError("fill is part of a transaction")
    table = piece.table
    place = f"public.{quoted(table.table)}"
    live = await connection.fetchval(
        "SELECT set_config('devora.loading', 'on', true) = 'on' AND EXISTS (SELECT FROM pg_trigger"
        " WHERE tgrelid = $1::text::regclass AND tgname = $2 AND tgenabled IN ('O', 'A'))",
        place,
        table.trigger,
    )
    if not live:
        raise refused(
            "trigger_missing",
            f"search vectors of {one_line(table.table, 80)} need trigger {one_line(table.trigger, 80)}, which is"
            " set aside, dropped or disabled",
            "Run the migration again: it brings back what it has set aside; or see: devora-console schema check",
        )
    fires = quoted(table.columns[0] if table.columns else table.column)
    empty = f"{quoted(table.column)} IS NULL"
    try:
        return int(
            await connection.fetchval(
                f"WITH filled AS (UPDATE {place} SET {fires} = {fires}"
                f" WHERE ctid >= $1::tid AND ctid < $2::tid AND {empty} RETURNING NOT ({empty}) AS done)"
                " SELECT count(*) FILTER (WHERE done) FROM filled",
                (piece.start, 0),
                (piece.end, 0),
            )
        )
    except LOST:
        raise
    except asyncpg.PostgresError as error:  # its words may hold a text
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "vectors_refused",
            f"search vectors of {one_line(table.table, 80)}, blocks {piece.start} to {piece.end - 1}:"
            f" {type(error).__name__} [{error.sqlstate}] in {one_line(table.function, 80)}",
            "See the server's log for the row, then run the migration again: what is filled stays",
        ) from None


async def tidy(connection: Connection, table: str, *, last: bool = False) -> None:
    """Make the space of old row versions free for the next; outside any transaction, beside the others' work.

    Between pieces it gives way to whoever vacuums the table already. The ``last`` one, when all pieces are done,
    waits for its turn and takes care of what lies out of line, too. Statistics are for later: ANALYZE when the indexes
    are back, for those on expressions have statistics of their own.
    """
    # No try for the end of the table: that would take an exclusive lock under the others' hands.
    options = "TRUNCATE false" if last else "SKIP_LOCKED, TRUNCATE false, PROCESS_TOAST false"
    before = await connection.fetchval("SELECT current_setting('statement_timeout')")
    await connection.execute("SET statement_timeout = 0")  # VACUUM takes no SET LOCAL: it refuses transactions
    try:
        await connection.execute(f"VACUUM ({options}) public.{quoted(table)}")
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT set_config('statement_timeout', $1, false)", before)

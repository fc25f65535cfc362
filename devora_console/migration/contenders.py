"""Which rows stand in the way of a unique key or a foreign key, in one line that holds no secret."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.migration.target import quoted
from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.migration"
SHOWN = 20
"""How many rows are named at most."""
_VALUE = 80  # characters of a value
_LOOSE = (
    "If what they belonged to has vanished from the source, run it again with --prune; else correct or remove them,"
    " and run it again"
)
_NEXT = "Correct or leave out these documents in the source, then run the migration again"

Hidden = Collection[tuple[str, str]]


async def duplicates(
    connection: asyncpg.Connection[asyncpg.Record],
    table: str,
    name: str,
    keys: Sequence[str],
    takes_part: str | None,
    *,
    secret: bool,
    hidden: Hidden,
) -> ConsoleError:
    """Why a unique key cannot be had (exit 1): the keys held more than once and every row that holds one.

    ``keys`` and ``takes_part`` are the catalogue's own SQL texts. ``secret``: the keys themselves are not shown.
    Reads the whole table; the most contended keys come first.
    """
    names = ", ".join(f"k{at}" for at in range(len(keys)))
    columns = ", ".join(f"{key} AS k{at}" for at, key in enumerate(keys))
    texts = ", ".join(f"k{at}::text" for at in range(len(keys)))
    rows = await connection.fetch(
        f"SELECT array[{texts}] AS key, rows, pks, count(*) OVER () AS contended,"
        " (sum(rows) OVER ())::bigint AS contenders"
        f" FROM (SELECT {names}, count(*) AS rows, (array_agg(pk ORDER BY pk))[1:{SHOWN + 1}] AS pks"
        f" FROM (SELECT {columns}, {await _row_name(connection, table, hidden)} AS pk"
        f" FROM public.{quoted(table)} t WHERE {takes_part or 'true'}) one GROUP BY {names}"
        f" HAVING count(*) > 1) many ORDER BY rows DESC, 1 LIMIT {SHOWN}"
    )
    if not rows:
        return ConsoleError.of(
            ExitCode.NEGATIVE,
            "unique_violated",
            f"{name}: two rows of {table} had the same key, and now none have",
            "Run the migration again",
        )
    parts, left = [], SHOWN
    for row in rows:
        if left <= 0:
            break
        pks = row["pks"][:left]
        left -= len(pks)
        value = "a key that is not shown" if secret else _key(row["key"])
        parts.append(f"{value} by {', '.join(one_line(pk, _VALUE) for pk in pks)}")
    contended, contenders = rows[0]["contended"], rows[0]["contenders"]
    more = f"; the first {SHOWN} rows" if contenders > SHOWN else ""
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "unique_violated",
        f"{name}: {_count(contended, 'key')} held by {contenders} rows of {table}{more}: {'; '.join(parts)}",
        _NEXT,
    )


async def orphans(
    connection: asyncpg.Connection[asyncpg.Record], table: str, name: str, *, hidden: Hidden
) -> ConsoleError:
    """Why a foreign key (it is there, not validated) does not hold (exit 1): how many rows lead nowhere, and which."""
    pairs = await connection.fetchrow(sql(_HERE, "foreign_key_pairs"), table, name)
    assert pairs is not None  # it has just been found violated
    joined = " AND ".join(
        f"p.{key} {operator} t.{column}"
        for column, key, operator in zip(pairs["columns"], pairs["keys"], pairs["operators"], strict=True)
    )
    there = " AND ".join(f"t.{column} IS NOT NULL" for column in pairs["columns"])
    astray = f"({there} AND NOT EXISTS (SELECT FROM {pairs['referenced']} p WHERE {joined}))"
    if pairs["match_full"]:
        none = " AND ".join(f"t.{column} IS NULL" for column in pairs["columns"])
        astray = f"({astray} OR NOT ({there}) AND NOT ({none}))"
    pk = await _row_name(connection, table, hidden)
    rows = await connection.fetch(
        f"SELECT {pk} AS pk, count(*) OVER () AS total FROM public.{quoted(table)} t"
        f" WHERE {astray} ORDER BY 1 LIMIT {SHOWN}"
    )
    total = rows[0]["total"] if rows else 0
    named = ", ".join(one_line(row["pk"], _VALUE) for row in rows)
    more = f"; the first {SHOWN}" if total > SHOWN else ""
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "foreign_key_violated",
        f"{name}: {_count(total, 'row')} of {table} without the row of {pairs['referenced_name']} that they"
        f" name{more}: {named}",
        _LOOSE,
    )


async def _row_name(connection: asyncpg.Connection[asyncpg.Record], table: str, hidden: Hidden) -> str:
    """SQL for what a row of ``t`` is called: its primary key, or where it lies if that is none or secret."""
    found = await connection.fetch(sql(_HERE, "primary_key"), table)
    columns = [row["name"] for row in found]
    if not columns or any((table, column) in hidden for column in columns):
        return "t.ctid::text"
    return "concat_ws('/', " + ", ".join(f"t.{quoted(column)}::text" for column in columns) + ")"


def _key(values: Sequence[str | None]) -> str:
    shown = ", ".join("null" if value is None else one_line(value, _VALUE) for value in values)
    return f"({shown})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

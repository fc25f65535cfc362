"""Rows written since a mark, found by the transaction that wrote each: xmin outside the snapshot of the mark.

What is new or changed is counted exactly, and so is what is changed or gone: the rows at the mark less those that are
as they were. Which of them are new and which changed leaves no trace, and is not guessed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

import asyncpg

from devora_console.core.clock import iso
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_HERE = "devora_console.postgres"
# xmin holds 32 bits of a transaction's number: the rest is that of now ($2, the next number), or one less where it
# would lie in the future. A row is new when its transaction was not over at the mark. (Rows frozen four billion
# transactions ago may be taken for new ones.)
_NUMBER = "((($2::int8 >> 32) << 32) | t.xmin::text::int8)"
_WHOLE = f"greatest({_NUMBER} - CASE WHEN {_NUMBER} >= $2 THEN 4294967296 ELSE 0 END, 3)"
_NEW = f"NOT pg_catalog.pg_visible_in_snapshot({_WHOLE}::text::xid8, $1::text::pg_snapshot)"


@dataclass(frozen=True, slots=True)
class MarkedTable:
    """A table at the mark, and its rows then."""

    schema: str
    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a database: its snapshot, and what every table held in it."""

    at: str
    database: str
    system: str
    snapshot: str
    tables: tuple[MarkedTable, ...]


@dataclass(frozen=True, slots=True)
class TableDelta:
    """One table since the mark: ``written`` rows are new or changed, ``lost`` ones of the mark are changed or gone."""

    schema: str
    name: str
    before: int
    now: int
    written: int
    lost: int


def quoted(name: str) -> str:
    """A name of the catalogue, quoted."""
    return '"' + name.replace('"', '""') + '"'


async def mark(connection: Connection, schema: str = "public") -> Mark:
    """Take the mark. Reads every table once, to count; in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        moment = await connection.fetchrow(sql(_HERE, "delta_mark"))
        assert moment is not None
        tables = []
        for each in await connection.fetch(sql(_HERE, "delta_tables"), schema):
            place = f"{quoted(each['schema'])}.{quoted(each['name'])}"
            rows = await connection.fetchval(f"SELECT count(*) FROM {place}")  # noqa: S608 - of the catalogue, quoted
            tables.append(MarkedTable(each["schema"], each["name"], rows))
    return Mark(
        at=iso(moment["at"]),
        database=moment["database"],
        system=moment["system"],
        snapshot=moment["snapshot"],
        tables=tuple(tables),
    )


async def measure(connection: Connection, since: Mark) -> tuple[TableDelta, ...]:
    """What was written since. Raises ConsoleError (exit 2) for a mark of another database."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        moment = await connection.fetchrow(sql(_HERE, "delta_mark"))
        assert moment is not None
        _same(moment, since)
        known = {each.name: each for each in since.tables}
        schema = since.tables[0].schema if since.tables else "public"
        found = []
        for each in await connection.fetch(sql(_HERE, "delta_tables"), schema):
            was = known.get(each["name"]) or MarkedTable(each["schema"], each["name"], 0)
            found.append(await _table(connection, each, was, (since.snapshot, moment["next"])))
    return tuple(found)


async def _table(connection: Connection, row: asyncpg.Record, was: MarkedTable, since: tuple[str, int]) -> TableDelta:
    place = f"{quoted(row['schema'])}.{quoted(row['name'])}"
    counts = await connection.fetchrow(
        f"SELECT count(*), count(*) FILTER (WHERE {_NEW}) FROM {place} t",  # noqa: S608 - of the catalogue, quoted
        *since,
    )
    assert counts is not None
    now, written = counts
    return TableDelta(row["schema"], row["name"], was.rows, now, written, was.rows - (now - written))


def _same(moment: asyncpg.Record, since: Mark) -> None:
    if (moment["system"], moment["database"]) != (since.system, since.database):
        raise usage_error(
            "delta_other", f"the mark is of database {one_line(since.database, 60)} on another server", "Use its own"
        )


async def export(connection: Connection, since: Mark, folder: Path) -> dict[str, int]:
    """Write the rows written since as JSON lines, a file per table; the number of rows of each. Nothing half-written:
    a file has its name only when it is whole and on disk.
    """
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True, exist_ok=True)
    written: dict[str, int] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        moment = await connection.fetchrow(sql(_HERE, "delta_mark"))
        assert moment is not None
        _same(moment, since)
        schema = since.tables[0].schema if since.tables else "public"
        for each in await connection.fetch(sql(_HERE, "delta_tables"), schema):
            place = f"{quoted(each['schema'])}.{quoted(each['name'])}"
            text = f"SELECT to_jsonb(t)::text FROM {place} t WHERE {_NEW}"  # noqa: S608 - of the catalogue, quoted
            path = folder / f"{each['name']}.jsonl"
            count = await _write(connection, text, (since.snapshot, moment["next"]), path)
            if count:
                written[each["name"]] = count
    return written


async def _write(connection: Connection, text: str, since: tuple[str, int], path: Path) -> int:
    partial, count = path.with_suffix(".partial"), 0
    with _private(partial) as file:
        async for row in connection.cursor(text, *since, prefetch=500):
            file.write(row[0] + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if count:
        partial.replace(path)
    else:
        partial.unlink()
    return count


def _private(path: Path) -> TextIO:
    """A file that nobody else may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")


def write_mark(path: Path, taken: Mark) -> None:
    """Keep a mark, durably."""
    partial = path.with_name(path.name + ".partial")
    with _private(partial) as file:
        json.dump(asdict(taken), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_mark(path: Path) -> Mark:
    """The mark of a file. Raises ConsoleError (exit 2)."""
    shown = one_line(str(path), 160)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        tables = tuple(MarkedTable(**each) for each in said.pop("tables"))
        return Mark(tables=tables, **said)
    except OSError as error:
        raise usage_error("mark_unreadable", f"{shown}: {error.strerror}", "See: cutover delta mark") from None
    except (ValueError, TypeError, KeyError):
        raise usage_error("mark_damaged", f"{shown}: is no mark of the console", "See: cutover delta mark") from None


__all__: Sequence[str] = ["Mark", "MarkedTable", "TableDelta", "export", "mark", "measure", "read_mark", "write_mark"]

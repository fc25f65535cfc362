"""Sizes of databases and tables, partitions summed, and growth between two looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.sample import Interval
from devora_console.postgres.health.snapshot import HealthLine, unknown_line
from devora_console.postgres.health.words import plural, size
from devora_console.postgres.watch.guest import Guest

MOST_LISTED = 100
_MOST_LINES = 5
_DATABASE_SQL = "SELECT datname, pg_size_pretty(pg_database_size(datname)) FROM pg_database;"
_TABLE_SQL = (
    "SELECT oid::regclass, pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class\n"
    " WHERE relkind IN ('r', 'm') ORDER BY pg_total_relation_size(oid) DESC LIMIT 20;  -- waits for locked tables"
)


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table; ``parts`` counts its partitions when ``partitioned``. ``data`` bytes include TOAST and maps.

    ``guessed``: some of it is locked, or took too long, and stands as the pages of its last vacuum or analyze.
    ``growth`` is in bytes since the look before, None without one.
    """

    oid: int
    schema: str
    name: str
    partitioned: bool
    parts: int
    data: int
    indexes: int
    guessed: bool
    growth: int | None = None

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.data + self.indexes


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """One database; bytes are None where this user may not ask."""

    name: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class SizesPart:
    """``tables`` are the largest (100) of ``total``; ``all_bytes`` is what all of them hold."""

    as_of: datetime
    database: int | Unknown
    databases: tuple[DatabaseSize, ...] | Unknown
    tables: tuple[TableSize, ...]
    total: int
    all_bytes: int
    lines: tuple[HealthLine, ...]


async def read_sizes(guest: Guest, now: datetime, interval: Interval | Unknown | None) -> SizesPart | Unknown:
    """Sizes now. Does not wait for locked tables: those stand as their last counted pages."""
    own = await guest.one("health_database_size", seconds=10)
    database = own if isinstance(own, Unknown) else own["bytes"]
    others = await guest.ask("health_databases", seconds=10)
    databases: tuple[DatabaseSize, ...] | Unknown = (
        others
        if isinstance(others, Unknown)
        else tuple(DatabaseSize(decode(row["name"]) or "", row["bytes"]) for row in others)
    )
    rows = await guest.ask("health_sizes", MOST_LISTED, seconds=10)
    if isinstance(rows, Unknown):
        rows = await guest.ask("health_sizes_guessed", MOST_LISTED, seconds=10)
    if isinstance(rows, Unknown):
        return rows
    tables = tuple(_size_of(row) for row in rows)
    total, all_bytes = (rows[0]["total"], rows[0]["all_bytes"] or 0) if rows else (0, 0)
    part = SizesPart(now, database, databases, tables, total, all_bytes, ())
    return replace(part, lines=tuple(judge_sizes(part, interval)))


def _size_of(row: Any) -> TableSize:
    """From a row of ``health_sizes.sql``; a table that was dropped meanwhile has no bytes."""
    data, indexes = row["data"] or 0, row["indexes"] or 0
    return TableSize(
        row["oid"], row["schema"], row["name"], row["partitioned"], row["parts"], data, indexes, row["guessed"]
    )


def grown(before: SizesPart, after: SizesPart) -> tuple[TableSize, ...]:
    """The tables of ``after`` with their growth; none for those that were not listed before or are only guessed."""
    then = {table.oid: table for table in before.tables if not table.guessed}
    return tuple(
        replace(table, growth=table.bytes - then[table.oid].bytes) if table.oid in then and not table.guessed else table
        for table in after.tables
    )


def judge_sizes(part: SizesPart, interval: Interval | Unknown | None) -> list[HealthLine]:
    """Sizes are facts without a verdict; a guess says that it is one."""
    if isinstance(part.database, Unknown):
        lines = [unknown_line("sizes.database", "size of the database", part.database, _DATABASE_SQL)]
    else:
        lines = [_database(part, part.database, interval)]
    return [*lines, *(_table(table) for table in part.tables[:_MOST_LINES])]


def _database(part: SizesPart, bytes_: int, interval: Interval | Unknown | None) -> HealthLine:
    guessed = "≈ " if any(table.guessed for table in part.tables) else ""
    text = f"{size(bytes_)}, of it {guessed}{size(part.all_bytes)} in {plural(part.total, 'table')} with indexes"
    if isinstance(interval, Unknown):
        text += f"; growth unknown: {interval.reason}"
    elif interval is not None and not isinstance(interval.bytes_grown, Unknown):
        sign = "+" if interval.bytes_grown >= 0 else ""
        text += f"; {sign}{size(interval.bytes_grown)} in the last {interval.seconds:.1f} s"
    others = () if isinstance(part.databases, Unknown) else part.databases
    listed = ", ".join(f"{each.name} {size(each.bytes) if each.bytes is not None else '?'}" for each in others[:10])
    return HealthLine(
        "sizes.database",
        "sizes",
        "size of the database",
        Verdict.NONE,
        text,
        value=bytes_,
        why=f"pg_database_size, all files of the database. All databases: {listed}." if listed else "pg_database_size.",
        sql=_DATABASE_SQL,
    )


def _table(table: TableSize) -> HealthLine:
    about = "≈ " if table.guessed else ""
    text = f"{about}{size(table.bytes)}: {size(table.data)} rows and TOAST, {size(table.indexes)} indexes"
    if table.partitioned:
        text += f", in {plural(table.parts, 'partition')}"
    if table.growth is not None:
        text += f"; {'+' if table.growth >= 0 else ''}{size(table.growth)} in the interval"
    why = "pg_table_size and pg_indexes_size, partitions summed."
    if table.guessed:
        if not table.data:
            text = "not known: locked, and its pages were never counted by a vacuum or analyze"
        why = (
            "Another session holds or awaits AccessExclusiveLock on it, or looking took too long: pages as counted by "
            "the last vacuum or analyze, times the block size."
        )
    verdict = Verdict.UNKNOWN if table.guessed else Verdict.NONE
    return HealthLine(
        f"sizes.table.{table.oid}",
        "sizes",
        f"size of {table.schema}.{table.name}",
        verdict,
        text,
        value=table.bytes if table.data or not table.guessed else Unknown(text),
        why=why,
        remedy="See: locks" if table.guessed else "",
        sql=_TABLE_SQL,
    )

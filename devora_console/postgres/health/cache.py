"""Cache hit ratios: of the database, its tables and its indexes; since the counters began and over an interval."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge, caution
from devora_console.postgres.health.sample import Interval
from devora_console.postgres.health.snapshot import HealthLine, unknown_line
from devora_console.postgres.health.words import count, figure, percent
from devora_console.postgres.watch.guest import Guest

MOST_LISTED = 50
_MOST_LINES = 5
_SQL = (
    "SELECT relname, heap_blks_hit, heap_blks_read,\n"
    "       round(100.0 * heap_blks_hit / nullif(heap_blks_hit + heap_blks_read, 0), 2) AS hit_percent\n"
    "  FROM pg_statio_user_tables ORDER BY heap_blks_read DESC LIMIT 20;"
)
_WHY = (
    "hit / (hit + read) of block accesses. It counts accesses, not blocks, and a read may have come from the "
    "operating system's cache: many misses are a hint, not proof, of slow reads."
)


@dataclass(frozen=True, slots=True)
class Accesses:
    """Block accesses: found in shared buffers, or read from outside."""

    hit: int
    read: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.hit + self.read

    @property
    def percent(self) -> float | None:
        """The hit ratio; None where there was no access, as 0 of 0 is no ratio."""
        return 100.0 * self.hit / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class RelationAccesses:
    """One table (TOAST included), or one index (then ``of_table`` is its table), with its hit ratio in percent."""

    oid: int
    schema: str
    name: str
    of_table: str | None
    hit: int
    read: int
    percent: float | None

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{'table' if self.of_table is None else 'index'} {self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class IoKind:
    """Reads and writes of the server by kind of process, object and context. Bytes, counts; None: does not apply."""

    backend_type: str
    object: str
    context: str
    reads: int | None
    read_bytes: int | None
    read_ms: float | None
    hits: int | None
    writes: int | None
    written_bytes: int | None
    extends: int | None
    evictions: int | None
    reuses: int | None
    fsyncs: int | None


@dataclass(frozen=True, slots=True)
class CachePart:
    """``relations`` are those with the most reads, at most 50. ``interval`` is None when no interval was taken."""

    as_of: datetime
    database: Accesses
    interval: Interval | Unknown | None
    tables: Accesses | Unknown
    indexes: Accesses | Unknown
    relations: tuple[RelationAccesses, ...]
    interval_relations: tuple[RelationAccesses, ...]
    stat_io: tuple[IoKind, ...] | Unknown
    lines: tuple[HealthLine, ...]


Counters = dict[int, RelationAccesses]


async def read_relations(guest: Guest) -> Counters | Unknown:
    """Counters of every user table and index that was accessed, by OID."""
    rows = await guest.ask("health_cache", seconds=10)
    if isinstance(rows, Unknown):
        return rows
    return {row["oid"]: _relation(dict(row)) for row in rows}


async def read_stat_io(guest: Guest) -> tuple[IoKind, ...] | Unknown:
    """pg_stat_io by kind of process; servers before 16 do not have it."""
    if guest.host.version < 160000:
        return Unknown("pg_stat_io exists from PostgreSQL 16 on")
    rows = await guest.ask("health_stat_io")
    if isinstance(rows, Unknown):
        return rows
    return tuple(IoKind(**{key: value for key, value in row.items() if key != "since"}) for row in rows)


def relations_between(before: Counters, after: Counters) -> tuple[RelationAccesses, ...]:
    """What each relation was accessed within the interval.

    A relation that was not in the first sample had no access then. One whose counters fell was reset and is left out.
    """
    found: list[RelationAccesses] = []
    for oid, now in after.items():
        then = before.get(oid)
        hit, read = (now.hit, now.read) if then is None else (now.hit - then.hit, now.read - then.read)
        if hit >= 0 and read >= 0 and hit + read:
            found.append(_relation({**_names(now), "hit": hit, "read": read}))
    return tuple(found)


def judge_cache(
    as_of: datetime,
    database: Accesses,
    relations: Counters | Unknown,
    interval: Interval | Unknown | None,
    moved: Sequence[RelationAccesses],
    stat_io: tuple[IoKind, ...] | Unknown,
    age: StatsAge,
    settings: HealthSettings,
) -> CachePart:
    """The part with its lines: totals first, then the relations below the threshold with the most reads."""
    lines = [_line("cache.database.reset", "database", database, age, None, settings)]
    if isinstance(interval, Unknown):
        lines.insert(0, unknown_line("cache.database.interval", "database, interval", interval))
    elif interval is not None:
        accesses = Accesses(interval.blocks_hit, interval.blocks_read)
        lines.insert(0, _line("cache.database.interval", "database", accesses, age, interval.seconds, settings))
        lines += _kinds(moved, age, interval.seconds, settings)
    known: Collection[RelationAccesses] = () if isinstance(relations, Unknown) else relations.values()
    tables: Accesses | Unknown
    indexes: Accesses | Unknown
    if isinstance(relations, Unknown):
        lines.append(unknown_line("cache.relations", "tables and indexes", relations))
        tables = indexes = relations
    else:
        lines += _kinds(tuple(known), age, None, settings)
        tables, indexes = _sum(known, True), _sum(known, False)
    return CachePart(
        as_of,
        database,
        interval,
        tables,
        indexes,
        _most_read(known, MOST_LISTED),
        _most_read(moved, MOST_LISTED),
        stat_io,
        tuple(lines),
    )


def _kinds(
    relations: Sequence[RelationAccesses], age: StatsAge, seconds: float | None, settings: HealthSettings
) -> list[HealthLine]:
    span = "reset" if seconds is None else "interval"
    lines = [
        _line(f"cache.{name}.{span}", name, _sum(relations, tables), age, seconds, settings)
        for name, tables in (("tables", True), ("indexes", False))
    ]
    low = [
        each
        for each in relations
        if each.hit + each.read >= settings.cache_min_accesses
        and each.percent is not None
        and each.percent < settings.cache_hit_percent
    ]
    for each in _most_read(low, _MOST_LINES):
        id_ = f"cache.relation.{each.oid}.{span}"
        lines.append(_line(id_, each.title, Accesses(each.hit, each.read), age, seconds, settings))
    return lines


def _line(
    id_: str, title: str, accesses: Accesses, age: StatsAge, seconds: float | None, settings: HealthSettings
) -> HealthLine:
    """One ratio: below the threshold warns, above is ok, over too little is shown without a verdict."""
    when = age.words if seconds is None else f"last {seconds:.1f} s"
    ratio, least = accesses.percent, settings.cache_min_accesses
    verdict, more = Verdict.NONE, ""
    if not age.counting:
        verdict, text = Verdict.UNKNOWN, age.words
    elif ratio is None:
        text = f"no data: no block was accessed ({when})"
    else:
        text = (
            f"{percent(accesses.hit, accesses.total)} hit: {count(accesses.read)} of {count(accesses.total)} "
            f"block accesses were reads ({when})"
        )
        if accesses.total < least:
            text += ", too few for a verdict"
            more = f" Fewer than {figure(least)} accesses are too few for a verdict."
        else:
            verdict = Verdict.WARN if ratio < settings.cache_hit_percent else Verdict.OK
    remedy = ""
    if verdict is Verdict.WARN:
        remedy = (
            "See which statements read most (queries), and whether an index is missing (indexes), before "
            "raising shared_buffers."
        )
    if seconds is None and title == "database" and not age.settled:
        more += " " + caution(age, settings)
    return HealthLine(
        id_,
        "cache",
        f"cache {title}" + ("" if seconds is None else ", interval"),
        verdict,
        text,
        value=ratio,
        threshold=settings.cache_hit_percent,
        why=f"{_WHY} Threshold: {figure(settings.cache_hit_percent)} %, from {figure(least)} accesses on.{more}",
        remedy=remedy,
        sql=_SQL,
    )


def _sum(relations: Iterable[RelationAccesses], tables: bool) -> Accesses:
    chosen = [each for each in relations if (each.of_table is None) is tables]
    return Accesses(sum(each.hit for each in chosen), sum(each.read for each in chosen))


def _most_read(relations: Iterable[RelationAccesses], most: int) -> tuple[RelationAccesses, ...]:
    return tuple(sorted(relations, key=lambda each: (-each.read, -each.hit, each.oid))[:most])


def _relation(row: dict[str, Any]) -> RelationAccesses:
    return RelationAccesses(**row, percent=Accesses(row["hit"], row["read"]).percent)


def _names(each: RelationAccesses) -> dict[str, Any]:
    return {"oid": each.oid, "schema": each.schema, "name": each.name, "of_table": each.of_table}

"""Bloat of tables: an estimate with its confidence, and the measurement of one table where pgstattuple is installed.

The estimate compares the pages that VACUUM or ANALYZE counted with those that the rows it counted would fill. Both are
of that moment; dead rows since then are not in it and stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge, caution
from devora_console.postgres.health.layout import ColumnStats, pages_needed, row_bytes, rows_per_page
from devora_console.postgres.health.options import integer, parse_options
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import ago, count, figure, percent, plural, size
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import Guest

FLOOR_PAGES = 128
MOST_TABLES = 200
_MOST_LINES = 10
_YOUNG = "how many rows are dead or changed since ANALYZE is not known: the counters are young"
_REMEDY = (
    "Measure it first (health --measure). VACUUM makes the space usable again for this table; only a rewrite gives it "
    "back to the system (VACUUM FULL locks the table against everything meanwhile; pg_repack does not)."
)


@dataclass(frozen=True, slots=True)
class TableBloat:
    """One table. ``bytes`` and ``rows`` are as of its last VACUUM or ANALYZE, ``dead`` rows as counted now.

    ``wasted`` bytes are estimated, or Unknown with the reason; ``confidence`` is "fair", "low" or "none", ``doubts``
    are the reasons not to trust the estimate. ``toast_bytes`` are not part of it.
    """

    oid: int
    schema: str
    name: str
    bytes: int
    toast_bytes: int
    rows: float
    row_bytes: int | None
    fillfactor: int
    wasted: int | Unknown
    confidence: str
    doubts: tuple[str, ...]
    dead: int
    vacuumed: datetime | None
    analysed: datetime | None


@dataclass(frozen=True, slots=True)
class BloatPart:
    """``tables`` are the largest from the floor on, most waste first; ``small`` tables are below it."""

    as_of: datetime
    tables: tuple[TableBloat, ...]
    total: int
    small: int
    floor_pages: int
    lines: tuple[HealthLine, ...]


async def read_bloat(guest: Guest, now: datetime, age: StatsAge, settings: HealthSettings) -> BloatPart | Unknown:
    """Estimates for the largest tables. Takes no lock on them."""
    scope = await guest.one("health_bloat_scope", FLOOR_PAGES)
    if isinstance(scope, Unknown):
        return scope
    rows = await guest.ask("health_bloat", FLOOR_PAGES, MOST_TABLES, seconds=20)
    if isinstance(rows, Unknown):
        return rows
    tables = sorted((estimate(row, guest.host.block_size, settled=age.settled) for row in rows), key=_rank)
    lines = judge_bloat(tables, scope["tables"], scope["small"], now, age, settings)
    return BloatPart(now, tuple(tables), scope["tables"], scope["small"], FLOOR_PAGES, tuple(lines))


def estimate(row: Any, block_size: int, *, settled: bool = True) -> TableBloat:
    """From a row of ``health_bloat.sql``; ``settled``: whether its counters of rows saw enough."""
    fillfactor = integer(parse_options(row["options"]), "fillfactor", 100)
    table = TableBloat(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        bytes=row["pages"] * block_size,
        toast_bytes=row["toast_pages"] * block_size,
        rows=row["rows"],
        row_bytes=None,
        fillfactor=fillfactor,
        wasted=Unknown(""),
        confidence="none",
        doubts=(),
        dead=row["dead"],
        vacuumed=row["vacuumed"],
        analysed=row["analysed"],
    )
    refusal = _refusal(row)
    if refusal is not None:
        return replace(table, wasted=refusal)
    columns = [
        ColumnStats(*each) for each in zip(row["lengths"], row["aligns"], row["widths"], row["nulls"], strict=True)
    ]
    one = row_bytes(columns)
    needed = pages_needed(row["rows"], one, block_size, fillfactor)
    doubts = _doubts(row, one, columns, block_size, fillfactor)
    if not settled:
        doubts.append(_YOUNG)
    return replace(
        table,
        row_bytes=one,
        wasted=max(0, row["pages"] - needed) * block_size,
        confidence="low" if doubts else "fair",
        doubts=tuple(doubts),
    )


def _refusal(row: Any) -> Unknown | None:
    """Why no estimate can be made at all."""
    name = quoted(row["schema"], row["name"])
    if row["rows"] < 0:
        return Unknown("never analysed", f"ANALYZE {name};")
    if row["dropped"]:
        return Unknown(
            f"{plural(row['dropped'], 'dropped column')}: old rows may still hold its values", "health --measure"
        )
    if row["lengths"] is None:
        return Unknown("it has no columns")
    if row["unseen"]:
        if row["row_security"]:
            return Unknown("row-level security hides its statistics from this user", "Ask as the table's owner")
        if not row["readable"]:
            return Unknown(
                "its statistics are hidden from this user",
                f"GRANT SELECT ON {name} TO this user, or GRANT pg_read_all_data; pg_monitor is not enough",
            )
        return Unknown(
            f"{plural(row['unseen'], 'column')} without statistics (never analysed, or a type without)",
            f"ANALYZE {name};",
        )
    if row["names"]:
        return Unknown("a column of type name: its stored width is not in the statistics", "health --measure")
    return None


def _doubts(row: Any, one: int, columns: Sequence[ColumnStats], block_size: int, fillfactor: int) -> list[str]:
    doubts: list[str] = []
    if row["dead"] > 0.1 * max(row["rows"], 1):
        doubts.append(f"{count(row['dead'])} dead rows are not in the estimate")
    if row["changed"] > 0.1 * max(row["rows"], 1):
        doubts.append(f"{count(row['changed'])} rows changed since the last ANALYZE")
    if rows_per_page(one, block_size, 100) < 4:
        doubts.append("rows so wide that a page holds few of them: what is left over cannot be used")
    if any(0.05 < column.null_share < 0.95 for column in columns):
        doubts.append("columns that are null in some rows: widths and padding are means")
    if any(column.length == -1 and column.width > 200 for column in columns):
        doubts.append("wide columns whose size may vary much")
    return doubts


def _rank(table: TableBloat) -> tuple[float, int]:
    """Most wasted bytes first, unknown ones after, by size."""
    return (0.0 if isinstance(table.wasted, Unknown) else -float(table.wasted), -table.bytes)


def judge_bloat(
    tables: Sequence[TableBloat], total: int, small: int, now: datetime, age: StatsAge, settings: HealthSettings
) -> list[HealthLine]:
    """A line for each table over both thresholds, a summary, and what could not be estimated, by reason."""
    known = [table for table in tables if not isinstance(table.wasted, Unknown)]
    over = [table for table in known if _over(table, settings)]
    lines = only_first([_table_line(table, now, age, settings) for table in over], _MOST_LINES, "tables")
    summary = _summary(tables, known, over, total, small, settings)
    if known and not age.settled:
        young = f"{summary.text}; dead rows are not in it, and not known: {age.words}"
        verdict = Verdict.UNKNOWN if summary.verdict is Verdict.OK else summary.verdict
        summary = replace(summary, verdict=verdict, text=young, why=f"{summary.why} {caution(age, settings)}")
    return [*lines, *_hidden_lines(tables), summary]


def _over(table: TableBloat, settings: HealthSettings) -> bool:
    wasted = table.wasted
    assert not isinstance(wasted, Unknown)
    enough = wasted >= settings.table_bloat_min_mb * 1e6
    return enough and wasted * 100 >= settings.table_bloat_percent * table.bytes


def _dead_would_count(table: TableBloat, settings: HealthSettings) -> bool:
    """Whether the dead rows, which the estimate does not see, may be as much as is warned of."""
    share = table.dead / max(table.dead + table.rows, 1.0)
    held = share * table.bytes
    return held >= settings.table_bloat_min_mb * 1e6 and held * 100 >= settings.table_bloat_percent * table.bytes


def _table_line(table: TableBloat, now: datetime, age: StatsAge, settings: HealthSettings) -> HealthLine:
    wasted = table.wasted
    assert not isinstance(wasted, Unknown)
    doubts = "; ".join(table.doubts) or "none known"
    return HealthLine(
        f"bloat.table.{table.oid}",
        "bloat",
        f"bloat {table.schema}.{table.name}",
        Verdict.WARN,
        f"≈ {size(wasted)} of {size(table.bytes)} ({percent(wasted, table.bytes)}) wasted, confidence "
        f"{table.confidence}; {count(table.dead)} dead rows{_counted(age)}, {_vacuum_words(table.vacuumed, now)}",
        value=wasted,
        threshold=settings.table_bloat_min_mb * 1e6,
        why=f"An estimate, not a measurement: {count(round(table.rows))} rows of about {table.row_bytes} bytes, fill "
        f"factor {table.fillfactor}, against the pages counted by the last VACUUM or ANALYZE. Doubts: {doubts}. Both "
        f"thresholds must be passed: {figure(settings.table_bloat_min_mb)} MB and "
        f"{figure(settings.table_bloat_percent)} % of the table. " + caution(age, settings),
        remedy=_REMEDY,
        sql=f"VACUUM (VERBOSE) {quoted(table.schema, table.name)};",
    )


def _counted(age: StatsAge) -> str:
    """What a count of dead rows is worth, where it is not worth much: a crash empties it."""
    return "" if age.settled else f" counted ({age.words})"


def _vacuum_words(vacuumed: datetime | None, now: datetime) -> str:
    if vacuumed is None:
        return "no vacuum on record"
    return f"vacuumed {ago((now - vacuumed).total_seconds())}"


def _hidden_lines(tables: Sequence[TableBloat]) -> list[HealthLine]:
    """Tables without an estimate, one line per kind of reason: never "no bloat"."""
    kinds: dict[str, list[TableBloat]] = {}
    for table in tables:
        if isinstance(table.wasted, Unknown):
            kinds.setdefault(table.wasted.reason.lstrip("0123456789 \u202f"), []).append(table)
    lines = []
    for at, found in enumerate(kinds.values()):
        first = found[0]
        assert isinstance(first.wasted, Unknown)
        names = ", ".join(f"{each.schema}.{each.name}" for each in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        unknown = replace(first.wasted, reason=f"{names}{more}: {first.wasted.reason}")
        lines.append(unknown_line(f"bloat.unknown.{at}", f"bloat of {plural(len(found), 'table')}", unknown))
    return lines


def _summary(
    tables: Sequence[TableBloat],
    known: Sequence[TableBloat],
    over: Sequence[TableBloat],
    total: int,
    small: int,
    settings: HealthSettings,
) -> HealthLine:
    wasted = sum(table.wasted for table in known if isinstance(table.wasted, int))
    held = sum(table.bytes for table in known)
    looked_at = len(tables)
    scope = f"{plural(small, 'table')} below {FLOOR_PAGES} pages not estimated"
    if total - small > looked_at:
        scope += f"; of {total - small} larger ones the {looked_at} largest heap tables were looked at"
    if not known:
        verdict, text = Verdict.NONE, f"no table to estimate; {scope}"
        if tables:
            verdict, text = Verdict.UNKNOWN, f"none of {plural(looked_at, 'table')} can be estimated; {scope}"
    else:
        text = f"≈ {size(wasted)} of {size(held)} wasted in {plural(len(known), 'table')}; {scope}"
        verdict = Verdict.NONE if over else Verdict.OK
        unseen = sum(_dead_would_count(table, settings) for table in known)
        if unseen:
            text += f"; the many dead rows of {plural(unseen, 'table')} are not in it (health --vacuum)"
            verdict = verdict if over else Verdict.UNKNOWN
        elif not over and any(table.confidence == "low" for table in known):
            text += "; confidence low for some"
    return HealthLine(
        "bloat.summary",
        "bloat",
        "bloat, all tables",
        verdict,
        text,
        value=wasted if known else None,
        threshold=settings.table_bloat_min_mb * 1e6,
        why=f"A table is named from {figure(settings.table_bloat_min_mb)} MB and "
        f"{figure(settings.table_bloat_percent)} % of waste on. Indexes and TOAST tables are not in this estimate.",
    )

"""Sequences near their end: of the sequence itself, or of the column it feeds, whichever comes first."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import count, figure, percent, plural
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import Guest

_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_MOST_LINES = 10
_MOST_LISTED = 50
_SQL = "SELECT schemaname, sequencename, data_type, last_value, max_value FROM pg_sequences ORDER BY last_value DESC;"


@dataclass(frozen=True, slots=True)
class SequenceUse:
    """``limit`` is the last value that is of use: the sequence's own end or its column's, whichever comes first.

    ``last`` is None while nothing was drawn since it was made or set anew; Unknown when hidden or locked. ``used`` of
    ``span`` values are gone, ``left`` calls of nextval remain. A sequence that cycles has no end (``cycles``), but one
    that feeds a narrower column does not get to where it would begin anew.
    """

    oid: int
    schema: str
    name: str
    type: str
    increment: int
    cycles: bool
    feeds: str | None
    feeds_type: str | None
    last: int | Unknown | None
    limit: int
    limited_by: str
    used: int | None
    span: int
    left: int | None


@dataclass(frozen=True, slots=True)
class SequencesPart:
    """``sequences`` are those most used up (50), out of ``total``."""

    as_of: datetime
    sequences: tuple[SequenceUse, ...]
    total: int
    lines: tuple[HealthLine, ...]


async def read_sequences(guest: Guest, now: datetime, settings: HealthSettings) -> SequencesPart | Unknown:
    """All sequences of this database."""
    rows = await guest.ask("health_sequences", seconds=10)
    if isinstance(rows, Unknown):
        return rows
    idle = [row["oid"] for row in rows if row["last_value"] is None and row["readable"] and not row["locked"]]
    set_at = await guest.ask("health_sequences_at", idle, seconds=10) if idle else []
    at = {} if isinstance(set_at, Unknown) else {row["oid"]: row["next_value"] for row in set_at}
    found = sorted((use_of(row, at.get(row["oid"])) for row in rows), key=_rank)
    return SequencesPart(now, tuple(found[:_MOST_LISTED]), len(found), tuple(judge_sequences(found, settings)))


def use_of(row: Any, next_value: int | None = None) -> SequenceUse:
    """From a row of ``health_sequences.sql``; ``next_value`` is where one without a last value stands, None where that
    cannot be read: it may have been set anew, to near its end.
    """
    up = row["increment"] > 0
    own = row["most"] if up else row["least"]
    limit, limited_by = own, "the sequence itself"
    bits = _BITS.get(row["feeds_type"] or "")
    if bits is not None:
        end = 2**bits - 1 if up else -(2**bits)
        if (end < own) if up else (end > own):
            limit, limited_by = end, f"column {row['feeds_table']}.{row['feeds_column']} ({row['feeds_type']})"
    base = _base(row, up)
    span = abs(limit - base)
    last: int | Unknown | None = row["last_value"]
    used = left = None
    if row["locked"]:
        last = Unknown("locked by another session just now", "See: locks")
    elif not row["readable"]:
        name = quoted(row["schema"], row["name"])
        last = Unknown("hidden from this user", f"GRANT SELECT ON SEQUENCE {name} (or ON ALL SEQUENCES) to this user")
    elif last is None and next_value is None:
        name = quoted(row["schema"], row["name"])
        last = Unknown(
            "never used or set anew, and where it stands is hidden from this user",
            f"GRANT SELECT ON SEQUENCE {name} (or ON ALL SEQUENCES) to this user",
        )
    elif last is None:
        assert next_value is not None
        used = max(0, next_value - base if up else base - next_value)
        ahead = limit - next_value if up else next_value - limit
        left = ahead // abs(row["increment"]) + 1 if ahead >= 0 else 0
    else:
        assert isinstance(last, int)
        used = max(0, last - base if up else base - last)
        left = max(0, limit - last if up else last - limit) // abs(row["increment"])
    feeds = None if row["feeds_table"] is None else f"{row['feeds_table']}.{row['feeds_column']}"
    return SequenceUse(
        row["oid"],
        row["schema"],
        row["name"],
        row["type"],
        row["increment"],
        row["cycles"] and limit == own,
        feeds,
        row["feeds_type"],
        last,
        limit,
        limited_by,
        used,
        span,
        left,
    )


def _base(row: Any, up: bool) -> int:
    """Where counting begins: the sequence's near end, or 0 when that end is on the other side and was never used."""
    near: int = row["least"] if up else row["most"]
    crosses = near < 0 <= row["start"] if up else near > 0 >= row["start"]
    return 0 if crosses else near


def _rank(use: SequenceUse) -> tuple[float, str, str]:
    if use.used is None or use.cycles:
        return (0.0, use.schema, use.name)
    return (-(use.used / use.span if use.span else 1.0), use.schema, use.name)


def judge_sequences(uses: Several[SequenceUse], settings: HealthSettings) -> list[HealthLine]:
    """Lines for those above the threshold, one for those that cannot be known, and a summary."""
    ending = [
        use for use in uses if not use.cycles and use.used is not None and _share(use) >= settings.sequence_percent
    ]
    unknown = [use for use in uses if isinstance(use.last, Unknown) and not use.cycles]
    lines = only_first([_line(use, settings) for use in ending], _MOST_LINES, "sequences")
    if unknown:
        first = unknown[0]
        assert isinstance(first.last, Unknown)
        names = ", ".join(f"{use.schema}.{use.name}" for use in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        reason = Unknown(f"{names}{more}: {first.last.reason}", first.last.remedy)
        lines.append(unknown_line("sequences.unknown", plural(len(unknown), "sequence"), reason, _SQL))
    known = [use for use in uses if use.used is not None and not use.cycles]
    return [*lines, _summary(uses, known, ending, settings)]


def _share(use: SequenceUse) -> float:
    if use.left == 0:
        return 100.0
    return 100 * (use.used or 0) / use.span if use.span else 100.0


def _line(use: SequenceUse, settings: HealthSettings) -> HealthLine:
    share = _share(use)
    fails = share >= settings.sequence_fail_percent
    ends = f"{plural(use.left or 0, 'value')} left"
    if not use.left:
        ends = "no value is left: the next insert fails"
    text = f"{percent(min(use.used or 0, use.span), use.span) if use.left else '100.00 %'} used up, {ends}"
    if use.limited_by != "the sequence itself":
        text += f" in {use.limited_by}"
    small = use.feeds_type in ("smallint", "integer")
    remedy = "Make the sequence's range larger (ALTER SEQUENCE), or let it start anew where old values are gone."
    sql = f"SELECT * FROM {quoted(use.schema, use.name)};"  # noqa: S608 - quoted, and only shown
    if small and use.feeds is not None:
        remedy = (
            "Make the column bigint. ALTER COLUMN TYPE rewrites the table under AccessExclusiveLock; on a large table "
            "add a bigint column, fill it in batches, and swap. Columns that refer to it need the same."
        )
    return HealthLine(
        f"sequences.{use.oid}",
        "sequences",
        f"sequence {use.schema}.{use.name}",
        Verdict.FAIL if fails else Verdict.WARN,
        text,
        value=share,
        threshold=settings.sequence_fail_percent if fails else settings.sequence_percent,
        why=f"Last value {count(use.last) if isinstance(use.last, int) else 'none'}, last useful value "
        f"{count(use.limit)} by {use.limited_by}, increment {use.increment}. Warns from "
        f"{figure(settings.sequence_percent)} %, fails from {figure(settings.sequence_fail_percent)} %.",
        remedy=remedy,
        sql=sql,
    )


def _summary(
    uses: Several[SequenceUse], known: Several[SequenceUse], ending: Several[SequenceUse], settings: HealthSettings
) -> HealthLine:
    cycling = sum(use.cycles for use in uses)
    text = "this database has no sequences"
    verdict = Verdict.NONE
    if uses:
        text = f"{plural(len(known), 'sequence')} of {len(uses)} known"
        if known:
            worst = known[0]
            text += f"; most used: {worst.schema}.{worst.name}, {percent(min(worst.used or 0, worst.span), worst.span)}"
            verdict = Verdict.NONE if ending else Verdict.OK
        if cycling:
            text += f"; {cycling} {'cycles' if cycling == 1 else 'cycle'} and so never end"
    return HealthLine(
        "sequences.summary",
        "sequences",
        "sequences",
        verdict,
        text,
        value=_share(known[0]) if known else None,
        threshold=settings.sequence_percent,
        why="Each is measured against the lesser of its own end and that of the integer column it feeds. One that was "
        "never used counts from where it was set; one whose value is hidden is not counted.",
        sql=_SQL,
    )

"""What a look at a server's health found: lines with verdicts, and the figures they were judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.window import StatsWindow

SECTIONS = ("cache", "bloat", "vacuum", "sizes", "io", "replication", "wraparound", "sequences", "settings")
"""The keys of the sections, in the order they are shown."""

Figure = int | float | str | Unknown | None


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One finding. ``id`` is stable ("cache.database.reset", "bloat.table.16412"), ``title`` names what is judged.

    ``value`` and ``threshold`` are the figures that were compared (None where nothing is compared), with their unit in
    ``text`` and ``why``; ``why`` tells how the verdict was reached, ``remedy`` what would better it, ``sql`` is the
    statement that shows or mends it.
    """

    id: str
    section: str
    title: str
    verdict: Verdict
    text: str
    value: Figure = None
    threshold: Figure = None
    why: str = ""
    remedy: str = ""
    sql: str = ""


class Part(Protocol):
    """A section of the snapshot."""

    @property
    def as_of(self) -> datetime:
        """When it was read."""

    @property
    def lines(self) -> tuple[HealthLine, ...]:
        """What was found."""


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """The sections that were asked for, by key; a section that could not be read at all is Unknown.

    ``window`` is since when the counters count; ``seconds`` how long the interval between two samples was, 0 without.
    """

    as_of: datetime
    database: str
    window: StatsWindow | Unknown
    seconds: float
    parts: dict[str, Part | Unknown]

    @property
    def lines(self) -> tuple[HealthLine, ...]:
        """All lines, in the order of the sections."""
        found: list[HealthLine] = []
        for section, part in self.parts.items():
            found.extend((unknown_line(section, section, part),) if isinstance(part, Unknown) else part.lines)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class HealthSample:
    """The counters of one moment, for intervals and plots; cumulative but for sizes and ages. Bytes, blocks, counts.

    ``since`` and ``shared_since`` are when the counters of the database and of the server began, ``database`` its OID:
    samples that differ in one of these cannot be compared.
    """

    as_of: datetime
    database: int
    since: datetime | None
    shared_since: datetime | None
    blocks_hit: int
    blocks_read: int
    read_ms: float | None  # None: track_io_timing is off
    commits: int
    rollbacks: int
    deadlocks: int
    temp_files: int
    temp_bytes: int
    dead_rows: int
    wal_bytes: int | Unknown
    checkpoints_timed: int | Unknown
    checkpoints_requested: int | Unknown
    database_bytes: int | Unknown
    oldest_xid_age: int


_WORST = {
    Verdict.FAIL: 0,
    Verdict.WARN: 1,
    Verdict.UNKNOWN: 2,
    Verdict.STALE: 3,
    Verdict.RUNNING: 4,
    Verdict.PAUSED: 5,
    Verdict.OK: 6,
    Verdict.NONE: 7,
}


def badness(line: HealthLine) -> int:
    """A key that sorts the worst first."""
    return _WORST[line.verdict]


def unknown_line(id: str, title: str, unknown: Unknown, sql: str = "") -> HealthLine:  # noqa: A002
    """A line that says why something is not known; the section is what ``id`` begins with."""
    return HealthLine(
        id,
        id.partition(".")[0],
        title,
        Verdict.UNKNOWN,
        unknown.reason,
        value=unknown,
        why="This could not be read, so nothing is said about it.",
        remedy=unknown.remedy,
        sql=sql,
    )


def only_first(lines: list[HealthLine], most: int, what: str) -> list[HealthLine]:
    """At most ``most`` lines; how many more there are is said at the end of the last, not left out silently."""
    if len(lines) <= most:
        return lines
    rest = len(lines) - most
    last = replace(lines[most - 1], why=f"{lines[most - 1].why} {rest} more {what} like it are not listed.".strip())
    return [*lines[: most - 1], last]

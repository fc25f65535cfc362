"""What counters say, with Unknown wherever their zero means that nobody measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.core.unknown import Unknown
from devora_console.postgres.statements.snapshot import Counters, Mark, Place, Statement

UPDATE = "As the extension's owner: ALTER EXTENSION pg_stat_statements UPDATE;"
_NOT_RUN = Unknown("it did not run")
_NO_BLOCKS = Unknown("it asked for no blocks")
_RESET = Unknown("minimum and maximum were reset, and it has not run since")
_OLD = Unknown("the extension's version in this database does not tell", UPDATE)
_UNMEASURED_IO = Unknown(
    "not measured: track_io_timing is off", "ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();"
)
_UNTIMED_IO = Unknown("not measured while it read or wrote")
_UNMEASURED_PLANNING = Unknown(
    "not measured: pg_stat_statements.track_planning is off",
    "ALTER SYSTEM SET pg_stat_statements.track_planning = on; SELECT pg_reload_conf(); (it costs some speed)",
)
_NO_PLANNING = Unknown("no planning was counted")


@dataclass(frozen=True, slots=True)
class Figures:
    """An entry over a window. Times in milliseconds, ``temp`` and ``shared`` in blocks, ``hit_percent`` of the blocks
    of tables and indexes that were asked for.

    ``min_ms`` and ``max_ms`` are those since ``minmax_since``, never those of an interval.
    """

    calls: int
    exec_ms: float
    mean_ms: float | Unknown
    rows: int
    plan_ms: float | Unknown
    hit_percent: float | Unknown
    shared_hit: int
    shared_read: int
    shared_dirtied: int
    shared_written: int
    local_read: int
    local_written: int
    io_ms: float | Unknown
    temp_read: int
    temp_written: int
    temp_ms: float | Unknown
    wal_records: int
    wal_fpi: int
    wal_bytes: int
    jit_ms: float | Unknown

    @property
    def temp_blocks(self) -> int:
        """Blocks of temporary files, read and written."""
        return self.temp_read + self.temp_written

    @property
    def io_blocks(self) -> int:
        """Blocks that were not found in a buffer cache, or written by the statement itself; not temporary files."""
        return self.shared_read + self.shared_written + self.local_read + self.local_written


@dataclass(frozen=True, slots=True)
class Extremes:
    """Shortest and longest execution, since when they count (Unknown before extension 1.11)."""

    min_ms: float | Unknown
    max_ms: float | Unknown
    since: datetime | Unknown


def figures(counted: Counters, place: Place) -> Figures:
    """What ``counted`` says at ``place``."""
    asked = counted.shared_hit + counted.shared_read
    blocks = counted.shared_read + counted.shared_written + counted.local_read + counted.local_written
    temp = counted.temp_read + counted.temp_written
    return Figures(
        calls=counted.calls,
        exec_ms=counted.exec_ms,
        mean_ms=counted.exec_ms / counted.calls if counted.calls else _NOT_RUN,
        rows=counted.rows,
        plan_ms=_planning(counted, place),
        hit_percent=100 * counted.shared_hit / asked if asked else _NO_BLOCKS,
        shared_hit=counted.shared_hit,
        shared_read=counted.shared_read,
        shared_dirtied=counted.shared_dirtied,
        shared_written=counted.shared_written,
        local_read=counted.local_read,
        local_written=counted.local_written,
        io_ms=_timed(counted.read_ms + counted.write_ms, blocks, place),
        temp_read=counted.temp_read,
        temp_written=counted.temp_written,
        temp_ms=_OLD if counted.temp_ms is None else _timed(counted.temp_ms, temp, place),
        wal_records=counted.wal_records,
        wal_fpi=counted.wal_fpi,
        wal_bytes=counted.wal_bytes,
        jit_ms=_OLD if counted.jit_ms is None else counted.jit_ms,
    )


def over_interval(statement: Statement, place: Place) -> Figures | Unknown:
    """The statement's figures of the interval."""
    return statement.delta if isinstance(statement.delta, Unknown) else figures(statement.delta, place)


def extremes(counted: Counters) -> Extremes:
    """Minimum and maximum of an entry's own counters (not of a difference)."""
    since = _OLD if counted.minmax_since is None else counted.minmax_since
    if counted.calls and counted.max_ms > 0:
        return Extremes(counted.min_ms, counted.max_ms, since)
    nothing = _RESET if counted.calls else _NOT_RUN
    return Extremes(nothing, nothing, since)


def change_percent(statement: Statement) -> float | Unknown:
    """How the mean of the interval differs from the mean of all executions before it, in percent."""
    delta = statement.delta
    if isinstance(delta, Unknown):
        return delta
    if statement.mark is Mark.NEW:
        return Unknown("it is new")
    if statement.mark is Mark.AGAIN:
        return Unknown("what it counted before is lost")
    calls, spent = statement.total.calls - delta.calls, statement.total.exec_ms - delta.exec_ms
    if not delta.calls:
        return _NOT_RUN
    if calls <= 0 or spent <= 0:
        return Unknown("it did not run before")
    return 100 * ((delta.exec_ms / delta.calls) / (spent / calls) - 1)


def _timed(milliseconds: float, blocks: int, place: Place) -> float | Unknown:
    """A time of I/O: nought only where there was none."""
    if milliseconds > 0 or not blocks:
        return milliseconds
    return _UNTIMED_IO if place.io_timing else _UNMEASURED_IO


def _planning(counted: Counters, place: Place) -> float | Unknown:
    if counted.plans:
        return counted.plan_ms
    return _NO_PLANNING if place.planning else _UNMEASURED_PLANNING

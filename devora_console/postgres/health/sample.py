"""Samples of the counters, and what lies between two of them: a change, or the reason why there is none to tell."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.watch.guest import Guest


@dataclass(frozen=True, slots=True)
class Interval:
    """What was counted between two samples, ``seconds`` apart. ``bytes_grown`` is the growth of the database."""

    seconds: float
    blocks_hit: int
    blocks_read: int
    read_ms: float | None
    commits: int
    rollbacks: int
    deadlocks: int
    temp_files: int
    temp_bytes: int
    wal_bytes: int | Unknown
    checkpoints_timed: int | Unknown
    checkpoints_requested: int | Unknown
    bytes_grown: int | Unknown


_COUNTERS = ("blocks_hit", "blocks_read", "commits", "rollbacks", "deadlocks", "temp_files", "temp_bytes")
_MAYBE = ("wal_bytes", "checkpoints_timed", "checkpoints_requested")


async def read_sample(guest: Guest) -> tuple[HealthSample, bool, int | None] | Unknown:
    """The counters now, whether the server counts at all (track_counts), and checksum failures (None: no checksums).

    Raises ConsoleError when the connection is lost.
    """
    row = await guest.one("health_sample")
    if isinstance(row, Unknown):
        return row
    wal, bytes_ = await guest.one("health_wal"), await guest.one("health_database_size")
    own = {field.name for field in fields(HealthSample)} & set(row.keys())
    sample = HealthSample(
        **{name: row[name] for name in own},
        wal_bytes=wal if isinstance(wal, Unknown) else wal["wal_bytes"],
        database_bytes=bytes_ if isinstance(bytes_, Unknown) else bytes_["bytes"],
    )
    return sample, row["counting"], row["checksum_failures"]


def between(before: HealthSample, after: HealthSample) -> Interval | Unknown:
    """What was counted from one sample to the other. Never negative: a reset between them is said instead."""
    seconds = (after.as_of - before.as_of).total_seconds()
    if before.database != after.database:
        return Unknown("the two samples are of different databases")
    if seconds <= 0:
        return Unknown("the clock of the server was set back between the samples")
    # PostgreSQL 14 dates the counters of a new database at its first activity: until then they are all 0.
    began = before.since != after.since and any(getattr(before, name) for name in _COUNTERS)
    if began or any(getattr(after, name) < getattr(before, name) for name in _COUNTERS):
        return Unknown("the statistics were reset or lost within the interval", "Take another interval")
    same = before.shared_since == after.shared_since
    counted: dict[str, Any] = {name: getattr(after, name) - getattr(before, name) for name in _COUNTERS}
    counted |= {name: _risen(getattr(before, name), getattr(after, name), same) for name in _MAYBE}
    return Interval(
        seconds=seconds,
        read_ms=None if before.read_ms is None or after.read_ms is None else after.read_ms - before.read_ms,
        bytes_grown=_difference(before.database_bytes, after.database_bytes),
        **counted,
    )


def _difference(before: int | Unknown, after: int | Unknown) -> int | Unknown:
    if isinstance(before, Unknown):
        return before
    return after if isinstance(after, Unknown) else after - before


def _risen(before: int | Unknown, after: int | Unknown, same: bool) -> int | Unknown:
    grown = _difference(before, after)
    if not isinstance(grown, Unknown) and (grown < 0 or not same):
        return Unknown("the server's own statistics were reset within the interval")
    return grown

"""Vacuums that run now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.snapshot import HealthLine, unknown_line
from devora_console.postgres.health.words import count, percent, size
from devora_console.postgres.watch.guest import Guest


@dataclass(frozen=True, slots=True)
class VacuumProgress:
    """One running vacuum. Pages of the heap in all, scanned, vacuumed. ``relation`` is None in other databases.

    Dead rows collected: ``dead`` of ``dead_room`` (until 16), ``dead_bytes`` of ``dead_bytes_room`` (from 17 on).
    ``delay_ms``: slept for cost-based delay (18, with track_cost_delay_timing). None: this version does not tell, or
    it is hidden.
    """

    pid: int
    database: str | None
    oid: int | None
    relation: str | None
    phase: str | None
    pages: int | None
    scanned: int | None
    vacuumed: int | None
    index_passes: int | None
    dead: int | None
    dead_room: int | None
    dead_bytes: int | None
    dead_bytes_room: int | None
    indexes: int | None
    indexes_done: int | None
    delay_ms: float | None


async def read_progress(guest: Guest) -> tuple[VacuumProgress, ...] | Unknown:
    """Vacuums of all databases; another user's are there with hidden figures."""
    rows = await guest.ask("health_vacuum_progress")
    return (
        rows
        if isinstance(rows, Unknown)
        else tuple(VacuumProgress(**{**row, "database": decode(row["database"])}) for row in map(dict, rows))
    )


def judge_progress(progress: Sequence[VacuumProgress] | Unknown) -> list[HealthLine]:
    """A line for each."""
    if isinstance(progress, Unknown):
        return [unknown_line("vacuum.progress", "running vacuums", progress)]
    return [_line(each) for each in progress]


def _line(each: VacuumProgress) -> HealthLine:
    what = each.relation or (f"a table of database {each.database}" if each.database else "a table")
    if each.phase is None or each.pages is None or each.scanned is None:
        text, value = "its progress is hidden from this user", None
    else:
        text = f"{each.phase}: {percent(each.scanned, each.pages)} of {count(each.pages)} pages scanned"
        value = each.scanned
        if each.dead_bytes is not None and each.dead_bytes_room is not None:
            text += f", {count(each.dead or 0)} dead rows ({size(each.dead_bytes)} of {size(each.dead_bytes_room)})"
        elif each.dead is not None:
            text += f", {count(each.dead)} dead rows"
        if each.index_passes:
            text += f", index pass {each.index_passes}"
        if each.indexes:
            text += f", {each.indexes_done} of {each.indexes} indexes"
        if each.delay_ms:
            text += f", slept {each.delay_ms / 1000:.1f} s"
    return HealthLine(
        f"vacuum.progress.{each.pid}",
        "vacuum",
        f"vacuum of {what}, pid {each.pid}",
        Verdict.RUNNING,
        text,
        value=value,
        threshold=each.pages,
        why="pg_stat_progress_vacuum. Several index passes mean that the memory for dead rows is too small.",
        remedy="" if each.phase else "GRANT pg_monitor to this user, as a superuser",
        sql="SELECT * FROM pg_stat_progress_vacuum;",
    )

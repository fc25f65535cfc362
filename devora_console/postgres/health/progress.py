"""Vacuums that run now, and other maintenance: analyze, index builds, rewrites, copies, base backups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.snapshot import HealthLine, unknown_line
from devora_console.postgres.health.words import count, percent, size
from devora_console.postgres.watch.guest import Guest

_GRANT = "GRANT pg_monitor to this user, as a superuser"


@dataclass(frozen=True, slots=True)
class VacuumProgress:
    """One running vacuum. Pages of the heap in all, scanned, vacuumed. ``relation`` is None in other databases.

    Dead rows collected: ``dead`` of ``dead_room`` (until 16), ``dead_bytes`` of ``dead_bytes_room`` (from 17 on).
    ``delay_ms``: slept for cost-based delay (18, with track_cost_delay_timing). None: this version does not tell, or
    it is hidden. ``auto``: autovacuum does it; ``wraparound``: to prevent wraparound, so that it gives way to nobody.
    """

    pid: int
    auto: bool | None
    wraparound: bool | None
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
    return rows if isinstance(rows, Unknown) else tuple(VacuumProgress(**_named(row)) for row in rows)


@dataclass(frozen=True, slots=True)
class OtherWork:
    """Something that runs and tells how far it is: ``done`` of ``total`` ``unit``, None or 0 where it does not say.

    ``relation`` and ``index`` are None in other databases. ``hidden``: only the command's kind and pid show.
    """

    pid: int
    database: str | None
    oid: int | None
    relation: str | None
    index: str | None
    command: str
    phase: str | None
    done: int | None
    total: int | None
    unit: str
    auto: bool | None
    hidden: bool

    @property
    def share(self) -> str | Unknown:
        """How much of the phase is done, in percent; Unknown where its end is not known."""
        if self.hidden:
            return Unknown("its progress is hidden from this user", _GRANT)
        if self.done is None or not self.total:
            return Unknown("how much there is to do in this phase is not told")
        return percent(min(self.done, self.total), self.total)


async def read_work(guest: Guest) -> tuple[OtherWork, ...] | Unknown:
    """What runs beside vacuums, in all databases."""
    rows = await guest.ask("health_progress")
    return rows if isinstance(rows, Unknown) else tuple(OtherWork(**_named(row)) for row in rows)


def _named(row: Any) -> dict[str, Any]:
    return {**row, "database": decode(row["database"])}


def judge_work(work: Sequence[OtherWork] | Unknown) -> list[HealthLine]:
    """A line for each."""
    if isinstance(work, Unknown):
        return [unknown_line("vacuum.work", "running maintenance", work)]
    return [_work_line(each) for each in work]


def _work_line(each: OtherWork) -> HealthLine:
    where = each.relation or (f"database {each.database}" if each.database else "the whole server")
    if each.index:
        where += f" (index {each.index})"
    share = each.share
    if each.hidden and isinstance(share, Unknown):
        text = share.reason
    elif isinstance(share, Unknown):
        far = "" if each.done is None else f": {_amount(each.done, each.unit)} so far"
        text = f"{each.phase}{far}; {share.reason}"
    else:
        text = f"{each.phase}: {share} of {_amount(each.total or 0, each.unit)}"
    by = "autovacuum's " if each.auto else ""
    return HealthLine(
        f"vacuum.work.{each.pid}",
        "vacuum",
        f"{by}{each.command} on {where}, pid {each.pid}",
        Verdict.RUNNING,
        text,
        value=share if isinstance(share, Unknown) else each.done,
        threshold=each.total or None,
        why="The pg_stat_progress_ views. The share is that of the phase, not of the whole command.",
        remedy=share.remedy if isinstance(share, Unknown) else "",
        sql="SELECT pid, phase FROM pg_stat_progress_create_index;",
    )


def _amount(number: int, unit: str) -> str:
    return size(number) if unit == "bytes" else f"{count(number)} {unit}"


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
        done = f"{percent(each.scanned, each.pages)} of {count(each.pages)} pages scanned"
        text = f"{each.phase}: {done if each.pages else 'the table has no pages'}"
        value = each.scanned
        if each.phase == "vacuuming heap" and each.vacuumed is not None:
            text += f", {percent(each.vacuumed, each.pages)} vacuumed"
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
    if each.wraparound:
        text += "; to prevent wraparound: it gives way to nobody and must not be ended"
    return HealthLine(
        f"vacuum.progress.{each.pid}",
        "vacuum",
        f"{'autovacuum' if each.auto else 'vacuum'} of {what}, pid {each.pid}",
        Verdict.RUNNING,
        text,
        value=value,
        threshold=each.pages,
        why="pg_stat_progress_vacuum. Several index passes mean that the memory for dead rows is too small.",
        remedy="" if each.phase else _GRANT,
        sql="SELECT * FROM pg_stat_progress_vacuum;",
    )

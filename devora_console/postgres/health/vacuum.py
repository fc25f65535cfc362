"""Dead rows, vacuum and analyze: what is due, what keeps it from running, what runs, and the HOT ratio."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge
from devora_console.postgres.health.dead import judge_dead
from devora_console.postgres.health.due import AutovacuumSettings
from devora_console.postgres.health.horizon import (
    Holder,
    judge_horizon,
    judge_horizon_of_standby,
    read_horizon,
)
from devora_console.postgres.health.hot import HotRatio, judge_hot, read_hot
from devora_console.postgres.health.progress import (
    OtherWork,
    VacuumProgress,
    judge_progress,
    judge_work,
    read_progress,
    read_work,
)
from devora_console.postgres.health.snapshot import HealthLine, unknown_line
from devora_console.postgres.health.tables import TableVacuum, table_of
from devora_console.postgres.watch.guest import Guest

MOST_TABLES = 2_000
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class VacuumPart:
    """``tables`` are those with most dead rows (50); ``due`` counts tables where autovacuum is due, of ``looked_at``
    tables where anything happened, out of ``active``. ``work`` is what else runs: analyze, index builds, rewrites.
    On a standby there is nothing of all this but ``work`` and ``horizon``: vacuum runs on the primary.
    """

    as_of: datetime
    autovacuum: AutovacuumSettings | Unknown
    tables: tuple[TableVacuum, ...]
    due: int
    active: int
    looked_at: int
    progress: tuple[VacuumProgress, ...] | Unknown
    work: tuple[OtherWork, ...] | Unknown
    horizon: tuple[Holder, ...] | Unknown
    hot: tuple[HotRatio, ...] | Unknown
    lines: tuple[HealthLine, ...]


async def read_vacuum(guest: Guest, now: datetime, age: StatsAge, settings: HealthSettings) -> VacuumPart | Unknown:
    """Everything about vacuum. Takes no lock on tables."""
    if age.standby:
        return await _on_standby(guest, now, settings)
    server = await read_autovacuum(guest)
    rows = await guest.ask("health_tables", MOST_TABLES, seconds=10)
    progress, work, holders = await read_progress(guest), await read_work(guest), await read_horizon(guest)
    hot = await read_hot(guest, settings)
    lines: list[HealthLine] = []
    tables: tuple[TableVacuum, ...] = ()
    total = 0
    if isinstance(rows, Unknown):
        lines.append(unknown_line("vacuum.tables", "dead rows", rows))
    else:
        tables = tuple(table_of(row, server) for row in rows)
        total = rows[0]["total"] if rows else 0
        lines += judge_dead(tables, total, server, holders, progress, work, now, age, settings)
    lines += judge_horizon(holders, settings)
    lines += [*judge_progress(progress), *judge_work(work)]
    lines += judge_hot(hot, age, settings)
    return VacuumPart(
        now,
        server,
        tables[:MOST_LISTED],
        sum(each.due is not None and each.due.any for each in tables),
        total,
        len(tables),
        progress,
        work,
        holders,
        hot,
        tuple(lines),
    )


async def _on_standby(guest: Guest, now: datetime, settings: HealthSettings) -> VacuumPart:
    """What there is of vacuum on a standby, whose counters of rows, if any, were copied with its files."""
    elsewhere = Unknown("this server is a standby: vacuum runs on its primary", "Connect to the primary")
    work, holders = await read_work(guest), await read_horizon(guest)
    feedback = await guest.one("health_feedback")
    lines = [
        HealthLine(
            "vacuum.standby",
            "vacuum",
            "vacuum",
            Verdict.NONE,
            "this server is a standby: no vacuum runs here, and rows are counted on its primary only",
            why="A standby replays what the primary's vacuum did; it counts neither dead rows nor changes.",
            sql="SELECT pg_is_in_recovery();",
        ),
        *judge_horizon_of_standby(holders, feedback, settings),
        *judge_work(work),
    ]
    return VacuumPart(now, elsewhere, (), 0, 0, 0, elsewhere, work, holders, elsewhere, tuple(lines))


async def read_autovacuum(guest: Guest) -> AutovacuumSettings | Unknown:
    """The server's settings and how many workers are busy."""
    row = await guest.one("health_autovacuum")
    if isinstance(row, Unknown):
        return row
    given = {field.name: row[field.name] for field in fields(AutovacuumSettings)}
    return AutovacuumSettings(**{**given, "workers": row["workers"] if row["visible"] else None})

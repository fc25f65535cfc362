"""Dead rows and due vacuums: what is said of each table, and what keeps autovacuum from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge, caution
from devora_console.postgres.health.due import AutovacuumSettings
from devora_console.postgres.health.horizon import Holder, name_of
from devora_console.postgres.health.progress import OtherWork, VacuumProgress
from devora_console.postgres.health.snapshot import HealthLine, only_first
from devora_console.postgres.health.tables import TableVacuum
from devora_console.postgres.health.words import ago, count, figure, percent, plural
from devora_console.postgres.names import quoted

_MOST_LINES = 10
_SQL = (
    "SELECT schemaname, relname, n_live_tup, n_dead_tup, last_vacuum, last_autovacuum\n"
    "  FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT 20;"
)


def judge_dead(
    tables: Sequence[TableVacuum],
    total: int,
    server: AutovacuumSettings | Unknown,
    holders: Sequence[Holder] | Unknown,
    progress: Sequence[VacuumProgress] | Unknown,
    work: Sequence[OtherWork] | Unknown,
    now: datetime,
    age: StatsAge,
    settings: HealthSettings,
) -> list[HealthLine]:
    """A line for every table with many dead rows or where something that is due is kept from running; a summary."""
    running = set() if isinstance(progress, Unknown) else {each.oid for each in progress if each.relation}
    # Of others' vacuums only the process shows, and the lock it holds.
    vacuums = set() if isinstance(progress, Unknown) else {each.pid for each in progress}
    analysing = set() if isinstance(work, Unknown) else {each.pid for each in work if each.command == "ANALYZE"}
    lines = []
    for table in tables:
        analysed = table.locked_by in analysing
        free = replace(table, locked_by=None, lock_mode=None) if analysed else table
        obstacle = obstacle_of(free, server, holders)
        due = table.due is not None and table.due.any
        if (
            table.oid in running
            or table.locked_by in vacuums
            or not (_many_dead(table, settings) or (due and obstacle))
        ):
            continue
        line = _line(table, obstacle, server, now, age, settings)
        lines.append(
            replace(line, text=f"{line.text}; analyze runs on it, pid {table.locked_by}") if analysed else line
        )
    named = len(lines)
    lines = only_first(lines, _MOST_LINES, "tables")
    return [*_autovacuum_off(server), *lines, _summary(tables, total, named, server, age, settings)]


def obstacle_of(
    table: TableVacuum, server: AutovacuumSettings | Unknown, holders: Sequence[Holder] | Unknown
) -> str | None:
    """What keeps autovacuum from a table, or its dead rows from being removed; None when nothing is known to."""
    if table.due is not None and not table.due.allowed:
        return "autovacuum_enabled is false for this table"
    if not isinstance(server, Unknown):
        if not server.counting:
            return "track_counts is off, so autovacuum does nothing"
        if not server.enabled:
            return "autovacuum is off"
    if table.locked_by is not None:
        return f"session {table.locked_by} holds {table.lock_mode} on it: autovacuum passes it over"
    if table.lock_mode is not None:  # a lock without a process
        return f"a prepared transaction holds {table.lock_mode} on it: autovacuum passes it over"
    holder = _holder_since(table, holders)
    if holder is not None:
        return f"{name_of(holder)} is older than its last vacuum: dead rows cannot be removed"
    if not isinstance(server, Unknown) and server.workers is not None and server.workers >= server.max_workers:
        return f"all {server.max_workers} autovacuum workers are busy"
    return None


def _holder_since(table: TableVacuum, holders: Sequence[Holder] | Unknown) -> Holder | None:
    """A holder whose transaction began before the last vacuum, which therefore left rows dead.

    It must still be dead rows that make the vacuum due: inserts and changed rows are seen to all the same. Slots keep
    no time of their own and are named on their own line.
    """
    vacuumed = table.vacuumed
    if isinstance(holders, Unknown) or vacuumed is None or table.due is None or not table.due.vacuum:
        return None
    before = [each for each in holders if each.since is not None and each.since < vacuumed and each.age is not None]
    return max(before, key=lambda each: each.age or 0, default=None)


def _many_dead(table: TableVacuum, settings: HealthSettings) -> bool:
    return table.dead >= settings.dead_min_rows and table.dead_percent >= settings.dead_percent


def _line(
    table: TableVacuum,
    obstacle: str | None,
    server: AutovacuumSettings | Unknown,
    now: datetime,
    age: StatsAge,
    settings: HealthSettings,
) -> HealthLine:
    vacuumed = table.vacuumed
    last = "no vacuum on record" if vacuumed is None else f"vacuumed {ago((now - vacuumed).total_seconds())}"
    text = f"{count(table.dead)} dead rows ({percent(table.dead, table.live + table.dead)}), {last}"
    if not table.dead:
        text = f"no dead rows counted, {last}"
    passed = _passed(table)
    if passed:
        text += f"; due: {passed}"
    if obstacle:
        text += f"; {obstacle}"
    elif passed and not isinstance(server, Unknown):
        text += f"; autovacuum looks every {server.naptime} s"
    return HealthLine(
        f"vacuum.table.{table.oid}",
        "vacuum",
        f"vacuum {table.title}",
        Verdict.WARN,
        text,
        value=table.dead,
        threshold=table.due.vacuum_at if table.due is not None else None,
        why=f"{_rule(table)} Named from {figure(settings.dead_min_rows)} dead rows and "
        f"{figure(settings.dead_percent)} %, or when due and kept from running. {caution(age, settings)}".strip(),
        remedy=_remedy(table, obstacle),
        sql=_remedy_sql(table, obstacle),
    )


def _passed(table: TableVacuum) -> str:
    if table.due is None:
        return ""
    found = []
    if table.due.vacuum:
        found.append(f"vacuum ({count(table.dead)} dead > {figure(table.due.vacuum_at)})")
    if table.due.insert and table.due.insert_at is not None:
        found.append(f"vacuum for inserts ({count(table.inserted)} > {figure(table.due.insert_at)})")
    if table.due.analyze and table.due.analyze_at is not None:
        found.append(f"analyze ({count(table.changed)} changed > {figure(table.due.analyze_at)})")
    return ", ".join(found)


def _rule(table: TableVacuum) -> str:
    if table.due is None:
        return "The settings of autovacuum could not be read."
    due = table.due
    said = f"Autovacuum is due above {figure(due.vacuum_at)} dead rows"
    said += f", {figure(due.insert_at)} inserted" if due.insert_at is not None else ", never by inserts"
    said += f", {figure(due.analyze_at)} changed (analyze)" if due.analyze_at is not None else ""
    own = ", ".join(f"{name}={value}" for name, value in table.options.items() if name.startswith("autovacuum"))
    return said + f": threshold + scale factor x rows{f', with {own} of its own' if own else ''}."


def _remedy(table: TableVacuum, obstacle: str | None) -> str:
    if obstacle is None:
        return "Nothing keeps autovacuum from it; VACUUM does it now."
    if "autovacuum_enabled" in obstacle:
        return "Enable autovacuum for it again, or vacuum it by a job of your own."
    if "older than its last vacuum" in obstacle:
        return "End the holder first: a vacuum cannot remove these rows before."
    if "workers" in obstacle:
        return "Let it wait, or vacuum by hand; raise autovacuum_max_workers if this lasts."
    if "a prepared transaction holds" in obstacle:
        return "Commit it or roll it back: it outlives sessions and restarts (health --vacuum, the horizon)."
    if "holds" in obstacle:
        return "Wait for that session, or end it."
    return "Turn autovacuum on; until then vacuum by hand."


def _remedy_sql(table: TableVacuum, obstacle: str | None) -> str:
    name = table.toast_of if table.toast_of else quoted(table.schema, table.name)
    if obstacle and "autovacuum_enabled" in obstacle:
        option = "toast.autovacuum_enabled" if table.toast_of else "autovacuum_enabled"
        return f"ALTER TABLE {name} RESET ({option});\nVACUUM (ANALYZE) {name};"
    return f"VACUUM (ANALYZE) {name};"


def _autovacuum_off(server: AutovacuumSettings | Unknown) -> list[HealthLine]:
    if isinstance(server, Unknown) or (server.enabled and server.counting):
        return []
    name = "track_counts" if not server.counting else "autovacuum"
    return [
        HealthLine(
            "vacuum.autovacuum",
            "vacuum",
            "autovacuum",
            Verdict.FAIL,
            f"{name} is off: dead rows and old transaction ids pile up in every table",
            value="off",
            threshold="on",
            why=f"The setting {name} of this server. Only vacuums against wraparound still run.",
            remedy=f"Turn {name} on.",
            sql=f"ALTER SYSTEM SET {name} = on;\nSELECT pg_reload_conf();",
        )
    ]


def _summary(
    tables: Sequence[TableVacuum],
    total: int,
    named: int,
    server: AutovacuumSettings | Unknown,
    age: StatsAge,
    settings: HealthSettings,
) -> HealthLine:
    dead = sum(table.dead for table in tables)
    due = sum(table.due is not None and table.due.any for table in tables)
    text = f"{count(dead)} dead rows counted in {plural(total, 'table')} with activity ({age.words})"
    if not age.counting:
        text = age.words
    elif not isinstance(server, Unknown):
        text += f"; autovacuum due on {count(due)}"
    if total > len(tables):
        text += f" of the {count(len(tables))} with most dead rows"
    verdict = Verdict.NONE if named else Verdict.OK
    if not age.settled or isinstance(server, Unknown):
        verdict = Verdict.UNKNOWN  # what died before the counters began is not in them
    return HealthLine(
        "vacuum.summary",
        "vacuum",
        "dead rows, all tables",
        verdict,
        text,
        value=dead if age.counting else Unknown(age.words),
        threshold=settings.dead_min_rows,
        why="n_dead_tup is what sessions reported since the counters began, corrected by each vacuum and analyze. "
        + caution(age, settings),
        sql=_SQL,
    )

"""Transaction id wraparound on two scales: when a vacuum against it is due (normal), and when the server stops.

100 % of ``autovacuum_freeze_max_age`` means that autovacuum will freeze the table, which is routine. The emergency is
the other scale: near 2.14 billion the server takes no more writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.options import integer, parse_options
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import count, figure, percent
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import Guest

STOP = 2**31 - 1 - 3_000_000
"""The age at which PostgreSQL 14 and later refuse to assign ids, of transactions and of multixacts."""

_MOST_LINES = 5
_SQL = {
    "transaction": "SELECT datname, age(datfrozenxid) FROM pg_database ORDER BY 2 DESC;",
    "multixact": "SELECT datname, mxid_age(datminmxid) FROM pg_database ORDER BY 2 DESC;",
}


@dataclass(frozen=True, slots=True)
class Age:
    """The age of the oldest id, in ids. ``due`` is when autovacuum freezes by force, ``failsafe`` when vacuums drop
    everything else to be quick; ``stop`` when the server stops.
    """

    age: int
    due: int
    failsafe: int
    stop: int = STOP

    @property
    def due_percent(self) -> float:
        """Of the normal scale; over 100 is routine."""
        return 100 * self.age / self.due if self.due else 100.0

    @property
    def stop_percent(self) -> float:
        """Of the emergency scale."""
        return 100 * self.age / self.stop


@dataclass(frozen=True, slots=True)
class DatabaseAge:
    """One database; template0 counts like any other."""

    database: str
    connectable: bool
    xid: Age
    mxid: Age


@dataclass(frozen=True, slots=True)
class TableAge:
    """One of the oldest tables here (``title`` names a TOAST table by its table), by its own thresholds if set."""

    oid: int
    title: str
    temporary: bool
    sql_name: str
    pages: int
    xid: Age
    mxid: Age


@dataclass(frozen=True, slots=True)
class WraparoundPart:
    """``databases`` all, the oldest first; ``tables`` the oldest of this one."""

    as_of: datetime
    databases: tuple[DatabaseAge, ...]
    tables: tuple[TableAge, ...] | Unknown
    lines: tuple[HealthLine, ...]


async def read_wraparound(guest: Guest, now: datetime, settings: HealthSettings) -> WraparoundPart | Unknown:
    """Ages of all databases and of the oldest tables of this one."""
    rows = await guest.ask("health_wraparound_databases")
    if isinstance(rows, Unknown):
        return rows
    limits = rows[0]
    databases = tuple(
        DatabaseAge(
            decode(row["database"]) or "",
            row["connectable"],
            Age(row["xid_age"], row["xid_due"], row["xid_failsafe"]),
            Age(row["mxid_age"], row["mxid_due"], row["mxid_failsafe"]),
        )
        for row in rows
    )
    found = await guest.ask("health_wraparound_tables")
    tables = found if isinstance(found, Unknown) else tuple(_table(row, limits) for row in found)
    return WraparoundPart(now, databases, tables, tuple(judge_wraparound(databases, tables, settings)))


def judge_wraparound(
    databases: Sequence[DatabaseAge], tables: Sequence[TableAge] | Unknown, settings: HealthSettings
) -> list[HealthLine]:
    """The oldest database by each kind of id, others that are in danger, tables far past their own threshold."""
    lines = []
    for kind in ("transaction", "multixact"):
        ranked = sorted(databases, key=lambda each: -_age(each, kind).age)
        for at, each in enumerate(ranked[:_MOST_LINES]):
            age = _age(each, kind)
            if at == 0 or verdict_of(age, settings) is not Verdict.OK:
                lines.append(_line(f"wraparound.{kind}.{each.database}", each.database, kind, age, settings))
    if isinstance(tables, Unknown):
        return [*lines, unknown_line("wraparound.tables", "oldest tables", tables)]
    late = [
        _table_line(each, kind, settings)
        for kind in ("transaction", "multixact")
        for each in tables
        if verdict_of(_age(each, kind), settings) is not Verdict.OK or (each.temporary and _is_due(each, kind))
    ]
    return lines + only_first(late, _MOST_LINES, "tables")


def verdict_of(age: Age, settings: HealthSettings) -> Verdict:
    """Fails where vacuum's failsafe starts, warns at the threshold on the emergency scale or at twice what is due.

    Being due, even some way past it, is routine: a vacuum takes its time.
    """
    if age.age >= age.failsafe:
        return Verdict.FAIL
    late = age.age >= 2 * age.due
    if late or (age.stop_percent >= settings.wraparound_percent and age.age >= age.due):
        return Verdict.WARN
    return Verdict.OK


def _age(each: DatabaseAge | TableAge, kind: str) -> Age:
    return each.xid if kind == "transaction" else each.mxid


def _is_due(each: TableAge, kind: str) -> bool:
    return _age(each, kind).age >= _age(each, kind).due


def _table(row: Any, limits: Any) -> TableAge:
    options = parse_options(row["options"])
    # A table can only bring its vacuum forward: the server takes the lesser.
    xid = min(limits["xid_due"], integer(options, "autovacuum_freeze_max_age", limits["xid_due"]))
    mxid = min(limits["mxid_due"], integer(options, "autovacuum_multixact_freeze_max_age", limits["mxid_due"]))
    name = f"{row['schema']}.{row['name']}"
    return TableAge(
        row["oid"],
        f"TOAST of {row['toast_of']}" if row["toast_of"] else name,
        row["temporary"],
        row["toast_of"] or quoted(row["schema"], row["name"]),
        row["pages"],
        Age(row["xid_age"], xid, limits["xid_failsafe"]),
        Age(row["mxid_age"], mxid, limits["mxid_failsafe"]),
    )


def _words(age: Age, kind: str) -> str:
    due = f"{percent(age.age, age.due)} of the way to a freezing vacuum"
    if age.age >= age.due:
        due = f"a freezing vacuum is due ({age.due_percent:.0f} % of {count(age.due)}), which is routine"
        if age.age >= 2 * age.due:
            due = f"a freezing vacuum is overdue ({age.due_percent:.0f} % of {count(age.due)})"
    left = max(0, age.stop - age.age)
    return (
        f"oldest {kind} id {count(age.age)} old: {due}; {percent(age.age, age.stop)} of the way to a stop, "
        f"{count(left)} left"
    )


def _why(age: Age, settings: HealthSettings) -> str:
    return (
        f"Two scales. Due: {count(age.due)} (freeze_max_age), routine. Stop: {count(age.stop)}; vacuum's failsafe "
        f"starts at {count(age.failsafe)}, which counts as failing. Warned from "
        f"{figure(settings.wraparound_percent)} % of the way to the stop (when due), "
        "or at twice the age at which a freezing vacuum is due."
    )


def _line(id_: str, database: str, kind: str, age: Age, settings: HealthSettings) -> HealthLine:
    verdict = verdict_of(age, settings)
    remedy = ""
    if verdict is not Verdict.OK:
        remedy = (
            f"Find out why autovacuum does not get through in {database}: a holder of the xmin horizon, locks, or too "
            "few workers (health --vacuum, there); then VACUUM (FREEZE) its oldest tables."
        )
    return HealthLine(
        id_,
        "wraparound",
        f"{kind} ids of {database}",
        verdict,
        _words(age, kind),
        value=age.age,
        threshold=age.stop * settings.wraparound_percent / 100,
        why=_why(age, settings),
        remedy=remedy,
        sql=_SQL[kind],
    )


def _table_line(each: TableAge, kind: str, settings: HealthSettings) -> HealthLine:
    age = _age(each, kind)
    remedy, sql = "VACUUM (FREEZE) it, when nothing holds the horizon.", f"VACUUM (FREEZE, VERBOSE) {each.sql_name};"
    text = _words(age, kind)
    if each.temporary:
        text = f"a temporary table, which only its own session can vacuum; {text}"
        remedy, sql = "End the session it belongs to, or have it vacuum or drop the table.", ""
    verdict = verdict_of(age, settings)
    return HealthLine(
        f"wraparound.{kind}.table.{each.oid}",
        "wraparound",
        f"{kind} ids of {each.title}",
        Verdict.WARN if verdict is Verdict.OK else verdict,
        text,
        value=age.age,
        threshold=age.due,
        why=_why(age, settings),
        remedy=remedy,
        sql=sql,
    )

"""Who holds the xmin horizon: dead rows younger than the oldest holder cannot be removed by any vacuum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import HealthSettings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import count, figure, plural
from devora_console.postgres.watch.guest import Guest

_MOST_LINES = 8
_NAMES = ("name", "user", "application")
_SQL = (
    "SELECT pid, state, xact_start, age(backend_xmin) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL;\n"
    "SELECT gid, prepared, age(transaction) FROM pg_prepared_xacts;\n"
    "SELECT slot_name, active, age(xmin), age(catalog_xmin) FROM pg_replication_slots;"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """One holder. ``kind`` is session, walsender, prepared transaction or replication slot; ``name`` its pid, gid or
    slot name. ``age`` and ``catalog_age`` (system catalogues only) in transactions, ``seconds`` its transaction lasts,
    None where that does not exist or is hidden.
    """

    kind: str
    name: str
    user: str | None
    application: str | None
    state: str | None
    age: int | None
    catalog_age: int | None
    seconds: float | None
    since: datetime | None
    active: bool | None

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


async def read_horizon(guest: Guest) -> tuple[Holder, ...] | Unknown:
    """All holders but ourselves, the oldest first."""
    rows = await guest.ask("health_horizon")
    if isinstance(rows, Unknown):
        return rows
    return tuple(Holder(**{**row, **{name: decode(row[name]) for name in _NAMES}}) for row in map(dict, rows))


def judge_horizon(holders: Sequence[Holder] | Unknown, settings: HealthSettings) -> list[HealthLine]:
    """A line for each holder that is old by time or by transactions; one that says so when there is none."""
    if isinstance(holders, Unknown):
        return [unknown_line("vacuum.horizon", "xmin horizon", holders, _SQL)]
    lines = [_line(each, settings) for each in holders if is_old(each, settings)]
    hidden = [each for each in holders if each.kind == "session" and each.seconds is None]
    if lines:
        return only_first(lines, _MOST_LINES, "holders")
    oldest = max((max(each.age or 0, each.catalog_age or 0) for each in holders), default=None)
    text = "nobody holds back vacuum" if oldest is None else f"oldest holder is {plural(oldest, 'transaction')} old"
    verdict = Verdict.OK
    if hidden:
        verdict = Verdict.UNKNOWN
        text = f"{text}; how long {plural(len(hidden), 'session')} hold it is hidden"
    return [
        HealthLine(
            "vacuum.horizon",
            "vacuum",
            "xmin horizon",
            verdict,
            text,
            value=oldest,
            threshold=settings.horizon_age,
            why=_why(settings),
            remedy="GRANT pg_monitor to this user, as a superuser" if hidden else "",
            sql=_SQL,
        )
    ]


def judge_horizon_of_standby(
    holders: Sequence[Holder] | Unknown, feedback: Any, settings: HealthSettings
) -> list[HealthLine]:
    """What old snapshots do on a standby: hold back vacuum on the primary with feedback, replay without.

    ``feedback`` is the answer to ``health_feedback``.
    """
    if isinstance(holders, Unknown) or isinstance(feedback, Unknown):
        why = holders if isinstance(holders, Unknown) else feedback
        return [unknown_line("vacuum.horizon", "xmin horizon", why, _SQL)]
    sessions = [each for each in holders if each.kind == "session"]
    effect = (
        "keeps dead rows from being removed on the primary (hot_standby_feedback is on)"
        if feedback["feedback"]
        else "holds nothing back on the primary (hot_standby_feedback is off), but replay may wait for it, or end it "
        f"(max_standby_streaming_delay {feedback['patience']})"
    )
    old = [each for each in sessions if is_old(each, settings)]
    hidden = sum(each.seconds is None for each in sessions)
    if not old:
        text = "no session holds an old snapshot"
        if hidden:
            text = f"how long {plural(hidden, 'session')} hold a snapshot is hidden"
        verdict = Verdict.UNKNOWN if hidden else Verdict.OK
        remedy = "GRANT pg_monitor to this user, as a superuser" if hidden else ""
        return [
            HealthLine(
                "vacuum.horizon", "vacuum", "xmin horizon", verdict, text, why=_why(settings), remedy=remedy, sql=_SQL
            )
        ]
    lines = [replace(_line(each, settings), text=f"{name_of(each)} {effect}") for each in old]
    return only_first(lines, _MOST_LINES, "holders")


def is_old(holder: Holder, settings: HealthSettings) -> bool:
    """Whether it is worth a line: by how long it lasts, or by how many transactions began since."""
    ages = max(holder.age or 0, holder.catalog_age or 0)
    return ages >= settings.horizon_age or (holder.seconds is not None and holder.seconds >= settings.horizon_seconds)


def name_of(holder: Holder) -> str:
    """A holder in one phrase.

    >>> name_of(Holder('session', '812', 'app', 'web', 'idle in transaction', 5, None, 250.0, None, None))
    'session 812 (app, web, idle in transaction, 4m10s)'
    """
    parts = [holder.user, holder.application, holder.state]
    if holder.active is not None:
        parts.append("active" if holder.active else "inactive")
    if holder.seconds is not None:
        parts.append(span(max(0.0, holder.seconds)))
    said = ", ".join(part for part in parts if part)
    return holder.title + (f" ({said})" if said else "")


def _line(holder: Holder, settings: HealthSettings) -> HealthLine:
    ages = []
    if holder.age is not None:
        ages.append(f"{count(holder.age)} transactions old")
    if holder.catalog_age is not None:
        ages.append(f"{count(holder.catalog_age)} transactions for system catalogues")
    return HealthLine(
        f"vacuum.horizon.{holder.kind.replace(' ', '_')}.{holder.name}",
        "vacuum",
        "xmin horizon",
        Verdict.WARN,
        f"{name_of(holder)} keeps dead rows from being removed: " + ", ".join(ages),
        value=max(holder.age or 0, holder.catalog_age or 0),
        threshold=settings.horizon_age,
        why=_why(settings),
        remedy=_remedy(holder),
        sql=_remedy_sql(holder),
    )


def _why(settings: HealthSettings) -> str:
    return (
        "No vacuum removes rows that a holder of the xmin horizon may still see. Named from "
        f"{span(settings.horizon_seconds)} of transaction, or {figure(settings.horizon_age)} transactions, on. "
        "Sessions of other databases do not hold back this one; standby feedback and slots do."
    )


def _remedy(holder: Holder) -> str:
    if holder.kind == "prepared transaction":
        return "Ask its owner whether it is to be committed or rolled back; it outlives sessions and restarts."
    if holder.kind == "replication slot":
        return "Let its consumer catch up, or drop the slot when nobody needs it any more."
    if holder.kind == "walsender":
        return "A standby with hot_standby_feedback: end its long query there."
    return "End its transaction in the application; if that cannot be, terminate the session (act terminate)."


def _remedy_sql(holder: Holder) -> str:
    literal = holder.name.replace("'", "''")
    if holder.kind == "prepared transaction":
        return f"ROLLBACK PREPARED '{literal}';  -- or COMMIT PREPARED"
    if holder.kind == "replication slot":
        return f"SELECT pg_drop_replication_slot('{literal}');"
    return f"SELECT pg_terminate_backend({holder.name});" if holder.kind == "session" else ""

"""Two lines of the overview: where the copy stands, and whether what was copied has been verified."""

from __future__ import annotations

from datetime import datetime

from devora_console.core.clock import span
from devora_console.core.console import OverviewLine, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.words import at, needs_postgres, plural, whole
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State, VerificationSnapshot
from devora_console.postgres.observe import ConsoleFacts, PostgresFacts, RunFacts

VERIFY_LIMIT_SECONDS = 3600.0
"""An older verification says little about a source that is still written to."""

_ACTIVE = {
    State.RUNNING: (Verdict.RUNNING, "running"),
    State.PAUSED: (Verdict.PAUSED, "paused"),
    State.STOPPING: (Verdict.RUNNING, "stopping"),
}
_COUNTED = {
    Phase.SURVEY: "document",
    Phase.WRITE: "row",
    Phase.VECTORS: "row",
    Phase.DOCUMENTS: "document",
    Phase.INDEXES: "step",
    Phase.CONSTRAINTS: "step",
    Phase.ANALYZE: "step",
}
"""What the phases of a copy count; a step is an index, a key, a trigger or a table. The others count nothing."""
_SCREEN = "migration"


def copy_line(facts: PostgresFacts | Problem | None, migration: MigrationSnapshot, now: datetime) -> OverviewLine:
    """The copy: this process's own while it runs, otherwise what the target recorded."""
    if migration.kind is Kind.EXECUTE and migration.state in _ACTIVE:
        return _own(migration)
    own_end = migration.finished_at if migration.kind is Kind.EXECUTE else None
    if own_end is not None and isinstance(facts, PostgresFacts) and facts.as_of < own_end:
        why = f"it ended at {at(own_end)}, PostgreSQL was last read at {at(facts.as_of)}"
        return OverviewLine("copy", "Copy", Verdict.RUNNING, "ending: the target is read again", why, "", _SCREEN)
    if not isinstance(facts, PostgresFacts):
        return needs_postgres("copy", "Copy", _SCREEN)
    console = facts.console
    if isinstance(console, Unknown):
        why = f"at {at(facts.as_of)}: {console.reason}"
        return OverviewLine("copy", "Copy", Verdict.NONE, "nothing copied yet", why, console.remedy, _SCREEN)
    if console.lease_holder is not None:
        since = f" since {at(console.lease_since)}" if console.lease_since else ""
        why = f"the migration's advisory lock is held at {at(facts.as_of)}; the lease names {console.lease_holder}"
        text = f"by another console: {console.lease_holder}{since}"
        return OverviewLine(
            "copy", "Copy", Verdict.RUNNING, text, why, "Wait for it, or stop it where it runs", _SCREEN
        )
    if console.run is None:
        why = f"devora_console.run holds no copy; watch_console.sql at {at(facts.as_of)}"
        remedy = "Run a dry run first (2, d): it converts every document and writes nothing"
        return OverviewLine("copy", "Copy", Verdict.NONE, "nothing copied yet", why, remedy, _SCREEN)
    return _recorded(console.run, facts, now)


def _own(migration: MigrationSnapshot) -> OverviewLine:
    verdict, word = _ACTIVE[migration.state]
    total, counted = migration.rows_total, _COUNTED.get(migration.phase) if migration.phase else None
    phase = migration.phase.value if migration.phase else "begin"
    doing = "" if migration.phase is Phase.WRITE else f"{phase}, "
    if counted is None:
        text = f"{word}: {phase}"
    elif isinstance(total, Unknown) or not total:
        text = f"{word}: {doing}{plural(migration.rows_done, counted)} so far"
    elif counted == "step":  # they take very different times: a share of them would promise too much
        text = f"{word}: {doing}{whole(migration.rows_done)} of {whole(total)}"
    else:
        text = f"{word}: {doing}{100 * migration.rows_done // total} % of {plural(total, counted)}"
    if not isinstance(migration.eta_seconds, Unknown) and counted not in (None, "step"):
        text += f", about {span(migration.eta_seconds)} left"
    why = f"phase {phase}: {plural(migration.rows_done, counted or 'step')} done of "
    why += f"? {total.reason}" if isinstance(total, Unknown) else whole(total)
    return OverviewLine("copy", "Copy", verdict, text, f"{why}, at {at(migration.as_of)}", "", _SCREEN)


def _recorded(run: RunFacts, facts: PostgresFacts, now: datetime) -> OverviewLine:
    ended = run.finished_at or run.started_at
    age = f"{span(max(0.0, (now - ended).total_seconds()))} ago" if ended else "at an unknown time"
    rows = "" if isinstance(run.rows, Unknown) else f"{plural(run.rows, 'row')} · "
    why = f"devora_console.run, run {run.run}: {run.state}"
    why += f", started {at(run.started_at)}" if run.started_at else ""
    why += f", ended {at(run.finished_at)}" if run.finished_at else ""
    why += f" by {run.holder}" if run.holder else ""
    why += f"; watch_console.sql at {at(facts.as_of)}"
    go_on = "Execute again (2, X): it converges to the source as it is now"
    if run.state == "done":
        return OverviewLine("copy", "Copy", Verdict.OK, f"{rows}{age}", why, "", _SCREEN)
    if run.state == "running":
        why += "; nobody holds the migration's advisory lock, so no process is working on it"
        text = f"broke off, started {age}: its process is gone"
        return OverviewLine("copy", "Copy", Verdict.WARN, text, why, f"What was committed is kept. {go_on}", _SCREEN)
    verdict = Verdict.FAIL if run.state == "failed" else Verdict.WARN
    return OverviewLine("copy", "Copy", verdict, f"{run.state} {age} · {rows}not finished", why, go_on, _SCREEN)


def verify_line(
    facts: PostgresFacts | Problem | None, verification: VerificationSnapshot | None, now: datetime
) -> OverviewLine:
    """The verification of this process: one by another console is not known here."""
    again = "Verify (2, v)"
    if verification is None:
        copied = isinstance(facts, PostgresFacts) and _copied(facts.console)
        verdict = Verdict.UNKNOWN if copied or not isinstance(facts, PostgresFacts) else Verdict.NONE
        text = "not verified by this console yet" if verdict is Verdict.UNKNOWN else "nothing to verify yet"
        why = "This process has made no verification; others keep theirs to themselves"
        return OverviewLine("verify", "Verify", verdict, text, why, again if copied else "", _SCREEN)
    seconds = max(0.0, (now - verification.at).total_seconds())
    age = f"{span(seconds)} ago"
    statuses = [table.status for table in verification.tables]
    why = (
        f"{plural(len(statuses), 'table')} compared at level {verification.level} at {at(verification.at)}: "
        f"{statuses.count('ok')} ok, {statuses.count('mismatch')} mismatch, {statuses.count('unknown')} unknown; "
        f"sampled {whole(verification.sampled)}, of which {whole(verification.sample_differences)} differ; "
        f"it counts for {span(VERIFY_LIMIT_SECONDS)}"
    )
    if not verification.ok:
        bad = [table.name for table in verification.tables if table.status == "mismatch"]
        text = f"mismatch in {', '.join(bad[:3])}{f' and {len(bad) - 3} more' if len(bad) > 3 else ''}"
        if not bad:
            text = "not every table could be judged"
        return OverviewLine("verify", "Verify", Verdict.FAIL, f"{text} · {age}", why, "See the tables (2, t)", _SCREEN)
    changed = _changed_since(facts, verification.at)
    if changed:
        text = f"stale: {changed} since ({age})"
        return OverviewLine("verify", "Verify", Verdict.STALE, text, f"{why}; {changed} after that", again, _SCREEN)
    if seconds > VERIFY_LIMIT_SECONDS:
        text = f"stale: ok {age}, limit {span(VERIFY_LIMIT_SECONDS)}"
        return OverviewLine("verify", "Verify", Verdict.STALE, text, why, again, _SCREEN)
    return OverviewLine(
        "verify", "Verify", Verdict.OK, f"{plural(len(statuses), 'table')} ok · {age}", why, "", _SCREEN
    )


def _copied(console: ConsoleFacts | Unknown) -> bool:
    return not isinstance(console, Unknown) and console.run is not None


def _changed_since(facts: PostgresFacts | Problem | None, moment: datetime) -> str:
    """What a copy did after ``moment``, in words; empty when nothing did."""
    if not isinstance(facts, PostgresFacts) or isinstance(facts.console, Unknown):
        return ""
    if facts.console.lease_holder is not None:
        return "a copy is writing"
    run = facts.console.run
    last = (run.finished_at or run.started_at) if run else None
    return "a copy wrote" if last is not None and last > moment else ""

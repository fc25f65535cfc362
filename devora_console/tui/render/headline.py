"""The Migration headline: the state of things in plain words, worst first, and what to press next."""

from __future__ import annotations

from collections.abc import Callable

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State, VerificationSnapshot
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural, share, short, time_left

NAMES = {Kind.DRY_RUN: "Dry run", Kind.EXECUTE: "Copy", Kind.VERIFY: "Verification"}
_KEYS = {Kind.DRY_RUN: "d", Kind.EXECUTE: "X", Kind.VERIFY: "v"}


def headline(snapshot: MigrationSnapshot, look: Look) -> str:
    """What a person who reads nothing else has to know."""
    if snapshot.kind is None or snapshot.state is State.IDLE:
        return "No dry run yet. Press d: it converts every document and writes nothing."
    return look.plain(_BY_STATE[snapshot.state](snapshot, snapshot.kind, look))


def quarantined(snapshot: MigrationSnapshot) -> int:
    """Documents in quarantine, over all collections."""
    return sum(collection.quarantined for collection in snapshot.collections)


def rows_in_place(snapshot: MigrationSnapshot) -> int:
    """Rows of all target tables: in place, or in a dry run those an execution will have."""
    return sum(sum(collection.rows.values()) for collection in snapshot.collections)


def progress(snapshot: MigrationSnapshot) -> str:
    """How far the phase is, in its own unit: ``61 % of 1.91 M rows``; empty when it has none."""
    if snapshot.phase is Phase.SURVEY:
        totals = [c.total for c in snapshot.collections if not isinstance(c.total, Unknown)]
        seen = sum(c.surveyed for c in snapshot.collections)
        if len(totals) < len(snapshot.collections) or not totals:
            return f"{short(seen)} documents so far"
        return f"{share(seen, sum(totals))} of {short(sum(totals))} documents"
    if snapshot.phase in (Phase.WRITE, Phase.VERIFY) or snapshot.state is not State.RUNNING:
        if isinstance(snapshot.rows_total, Unknown):
            return f"{short(snapshot.rows_done)} rows so far" if snapshot.rows_done else ""
        return f"{share(snapshot.rows_done, snapshot.rows_total)} of {short(snapshot.rows_total)} rows"
    return ""


def current_verification(snapshot: MigrationSnapshot) -> VerificationSnapshot | None:
    """The verification, unless a copy has ended after it."""
    found = snapshot.verification
    if found is None or snapshot.kind is not Kind.EXECUTE or snapshot.finished_at is None:
        return found
    return found if found.at >= (snapshot.started_at or snapshot.finished_at) else None


def _running(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    name = NAMES[kind]
    match snapshot.phase:
        case Phase.CONNECT | None:
            doing = f"{name} starting: connecting to both servers"
        case Phase.DECIDE:
            doing = f"{name} running: checking references between collections"
        case Phase.SURVEY if kind is Kind.DRY_RUN:
            doing = f"Dry run: {progress(snapshot)}"
        case Phase.SURVEY if kind is Kind.EXECUTE:
            doing = f"Surveying before the copy: {progress(snapshot)}"
        case Phase.VERIFY if kind is Kind.EXECUTE:
            doing = f"Copied; verifying: {progress(snapshot)}"
        case _:
            doing = f"{name} running: {progress(snapshot)}"
    if snapshot.waiting_for:
        doing = f"Waiting for {look.text(snapshot.waiting_for, 60)}. {doing}"
    left = time_left(snapshot.eta_seconds, snapshot.eta_spread_seconds)
    return _sentences(doing + (f", {left}" if left else ""), _in_quarantine(snapshot))


def _paused(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    where = f" at {progress(snapshot)}" if progress(snapshot) else ""
    return _sentences(f"{NAMES[kind]} paused{where}. Press P to resume", _in_quarantine(snapshot))


def _stopping(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    return f"{NAMES[kind]} stopping: the batches in flight are finished first."


def _stopped(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    where = f" at {progress(snapshot)}" if progress(snapshot) else ""
    again = (
        "Press X: it goes on from what is committed"
        if kind is Kind.EXECUTE and snapshot.phase is Phase.WRITE
        else f"Press {_KEYS[kind]} to start again"
    )
    problem = snapshot.problem
    why = f": {look.text(problem.message, 200)}" if problem is not None and problem.code != "stopped" else ""
    return _sentences(f"{NAMES[kind]} stopped{where}{why}", again, _in_quarantine(snapshot))


def _failed(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    problem = snapshot.problem
    reason = look.text(problem.message, 300) if problem else "the reason is not known; see the log"
    remedy = look.text(problem.remedy, 200) if problem else ""
    again = (
        "Then press X: it continues from the last checkpoint"
        if kind is Kind.EXECUTE
        else f"Then press {_KEYS[kind]} to start again"
    )
    return _sentences(f"{NAMES[kind]} failed: {reason}", remedy, again)


def _done(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    held = quarantined(snapshot)
    took = f" in {span(snapshot.seconds)}" if snapshot.seconds else ""
    if kind is Kind.DRY_RUN:
        rows = short(rows_in_place(snapshot))
        would = f"{plural(held, 'document')} would go to quarantine: press q" if held else ""
        return _sentences(would, f"Dry run done{took}: {rows} rows to write. Press X to execute")
    verification = current_verification(snapshot)
    done = "" if kind is Kind.VERIFY else f"Copy done{took}: {short(rows_in_place(snapshot))} rows. "
    if verification is None:
        return _sentences(f"{done}Not yet verified: press v", _in_quarantine(snapshot))
    if not verification.ok:
        return _sentences(_mismatch(verification, look), done.rstrip(" ."), _in_quarantine(snapshot))
    return _sentences(f"{done}Verified: every source row is in the target or accounted for", _in_quarantine(snapshot))


def _mismatch(verification: VerificationSnapshot, look: Look) -> str:
    bad = [table for table in verification.tables if table.status == "mismatch"]
    if not bad:
        return "Verification could not be completed: press t for the tables, then v"
    names = ", ".join(look.text(table.name, 40) for table in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    verb = "differs" if len(bad) == 1 else "differ"
    return f"Verification failed: {plural(len(bad), 'table')} {verb} ({names}{more}). Press t"


def _in_quarantine(snapshot: MigrationSnapshot) -> str:
    held = quarantined(snapshot)
    return f"{short(held)} in quarantine" if held else ""


def _sentences(*parts: str) -> str:
    return " ".join(part if part[-1] in ".!?" else part + "." for part in parts if part)


_BY_STATE: dict[State, Callable[[MigrationSnapshot, Kind, Look], str]] = {
    State.RUNNING: _running,
    State.PAUSED: _paused,
    State.STOPPING: _stopping,
    State.STOPPED: _stopped,
    State.FAILED: _failed,
    State.DONE: _done,
}

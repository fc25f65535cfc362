"""The Migration headline: the state of things in plain words, worst first, and what to press next."""

from __future__ import annotations

from collections.abc import Callable

from devora_console.core.clock import span
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State, VerificationSnapshot
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural, short, time_left
from devora_console.tui.render.phases import aside, measured, noun, progress

NAMES = {Kind.DRY_RUN: "Dry run", Kind.EXECUTE: "Copy", Kind.VERIFY: "Verification"}
_KEYS = {Kind.DRY_RUN: "d", Kind.EXECUTE: "X", Kind.VERIFY: "v"}
_ASIDE = "Indexes or keys are still set aside"
_WRITTEN = (Phase.PREPARE, Phase.WRITE, Phase.VECTORS, Phase.DOCUMENTS, Phase.INDEXES, Phase.CONSTRAINTS, Phase.ANALYZE)


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


def current_verification(snapshot: MigrationSnapshot) -> VerificationSnapshot | None:
    """The verification, unless a copy has ended after it."""
    found = snapshot.verification
    if found is None or snapshot.kind is not Kind.EXECUTE or snapshot.finished_at is None:
        return found
    return found if found.at >= (snapshot.started_at or snapshot.finished_at) else None


def _running(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    doing = _doing(snapshot, kind, look)
    # Rows of documents that are as they should be are passed over, not counted: no time follows from the others.
    known = measured(snapshot)
    left = time_left(snapshot.eta_seconds, snapshot.eta_spread_seconds) if known else ""
    return _sentences(
        _pausing(snapshot),
        _waiting(snapshot, look),
        doing + (f", {left}" if left else "") + _unchanged(snapshot),
        _throttled(snapshot, look),
        _in_quarantine(snapshot),
    )


def _doing(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    """The present phase in plain words, with how far it is."""
    how_far = progress(snapshot)
    match snapshot.phase:
        case Phase.CONNECT | None:
            return f"{NAMES[kind]} starting: connecting to both servers"
        case Phase.SURVEY if kind is Kind.DRY_RUN:
            return _with("Dry run", how_far)
        case Phase.SURVEY:
            return _with(f"Surveying before the {NAMES[kind].lower()}", how_far)
        case Phase.DECIDE:
            return "Surveyed; checking references between collections"
        case Phase.PREPARE:
            return "Setting indexes and keys aside, so that the copy is fast"
        case Phase.VECTORS | Phase.DOCUMENTS | Phase.INDEXES | Phase.CONSTRAINTS | Phase.ANALYZE:
            return f"Copied; {_finishing(snapshot, look)}"
        case _:
            return _with(f"{NAMES[kind]} running", how_far)


def _unchanged(snapshot: MigrationSnapshot) -> str:
    """Documents that the copy has found in the target already, to the byte."""
    found = sum(each.unchanged for each in snapshot.collections) if snapshot.phase is Phase.WRITE else 0
    return f"; {short(found)} {'document was' if found == 1 else 'documents were'} there already" if found else ""


def _finishing(snapshot: MigrationSnapshot, look: Look) -> str:
    """What is done after the copy; the thing at hand, if it has a name, in brackets."""
    counted = noun(snapshot)
    filling = {
        Phase.VECTORS: "filling search vectors",
        Phase.DOCUMENTS: "making search documents",
        Phase.ANALYZE: "gathering statistics",
    }
    if snapshot.phase in filling:
        return _with(filling[snapshot.phase], progress(snapshot))
    word = {"indexes": "building indexes", "triggers": "bringing back triggers"}.get(counted, "checking foreign keys")
    words = _with(word, progress(snapshot).removesuffix(f" {counted}"))
    thing = _thing(snapshot.waiting_for)
    return words + (f" ({look.fit(look.text(thing, 200), 60)})" if thing else "")


def _thing(waiting_for: str) -> str:
    """The name alone: its kind is in the sentence already."""
    for kind in ("index ", "unique ", "foreign key ", "trigger "):
        if waiting_for.startswith(kind):
            return waiting_for.removeprefix(kind)
    return waiting_for


def _waiting(snapshot: MigrationSnapshot, look: Look) -> str:
    """What the run waits for, where that is not the thing it is busy with."""
    if not snapshot.waiting_for or snapshot.phase in (Phase.INDEXES, Phase.CONSTRAINTS):
        return ""
    return f"Waiting for {look.text(snapshot.waiting_for, 60)}"


def _pausing(snapshot: MigrationSnapshot) -> str:
    wanted = snapshot.wishes is not None and snapshot.wishes.paused
    return "Pausing after what is in flight; press P to go on" if wanted else ""


def _throttled(snapshot: MigrationSnapshot, look: Look) -> str:
    """The rule that holds the run back. It limits rows and documents, so nothing else."""
    if not snapshot.throttled_by or not measured(snapshot):
        return ""
    return f"Throttled: {look.text(snapshot.throttled_by, 80)}"


def _paused(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    return _sentences(f"{NAMES[kind]} paused{_where(snapshot)}. Press P to resume", _in_quarantine(snapshot))


def _where(snapshot: MigrationSnapshot) -> str:
    """``" at 61 % of 1.91 M rows"``, and in which phase when that is not the chief one; empty when not known."""
    how_far = progress(snapshot)
    words = {
        Phase.SURVEY: "surveying",
        Phase.VECTORS: "filling search vectors",
        Phase.DOCUMENTS: "making search documents",
    }
    doing = words.get(snapshot.phase or Phase.CONNECT)
    if not how_far:
        return ""
    return f" while {doing}, at {how_far}" if doing else f" at {how_far}"


def _stopping(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    rest = f" {_ASIDE}." if aside(snapshot) else ""
    return f"{NAMES[kind]} stopping: what is in flight is finished first.{rest}"


def _stopped(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    problem = snapshot.problem
    why = f": {look.text(problem.message, 200)}" if problem is not None and problem.code != "stopped" else ""
    left = _ASIDE if aside(snapshot) else ""
    again = (
        "Press X: it goes on from what is committed"
        if kind is Kind.EXECUTE and snapshot.phase in _WRITTEN
        else f"Press {_KEYS[kind]} to start again"
    )
    return _sentences(f"{NAMES[kind]} stopped{_where(snapshot)}{why}", left, again, _in_quarantine(snapshot))


def _failed(snapshot: MigrationSnapshot, kind: Kind, look: Look) -> str:
    problem = snapshot.problem
    reason = look.text(problem.message, 300) if problem else "the reason is not known; see the log"
    remedy = look.text(problem.remedy, 200) if problem else ""
    left = _ASIDE if aside(snapshot) else ""
    again = (
        "Then press X: it continues from the last checkpoint"
        if kind is Kind.EXECUTE
        else f"Then press {_KEYS[kind]} to start again"
    )
    return _sentences(f"{NAMES[kind]} failed: {reason}", left, remedy, again)


def _with(words: str, how_far: str) -> str:
    return f"{words}: {how_far}" if how_far else words


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
    if not held:
        return ""
    # Before the decisions are made nothing is in quarantine, and more may have to go there.
    early = snapshot.phase in (Phase.SURVEY, Phase.DECIDE)
    return f"{short(held)} refused so far" if early else f"{short(held)} in quarantine"


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

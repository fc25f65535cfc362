"""From events to where the run stands. Pure and total: the same events give the same answer, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from devora_console.core.console import Verdict
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.state import (
    Attempt,
    GateStanding,
    Poll,
    ProbeSeen,
    Run,
    RunMode,
    RunState,
    StepStanding,
    StepState,
    Vote,
)

_FINAL = frozenset({StepState.PASSED, StepState.FAILED, StepState.TIMED_OUT, StepState.SKIPPED})
_BEGUN_ANEW = frozenset({StepState.PENDING, StepState.WAITING})


def begun(event: Event) -> Run:
    """The run that its first event creates. Raises ValueError for any other event."""
    if event.kind is not Kind.CREATED:
        raise ValueError(f"a journal begins with {Kind.CREATED.value}, not with {event.kind.value}")
    said: Mapping[str, Any] = event.payload
    ends = said.get("window_ends")
    return Run(
        id=event.run,
        runbook=said["runbook"],
        title=said["title"],
        sha=said["sha"],
        text=said["text"],
        strategy=said["strategy"],
        environment=said["environment"],
        mode=RunMode(said["mode"]),
        created=event.at,
        window_ends=datetime.fromisoformat(ends) if ends else None,
        targets=said.get("targets", {}),
        variables=said.get("variables", {}),
        state=RunState.DRAFT,
        reason="",
        steps=tuple(StepStanding(name) for name in said["steps"]),
        gates={},
        votes=(),
        gone=frozenset(),
        token=0,
        driver="",
        notes=(),
        last_seq=event.seq,
        last_at=event.at,
    )


def fold(events: Iterable[Event], run: Run | None = None) -> Run:
    """The run after these events; ``run`` is what was folded before. Raises ValueError when there is no first one."""
    for event in events:
        run = begun(event) if run is None else after(run, event)
    if run is None:
        raise ValueError("a journal without events")
    return run


def after(run: Run, event: Event) -> Run:
    """The run after one more event. What an older console does not know changes nothing."""
    # Who was told of it is no part of what happened: a run's time does not grow by it.
    last_at = run.last_at if event.kind is Kind.NOTIFIED else event.at
    run = replace(run, last_seq=event.seq, last_at=last_at)
    if event.step is not None and event.kind in _STEPS:
        change = _STEPS[event.kind]
        if event.kind is Kind.PROBED and event.payload["verdict"] == Verdict.OK.value:
            run = replace(run, despite=run.despite - {f"{event.step}/{event.payload['probe']}"})
        return replace(run, steps=tuple(change(each, event) if each.id == event.step else each for each in run.steps))
    told = _RUNS.get(event.kind)
    return run if told is None else told(run, event)


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


# --- the run ---------------------------------------------------------------------------------------


def _state(run: Run, event: Event) -> Run:
    said: Mapping[str, Any] = event.payload
    state = RunState(said["state"])
    return replace(
        run,
        state=state,
        reason=str(said.get("reason", "")),
        poll=run.poll if state is RunState.ARMED else None,
        despite=run.despite | {str(each) for each in said.get("despite", ())},
    )


def _poll(run: Run, event: Event) -> Run:
    said: Mapping[str, Any] = event.payload
    return replace(run, poll=Poll(said["scope"], event.at, datetime.fromisoformat(said["ends_at"])))


def _driver(run: Run, event: Event) -> Run:
    said: Mapping[str, Any] = event.payload
    # Whoever asked people before drives no longer.
    return replace(run, token=int(said["token"]), driver=str(said["holder"]), poll=None)


def _go(run: Run, event: Event) -> Run:
    return replace(run, gone=run.gone | {str(event.payload["scope"])}, poll=None)


def _vote(run: Run, event: Event) -> Run:
    said: Mapping[str, Any] = event.payload
    vote = Vote(
        scope=said["scope"],
        actor=event.actor,
        vote=said["vote"],
        reason=said.get("reason", ""),
        source=said.get("source", ""),
        sha=said["sha"],
        plan_sha=said.get("plan_sha", ""),
        at=event.at,
    )
    # Whoever votes again has changed his mind.
    kept = tuple(each for each in run.votes if (each.scope, each.actor) != (vote.scope, vote.actor))
    return replace(run, votes=(*kept, vote))


def _gate(run: Run, event: Event) -> Run:
    said: Mapping[str, Any] = event.payload
    before = run.gates.get(said["gate"])
    standing = GateStanding(
        id=said["gate"],
        attested=said.get("class") == "attested",
        verdict=Verdict(said["verdict"]),
        value=said["value"],
        threshold=said.get("threshold", ""),
        why=said.get("why", ""),
        remedy=said.get("remedy", ""),
        speaks_of=_moment(said.get("true_at")) or event.at,
        measured_at=event.at,
        actor=event.actor,
        waived_by=before.waived_by if before else "",
        waiver=before.waiver if before else "",
    )
    return replace(run, gates={**run.gates, standing.id: standing})


def _attested(run: Run, event: Event) -> Run:
    name = str(event.payload["gate"])
    before = run.gates.get(name)
    standing = GateStanding(
        id=name,
        attested=True,
        verdict=Verdict.OK,
        value=str(event.payload["evidence"]),
        speaks_of=event.at,
        measured_at=event.at,
        actor=event.actor,
        waived_by=before.waived_by if before else "",
        waiver=before.waiver if before else "",
    )
    return replace(run, gates={**run.gates, name: standing})


def _waived(run: Run, event: Event) -> Run:
    name = str(event.payload["gate"])
    before = run.gates.get(name) or GateStanding(name, False, Verdict.UNKNOWN, "not measured")
    waived = replace(before, waived_by=event.actor, waiver=str(event.payload["reason"]))
    return replace(run, gates={**run.gates, name: waived})


def _note(run: Run, event: Event) -> Run:
    return replace(run, notes=(*run.notes, event))


_RUNS: Mapping[Kind, Callable[[Run, Event], Run]] = {
    Kind.RUN: _state,
    Kind.DRIVER: _driver,
    Kind.POLL: _poll,
    Kind.GO: _go,
    Kind.VOTE: _vote,
    Kind.GATE: _gate,
    Kind.ATTESTED: _attested,
    Kind.WAIVED: _waived,
    Kind.NOTE: _note,
}


# --- one step --------------------------------------------------------------------------------------


def _intent(step: StepStanding, event: Event) -> StepStanding:
    undo = bool(event.payload.get("undo"))
    attempt = Attempt(event.attempt or 1, undo, event.at, event.mono, event.boot)
    state = StepState.UNDOING if undo else StepState.INTENT
    began = step.began if undo or step.began is not None else event.at
    return replace(
        step, state=state, reason="", by="", attempts=(*step.attempts, attempt), began=began, probes={}, touched=True
    )


def _latest(step: StepStanding, event: Event, **changes: Any) -> StepStanding:
    """The attempt that the event is about, changed; none is touched when it is not the journal's."""
    undo = bool(event.payload.get("undo"))
    attempts = tuple(
        replace(each, **changes) if (each.number, each.undo) == (event.attempt, undo) else each
        for each in step.attempts
    )
    return replace(step, attempts=attempts)


def _started(step: StepStanding, event: Event) -> StepStanding:
    said: Mapping[str, Any] = event.payload
    found = _latest(step, event, pid=said["pid"], pid_start=said.get("pid_start"))
    return found if said.get("undo") else replace(found, state=StepState.RUNNING)


def _exited(step: StepStanding, event: Event) -> StepStanding:
    said: Mapping[str, Any] = event.payload
    return _latest(
        step,
        event,
        exited=True,
        rc=said.get("rc"),
        signal=said.get("signal"),
        seconds=said.get("seconds"),
        timed_out=bool(said.get("timed_out")),
        out_bytes=int(said.get("out_bytes", 0)),
        out_sha=str(said.get("out_sha", "")),
    )


def _step_state(step: StepStanding, event: Event) -> StepStanding:
    said: Mapping[str, Any] = event.payload
    state = StepState(said["state"])
    changes: dict[str, Any] = {"state": state, "reason": said.get("reason", ""), "by": said.get("by", "")}
    if state is StepState.PASSED:
        changes |= {"passed": True, "touched": True}
    if state in _FINAL:
        changes["ended"] = event.at
        if said.get("seconds") is not None:
            changes["seconds"] = float(said["seconds"])
    if state in _BEGUN_ANEW:
        changes |= {"ended": None, "seconds": None, "probes": {}, "observed_seconds": 0.0, "samples": 0}
    if state in (StepState.WAITING, StepState.RUNNING) and step.began is None:
        changes["began"] = event.at
    return replace(step, **changes)


def _probed(step: StepStanding, event: Event) -> StepStanding:
    said: Mapping[str, Any] = event.payload
    seen = ProbeSeen(said["probe"], Verdict(said["verdict"]), said["value"], said.get("needed", ""), event.at)
    return replace(step, probes={**step.probes, seen.id: seen})


def _evidence(step: StepStanding, event: Event) -> StepStanding:
    return replace(step, evidence=str(event.payload["text"]), touched=True)


def _observed(step: StepStanding, event: Event) -> StepStanding:
    said: Mapping[str, Any] = event.payload
    return replace(step, observed_seconds=float(said["seconds"]), samples=int(said["samples"]))


_STEPS: Mapping[Kind, Callable[[StepStanding, Event], StepStanding]] = {
    Kind.INTENT: _intent,
    Kind.STARTED: _started,
    Kind.EXITED: _exited,
    Kind.STEP: _step_state,
    Kind.PROBED: _probed,
    Kind.EVIDENCE: _evidence,
    Kind.OBSERVED: _observed,
}

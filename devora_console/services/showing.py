"""From a run, a runbook and what was measured to what is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devora_console.core.clock import utc_now
from devora_console.core.gates import Registry
from devora_console.core.problems import Problem
from devora_console.cutover import gating
from devora_console.cutover.events import Event
from devora_console.cutover.model import Runbook, StepKind
from devora_console.cutover.outbox import Delivery
from devora_console.cutover.plan import Plan, PlannedStep, plan
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine
from devora_console.cutover.state import ENDED, GateStanding, Run, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.timing import Timings
from devora_console.cutover.undo import RollbackPlan, after_the_end, remaining, rollback_plan
from devora_console.cutover.voting import polled
from devora_console.cutover.window import Begun

_GOING = frozenset({StepState.INTENT, StepState.RUNNING, StepState.VERIFYING, StepState.UNDOING})
_OVER = frozenset({StepState.PASSED, StepState.SKIPPED})


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to show. ``standings`` are gates that were measured without a run."""

    environment: str
    runbook: Runbook | None
    problem: Problem | None = None
    run: Run | None = None
    registry: Registry = field(default_factory=Registry)
    standings: Mapping[str, GateStanding] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)
    window_ends: datetime | None = None
    driving: bool = False
    driver: str = ""
    measuring: bool = False
    loss: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    told: tuple[Delivery, ...] = ()


def shown(seen: Seen, now: datetime | None = None) -> CutoverSnapshot:
    """The snapshot."""
    now = now or utc_now()
    book, run = seen.runbook, seen.run
    planned = _plan(seen, now)
    current = _current(book, run)
    return CutoverSnapshot(
        as_of=now,
        environment=seen.environment,
        problem=seen.problem,
        plan=planned,
        run=run,
        steps=tuple(_line(each, run) for each in planned.steps) if planned else (),
        current=current,
        waits_for=_waits_for(run, current),
        gates=_gates(seen, now),
        measuring=seen.measuring,
        rollback=_back(seen),
        window=planned.window if planned and (run is None or run.state not in ENDED) else None,
        poll=polled(run, book.plan_sha, now) if run is not None and book is not None else None,
        driving=seen.driving,
        driver=seen.driver,
        loss=seen.loss,
        output=seen.output,
        events=seen.events,
        told=seen.told,
    )


def _back(seen: Seen) -> RollbackPlan | None:
    """The way back, as long as there is one: of a run that is done, by plan B."""
    run, book = seen.run, seen.runbook
    if run is None or book is None or (run.state in ENDED and not after_the_end(run, book)):
        return None
    return rollback_plan(run, book, seen.timings)


def _plan(seen: Seen, now: datetime) -> Plan | None:
    if seen.runbook is None:
        return None
    ends = seen.run.window_ends if seen.run is not None and seen.run.window_ends else seen.window_ends or now
    given = "the run" if seen.run is not None else "runbook"
    return plan(seen.runbook, seen.timings, now, ends, given, begun(seen.runbook, seen.run) if seen.run else None)


def begun(book: Runbook, run: Run) -> Begun:
    """The run with the seconds that its steps in flight have been going for."""
    found = {each.id: _going(each.kind, run.step(each.id)) for each in book.steps}
    return Begun(run, {name: seconds for name, seconds in found.items() if seconds is not None})


def _gates(seen: Seen, now: datetime) -> tuple[gating.GateLine, ...]:
    if seen.runbook is None:
        return ()
    rehearsal = seen.run is not None and seen.run.mode is RunMode.REHEARSAL
    wanted = [each for each in seen.runbook.gates if each.rehearsal or not rehearsal]
    standings = dict(seen.run.gates) if seen.run is not None else {}
    if seen.run is None or seen.run.state in ENDED:
        standings.update(seen.standings)  # measured since, for the next run
    return gating.lines(wanted, seen.registry, standings, now)


def _current(book: Runbook | None, run: Run | None) -> str | None:
    """The step at which the run stands: in a rollback the one that is taken back next."""
    if book is None or run is None or run.state in (RunState.DRAFT, *ENDED):
        return None
    if run.state is RunState.ROLLING_BACK:
        flight = next((each.id for each in run.steps if each.state in _GOING), None)
        left = remaining(run, book)
        return flight or (left[0].id if left else None)
    return next((each.id for each in run.steps if each.state not in _OVER), None)


def _waits_for(run: Run | None, current: str | None) -> str:
    if run is None or current is None:
        return ""
    standing = run.step(current)
    if standing.state is StepState.WAITING:
        return standing.reason
    if standing.state is StepState.VERIFYING:
        last = [each for each in standing.probes.values() if each.verdict != "ok"]
        return f"{last[-1].needed} (found: {last[-1].value})" if last else "its probes"
    return ""


def _line(planned: PlannedStep, run: Run | None) -> StepLine:
    if run is None:
        return StepLine(planned, None)
    standing = next((each for each in run.steps if each.id == planned.id), None)
    return StepLine(planned, standing, _going(planned.kind, standing) if standing else None)


def _going(kind: StepKind, standing: StepStanding) -> float | None:
    """Seconds of the attempt that goes on, by the clock that stands still for nobody."""
    if standing.state not in _GOING:
        return None
    if kind is StepKind.WAIT:
        return standing.observed_seconds
    if standing.attempts:
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - standing.attempts[-1].intent_mono)
    return max(0.0, (utc_now() - standing.began).total_seconds()) if standing.began else None

"""Whether the window suffices: for a whole run, or for what is left of one that has begun. One answer for all doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devora_console.cutover.model import Runbook, Step
from devora_console.cutover.state import ENDED, Run, RunState, StepState
from devora_console.cutover.timing import Expected, Timings, Total, forward_time, total
from devora_console.cutover.undo import is_touched, rollback_from, rollback_plan

_NOT_BEGUN = frozenset({RunState.DRAFT, RunState.ARMED, *ENDED})
_OVER = frozenset({StepState.PASSED, StepState.SKIPPED})


@dataclass(frozen=True, slots=True)
class Window:
    """The window, from now or until a moment.

    ``forward`` goes up to and including the point of no return, what comes after is ``after`` and needs no window.
    ``rollback`` is the longest way back there is before that point. ``last_safe_start`` is the latest moment to begin
    and still be able to go all the way and all the way back. Of a run that has ``begun``, all of that is what is left:
    steps that are over take no more time, and ``last_safe_start`` is the latest moment to go on. Once the point of no
    return is passed, and on the way back, nothing forward is left that the window has to hold.
    """

    ends: datetime
    given: str  # who says so: "runbook", "configuration", "command line" or "the run"
    seconds: float
    forward: Total
    rollback: Total
    after: Total
    needed_seconds: float
    last_safe_start: datetime
    spare_seconds: float  # negative: too short by so much
    begun: bool = False

    @property
    def fits(self) -> bool:
        """Whether a start now (of what has begun: to go on now) can go all the way, and back."""
        return self.spare_seconds >= 0


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that may have begun; ``going`` are the seconds that steps in flight have been going for, by their id."""

    run: Run
    going: Mapping[str, float] = field(default_factory=dict)


def split(runbook: Runbook) -> tuple[Sequence[Step], Sequence[Step]]:
    """The steps up to and including the point of no return, and those after it."""
    at = next((at for at, each in enumerate(runbook.steps, 1) if each.ponr), len(runbook.steps))
    return runbook.steps[:at], runbook.steps[at:]


def window(
    runbook: Runbook, timings: Timings, now: datetime, ends: datetime, given: str, begun: Begun | None = None
) -> Window:
    """Whether forward and back fit between ``now`` and ``ends``, on the safe side (p95 of each)."""
    going_on = begun is not None and begun.run.state not in _NOT_BEGUN
    if going_on:
        assert begun is not None
        forward, rollback, after = _left(runbook, timings, begun)
    else:
        until, later = split(runbook)
        forward = total(forward_time(each, timings) for each in until)
        rollback = rollback_from([each for each in until if not each.ponr], timings)
        after = total(forward_time(each, timings) for each in later)
    needed = forward.p95 + rollback.p95
    seconds = (ends - now).total_seconds()
    return Window(
        ends=ends,
        given=given,
        seconds=seconds,
        forward=forward,
        rollback=rollback,
        after=after,
        needed_seconds=needed,
        last_safe_start=ends - timedelta(seconds=needed),
        spare_seconds=seconds - needed,
        begun=going_on,
    )


def _left(runbook: Runbook, timings: Timings, begun: Begun) -> tuple[Total, Total, Total]:
    """Forward to the point of no return, the longest way back before it, and what comes after: what is left of each."""
    run, none = begun.run, total(())
    until, later = split(runbook)
    back = rollback_plan(run, runbook, timings)
    if run.state is RunState.ROLLING_BACK:
        return none, back.eta, none
    if back.past:
        return none, none, _to_come((*[each for each in until if each.ponr], *later), timings, begun)
    # What a person has skipped was not done, and is not taken back.
    reversible = [
        each
        for each in until
        if not each.ponr and (run.step(each.id).state is not StepState.SKIPPED or is_touched(run.step(each.id)))
    ]
    return _to_come(until, timings, begun), rollback_from(reversible, timings), _to_come(later, timings, begun)


def _to_come(steps: Sequence[Step], timings: Timings, begun: Begun) -> Total:
    left: list[Expected] = []
    for step in steps:
        if begun.run.step(step.id).state not in _OVER:
            time, gone = forward_time(step, timings), begun.going.get(step.id, 0.0)
            left.append(Expected(max(0.0, time.p50 - gone), max(0.0, time.p95 - gone), time.n))
    return total(left)

"""The way back: from where a run stands to what has to be taken back, in which order, how long, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from devora_console.cutover.model import Runbook, Step, StepKind, Undo
from devora_console.cutover.state import ENDED, IN_FLIGHT, Run, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.timing import Expected, Timings, Total, total, undo_time
from devora_console.cutover.waits import A_PERSON
from devora_console.cutover.words import undo_words

PLAN_B = (
    "Visitors may have written to PostgreSQL. Going back to MongoDB loses those rows: shut the site, export what was "
    "written since, and have two people decide."
)
PLAN_B_PEOPLE = 2


class How(StrEnum):
    """Who takes a step back."""

    COMMAND = "command"
    PERSON = "person"
    NOTHING = "nothing"  # there is nothing to take back, and the runbook says why


@dataclass(frozen=True, slots=True)
class WayBack:
    """How one step is taken back. ``time`` is None where nothing has to be done."""

    step: str
    number: int  # from 1, in the runbook's order
    title: str
    how: How
    words: str
    time: Expected | None
    state: StepState


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do now, the latest step first.

    ``by_itself``: it may start without a person, on a failed guardrail, and comes to its end without one. ``why_not``
    says why it may not. ``past``: the point of no return may have been passed, so that going back loses writes;
    ``plan_b`` says what then. ``people`` is how many different persons have to want it.
    """

    ways: tuple[WayBack, ...]
    eta: Total
    past: bool
    by_itself: bool
    why_not: str
    plan_b: str
    people: int

    @property
    def acts(self) -> tuple[WayBack, ...]:
        """Those of which something has to be done."""
        return tuple(each for each in self.ways if each.how is not How.NOTHING)


def rollback_plan(run: Run, runbook: Runbook, timings: Timings) -> RollbackPlan:
    """The plan for this run as it stands: recompute it after every event."""
    standings = {each.id: each for each in run.steps}
    numbers = {step.id: number for number, step in enumerate(runbook.steps, 1)}
    past = went_past(run, runbook)
    ways = tuple(
        _way(step, numbers[step.id], standings[step.id].state, timings, past=past) for step in remaining(run, runbook)
    )
    flying = next((each for each in run.steps if each.state in IN_FLIGHT), None)
    why_not = _why_not(run, ways, past, flying)
    return RollbackPlan(
        ways=ways,
        eta=total(each.time for each in ways if each.time is not None),
        past=past,
        by_itself=not why_not,
        why_not=why_not,
        plan_b=PLAN_B if past else "",
        people=PLAN_B_PEOPLE if past else 1,
    )


def after_the_end(run: Run, runbook: Runbook) -> bool:
    """Whether a run that is done can still be taken back: by plan B, for its point of no return was passed."""
    last = runbook.point_of_no_return
    done = run.state is RunState.DONE and run.mode is not RunMode.REHEARSAL
    return done and last is not None and run.step(last.id).touched


def remaining(run: Run, runbook: Runbook) -> tuple[Step, ...]:
    """The steps that have to be taken back, the next one first. Those that only looked or waited are not among them."""
    standings = {each.id: each for each in run.steps}
    return tuple(
        step
        for step in reversed(runbook.steps)
        if step.id in standings and is_touched(standings[step.id]) and _says(step)
    )


def whole_way_back(runbook: Runbook, timings: Timings) -> tuple[WayBack, ...]:
    """The way back from right before the point of no return, the latest step first."""
    until: list[tuple[int, Step]] = []
    for number, step in enumerate(runbook.steps, 1):
        if step.ponr:
            break
        until.append((number, step))
    return tuple(
        _way(step, number, StepState.PENDING, timings, past=False) for number, step in reversed(until) if _says(step)
    )


def rollback_from(steps: Sequence[Step], timings: Timings) -> Total:
    """How long it takes to go back when all of these steps have been done."""
    return total(time for step in steps if (time := undo_time(step, timings)) is not None)


def is_touched(standing: StepStanding) -> bool:
    """Whether the step may have had an effect that has not been taken back.

    In doubt it has: what failed, timed out or is unknown was started. What a person skipped was not, unless an attempt
    had been made before.
    """
    match standing.state:
        case StepState.UNDONE:
            return False
        case StepState.PENDING | StepState.WAITING | StepState.SKIPPED:
            # Begun once, and set back since; an undo that ended well was the last word on it.
            last = standing.attempts[-1] if standing.attempts else None
            return standing.touched and not (last is not None and last.undo and last.exited and last.rc == 0)
        case _:
            return True


def by_hand(step: Step) -> str:
    """What a step waits for that only a person can take back."""
    return f"{A_PERSON} {step.undo.words if step.undo else 'nothing takes this step back'}"


def undecided(run: Run, runbook: Runbook) -> str:
    """What keeps a rollback from going on without a person, in words; empty when nothing does."""
    left = remaining(run, runbook)
    if not left:
        return ""
    step, standing = left[0], run.step(left[0].id)
    if standing.state is StepState.WAITING and standing.reason == by_hand(step):
        return f"{step.id} waits for {standing.reason}"
    undo = bool(standing.attempts) and standing.attempts[-1].undo
    told = standing.by == "probe" or step.undo is None or not step.undo.probes
    if standing.state is StepState.UNDO_FAILED or (standing.state is StepState.UNKNOWN and undo and told):
        return f"whether {step.id} was taken back has to be decided: {standing.state.value}, {standing.reason}"
    return ""


def went_past(run: Run, runbook: Runbook) -> bool:
    """Whether visitors may have written to the target: it stays so when the site was shut again."""
    touched = {each.id for each in run.steps if each.touched or is_touched(each)}
    return any(step.id in touched for step in runbook.steps if step.ponr or _after(step, runbook))


def by_nobody(undo: Undo, *, past: bool) -> bool:
    """Whether there is nothing to take back, as the runbook says with a reason."""
    if undo.past_only and not past:
        return True
    return undo.command is None and undo.words.startswith("nothing to undo:")


def nothing_words(undo: Undo) -> str:
    """Why there is nothing to take back."""
    if undo.past_only:
        return "nothing to undo: the point of no return was not passed"
    return undo.words


def _says(step: Step) -> bool:
    return step.undo is not None or step.kind in (StepKind.COMMAND, StepKind.MANUAL)


def _way(step: Step, number: int, state: StepState, timings: Timings, *, past: bool) -> WayBack:
    undo = step.undo
    if undo is None:  # after the point of no return only
        return WayBack(step.id, number, step.title, How.PERSON, "nothing takes this step back", None, state)
    how = How.NOTHING if by_nobody(undo, past=past) else How.COMMAND if undo.command else How.PERSON
    words = nothing_words(undo) if how is How.NOTHING else undo_words(undo)
    return WayBack(step.id, number, step.title, how, words, undo_time(step, timings, past=past), state)


def _after(step: Step, runbook: Runbook) -> bool:
    order = [each.id for each in runbook.steps]
    last = runbook.point_of_no_return
    return last is not None and order.index(step.id) > order.index(last.id)


def _why_not(run: Run, ways: Sequence[WayBack], past: bool, flying: StepStanding | None) -> str:
    if run.state in ENDED:
        return f"the run is {run.state.value}"
    if past:
        return f"the point of no return may have been passed: {PLAN_B_PEOPLE} people decide"
    if flying is not None:
        return f"step {flying.id} is {flying.state.value}: it has to end first"
    person = next((each for each in ways if each.how is How.PERSON), None)
    if person is not None:
        return f"step {person.step} is taken back by a person"
    if not any(each.how is How.COMMAND for each in ways):
        return "there is nothing to take back"
    return ""

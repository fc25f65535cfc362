"""The cutover as it is shown: one immutable answer for screens and commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.core.console import Verdict
from devora_console.core.problems import Problem
from devora_console.cutover.events import Event
from devora_console.cutover.gating import GateLine
from devora_console.cutover.outbox import Delivery
from devora_console.cutover.plan import Plan, PlannedStep
from devora_console.cutover.state import Run, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.undo import RollbackPlan
from devora_console.cutover.voting import PollSeen
from devora_console.cutover.window import Window


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step: as planned, as it stands (None without a run), and the seconds it has been going for, if it is."""

    planned: PlannedStep
    standing: StepStanding | None
    going_seconds: float | None = None

    @property
    def state(self) -> StepState:
        """Where it stands."""
        return self.standing.state if self.standing else StepState.PENDING


@dataclass(frozen=True, slots=True)
class CutoverSnapshot:
    """Everything a person has to see. ``driving``: this console drives; ``driver`` says who does, '' for nobody.

    ``current`` is the step at which the run stands, ``waits_for`` what it waits for, in words. ``output`` is the end of
    what that step printed. ``poll`` is the poll for objections under way, whichever console has opened it.
    ``rollback`` is there as long as there is a way back, after the end too; ``loss`` is what it would lose past the
    point of no return, in words, once that was measured here. ``told`` is how far others were told of the run.
    """

    as_of: datetime
    environment: str
    problem: Problem | None
    plan: Plan | None
    run: Run | None
    steps: tuple[StepLine, ...]
    current: str | None
    waits_for: str
    gates: tuple[GateLine, ...]
    measuring: bool
    rollback: RollbackPlan | None
    window: Window | None
    poll: PollSeen | None
    driving: bool
    driver: str
    loss: tuple[str, ...]
    output: tuple[str, ...]
    events: tuple[Event, ...]
    told: tuple[Delivery, ...] = ()

    def step(self, name: str) -> StepLine | None:
        """The line of a step."""
        return next((each for each in self.steps if each.planned.id == name), None)


_VERDICTS = {
    StepState.PENDING: Verdict.NONE,
    StepState.WAITING: Verdict.PAUSED,
    StepState.INTENT: Verdict.RUNNING,
    StepState.RUNNING: Verdict.RUNNING,
    StepState.VERIFYING: Verdict.RUNNING,
    StepState.UNDOING: Verdict.RUNNING,
    StepState.PASSED: Verdict.OK,
    StepState.UNDONE: Verdict.OK,
    StepState.SKIPPED: Verdict.NONE,
    StepState.FAILED: Verdict.FAIL,
    StepState.TIMED_OUT: Verdict.FAIL,
    StepState.UNDO_FAILED: Verdict.FAIL,
    StepState.INCONCLUSIVE: Verdict.UNKNOWN,
    StepState.UNKNOWN: Verdict.UNKNOWN,
}


def verdict_of_step(state: StepState) -> Verdict:
    """The sign of a step's state; its word is the state's own."""
    return _VERDICTS[state]


def succeeded(run: Run) -> bool:
    """Whether the run came to the end it was made for."""
    if run.mode is RunMode.REHEARSAL:
        # What the runbook leaves out in a rehearsal is fine, what a person skipped was not rehearsed.
        fine = all(each.passed or (each.state is StepState.SKIPPED and each.by == "runbook") for each in run.steps)
        return run.state is RunState.ROLLED_BACK and fine
    return run.state is RunState.DONE

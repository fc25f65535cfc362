"""What can be done in a cutover as it stands, and what to press next. Pure: the services refuse the rest anyway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devora_console.cutover.gating import GateLine, blocking
from devora_console.cutover.headline import stuck
from devora_console.cutover.model import StepKind
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine
from devora_console.cutover.state import ENDED, IN_FLIGHT, Run, RunMode, RunState, StepState
from devora_console.cutover.undo import PLAN_B_PEOPLE
from devora_console.cutover.voting import ROLLBACK_SCOPE, RUN_SCOPE, counted
from devora_console.cutover.waits import GATES, KEY
from devora_console.doctor.cutover import gates_for_go

OVER = frozenset({StepState.PASSED, StepState.SKIPPED, StepState.UNDONE})
_GOING = frozenset({RunState.RUNNING, RunState.BAKING})


@dataclass(frozen=True, slots=True)
class Here:
    """A snapshot, and what the cursor is on: a gate of the checklist, or a step."""

    seen: CutoverSnapshot
    gate: GateLine | None = None
    step: StepLine | None = None

    @property
    def live(self) -> Run | None:
        """The run, as long as it has not ended."""
        run = self.seen.run
        return run if run is not None and run.state not in ENDED else None

    @property
    def after_the_end(self) -> Run | None:
        """The run that is done, as long as it may be taken back: by plan B."""
        run = self.seen.run
        return run if run is not None and run.state in ENDED and self.seen.rollback is not None else None

    @property
    def watching(self) -> bool:
        """Whether another console drives."""
        return self.live is not None and bool(self.seen.driver) and not self.seen.driving

    @property
    def mine(self) -> Run | None:
        """The run, when this console drives it."""
        return self.live if self.seen.driving else None

    @property
    def current(self) -> StepLine | None:
        """The step at which the run stands."""
        return self.seen.step(self.seen.current) if self.seen.current else None

    @property
    def waiting(self) -> bool:
        """Whether the current step waits for a person."""
        return self.current is not None and self.current.state is StepState.WAITING

    @property
    def at_no_return(self) -> bool:
        """Whether the run waits for the GO past the point of no return."""
        run, line = self.live, self.current
        return (
            run is not None
            and line is not None
            and run.state in _GOING
            and run.mode is RunMode.REAL
            and line.planned.point_of_no_return
            and line.planned.id not in run.gone
            and line.state in (StepState.WAITING, StepState.PENDING)
        )

    @property
    def manual(self) -> bool:
        """Whether the run waits for work that a person does."""
        run, line = self.live, self.current
        return self.waiting and line is not None and run is not None and line.planned.kind is StepKind.MANUAL

    @property
    def undecided(self) -> bool:
        """Whether a person has to say what became of the current step."""
        run = self.live
        by_hand = run is not None and run.state is RunState.ROLLING_BACK and self.waiting
        return stuck(self.seen) or by_hand

    @property
    def vote_scope(self) -> str:
        """What a vote is about now: the poll, a step that asks, the step that is undecided, a rollback, or the run."""
        seen, line = self.seen, self.current
        if self.after_the_end is not None:
            return ROLLBACK_SCOPE
        if seen.poll is not None:
            return seen.poll.scope
        if line is not None and line.state is StepState.WAITING and not self.undecided:
            return line.planned.id
        if seen.rollback is not None and seen.rollback.past:
            chosen = self.step is not None and line is not None and self.step.planned.id == line.planned.id
            back = seen.run is not None and seen.run.state is RunState.ROLLING_BACK  # whether to is decided already
            about = line is not None and self.undecided and (chosen or back)
            return line.planned.id if line is not None and about else ROLLBACK_SCOPE
        return RUN_SCOPE

    @property
    def missing_for_rollback(self) -> str:
        """What a rollback past the point of no return waits for, in words; empty when nothing is missing."""
        run, plan = self.seen.run, self.seen.plan
        if run is None or plan is None:
            return ""
        return counted(run, ROLLBACK_SCOPE, PLAN_B_PEOPLE, plan.plan_sha, self.seen.as_of).words

    @property
    def skippable(self) -> StepLine | None:
        """The step that could be left out: the one under the cursor, else the current one."""
        line = self.step or self.current
        if line is None or line.planned.point_of_no_return or line.state in IN_FLIGHT | OVER:
            return None
        return line

    def can(self, verb: str) -> bool:
        """Whether an act makes sense now."""
        rule = _RULES.get(verb)
        return True if rule is None else rule(self)


def _go(here: Here) -> bool:
    run = here.live
    if run is None or here.watching or here.seen.poll is not None:
        return False
    return run.state is RunState.DRAFT or (here.seen.driving and here.at_no_return)


def _measure(here: Here) -> bool:
    return bool(here.seen.gates) and not here.seen.measuring and not here.watching


def _attest(here: Here) -> bool:
    if here.live is None:
        return False
    if here.gate is not None:
        return here.gate.attested
    return here.manual and here.seen.driving and here.live.state is not RunState.ROLLING_BACK


def _go_on(here: Here) -> bool:
    run = here.mine
    if run is None:
        return False
    if run.state is RunState.PAUSED:
        return not stuck(here.seen)
    return run.state in _GOING and here.waiting and here.seen.waits_for == KEY


def _retry(here: Here) -> bool:
    return here.mine is not None and stuck(here.seen)


def _stop(here: Here) -> bool:
    run, line = here.mine, here.current
    return (
        run is not None
        and run.state is not RunState.ROLLING_BACK
        and line is not None
        and line.planned.kind is StepKind.COMMAND
        and line.state in (StepState.INTENT, StepState.RUNNING)
    )


def _skip(here: Here) -> bool:
    run = here.mine
    return run is not None and run.state in (*_GOING, RunState.PAUSED) and here.skippable is not None


def _open(here: Here) -> bool:
    return here.seen.plan is not None and here.seen.problem is None and here.live is None


def _waive(here: Here) -> bool:
    return here.live is not None and not here.watching and here.gate is not None and not here.gate.open


def _roll_back(here: Here) -> bool:
    if here.after_the_end is not None:
        return not here.seen.driver
    return here.mine is not None and here.mine.state is not RunState.ROLLING_BACK


def _speak(here: Here) -> bool:
    return here.live is not None or here.after_the_end is not None


_RULES: Mapping[str, Callable[[Here], bool]] = {
    "begin": _open,
    "rehearse": _open,
    "go": _go,
    "take_up": lambda here: here.live is not None and not here.seen.driver,
    "measure": _measure,
    "measure_one": lambda here: _measure(here) and here.gate is not None and not here.gate.attested,
    "attest": _attest,
    "waive": _waive,
    "go_on": _go_on,
    "pause_run": lambda here: here.mine is not None and here.mine.state in _GOING,
    "retry": _retry,
    "happened": lambda here: here.mine is not None and here.undecided,
    "did_not_happen": lambda here: here.mine is not None and here.undecided,
    "skip": _skip,
    "roll_back": _roll_back,
    "vote_go": _speak,
    "object": _speak,
    "note": _speak,
    "stop_step": _stop,
    "open": lambda here: here.seen.plan is not None or here.seen.run is not None,
    "views": lambda here: here.seen.plan is not None,
}


def suggested(here: Here) -> tuple[str, ...]:
    """The acts that lead on, the likeliest first; those that cannot be done are left out."""
    return tuple(verb for verb in _wanted(here) if here.can(verb))


def _wanted(here: Here) -> tuple[str, ...]:
    seen, run = here.seen, here.live
    if here.after_the_end is not None:
        return ("begin", "roll_back", "vote_go")
    if run is None:
        unknown = any(each.age_seconds is None and not each.attested for each in seen.gates)
        return ("measure", "begin", "rehearse") if unknown else ("begin", "rehearse", "measure")
    if here.watching:
        if run.state is RunState.ARMED or seen.poll is not None:
            return ("object", "vote_go", "note")
        return ("vote_go", "object", "note") if here.waiting else ("note",)
    if run.state is RunState.DRAFT:
        return _before_go(seen)
    if not seen.driving:
        return ("take_up",)
    if run.state is RunState.ARMED or seen.poll is not None:
        return ("object", "note")
    if here.undecided:
        return _decide(here)
    if run.state is RunState.PAUSED:
        return ("go_on", "roll_back")
    if run.state is RunState.ROLLING_BACK:
        return ("note",)
    if here.at_no_return:
        return ("go", "roll_back")
    return _at_wait(here) if here.waiting else ("pause_run", "stop_step", "roll_back")


def _at_wait(here: Here) -> tuple[str, ...]:
    if here.seen.waits_for.startswith(GATES):
        return ("measure", "views", "roll_back")
    leads_on = "attest" if here.manual else "go_on" if here.can("go_on") else "vote_go"
    return (leads_on, "roll_back")


def _before_go(seen: CutoverSnapshot) -> tuple[str, ...]:
    shut = blocking(gates_for_go(seen))
    if not shut:
        return ("go",)
    measured = any(not each.attested for each in shut)
    attested = any(each.attested for each in shut)
    return (*(("measure",) if measured else ()), *(("attest", "views") if attested else ()), "waive", "go")


def _decide(here: Here) -> tuple[str, ...]:
    line = here.current
    if line is not None and line.state is StepState.UNKNOWN:
        return ("happened", "did_not_happen", "roll_back")
    if line is not None and line.state is StepState.WAITING:
        past = here.seen.rollback is not None and here.seen.rollback.past
        return ("vote_go", "happened", "did_not_happen") if past else ("happened", "did_not_happen")
    return ("retry", "happened", "roll_back")

"""Guardrails while a run waits: a pause is not blind. Asked behind the driver's back; what they come to is told once.

While a command runs, its own guardrails are the stepper's affair, and those of a wait that goes on the oven's. Here are
all others that are in force: of a wait that is paused, of work that people do or approve, and of earlier steps that
say ``until``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.cutover.model import Probe, Runbook, Step, StepKind
from devora_console.cutover.probes import Answer
from devora_console.cutover.state import Run, RunState, StepState
from devora_console.cutover.steps import SECOND_CHANCE, Stepper, in_a_row

_OF_PEOPLE = frozenset({StepKind.MANUAL, StepKind.APPROVAL})
_BEFORE_IT_BEGINS = frozenset({StepState.PENDING, StepState.WAITING})
_AWAKE = frozenset({RunState.RUNNING, RunState.BAKING, RunState.PAUSED})


def in_force(runbook: Runbook, run: Run) -> Mapping[str, tuple[Step, Probe]]:
    """The guardrails that are asked here now, by "step/probe", in the runbook's order."""
    if run.state not in _AWAKE:
        return {}
    over = (StepState.PASSED, StepState.SKIPPED)
    order = [each.id for each in runbook.steps]
    at = next((index for index, name in enumerate(order) if run.step(name).state not in over), len(order))
    found: dict[str, tuple[Step, Probe]] = {}
    for step in runbook.steps[:at]:
        if run.step(step.id).state is StepState.PASSED:
            kept = [each for each in step.guardrails if each.until and _reaches(order, each.until, at, run)]
            found |= {f"{step.id}/{each.id}": (step, each) for each in kept}
    if at < len(order) and _waits(runbook.steps[at], run):
        found |= {f"{order[at]}/{each.id}": (runbook.steps[at], each) for each in runbook.steps[at].guardrails}
    return found


def _reaches(order: list[str], until: str, at: int, run: Run) -> bool:
    last = order.index(until)
    return at < last or (at == last and run.step(until).state in _BEFORE_IT_BEGINS)


def _waits(step: Step, run: Run) -> bool:
    """Whether a step is at a wait of its own: for people, or paused while it is observed."""
    state = run.step(step.id).state
    if step.kind in _OF_PEOPLE:
        return state in (StepState.WAITING, StepState.VERIFYING)
    return step.kind is StepKind.WAIT and state is StepState.RUNNING and run.state is RunState.PAUSED


def despite(runbook: Runbook, run: Run) -> list[str]:
    """Those that do not say yes now: whoever goes on, goes on despite them."""
    return [
        name
        for name, (step, probe) in in_force(runbook, run).items()
        if (seen := run.step(step.id).probes.get(probe.id)) is not None and seen.verdict is not Verdict.OK
    ]


@dataclass(frozen=True, slots=True)
class Trip:
    """A guardrail that failed twice in a row, or (``silent``) was not answered for as long as it may be."""

    step: Step
    words: str
    silent: bool


@dataclass(slots=True)
class _Watched:
    step: Step
    probe: Probe
    due: float = 0.0
    row: int = 0
    mute: float | None = None  # since when it has not been answered
    latest: Answer | None = None
    written: Answer | None = None
    told: bool = False


class Sentinel:
    """Asks what is in force, one answer at a time, and writes the first, each change of verdict, and the last."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._watched: dict[str, _Watched] = {}
        self._task: asyncio.Task[None] | None = None

    async def look(self, runbook: Runbook, run: Run) -> Trip | None:
        """See to it that everything in force is asked when it is due; what has newly gone wrong."""
        if self._task is not None:
            if not self._task.done():
                return None
            task, self._task = self._task, None
            task.result()
        wanted = in_force(runbook, run)
        for name in [each for each in self._watched if each not in wanted]:
            await self._leave(self._watched.pop(name))
        for name, (step, probe) in wanted.items():
            self._watched.setdefault(name, _Watched(step, probe))
        tripped = self._tripped(run)
        if tripped is not None:
            return tripped
        now = asyncio.get_running_loop().time()
        due = [each for each in self._watched.values() if each.due <= now]
        if due:
            self._task = asyncio.create_task(self._ask(due))
        return None

    async def _ask(self, due: list[_Watched]) -> None:
        loop = asyncio.get_running_loop()
        for each in due:
            answer = await self._stepper.ask(each.probe)
            each.due = loop.time() + each.probe.every_seconds
            first = each.latest is None
            changed = each.written is not None and each.written.verdict is not answer.verdict
            each.latest = answer
            each.row = in_a_row(each.row, answer.verdict)
            if answer.verdict in (Verdict.OK, Verdict.FAIL):
                each.mute = None
            elif each.mute is None:
                each.mute = loop.time()
            if answer.verdict is Verdict.OK:
                each.told = False
            if first or changed:
                await self._write(each, answer)

    def _tripped(self, run: Run) -> Trip | None:
        now = asyncio.get_running_loop().time()
        for name, each in self._watched.items():
            silent = each.mute is not None and now - each.mute > each.probe.within_seconds
            if each.latest is None or each.told or name in run.despite or not (each.row >= SECOND_CHANCE or silent):
                continue
            each.told = True
            said = each.latest.value
            if each.row >= SECOND_CHANCE:
                return Trip(each.step, f"guardrail {each.probe.id}: {said}", silent=False)
            assert each.mute is not None
            return Trip(
                each.step, f"guardrail {each.probe.id} has not been answered for {span(now - each.mute)}: {said}", True
            )
        return None

    async def _leave(self, each: _Watched) -> None:
        if each.latest is not None and each.latest != each.written:
            await self._write(each, each.latest)

    async def _write(self, each: _Watched, answer: Answer) -> None:
        each.written = answer
        await self._stepper.tell(each.step, each.probe, answer, "guardrail")

    def forget(self) -> None:
        """Ask no further."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._watched.clear()

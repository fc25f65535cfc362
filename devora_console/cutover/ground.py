"""What the driver and the people who act on a run stand on: its journal, its runbook, its gates, and who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from devora_console.core.clock import utc_now
from devora_console.core.gates import Registry
from devora_console.cutover import gating
from devora_console.cutover.events import Kind
from devora_console.cutover.guarding import despite
from devora_console.cutover.lease import Keeper
from devora_console.cutover.model import GateUse, Runbook, Step, StepKind
from devora_console.cutover.record import Record
from devora_console.cutover.state import Run, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.steps import Stepper
from devora_console.cutover.voting import counted
from devora_console.cutover.waits import A_PERSON, KEY, OWN_GO

STUCK = frozenset({StepState.FAILED, StepState.TIMED_OUT, StepState.INCONCLUSIVE, StepState.UNKNOWN})
OVER = frozenset({StepState.PASSED, StepState.SKIPPED})


@dataclass(slots=True)
class Ground:
    """One run, as one driver has it in hand. ``busy`` keeps the driver's moves and people's acts apart."""

    record: Record
    runbook: Runbook
    plan_sha: str
    stepper: Stepper
    registry: Registry
    lease: Keeper
    me: str
    elsewhere: Callable[[], str] = lambda: ""  # another run of this environment that has begun, in words
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    released: set[str] = field(default_factory=set)  # steps that got their key
    shut: set[str] = field(default_factory=set)  # steps whose gates this driver has measured, and found not all open
    remeasure: bool = False  # somebody asked for the gates to be measured again
    poll: tuple[str, datetime] | None = None  # the poll for objections under way: its scope, and when it ends

    @property
    def run(self) -> Run:
        """The run as its journal tells it."""
        return self.record.run

    def current(self) -> Step | None:
        """The first step that is neither passed nor skipped."""
        return next((each for each in self.runbook.steps if self.run.step(each.id).state not in OVER), None)

    def beyond(self) -> bool:
        """Whether real writes may have reached the target."""
        step = self.runbook.point_of_no_return
        return step is not None and self.run.mode is not RunMode.REHEARSAL and self.run.step(step.id).touched

    def hindrance(self, step: Step) -> str:
        """What has to be there before a step may start, in words; empty when nothing is missing."""
        run = self.run
        real = run.mode is not RunMode.REHEARSAL
        if not real and step.rehearsal.how == "skip":
            return ""
        if step.ponr and real and step.id not in run.gone:
            return OWN_GO
        if real and (step.people > 1 or step.kind is StepKind.APPROVAL):
            missing = counted(run, step.id, step.people, self.plan_sha, utc_now()).words
            if missing:
                return missing
        if step.pause and step.id not in self.released:
            return KEY
        if step.kind is StepKind.MANUAL and real and not run.step(step.id).evidence:
            return f"{A_PERSON} {step.words}"
        return ""

    def gates_before(self, step: Step) -> tuple[GateUse, ...]:
        """The gates that have to be open for a step to start, and have to be measured for that now: its own; before
        anything was done those of GO, of which what was measured within the horizon counts.
        """
        own = gating.uses(self.runbook, self.run.mode, step.id)
        if step.kind is StepKind.GATES:
            return ()
        if any(each.attempts or each.evidence for each in self.run.steps):
            return own
        return (*gating.uses(self.runbook, self.run.mode), *own)

    def due(self, wanted: Sequence[GateUse]) -> tuple[GateUse, ...]:
        """Those to be measured before they are believed: what is shut may have been opened since."""
        again = {*gating.horizon(self.run, wanted, self.runbook.horizon_seconds)}
        again |= {each.id for each in gating.blocking(self.gate_lines(wanted))}
        return tuple(each for each in wanted if not each.attested and (each.phase != "start" or each.id in again))

    async def measure(self, wanted: Sequence[GateUse]) -> None:
        """Measure gates now, and write down what was found."""
        for name, found in (await gating.measure(wanted, self.registry)).items():
            await self.record.add(Kind.GATE, gating.payload(name, found))

    def gate_lines(self, wanted: Sequence[GateUse]) -> tuple[gating.GateLine, ...]:
        """Gates as they stand."""
        return gating.lines(wanted, self.registry, self.run.gates, utc_now())

    async def run_state(self, state: RunState, reason: str) -> None:
        """Write down where the run stands."""
        await self.record.add(Kind.RUN, {"state": state.value, "reason": reason})

    async def go_on(self, state: RunState) -> None:
        """Somebody goes on, and has seen the guardrails that do not say yes: they stop nothing until they said it."""
        said = {"state": state.value, "reason": "", "despite": despite(self.runbook, self.run)}
        await self.record.add(Kind.RUN, said)

    async def step_state(self, step: Step, state: StepState, reason: str, by: str) -> None:
        """Write down where a step stands."""
        await self.record.add(Kind.STEP, {"state": state.value, "reason": reason, "by": by}, step=step.id)


def ended_well(standing: StepStanding) -> bool:
    """Whether the program ended with 0, so that only its probes said no."""
    last = standing.attempts[-1] if standing.attempts else None
    return last is not None and not last.undo and last.exited and last.rc == 0 and not last.timed_out


def never_started(standing: StepStanding) -> bool:
    """Whether the latest attempt certainly ran nothing: the driver was told so when it tried."""
    last = standing.attempts[-1] if standing.attempts else None
    told = standing.state is StepState.FAILED and standing.by == "driver"
    return told and last is not None and not last.undo and last.pid is None and not last.exited

"""Who moves a run: one driver, fenced, crash-only. It decides from the journal alone what comes next.

A step is started only when its intent is durable; it is green only by exit code 0 and its probes; what cannot be known
waits for a probe or a person. Losing the driver loses nothing: the step in flight goes on, and the next driver looks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from devora_console.core.clock import utc_now
from devora_console.cutover import gating
from devora_console.cutover.baking import Oven
from devora_console.cutover.events import Kind
from devora_console.cutover.ground import OVER, STUCK, Ground
from devora_console.cutover.guarding import Sentinel, Trip
from devora_console.cutover.measuring import Measuring
from devora_console.cutover.model import GateUse, Step, StepKind
from devora_console.cutover.state import ENDED, IN_FLIGHT, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.undo import by_hand, by_nobody, nothing_words, remaining, went_past
from devora_console.cutover.voting import RUN_SCOPE, counted
from devora_console.cutover.waits import GATES, MEASURED

_TICK = 0.25
Judge = Callable[[Sequence[gating.GateLine]], tuple[gating.GateLine, ...]]


class Driver:
    """Drive with :meth:`drive`; people act through :class:`~devora_console.cutover.people.People`, on the same loop."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._oven = Oven(ground.record, ground.stepper)
        self._often = max(1.0, ground.runbook.horizon_seconds / 4)  # seconds after which gates are measured again
        self._measuring = Measuring(ground.measure, ground.wake)
        self._sentinel = Sentinel(ground.stepper)

    async def drive(self) -> None:
        """Until the run has ended. Raises ConsoleError (exit 4) when somebody else took over."""
        ground = self._ground
        try:
            while ground.run.state not in ENDED:
                async with ground.busy:
                    await ground.record.catch_up()
                    moved = await self._advance()
                if not moved:
                    ground.wake.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(ground.wake.wait(), _TICK)
        finally:
            ground.stepper.forget()
            self._measuring.forget()
            self._sentinel.forget()

    async def _advance(self) -> bool:
        """One move; whether there was one."""
        ground, run = self._ground, self._ground.run
        if run.state is RunState.ROLLING_BACK:
            return await self._back()
        step = ground.current()
        if step is None:
            return await self._finish()
        standing = run.step(step.id)
        tripped = await self._sentinel.look(ground.runbook, run)
        if tripped is not None:
            return await self._warned(step, tripped)
        if standing.state in IN_FLIGHT and not _waits(step, standing):
            return await ground.stepper.follow(step)
        if standing.state is StepState.UNKNOWN and await self._resolve(step):
            return True
        if run.state is RunState.ARMED:
            return await self._after_poll()
        if run.state not in (RunState.RUNNING, RunState.BAKING):
            self._oven.away()
            # What runs when a run is paused is guarded to its end.
            news = bool(ground.stepper.tripped) and standing.reason not in run.reason
            return news and standing.state in STUCK and await self._stuck(step, standing)
        if standing.state in STUCK:
            return await self._stuck(step, standing)
        if _waits(step, standing):
            return await self._oven.tick(step)
        if ground.poll is not None:
            return await self._decide()
        return await self._begin(step, standing)

    async def _finish(self) -> bool:
        ground = self._ground
        if ground.run.state not in (RunState.RUNNING, RunState.BAKING):
            return False
        if ground.run.mode is RunMode.REHEARSAL:
            await ground.run_state(RunState.ROLLING_BACK, "rehearsed to the end: everything is taken back")
        else:
            await ground.run_state(RunState.DONE, "")
        return True

    async def _resolve(self, step: Step) -> bool:
        """Ask the probes that can tell. What did not happen is not started again by itself, unless that is declared to
        be safe: the run is paused before the step is free to start, so that no death in between starts it.
        """
        ground = self._ground

        async def before_again() -> None:
            if not step.idempotent and ground.run.state in (RunState.RUNNING, RunState.BAKING):
                await ground.run_state(RunState.PAUSED, f"{step.id} had not happened: go on to start it again")

        return await ground.stepper.resolve(step, before_again)

    async def _stuck(self, step: Step, standing: StepStanding) -> bool:
        """Something went wrong: wait for a person, or go back by itself where the runbook says so."""
        ground = self._ground
        tripped = ground.stepper.tripped
        if tripped and ground.runbook.on_guardrail == "rollback" and not ground.beyond():
            await ground.run_state(RunState.ROLLING_BACK, f"{step.id}: {tripped}")
        elif standing.state is StepState.UNKNOWN and step.already and standing.by != "probe":
            return False  # its probes are being asked
        else:
            await ground.run_state(RunState.PAUSED, f"{step.id} {standing.state.value}: {standing.reason}")
        return True

    async def _warned(self, step: Step, trip: Trip) -> bool:
        """A guardrail has tripped at a wait: back, where the runbook says so; else the run is paused, for people."""
        ground = self._ground
        ground.poll = None
        reason = f"{trip.step.id}: {trip.words}"
        if trip.step.id == step.id:
            state = StepState.INCONCLUSIVE if trip.silent else StepState.FAILED
            await ground.step_state(step, state, trip.words, "probe")
        if trip.silent or ground.runbook.on_guardrail != "rollback" or ground.beyond():
            await ground.run_state(RunState.PAUSED, reason)
        else:
            await ground.run_state(RunState.ROLLING_BACK, reason)
        return True

    async def _begin(self, step: Step, standing: StepStanding) -> bool:
        ground = self._ground
        rehearsal = ground.run.mode is RunMode.REHEARSAL
        if rehearsal and step.rehearsal.how == "skip":
            return await self._left_out(step, standing)
        missing = ground.hindrance(step) or self._shut(step, standing, ground.gates_before(step), gating.blocking)
        if missing:
            return await self._held(step, standing, missing)
        if ground.run.state is RunState.BAKING and step.kind is not StepKind.WAIT:
            await ground.run_state(RunState.RUNNING, "")
        if step.kind is StepKind.GATES:
            return await self._gates(step, standing)
        if not await ground.lease.take():
            await ground.run_state(RunState.PAUSED, f"the lease in the target is not certain: {ground.lease.why}")
            return True
        await self._start(step)
        self._measuring.forget()  # whoever starts it again measures again
        return True

    async def _held(self, step: Step, standing: StepStanding, missing: str) -> bool:
        moved = await self._wait(step, standing, missing)
        if missing.startswith(GATES):  # after it was written: what an earlier driver found says nothing of now
            self._ground.shut.add(step.id)
        return moved

    async def _left_out(self, step: Step, standing: StepStanding) -> bool:
        """A rehearsal leaves a step out, not its gates: they only look. One that fails keeps it waiting, as it will for
        real; what cannot be found out on the scratch target is named.
        """
        ground = self._ground
        wanted = [each for each in gating.uses(ground.runbook, ground.run.mode, step.id) if not each.attested]
        missing = self._shut(step, standing, wanted, gating.failing)
        if missing:
            return await self._held(step, standing, missing)
        self._measuring.forget()
        silent = gating.blocking(ground.gate_lines(wanted))
        said = f"; not found out here: {', '.join(f'{each.id} ({each.value})' for each in silent)}" if silent else ""
        await ground.step_state(step, StepState.SKIPPED, f"{step.rehearsal.reason}{said}", "runbook")
        return True

    def _shut(self, step: Step, standing: StepStanding, wanted: Sequence[GateUse], judge: Judge) -> str:
        """What its gates keep a step waiting for, in words; they are measured again and again meanwhile."""
        ground = self._ground
        if not wanted:
            return ""
        if ground.remeasure:
            ground.remeasure = False
            ground.shut.discard(step.id)
            self._measuring.forget()
        due = ground.due(wanted)
        if due and not self._measuring.over(step.id, due, self._often):
            return standing.reason if step.id in ground.shut else MEASURED
        shut = judge(ground.gate_lines(wanted))
        return f"{GATES} {gating.why_blocked(shut)}" if shut else ""

    async def _start(self, step: Step) -> None:
        ground = self._ground
        if step.kind is StepKind.COMMAND:
            otherwise = ground.run.mode is RunMode.REHEARSAL and step.rehearsal.how == "command"
            command = step.rehearsal.command if otherwise else step.command
            assert command is not None
            await ground.stepper.launch(step, command, undo=False)
        elif step.kind is StepKind.WAIT:
            await ground.step_state(step, StepState.RUNNING, "", "driver")
            await ground.run_state(RunState.BAKING, f"observing {step.id}")
        else:  # somebody has done or approved it, or it only looks: its probes are asked
            await ground.step_state(step, StepState.VERIFYING, "", "driver")

    async def _gates(self, step: Step, standing: StepStanding) -> bool:
        """A step that measures gates: green when all of them are open."""
        ground = self._ground
        phases = ("start", step.id)
        wanted = [
            each
            for each in ground.runbook.gates
            if (each.id in step.gates if step.gates else each.phase in phases)
            and (each.rehearsal or ground.run.mode is not RunMode.REHEARSAL)
        ]
        if not self._measuring.over(step.id, wanted, self._often):
            return await self._wait(step, standing, MEASURED)
        self._measuring.forget()
        shut = gating.blocking(ground.gate_lines(wanted))
        state = StepState.FAILED if shut else StepState.VERIFYING
        await ground.step_state(step, state, gating.why_blocked(shut), "probe")
        return True

    # --- the poll for objections -------------------------------------------------------------------

    async def _after_poll(self) -> bool:
        ground = self._ground
        if ground.poll is None:  # the driver that asked is gone
            await ground.run_state(RunState.DRAFT, "the poll for objections was not finished: give GO again")
            return True
        return await self._decide()

    async def _decide(self) -> bool:
        """Silence is consent; an objection takes the GO back."""
        ground = self._ground
        assert ground.poll is not None
        scope, ends = ground.poll
        found = counted(ground.run, scope, 0, ground.plan_sha, utc_now())
        if found.objections:
            ground.poll = None
            state = RunState.DRAFT if scope == RUN_SCOPE else RunState.PAUSED
            await ground.run_state(state, f"no GO: {found.words}")
            return True
        if utc_now() < ends:
            return False
        ground.poll = None
        said = {"scope": scope, "sha": ground.runbook.sha, "plan_sha": ground.plan_sha}
        await ground.record.add(Kind.GO, said)
        if scope == RUN_SCOPE:
            await ground.run_state(RunState.RUNNING, "")
        return True

    # --- back --------------------------------------------------------------------------------------

    async def _given_up(self, step: Step, standing: StepStanding) -> bool:
        """What is in flight when a rollback begins: a program is ended, what is only looked at is left."""
        ground = self._ground
        if standing.state is StepState.UNDOING:
            return await ground.stepper.follow(step)
        if standing.state is StepState.VERIFYING or not standing.attempts:
            await ground.step_state(step, StepState.INCONCLUSIVE, "given up for the rollback", "driver")
            return True
        moved = await ground.stepper.follow(step)
        if not moved:
            await ground.stepper.stop(step)
        return moved

    async def _back(self) -> bool:
        """The next move of a rollback."""
        ground, run = self._ground, self._ground.run
        flight = next((each for each in ground.runbook.steps if run.step(each.id).state in IN_FLIGHT), None)
        if flight is not None:
            return await self._given_up(flight, run.step(flight.id))
        left = remaining(run, ground.runbook)
        if not left:
            await ground.run_state(RunState.ROLLED_BACK, run.reason)
            return True
        step = left[0]
        standing = run.step(step.id)
        if standing.state is StepState.UNKNOWN and standing.attempts and standing.attempts[-1].undo:
            return await self._resolve(step)
        if standing.state is StepState.UNDO_FAILED:
            return False  # a person decides
        if step.undo is not None and by_nobody(step.undo, past=went_past(run, ground.runbook)):
            await ground.step_state(step, StepState.UNDONE, nothing_words(step.undo), "runbook")
        elif step.undo is not None and step.undo.command is not None:
            await ground.stepper.launch(step, step.undo.command, undo=True)
        else:
            return await self._wait(step, standing, by_hand(step))
        return True

    async def _wait(self, step: Step, standing: StepStanding, missing: str) -> bool:
        """It waits for something; whether that is news."""
        if (standing.state, standing.reason) == (StepState.WAITING, missing):
            return False
        await self._ground.step_state(step, StepState.WAITING, missing, "driver")
        return True


def _waits(step: Step, standing: StepStanding) -> bool:
    """Whether a wait is being observed: nothing runs that could be followed."""
    return step.kind is StepKind.WAIT and standing.state is StepState.RUNNING


__all__ = ["OVER", "Driver"]

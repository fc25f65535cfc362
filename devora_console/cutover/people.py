"""What people do to a run: GO, pause, retry, resolve, skip, rollback. Each act says who, and is written first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import refused
from devora_console.cutover import gating
from devora_console.cutover.events import Kind
from devora_console.cutover.ground import OVER, STUCK, Ground, ended_well, never_started
from devora_console.cutover.model import Step, StepKind
from devora_console.cutover.state import ENDED, IN_FLIGHT, RunMode, RunState, StepStanding, StepState
from devora_console.cutover.undo import after_the_end, by_hand
from devora_console.cutover.voting import ROLLBACK_SCOPE, RUN_SCOPE, counted

_SEE = "See: cutover status"
_LOOKS_ONLY = (StepKind.PROBE, StepKind.GATES, StepKind.MANUAL, StepKind.APPROVAL, StepKind.WAIT)


class People:
    """The acts of whoever has the run in hand. All raise ConsoleError (exit 4) for what is not allowed now."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def go(self, scope: str = RUN_SCOPE, *, poll_seconds: float | None = None) -> None:
        """GO for the run, or past the point of no return. Its gates are measured now; then people are polled.

        Raises ConsoleError (exit 4) naming every gate that is shut.
        """
        ground = self._ground
        async with ground.busy:
            await ground.record.catch_up()
            self._expect_go(scope)
            other = await asyncio.to_thread(ground.elsewhere) if scope == RUN_SCOPE else ""
            if other:
                raise refused("another_run", f"no GO: {other}", "Take that one up, or end it (cutover rollback)")
            wanted = gating.uses(ground.runbook, ground.run.mode, "start" if scope == RUN_SCOPE else scope)
            await ground.measure(wanted)
            shut = gating.blocking(ground.gate_lines(wanted))
            if shut:
                raise refused(
                    "gates_shut",
                    f"no GO: {gating.why_blocked(shut)}",
                    "Open them, or waive one by name with a reason (cutover waive)",
                )
            if not await ground.lease.take():
                raise refused("lease_held", f"no GO: {ground.lease.why}", "Drive from there, or wait until it ends")
            seconds = ground.runbook.objection_seconds if poll_seconds is None else poll_seconds
            if ground.run.mode is RunMode.REHEARSAL:
                seconds = 0.0
            ends = utc_now() + timedelta(seconds=seconds)
            ground.poll = (scope, ends)
            if scope == RUN_SCOPE:
                until = iso(ends.replace(microsecond=0))
                await ground.run_state(RunState.ARMED, f"any strong objections? until {until}")
            if seconds > 0:
                await ground.record.add(Kind.POLL, {"scope": scope, "ends_at": iso(ends)})
        ground.wake.set()

    def _expect_go(self, scope: str) -> None:
        ground = self._ground
        state, step = ground.run.state, ground.current()
        if ground.poll is not None:
            raise refused("poll_open", "people are being asked already", "Wait for the end of the poll")
        if scope == RUN_SCOPE:
            if state is not RunState.DRAFT:
                raise refused("go_given", f"this run is {state.value}: GO was given before", _SEE)
        elif step is None or step.id != scope or state not in (RunState.RUNNING, RunState.BAKING):
            raise refused("not_there", f"the run does not wait for a GO past {scope}", _SEE)

    async def rollback(self, reason: str) -> None:
        """Take back what was done, in reverse. Past the point of no return two people have to want it."""
        ground = self._ground
        async with ground.busy:
            await self._expect_rollback()
            ground.poll = None
            if not any(each.touched for each in ground.run.steps):
                await ground.run_state(RunState.ABORTED, reason)
            else:
                await self._give_up(ground.current())
                await ground.run_state(RunState.ROLLING_BACK, reason)
        ground.wake.set()

    async def may_roll_back(self) -> None:
        """Raises ConsoleError (exit 4) where :meth:`rollback` would, before anything is prepared for it."""
        async with self._ground.busy:
            await self._expect_rollback()

    async def _expect_rollback(self) -> None:
        ground = self._ground
        await ground.record.catch_up()
        state = ground.run.state
        over = state in ENDED and not after_the_end(ground.run, ground.runbook)
        if over or state is RunState.ROLLING_BACK:
            raise refused("nothing_to_undo", f"the run is {state.value}", _SEE)
        other = await asyncio.to_thread(ground.elsewhere) if state is RunState.DONE else ""
        if other:
            raise refused("another_run", f"no rollback of a run that is done: {other}", "End that one first")
        if ground.beyond():
            missing = counted(ground.run, ROLLBACK_SCOPE, 2, ground.plan_sha, utc_now()).words
            if missing:
                raise refused(
                    "two_people",
                    f"past the point of no return a rollback loses writes: {missing}",
                    "Each of two people: cutover vote --scope rollback --go",
                )

    async def _give_up(self, step: Step | None) -> None:
        """What is in flight is ended, and what is only being looked at is looked at no longer."""
        ground = self._ground
        ground.stepper.forget()
        if step is None:
            return
        state = ground.run.step(step.id).state
        if state is StepState.VERIFYING or (state is StepState.RUNNING and step.kind is StepKind.WAIT):
            await ground.step_state(step, StepState.INCONCLUSIVE, "given up for the rollback", "person")
        elif state in IN_FLIGHT:
            await ground.stepper.stop(step)

    async def pause(self) -> None:
        """Start nothing further; what runs goes on to its end."""
        async with self._ground.busy:
            await self._only((RunState.RUNNING, RunState.BAKING), "pause")
            self._ground.poll = None  # silence while nobody may go on is no consent
            await self._ground.run_state(RunState.PAUSED, f"asked to by {self._ground.me}")

    async def resume(self) -> None:
        """Go on from where it stands; a step that failed has to be decided first."""
        ground = self._ground
        async with ground.busy:
            await self._only((RunState.PAUSED,), "go on")
            step = ground.current()
            state = ground.run.step(step.id).state if step is not None else None
            if step is not None and state in STUCK:
                raise refused(
                    "undecided",
                    f"{step.id} is {ground.run.step(step.id).state.value}",
                    "Start it again, say what became of it, skip it with a reason, or roll back",
                )
            waits = step is not None and step.kind is StepKind.WAIT and state is StepState.RUNNING
            await ground.go_on(RunState.BAKING if waits else RunState.RUNNING)
        ground.wake.set()

    async def _only(self, states: tuple[RunState, ...], what: str) -> None:
        await self._ground.record.catch_up()
        if self._ground.run.state not in states:
            raise refused("not_now", f"cannot {what}: the run is {self._ground.run.state.value}", _SEE)

    def release(self) -> None:
        """The key that the current step waits for; its gates are measured again."""
        step = self._ground.current()
        if step is not None:
            self._ground.released.add(step.id)
            self._ground.remeasure = True
            self._ground.wake.set()

    async def stop_step(self) -> None:
        """End the program of the current step; it then counts as failed."""
        async with self._ground.busy:
            step = self._ground.current()
            state = self._ground.run.step(step.id).state if step is not None else None
            runs = step is not None and step.kind is StepKind.COMMAND
            if step is None or not runs or state not in (StepState.INTENT, StepState.RUNNING):
                raise refused("nothing_runs", "no step runs now", _SEE)
            await self._ground.stepper.stop(step)
        self._ground.wake.set()

    async def done(self, name: str, evidence: str) -> None:
        """Manual work was done: what, and how one sees it."""
        self._step(name)
        await self._ground.record.add(Kind.EVIDENCE, {"text": evidence}, step=name)
        self._ground.wake.set()

    async def retry(self, name: str) -> None:
        """Start a step again, or ask its probes again when only they said no."""
        ground = self._ground
        async with ground.busy:
            await ground.record.catch_up()
            step, standing = self._step(name), ground.run.step(name)
            if ground.run.state is RunState.ROLLING_BACK:
                await self._undo_again(step, standing)
                return
            if standing.state is StepState.WAITING:
                ground.remeasure = True
            elif standing.state not in STUCK:
                raise refused("not_stuck", f"{name} is {standing.state.value}", _SEE)
            else:
                await self._again(step, standing)
                await ground.go_on(RunState.RUNNING)
        ground.wake.set()

    async def _undo_again(self, step: Step, standing: StepStanding) -> None:
        """In a rollback only what takes back is started again; the steps themselves are not."""
        ground = self._ground
        if standing.state is not StepState.UNDO_FAILED:
            raise refused("rolling_back", f"the run is rolled back, and {step.id} is {standing.state.value}", _SEE)
        if step.undo is not None and step.undo.command is not None:
            await ground.stepper.launch(step, step.undo.command, undo=True)
        else:
            await ground.step_state(step, StepState.WAITING, by_hand(step), "person")
        ground.wake.set()

    async def _again(self, step: Step, standing: StepStanding) -> None:
        ground = self._ground
        if standing.state is not StepState.UNKNOWN and ended_well(standing):
            await ground.step_state(step, StepState.VERIFYING, "its probes are asked again", "person")
        elif step.idempotent or step.kind in _LOOKS_ONLY or never_started(standing):
            await ground.step_state(step, StepState.PENDING, f"again, as {ground.me} says", "person")
        else:
            raise refused(
                "not_idempotent",
                f"{step.id} may have done something already, and is not declared idempotent",
                f"Say what became of it: cutover resolve {step.id} --done or --not-done, with --reason",
            )

    async def resolve(self, name: str, *, done: bool, reason: str) -> None:
        """A person says whether a step (or its undo) happened. Past the point of no return a second has to agree."""
        ground = self._ground
        async with ground.busy:
            await ground.record.catch_up()
            step, standing = self._step(name), ground.run.step(name)
            back = ground.run.state is RunState.ROLLING_BACK
            by_hand = back and standing.state is StepState.WAITING
            if standing.state not in (*STUCK, StepState.UNDO_FAILED) and not by_hand:
                raise refused("not_stuck", f"{name} is {standing.state.value}", _SEE)
            last = standing.attempts[-1] if standing.attempts else None
            self._expect_two(name, last.intent_at if last else None)
            if by_hand or standing.state is StepState.UNDO_FAILED or (last is not None and last.undo):
                state = StepState.UNDONE if done else StepState.UNDO_FAILED
            else:
                state = StepState.PASSED if done else StepState.PENDING
            ground.stepper.forget()
            if not back:  # first: nobody starts by itself what is free to be started now
                await ground.run_state(RunState.PAUSED, f"{name} was decided by {ground.me}: go on when ready")
            await ground.step_state(step, state, reason, "person")
        ground.wake.set()

    def _expect_two(self, name: str, since: datetime | None) -> None:
        """Past the point of no return two people say what became of a step, after it had been begun."""
        ground = self._ground
        if not ground.beyond():
            return
        found = counted(ground.run, name, 2, ground.plan_sha, utc_now(), since)
        if not found.enough:
            raise refused(
                "two_people",
                f"past the point of no return two people say what became of {name}: {found.words}",
                f"Each of them: cutover vote --scope {name} --go --reason ...",
            )

    async def skip(self, name: str, reason: str) -> None:
        """Go on without a step. It is exported with who skipped it and why."""
        ground = self._ground
        async with ground.busy:
            await ground.record.catch_up()
            step, standing = self._step(name), ground.run.step(name)
            if ground.run.state in (*ENDED, RunState.ROLLING_BACK):
                raise refused("not_skippable", f"the run is {ground.run.state.value}", f"Or: cutover resolve {name}")
            if standing.state in (*IN_FLIGHT, *OVER):
                raise refused("not_skippable", f"{name} is {standing.state.value}", _SEE)
            if step.ponr:
                raise refused("not_skippable", f"{name} is the point of no return", "Give it its GO, or roll back")
            await ground.step_state(step, StepState.SKIPPED, reason, "person")
            if ground.run.state is RunState.PAUSED:
                await ground.go_on(RunState.RUNNING)
        ground.wake.set()

    def _step(self, name: str) -> Step:
        try:
            return self._ground.runbook.step(name)
        except StopIteration:
            known = ", ".join(each.id for each in self._ground.runbook.steps)
            raise refused("no_such_step", f"the runbook has no step {name}", f"Known: {known}") from None

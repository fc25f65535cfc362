"""One step: begun, followed to its end, probed, judged; forwards and back. The journal knows each move first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from devora_console.config.secret import Secret
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import ExitCode, Problem
from devora_console.core.unknown import Unknown
from devora_console.cutover import machine, supervise
from devora_console.cutover.events import Kind
from devora_console.cutover.journal import home
from devora_console.cutover.model import Command, Probe, Step
from devora_console.cutover.outputs import last_words
from devora_console.cutover.probes import Answer, Prober, settle
from devora_console.cutover.record import Record
from devora_console.cutover.state import Attempt, StepStanding, StepState

P = ParamSpec("P")
T = TypeVar("T")
SECOND_CHANCE = 2  # a guardrail has to fail so many times in a row
_BEGINS_WITHIN = 5.0  # seconds after its intent in which a step without a trace may still be about to begin
_SELDOM = 60.0  # seconds between two answers that say the same in other numbers
_LATE = 30.0  # seconds past its time limit after which a step without its supervisor is stopped


class Stepper:
    """Moves a step on. ``environ`` is what its commands inherit; ``secrets`` are taken out of what they print."""

    def __init__(
        self,
        record: Record,
        folder: Path,
        prober: Prober,
        environ: Mapping[str, str],
        secrets: Sequence[Secret],
        output_limit_bytes: int,
    ) -> None:
        self._record = record
        self._folder = folder
        self._prober = prober
        self._environ = environ
        self._secrets = secrets
        self._limit = output_limit_bytes
        self._task: asyncio.Task[Verdict] | None = None
        self._task_of: tuple[str, str] = ("", "")
        self._guard_at = 0.0
        self._guard_row = 0
        self.tripped = ""
        """The guardrail that stopped the latest step; empty while none did."""

    async def launch(self, step: Step, command: Command, *, undo: bool) -> None:
        """Write down that it may have been started, then start it."""
        standing = self._record.run.step(step.id)
        number = 1 + sum(each.undo == undo for each in standing.attempts)
        await self._record.add(
            Kind.INTENT,
            {
                "argv": list(command.argv),
                "cwd": command.cwd,
                "env_keys": sorted(command.env),
                "timeout_seconds": command.timeout_seconds,
                "undo": undo,
            },
            step=step.id,
            attempt=number,
        )
        self.forget()
        self._guard_at, self._guard_row, self.tripped = 0.0, 0, ""
        try:
            started = await _to_the_end(self._start, step.id, number, command, undo)
        except supervise.NotStarted as error:
            bad = StepState.UNDO_FAILED if undo else StepState.FAILED
            await self._state(step, bad, str(error.problem), "driver")
            return
        if not isinstance(started, Unknown):  # otherwise a look tells what became of it
            await self._record.add(Kind.STARTED, {**started.payload(), "undo": undo}, step=step.id, attempt=number)

    def _start(self, step: str, number: int, command: Command, undo: bool) -> supervise.Started | Unknown:
        spec = supervise.Spec(command.argv, command.cwd, command.timeout_seconds, self._limit)
        try:
            folder = home.make_attempt_folder(self._folder, step, number, undo=undo)
        except OSError as error:
            problem = Problem("cutover_not_started", f"nothing was started: {error.strerror}", "Make room on the disk")
            raise supervise.NotStarted(problem, ExitCode.STOPPED) from None
        return supervise.start(folder, spec, self._secrets, {**self._environ, **command.env})

    async def follow(self, step: Step) -> bool:
        """Look what became of a step in flight; whether it moved."""
        standing = self._record.run.step(step.id)
        if standing.state is StepState.VERIFYING:
            return await self._verify(step, undo=False)
        attempt = standing.attempts[-1]
        if standing.state is StepState.UNDOING and attempt.exited and attempt.rc == 0 and not attempt.timed_out:
            return await self._verify(step, undo=True)
        seen = await asyncio.to_thread(supervise.look, self._place(step.id, attempt), attempt.boot)
        if seen.result is not None:
            await self._ended(step, attempt, seen.result)
            return True
        if seen.standing in (supervise.Standing.RUNNING, supervise.Standing.UNSUPERVISED):
            late = time.clock_gettime(time.CLOCK_BOOTTIME) - attempt.intent_mono - _limit_of(step, attempt.undo)
            if seen.standing is supervise.Standing.UNSUPERVISED and late > _LATE:  # whoever kept its time is dead
                await self.stop(step)
            if attempt.pid is None and seen.started is not None:  # whoever started it died, or was told too late
                said = {**seen.started.payload(), "undo": attempt.undo}
                await self._record.add(Kind.STARTED, said, step=step.id, attempt=attempt.number)
                return True
            await self._guard(step, attempt)
            return False
        since = time.clock_gettime(time.CLOCK_BOOTTIME) - attempt.intent_mono
        if seen.started is None and 0 <= since < _BEGINS_WITHIN and attempt.boot == machine.boot_id():
            return False  # whoever began it may have died a moment ago, and its shim be about to show
        await self._state(step, StepState.UNKNOWN, seen.reason, "driver", undo=attempt.undo)
        return True

    async def _ended(self, step: Step, attempt: Attempt, result: supervise.Result) -> None:
        if not attempt.exited:
            said = {**result.payload(ingested=attempt.pid is None), "undo": attempt.undo}
            await self._record.add(Kind.EXITED, said, step=step.id, attempt=attempt.number)
        bad = StepState.UNDO_FAILED if attempt.undo else StepState.FAILED
        if self.tripped:
            await self._state(step, bad, f"stopped: {self.tripped}", "probe", seconds=result.seconds)
        elif result.timed_out:
            state = bad if attempt.undo else StepState.TIMED_OUT
            late = f"no end within {_limit_of(step, attempt.undo):g} s"
            await self._state(step, state, await self._in_its_words(late, step, attempt), "exit")
        elif result.rc != 0:
            ended = f"ended by signal {result.signal}" if result.signal else f"exit code {result.rc}"
            await self._state(step, bad, await self._in_its_words(ended, step, attempt), "exit", seconds=result.seconds)
        elif not attempt.undo:
            await self._state(step, StepState.VERIFYING, "", "exit")

    async def _in_its_words(self, ended: str, step: Step, attempt: Attempt) -> str:
        """How a program ended, with what it said last: that names what was missing, an exit code does not."""
        said = await asyncio.to_thread(last_words, self._place(step.id, attempt))
        return f"{ended}: {said}" if said else ended

    # --- probes ------------------------------------------------------------------------------------

    async def _verify(self, step: Step, *, undo: bool) -> bool:
        """Exit code 0 is not enough: the probes have to say so too."""
        probes = (step.undo.probes if step.undo else ()) if undo else step.probes
        verdict = self._settled(step, probes, "undo" if undo else "post")
        if verdict is None:
            return False
        standing = self._record.run.step(step.id)
        attempt = standing.attempts[-1] if standing.attempts else None
        seconds = attempt.seconds if attempt is not None and attempt.undo == undo else None
        if undo:
            state = StepState.UNDONE if verdict is Verdict.OK else StepState.UNDO_FAILED
        else:
            good, bad = StepState.PASSED, StepState.FAILED
            state = good if verdict is Verdict.OK else bad if verdict is Verdict.FAIL else StepState.INCONCLUSIVE
        await self._state(step, state, "" if verdict is Verdict.OK else _no(standing), "probe", seconds=seconds)
        return True

    async def resolve(self, step: Step, before_again: Callable[[], Awaitable[None]]) -> bool:
        """Nobody knows whether it happened: ask the probes that can tell. Whether it moved. ``before_again`` is called
        before a step that had not happened is free to be started again.
        """
        standing = self._record.run.step(step.id)
        undo = bool(standing.attempts) and standing.attempts[-1].undo
        probes = (step.undo.probes if step.undo else ()) if undo else step.already
        if not probes or standing.by == "probe":
            return False
        verdict = self._settled(step, probes, "already")
        if verdict is None:
            return False
        if verdict is Verdict.OK:
            state = StepState.UNDONE if undo else StepState.VERIFYING
            await self._state(step, state, "it had happened, as its probes say", "probe")
        elif verdict is Verdict.FAIL:
            state = StepState.UNDO_FAILED if undo else StepState.PENDING
            if not undo:
                await before_again()
            await self._state(step, state, "it had not happened, as its probes say", "probe")
        else:
            await self._state(step, StepState.UNKNOWN, f"its probes cannot tell: {_no(standing)}", "probe")
        return True

    def _settled(self, step: Step, probes: Sequence[Probe], phase: str) -> Verdict | None:
        """The verdict of all of them together, None while they are being asked."""
        if self._task is None or self._task_of != (step.id, phase):
            self.forget()
            self._task_of = (step.id, phase)
            self._task = asyncio.create_task(self._all(step, probes, phase))
        if not self._task.done():
            return None
        task, self._task = self._task, None
        return task.result()

    async def _all(self, step: Step, probes: Sequence[Probe], phase: str) -> Verdict:
        for probe in probes:

            async def tell(asked: Probe, answer: Answer) -> None:
                await self._tell(step, asked, answer, phase)

            verdict = await settle(probe, self._prober.ask, tell)
            if verdict is not Verdict.OK:
                return verdict
        return Verdict.OK

    async def _tell(self, step: Step, probe: Probe, answer: Answer, phase: str) -> None:
        """An answer is written when it is another than before: a probe asked for a day does not fill the journal.

        One that only counts or times differently from the last is written once in a while.
        """
        before = self._record.run.step(step.id).probes.get(probe.id)
        if before is not None and before.verdict is answer.verdict:
            age = (utc_now() - before.at).total_seconds()
            if before.value == answer.value or 0 <= age < _SELDOM:
                return
        await self.tell(step, probe, answer, phase)

    async def tell(self, step: Step, probe: Probe, answer: Answer, phase: str) -> None:
        """Write an answer down."""
        said = {"probe": probe.id, "verdict": answer.verdict.value, "value": answer.value, "needed": answer.needed}
        await self._record.add(Kind.PROBED, {**said, "phase": phase}, step=step.id)

    async def ask(self, probe: Probe) -> Answer:
        """Ask once; nothing is written."""
        return await self._prober.ask(probe)

    async def sample(self, step: Step, probes: Sequence[Probe], phase: str) -> Verdict:
        """Ask each once; the worst answer counts, and no answer is no good one."""
        worst = Verdict.OK
        for probe in probes:
            answer = await self._prober.ask(probe)
            await self._tell(step, probe, answer, phase)
            if answer.verdict is Verdict.FAIL:
                worst = Verdict.FAIL
            elif answer.verdict is not Verdict.OK and worst is Verdict.OK:
                worst = Verdict.UNKNOWN
        return worst

    async def _guard(self, step: Step, attempt: Attempt) -> None:
        """Guardrails of a running step: one that fails twice in a row stops it."""
        loop = asyncio.get_running_loop()
        if attempt.undo or not step.guardrails or self.tripped or loop.time() < self._guard_at:
            return
        self._guard_at = loop.time() + min(each.every_seconds for each in step.guardrails)
        verdict = await self.sample(step, step.guardrails, "guardrail")
        self._guard_row = in_a_row(self._guard_row, verdict)
        if self._guard_row >= SECOND_CHANCE:
            failed = [each for each in self._record.run.step(step.id).probes.values() if each.verdict is Verdict.FAIL]
            self.tripped = "guardrail " + "; ".join(f"{each.id}: {each.value}" for each in failed)
            await self.stop(step)

    async def stop(self, step: Step) -> None:
        """End what runs of a step: asked first, forced later. Its state is what its result then says."""
        standing = self._record.run.step(step.id)
        if standing.attempts and not standing.attempts[-1].exited:
            await asyncio.to_thread(supervise.stop, self._place(step.id, standing.attempts[-1]))

    def _place(self, step: str, attempt: Attempt) -> Path:
        return home.attempt_folder(self._folder, step, attempt.number, undo=attempt.undo)

    def forget(self) -> None:
        """Ask no further."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _state(
        self, step: Step, state: StepState, reason: str, by: str, *, seconds: float | None = None, undo: bool = False
    ) -> None:
        said = {"state": state.value, "reason": reason, "by": by, "seconds": seconds, "undo": undo}
        await self._record.add(Kind.STEP, said, step=step.id)


def in_a_row(before: int, verdict: Verdict) -> int:
    """How often in a row it was a no. An answer that says nothing does not begin anew."""
    return before + 1 if verdict is Verdict.FAIL else 0 if verdict is Verdict.OK else before


async def _to_the_end(start: Callable[P, T], *said: P.args, **named: P.kwargs) -> T:
    """Run it in a thread. Who is cancelled meanwhile waits for it: nobody else drives while something is started."""
    starting = asyncio.create_task(asyncio.to_thread(start, *said, **named))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        raise


def _limit_of(step: Step, undo: bool) -> float:
    command = (step.undo.command if step.undo else None) if undo else step.command
    return command.timeout_seconds if command else 0.0


def _no(standing: StepStanding) -> str:
    """The probes that do not say yes."""
    said = [
        f"{each.id}: {each.value}, needed: {each.needed}"
        for each in standing.probes.values()
        if each.verdict is not Verdict.OK
    ]
    return "; ".join(said) or "a probe did not say yes steadily"

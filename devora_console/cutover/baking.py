"""A wait under observation: only time that was looked at counts, and too few samples prove nothing.

Unless the runbook says that the calendar counts: then it is looked at when somebody is there.
"""

from __future__ import annotations

import asyncio

from devora_console.core.clock import span, utc_now
from devora_console.core.console import Verdict
from devora_console.cutover.events import Kind
from devora_console.cutover.model import Step
from devora_console.cutover.record import Record
from devora_console.cutover.state import StepState
from devora_console.cutover.steps import SECOND_CHANCE, Stepper, in_a_row

_WRITTEN_EVERY = 15.0  # seconds of observation between two events
_SLACK = 2.0  # seconds by which a busy machine may be late for a sample


class Oven:
    """Samples the guardrails of one wait. What was observed is in the journal; a new driver goes on from there."""

    def __init__(self, record: Record, stepper: Stepper) -> None:
        self._record = record
        self._stepper = stepper
        self._step = ""
        self._last: float | None = None
        self._seconds = self._written = 0.0
        self._samples = self._row = 0
        self._mute: dict[str, float] = {}  # guardrails that cannot be answered, and since when

    def away(self) -> None:
        """Nobody looks for a while: what passes until the next sample was not observed."""
        self._last = None
        self._mute.clear()

    async def tick(self, step: Step) -> bool:
        """Sample when it is time; whether the step moved on."""
        now = asyncio.get_running_loop().time()
        if self._step != step.id:
            standing = self._record.run.step(step.id)
            self._step, self._last, self._row = step.id, None, 0
            self._seconds = self._written = standing.observed_seconds
            self._samples = standing.samples
            self._mute.clear()
        asked = (*step.guardrails, *step.probes)
        every = min((each.every_seconds for each in asked), default=1.0)
        if self._last is not None and now - self._last < every:
            return False
        verdict = await self._stepper.sample(step, step.guardrails, "guardrail")
        found = await self._stepper.sample(step, step.probes, "post")
        after = asyncio.get_running_loop().time()
        # A gap (a laptop asleep, a console away) was not observed; what no probe could answer, or was bad, is no proof.
        fine = verdict is Verdict.OK and found is Verdict.OK
        if self._last is not None and fine and now - self._last <= every + _SLACK:
            self._seconds += after - self._last
        began = self._record.run.step(step.id).began
        if not step.observed and began is not None:
            self._seconds = max(self._seconds, (utc_now() - began).total_seconds())
        self._last = after
        self._samples += Verdict.UNKNOWN not in (verdict, found)
        self._row = in_a_row(self._row, verdict)
        silent = self._silence(step, after)
        ended = self._row >= SECOND_CHANCE or bool(silent) or self._seconds >= step.wait_seconds
        if ended or self._seconds - self._written >= min(_WRITTEN_EVERY, step.wait_seconds / 4):
            self._written = self._seconds
            await self._record.add(Kind.OBSERVED, {"seconds": self._seconds, "samples": self._samples}, step=step.id)
        if not ended:
            return False
        await self._judge(step, silent)
        return True

    def _silence(self, step: Step, now: float) -> str:
        """The guardrail that has been without an answer for longer than it may be, in words; '' while there is none.

        Visitors are there, and nobody knows how they fare: that is a person's affair, not one to wait out.
        """
        known = self._record.run.step(step.id).probes
        for probe in step.guardrails:
            seen = known.get(probe.id)
            if seen is None or seen.verdict in (Verdict.OK, Verdict.FAIL):
                self._mute.pop(probe.id, None)
                continue
            since = self._mute.setdefault(probe.id, now)
            if now - since > probe.within_seconds:
                return f"guardrail {probe.id} has not been answered for {span(now - since)}: {seen.value}"
        return ""

    async def _judge(self, step: Step, silent: str) -> None:
        state, reason = StepState.VERIFYING, ""
        if self._row >= SECOND_CHANCE:
            probes = self._record.run.step(step.id).probes.values()
            failed = [each for each in probes if each.verdict is Verdict.FAIL]
            said = "; ".join(f"{each.id}: {each.value}" for each in failed)
            self._stepper.tripped = f"guardrail {said}"
            state, reason = StepState.FAILED, self._stepper.tripped
        elif silent:
            state, reason = StepState.INCONCLUSIVE, silent
        elif self._samples < step.sample_floor:
            state = StepState.INCONCLUSIVE
            reason = f"{self._samples} samples, {step.sample_floor} are needed to say anything"
        said_ = {"state": state.value, "reason": reason, "by": "probe", "seconds": self._seconds}
        await self._record.add(Kind.STEP, said_, step=step.id)
        self._step = ""

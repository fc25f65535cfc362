"""A wait under observation, second by second, without servers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from devora_console.core.console import Verdict
from devora_console.cutover import baking
from devora_console.cutover.baking import Oven
from devora_console.cutover.events import Kind
from devora_console.cutover.model import Probe, ProbeKind, Step, StepKind
from devora_console.cutover.record import Record
from devora_console.cutover.state import ProbeSeen, StepStanding, StepState
from devora_console.cutover.steps import Stepper

NOW = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
GUARD = Probe("guardrail.1", ProbeKind.HTTP, every_seconds=10, within_seconds=60)
WAIT = Step("observe", "Observe", StepKind.WAIT, guardrails=(GUARD,), wait_seconds=100)


@dataclass
class Life:
    """A clock, a probe's answer, and what became of the wait."""

    verdict: Verdict = Verdict.OK
    seconds: float = 0.0
    standing: StepStanding = field(default_factory=lambda: StepStanding("observe", StepState.RUNNING, began=NOW))
    tripped: str = ""

    # As a run, a record and a stepper.
    @property
    def run(self) -> Life:
        return self

    def step(self, name: str) -> StepStanding:
        return self.standing

    async def add(self, kind: Kind, said: dict[str, Any], *, step: str) -> None:
        if kind is Kind.STEP:
            self.standing = replace(self.standing, state=StepState(said["state"]), reason=said["reason"])
        else:
            self.standing = replace(self.standing, observed_seconds=said["seconds"], samples=said["samples"])

    async def sample(self, step: Step, probes: tuple[Probe, ...], phase: str) -> Verdict:
        if not probes:
            return Verdict.OK
        seen = {each.id: ProbeSeen(each.id, self.verdict, "said", "", NOW) for each in probes}
        self.standing = replace(self.standing, probes=seen)
        return self.verdict

    async def pass_by(self, oven: Oven, step: Step, seconds: float) -> None:
        """Time goes by, looked at every second, until the wait has ended."""
        end = self.seconds + seconds
        while self.seconds < end and self.standing.state is StepState.RUNNING:
            await oven.tick(step)
            self.seconds += 1


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Life:
    """A life of which the clocks are the test's."""
    found = Life()
    monkeypatch.setattr(baking, "utc_now", lambda: NOW + timedelta(seconds=found.seconds))
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: _Loop(found))
    return found


@dataclass
class _Loop:
    life: Life

    def time(self) -> float:
        return self.life.seconds


def oven_of(life: Life) -> Oven:
    """The oven of that life."""
    return Oven(cast(Record, life), cast(Stepper, life))


async def test_a_guardrail_that_is_not_answered_pauses_and_counts_nothing(life: Life) -> None:
    oven = oven_of(life)
    await life.pass_by(oven, WAIT, 45)
    life.verdict = Verdict.UNKNOWN
    await life.pass_by(oven, WAIT, 300)
    assert life.standing.state is StepState.INCONCLUSIVE
    assert "guardrail.1 has not been answered" in life.standing.reason
    assert life.standing.observed_seconds == 40
    assert not life.tripped


async def test_a_short_silence_is_waited_out(life: Life) -> None:
    oven = oven_of(life)
    for verdict in (Verdict.OK, Verdict.UNKNOWN, Verdict.OK, Verdict.UNKNOWN):
        life.verdict = verdict
        await life.pass_by(oven, WAIT, 40)
    life.verdict = Verdict.OK
    await life.pass_by(oven, WAIT, 300)
    assert life.standing.state is StepState.VERIFYING
    assert life.seconds > 180


async def test_a_wait_by_the_calendar_goes_on_while_nobody_looks(life: Life) -> None:
    week = replace(WAIT, observed=False)
    await life.pass_by(oven_of(life), week, 15)
    life.seconds += 5_000
    await life.pass_by(oven_of(life), week, 15)  # another console
    assert life.standing.state is StepState.VERIFYING
    life.standing = StepStanding("observe", StepState.RUNNING, began=NOW + timedelta(seconds=life.seconds))
    await life.pass_by(oven_of(life), WAIT, 15)
    life.seconds += 5_000
    await life.pass_by(oven_of(life), WAIT, 15)
    assert life.standing.state is StepState.RUNNING

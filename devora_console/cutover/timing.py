"""How long steps take: from rehearsals where there are any, else the runbook's estimate, and said which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from devora_console.cutover.model import Runbook, Step, StepKind
from devora_console.cutover.state import Run, RunMode, StepStanding, StepState

# It stands so still, or was taken back after it had been green, as in every rehearsal.
_GREEN = frozenset({StepState.PASSED, StepState.UNDONE})
Seconds = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that were measured, by step: of the step itself, and of taking it back."""

    forward: Seconds = field(default_factory=dict)
    undo: Seconds = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds that something will take. ``n`` measurements stand behind it; with none it is the runbook's estimate."""

    p50: float
    p95: float
    n: int

    @property
    def measured(self) -> bool:
        """Whether it comes from measurements."""
        return self.n > 0


@dataclass(frozen=True, slots=True)
class Total:
    """Seconds of several things, one after the other. Sums of percentiles: p95 is on the safe side.

    ``measured`` of ``parts`` come from measurements, the others from estimates.
    """

    p50: float
    p95: float
    measured: int
    parts: int


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest of ``values`` that at least ``share`` of them do not exceed.

    >>> percentile([10.0, 20.0, 30.0, 40.0], 0.5), percentile([10.0, 20.0, 30.0, 40.0], 0.95)
    (20.0, 40.0)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _expected(values: Sequence[float], estimate: float) -> Expected:
    if not values:
        return Expected(estimate, estimate, 0)
    return Expected(percentile(values, 0.50), percentile(values, 0.95), len(values))


def forward_time(step: Step, timings: Timings) -> Expected:
    """How long the step takes. A wait takes at least its own length, whatever a rehearsal shortened."""
    found = _expected(timings.forward.get(step.id, ()), step.expect_seconds)
    if step.kind is not StepKind.WAIT:
        return found
    return Expected(max(found.p50, step.wait_seconds), max(found.p95, step.wait_seconds), found.n)


def undo_time(step: Step, timings: Timings, *, past: bool = False) -> Expected | None:
    """How long it takes to take the step back; None when nothing is done for it. ``past``: past the point of no
    return.
    """
    if (
        step.undo is None
        or (step.undo.command is None and step.undo.seconds == 0)
        or (step.undo.past_only and not past)
    ):
        return None
    return _expected(timings.undo.get(step.id, ()), step.undo.seconds)


def total(parts: Iterable[Expected]) -> Total:
    """All of them, one after the other."""
    known = list(parts)
    return Total(
        p50=sum(each.p50 for each in known),
        p95=sum(each.p95 for each in known),
        measured=sum(each.measured for each in known),
        parts=len(known),
    )


def timings(runs: Iterable[Run], runbook: Runbook, environment: str) -> Timings:
    """What runs of this very file have measured: rehearsals, and real runs of other environments.

    Only what passed counts, and in a rehearsal only what was the same command.
    """
    forward: dict[str, list[float]] = {}
    undo: dict[str, list[float]] = {}
    for run in runs:
        rehearsal = run.mode is RunMode.REHEARSAL
        if run.sha != runbook.sha or not (rehearsal or run.environment != environment):
            continue
        for step in runbook.steps:
            standing = next((each for each in run.steps if each.id == step.id), None)
            if standing is None or (rehearsal and step.rehearsal.how != "run"):
                continue
            if standing.seconds is not None and standing.passed and standing.state in _GREEN:
                forward.setdefault(step.id, []).append(standing.seconds)
            undo.setdefault(step.id, []).extend(_undone(standing))
    return Timings(forward, {name: values for name, values in undo.items() if values})


def _undone(standing: StepStanding) -> list[float]:
    if standing.state is not StepState.UNDONE:
        return []
    return [each.seconds for each in standing.attempts if each.undo and each.rc == 0 and each.seconds is not None]

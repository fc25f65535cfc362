"""Two runs of one suite, query by query: better or worse, and whether chance explains it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devora_console.core.problems import usage_error
from devora_console.search.judging.chance import Interval, interval
from devora_console.search.judging.metrics import NAMES
from devora_console.search.judging.run import Judged, SuiteRun
from devora_console.search.model import Method

_LISTED = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """A query that lost: nDCG@10 before and after, and its first hits then and now."""

    method: Method
    query: str
    before: float
    after: float
    had: tuple[str, ...]
    has: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one method: the mean difference (after - before) with its paired interval.

    ``worse``: it fell by more than is tolerated, and chance does not explain it: the whole interval is below zero.
    """

    method: Method
    metric: str
    difference: Interval
    worse: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """``losses`` are worst first. ``notes`` name what else differs between the runs. ``watched``: the method whose
    changes decide.
    """

    changes: tuple[Change, ...]
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]
    watched: tuple[Method, ...]
    tolerance: float

    @property
    def worse(self) -> tuple[Change, ...]:
        """What decides against it."""
        return tuple(change for change in self.changes if change.worse and change.method in self.watched)


def compare(before: SuiteRun, after: SuiteRun, *, tolerance: float, watched: tuple[Method, ...]) -> Comparison:
    """Compare run with run. Raises ConsoleError (exit 2) where they do not answer the same queries."""
    if before.digest != after.digest:
        raise usage_error(
            "suite_changed",
            f"the suite {after.suite} is not what it was when it was recorded",
            "Record it again: search suite record FILE",
        )
    both = [method for method in after.judged if method in before.judged]
    changes, losses = [], []
    for method in both:
        pairs = list(zip(before.judged[method], after.judged[method], strict=True))
        for name in NAMES:
            found = interval([getattr(new.score, name) - getattr(old.score, name) for old, new in pairs])
            changes.append(Change(method, name, found, found.mean < -tolerance and found.high < 0))
        losses += [_loss(method, old, new) for old, new in pairs if new.score.ndcg_at_10 < old.score.ndcg_at_10]
    losses.sort(key=lambda loss: (loss.after - loss.before, loss.method, loss.query))
    return Comparison(tuple(changes), tuple(losses[:_LISTED]), _differs(before, after), watched, tolerance)


def _loss(method: Method, old: Judged, new: Judged) -> Loss:
    return Loss(method, new.query, old.score.ndcg_at_10, new.score.ndcg_at_10, old.ranking[:3], new.ranking[:3])


def _differs(before: SuiteRun, after: SuiteRun) -> tuple[str, ...]:
    notes = []
    if before.model != after.model:
        notes.append(f"Another embedder: {before.model or 'none'} before, {after.model or 'none'} now.")
    notes += [
        f"{name}: {before.versions.get(name, 'not there')} before, {after.versions.get(name, 'not there')} now."
        for name in sorted(before.versions.keys() | after.versions.keys())
        if before.versions.get(name) != after.versions.get(name)
    ]
    if _turned(before) != _turned(after):
        notes.append("The weights or limits are not what they were.")
    gone = set(before.judged) - set(after.judged)
    return (*notes, *(f"{method} was recorded and not asked now." for method in sorted(gone)))


def _turned(run: SuiteRun) -> Mapping[str, object]:
    knobs = run.knobs
    return {
        "legs": tuple(knobs.legs), "weights": dict(knobs.weights), "k": knobs.k, "candidates": knobs.candidates,
        "threshold": knobs.trigram_threshold, "least": knobs.least_similarity,
    }  # fmt: skip

"""Figures of measured times, and how sure a change between two of them is. Pure.

A percentile is the smallest measured value that so many percent do not exceed: never one between two. It is given from
as many measurements on as it needs. The interval of a change is a bootstrap over subjects and over rounds, not over
single times: times of one user are alike, and so are those of one round, and taking them as independent would promise
more than they hold. Where both sides asked the same subjects, subjects are drawn in pairs; where they took turns, so
are rounds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devora_console.core.unknown import Unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Samples = Sequence[Sequence[float]]
METRICS = ("average", "p50", "p95", "p99")
LEAST = {"average": 1, "p50": 1, "p95": 20, "p99": 100}
"""Measurements below which a figure is the largest one under another name."""
_DRAWS = 2000
_SEED = 20_240_501
_ROOM = 4_000_000  # values drawn at once


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds. ``n`` measurements of ``subjects`` users."""

    n: int
    subjects: int
    average: float | Unknown
    p50: float | Unknown
    p95: float | Unknown
    p99: float | Unknown

    def of(self, metric: str) -> float | Unknown:
        """One of :data:`METRICS`."""
        found: float | Unknown = getattr(self, metric)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """From one side to the other in percent, and where 95 % of changes lie when the subjects are drawn again."""

    percent: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval says in which direction."""
        return self.high < 0 or self.low > 0


def figures(samples: Samples) -> Figures:
    """The figures of what was measured.

    >>> found = figures([[1.0, 2.0], [3.0, 4.0]])
    >>> found.n, found.average, found.p50, found.p99.reason
    (4, 2.5, 2.0, 'needs 100 measurements, there are 4')
    """
    flat = [value for each in samples for value in each]
    values = {metric: _figure(flat, metric) for metric in METRICS}
    return Figures(len(flat), sum(bool(each) for each in samples), **values)


def _figure(flat: list[float], metric: str) -> float | Unknown:
    if len(flat) < LEAST[metric]:
        said = f"needs {LEAST[metric]} measurements, there are {len(flat)}"
        return Unknown(said if flat else "nothing was measured", "Measure more subjects or rounds")
    return float(_statistic(metric)(_flat([flat]), -1))


def change(
    before: Samples, after: Samples, metric: str = "average", *, paired: bool = True, turns: bool = True
) -> Change | Unknown:
    """How much the second took less or more than the first, in percent.

    ``paired``: both have the same subjects in the same order; those that one of them did not measure are left out.
    ``turns``: they were measured in the same rounds.
    """
    if paired:
        both = [(old, new) for old, new in zip(before, after, strict=True) if old and new]
        before, after = [old for old, _ in both], [new for _, new in both]
    before, after = [each for each in before if each], [each for each in after if each]
    for side in (before, after):
        if isinstance(short := _figure([value for each in side for value in each], metric), Unknown):
            return short
    old, new = _matrix(before), _matrix(after)
    whole = _statistic(metric)
    was, now = (float(whole(_flat(side), -1)) for side in (before, after))
    if was <= 0:
        return Unknown("it took no time that could be measured")
    ratios = _ratios(old, new, metric, paired, turns and old.shape == new.shape)
    low, high = (float(value) for value in _percentile(ratios, (2.5, 97.5)))
    return Change(100 * (now / was - 1), 100 * (low - 1), 100 * (high - 1))


def _ratios(old: Floats, new: Floats, metric: str, paired: bool, turns: bool) -> Floats:
    import numpy as np  # noqa: PLC0415 - loaded where it computes

    draw = np.random.default_rng(_SEED)
    statistic = _statistic(metric)
    at_once = max(1, _ROOM // (old.size + new.size))
    found = []
    for start in range(0, _DRAWS, at_once):
        many = min(at_once, _DRAWS - start)
        rows, columns = (draw.integers(0, size, (many, size)) for size in old.shape)
        below = statistic(_again(old, rows, columns), 1)
        if not paired:
            rows = draw.integers(0, len(new), (many, len(new)))
        if not turns:
            columns = draw.integers(0, new.shape[1], (many, new.shape[1]))
        above = statistic(_again(new, rows, columns), 1)
        found.append(above / np.maximum(below, 1e-9))
    ratios = np.concatenate(found)
    # Where some were measured less often, a draw may hold no time at all.
    known: Floats = ratios[np.isfinite(ratios)]
    return known


def _again(values: Floats, rows: Any, columns: Any) -> Floats:
    """The values of the drawn subjects in the drawn rounds, a row for each draw."""
    found: Floats = values[rows[:, :, None], columns[:, None, :]].reshape(len(rows), -1)
    return found


def _flat(samples: Samples) -> Floats:
    import numpy as np  # noqa: PLC0415

    return np.array([value for each in samples for value in each], dtype=np.float64)


def _matrix(samples: Samples) -> Floats:
    """A row for each subject; NaN where one was measured less often than another."""
    import numpy as np  # noqa: PLC0415

    widest = max(len(each) for each in samples)
    return np.array([[*each, *[np.nan] * (widest - len(each))] for each in samples], dtype=np.float64)


def _statistic(metric: str) -> Callable[[Floats, int], Any]:
    import numpy as np  # noqa: PLC0415

    if metric == "average":
        return lambda values, axis: _quietly(np.nanmean, values, axis=axis)
    percent = float(metric.removeprefix("p"))

    def rank(values: Floats, axis: int) -> Any:
        if np.isnan(values).any():  # some were measured less often: slower
            return _quietly(np.nanpercentile, values, percent, axis=axis, method="inverted_cdf")
        at = max(0, math.ceil(values.shape[axis] * percent / 100) - 1)
        return np.take(np.partition(values, at, axis=axis), at, axis=axis)

    return rank


def _quietly(ask: Callable[..., Any], *values: Any, **how: Any) -> Any:
    """NaN of nothing, without a warning on the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return ask(*values, **how)


def _percentile(values: Floats, percents: tuple[float, ...]) -> Floats:
    import numpy as np  # noqa: PLC0415

    return np.percentile(values, percents)

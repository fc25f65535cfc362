"""How sure a mean of few queries is: bootstrap intervals, always the same for the same numbers. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

_DRAWS = 2000
_SEED = 20_240_501


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over ``n`` queries, and where 95 % of means lie when the queries are drawn again from these."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: Sequence[float]) -> Interval:
    """Of one metric, a value per query; of two runs, their differences query by query (paired).

    >>> interval([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=1.0, high=1.0, n=3)
    """
    n = len(values)
    if not n:
        return Interval(0.0, 0.0, 0.0, 0)
    draw = random.Random(_SEED)  # noqa: S311 - nothing secret: the same numbers give the same interval
    means = sorted(sum(draw.choices(values, k=n)) / n for _ in range(_DRAWS))
    return Interval(sum(values) / n, means[int(_DRAWS * 0.025)], means[int(_DRAWS * 0.975) - 1], n)

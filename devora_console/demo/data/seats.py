"""Drawing a place that nothing else has taken."""

from __future__ import annotations

import random
from collections.abc import Callable


def free(
    rng: random.Random,
    low: int,
    high: int,
    taken: dict[int, str],
    fits: Callable[[int], bool] = lambda _: True,
) -> int:
    """A random index in [low, high) that is not taken and fits."""
    for _ in range(400):
        chosen = rng.randrange(low, high)
        if chosen not in taken and fits(chosen):
            return chosen
    # Crowded: take the first that is left rather than draw for ever.
    return next(i for i in range(low, high) if i not in taken and fits(i))

"""How long to wait before the next try to reach a server."""

from __future__ import annotations

import random


def backoff(attempt: int, *, refused: bool) -> float:
    """Seconds to wait after the ``attempt``-th failure in a row, jittered so that consoles do not come in step.

    A server that refuses us is asked rarely: what is wrong is a setting, and every try is a line in its log.
    """
    first, most = (15.0, 120.0) if refused else (0.5, 30.0)
    return min(most, first * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

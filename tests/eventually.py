"""Wait for what is about to be so, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(happened: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether it came to be within ``seconds``."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True

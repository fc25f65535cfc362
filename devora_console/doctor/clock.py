"""How far a server's clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from devora_console.core.clock import utc_now
from devora_console.doctor.check import Answer, passed, warned

LIMIT_SECONDS = 1.0
_TIMES = 3


async def compare_clocks(ask: Callable[[], Awaitable[datetime]]) -> Answer:
    """Ask three times and believe the quickest answer: the server read its clock somewhere within its way."""
    best_way = float("inf")
    difference = 0.0
    for _ in range(_TIMES):
        sent, began = utc_now(), time.monotonic()
        theirs = await ask()
        way = time.monotonic() - began
        if way < best_way:
            best_way = way
            difference = (theirs - (sent + timedelta(seconds=way / 2))).total_seconds()
    words = "ahead of" if difference > 0 else "behind"
    value = f"{abs(difference):.3f} s {words} this machine (± {best_way / 2:.3f} s, limit {LIMIT_SECONDS:.0f} s)"
    if abs(difference) - best_way / 2 > LIMIT_SECONDS:
        return warned(value, "Synchronise both clocks (timedatectl set-ntp true): times in reports would not agree")
    return passed(value)

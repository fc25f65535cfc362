"""The machine that a cutover is driven from: its clocks, its boot, its name."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.clock import utc_now
from devora_console.cutover.apart.machine import boot_id

__all__ = ["Moment", "boot_id", "now"]

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by every clock. ``mono`` is seconds since this boot, sleep included; it means something within ``boot``."""

    at: datetime
    mono: float
    boot: str
    host: str


def now() -> Moment:
    """The present moment on this machine."""
    return Moment(utc_now(), round(time.clock_gettime(_CLOCK), 6), boot_id(), socket.gethostname())

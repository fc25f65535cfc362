"""Which process is which: a process id that cannot be confused with a later process of the same number."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process id together with when that process was born: an opaque word, compared for equality only."""

    pid: int
    born: str


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of the living process ``pid``; None when there is none. A zombie does not live."""
    born = _born_linux(pid) if sys.platform == "linux" else _born_elsewhere(pid)
    return None if born is None else ProcessMark(pid, born)


def own_mark() -> ProcessMark:
    """The mark of this very process."""
    mark = mark_of(os.getpid())
    if mark is None:
        raise RuntimeError("this process cannot see itself: is /proc mounted?")
    return mark


def alive(mark: ProcessMark) -> bool:
    """Whether the marked process still lives."""
    return mark_of(mark.pid) == mark


def end_process(mark: ProcessMark, signals: Sequence[tuple[int, float]]) -> bool:
    """End a process that is not our child: each signal in turn, each given so many seconds to work.

    Tells whether the process is gone at the end. A process of another user that we may not signal stays.
    """
    for signum, seconds in signals:
        if not alive(mark):
            return True
        try:
            os.kill(mark.pid, signum)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        if wait_gone(mark, seconds):
            return True
    return not alive(mark)


def wait_gone(mark: ProcessMark, seconds: float) -> bool:
    """Wait until the marked process is gone, ``seconds`` at most; tells whether it is."""
    deadline = time.monotonic() + seconds
    while alive(mark):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _born_linux(pid: int) -> str | None:
    # Ticks since boot, with the boot they belong to. psutil's creation time moves when the clock is set.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{started}"


def _born_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return f"{process.create_time():.3f}"
    except psutil.Error:
        return None

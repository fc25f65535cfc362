"""Being told to stop: checked by threads between two pieces of work, and handed on to programs that run for us."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from devora_console.core.problems import ConsoleError, ExitCode

P = ParamSpec("P")
T = TypeVar("T")


class Stop:
    """A wish to stop. ``kill`` functions that were registered are called once it is set."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._lock = threading.Lock()
        self._kill: list[Callable[[], None]] = []

    @property
    def wanted(self) -> bool:
        """Whether it was asked for."""
        return self._set.is_set()

    def set(self) -> None:
        """Ask for it."""
        with self._lock:
            self._set.set()
            kill, self._kill = self._kill, []
        for each in kill:
            each()

    def on_stop(self, kill: Callable[[], None]) -> None:
        """Call ``kill`` when it is asked for, or at once when it has been."""
        with self._lock:
            if not self._set.is_set():
                self._kill.append(kill)
                return
        kill()

    def check(self) -> None:
        """Raise ConsoleError (exit 130) when it was asked for."""
        if self._set.is_set():
            raise interrupted()


def interrupted() -> ConsoleError:
    """What an interrupted backup ends with."""
    return ConsoleError.of(
        ExitCode.INTERRUPTED, "interrupted", "interrupted; nothing half-done is left in its place", "Run it again"
    )


async def in_thread(stop: Stop, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a thread. When we are cancelled, ask it to stop and wait until it has put its things away."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at, so that nobody complains about it
        raise

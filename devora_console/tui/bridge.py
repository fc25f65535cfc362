"""The only crossing between the screens and the services.

Towards the screens: one slot per kind of snapshot and at most one wake-up message on its way; a newer
snapshot replaces an older one, and the service thread never waits. Towards the services: a coroutine handed
to their loop, awaited here with a limit, every failure turned into words.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from textual.message import Message

from devora_console.config import crash
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.tui.ports import Services

T = TypeVar("T")


class Wake(Message):
    """Some snapshot is newer than what is on the screen; :meth:`Bridge.take` tells which kinds."""

    def can_replace(self, message: Message) -> bool:
        """Two wake-ups say no more than one."""
        return isinstance(message, Wake)


class Bridge:
    """Carries wake-ups to the screens and calls to the services."""

    def __init__(self, services: Services, post: Callable[[Message], bool]) -> None:
        self._services = services
        self._post = post
        self._lock = threading.Lock()
        self._newer: set[str] = set()
        self._on_its_way = False
        self._leave: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin to receive wake-ups."""
        if self._leave is None:
            self._leave = self._services.subscribe(self._wake)

    def close(self) -> None:
        """Receive no more wake-ups."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _wake(self, kind: str) -> None:
        with self._lock:
            self._newer.add(kind)
            if self._on_its_way:
                return
            self._on_its_way = True
        with contextlib.suppress(RuntimeError):  # the screens' loop has ended: there is nobody left to wake
            self._post(Wake())

    def take(self) -> frozenset[str]:
        """The kinds with a newer snapshot since the last call."""
        with self._lock:
            kinds = frozenset(self._newer)
            self._newer.clear()
            self._on_its_way = False
        return kinds

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Hand over what begins something and tells by wake-ups how it goes; nothing is awaited here."""
        try:
            self._services.loop.submit(work)
        except RuntimeError:
            work.close()  # the services have ended, and the screens are about to

    async def ask(self, work: Coroutine[Any, Any, T], what: str, *, within: float = 10.0, abandon: bool = True) -> T:
        """Run ``work`` on the service loop and give its result, within ``within`` seconds.

        Raises ConsoleError whatever goes wrong. With ``abandon`` false an act that takes too long is left to
        end by itself, for cutting it off would leave its outcome unknown; it is never tried again.
        """
        try:
            future = self._services.loop.submit(work)
        except RuntimeError:
            work.close()
            raise _failure("ui.closing", f"{what}: the services have ended", "Start the console again.") from None
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(waiting if abandon else asyncio.shield(waiting), within)
        except ConsoleError:
            raise
        except TimeoutError:
            remedy = "Look at the state before you try again." if not abandon else "Try again."
            raise _failure("ui.timeout", f"{what}: no answer within {within:g} s", remedy) from None
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _failure("ui.cancelled", f"{what}: cut off by the services", "") from None
        except Exception as error:  # protects the screens: a fault in a service becomes a banner, not a crash
            # Only its type is told: the message of an unforeseen error may hold what must not be shown.
            told = crash.report(error).problem
            raise _failure(told.code, f"{what}: {told.message}", told.remedy) from error


def _failure(code: str, message: str, remedy: str) -> ConsoleError:
    return ConsoleError.of(ExitCode.NEGATIVE, code, message, remedy)

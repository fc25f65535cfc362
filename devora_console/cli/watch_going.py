"""A watch as it goes on in a terminal: look, tell what changed, wait; a signal ends it, and what was kept stays."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devora_console.analytics.aftermath.headline import headline
from devora_console.analytics.aftermath.model import WatchSnapshot
from devora_console.analytics.aftermath.watching import Watch
from devora_console.cli.door import Door
from devora_console.core.backoff import backoff
from devora_console.core.clock import iso, span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_SECONDS = 60.0


async def go_on(door: Door, watch: Watch) -> tuple[WatchSnapshot, ExitCode, tuple[Problem, ...]]:
    """Watch until it is over, or until a signal. Raises ConsoleError when the server cannot be reached at first."""
    assert watch.run is not None
    until = watch.run.until
    door.narrate(f"Watching until {iso(until.replace(microsecond=0))}; Ctrl-C ends it, run it again to go on.")
    going = _Going(door, watch)
    async with _ended_by_signal() as ended:
        while True:
            wait = await going.look(ended)
            left = (until - utc_now()).total_seconds()
            if ended.is_set() or left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), min(wait, left))
        await going.leave()
    seen = watch.kept()
    if seen is None:
        raise ConsoleError.of(ExitCode.STOPPED, "watch_unseen", "ended before the first look", "Run it again")
    if going.problem is not None and not ended.is_set():
        return seen, ExitCode.CONNECT, (going.problem,)
    if ended.is_set() and utc_now() < until:
        rest = span((until - utc_now()).total_seconds())
        stopped = Problem("watch_stopped", f"ended early, {rest} before its end", "Run it again to go on")
        return seen, ExitCode.STOPPED, (stopped,)
    failing = any(line.verdict is Verdict.FAIL for line in seen.lines)
    return seen, ExitCode.NEGATIVE if failing else ExitCode.DONE, ()


class _Going:
    """The session it looks through, opened again after it was lost."""

    def __init__(self, door: Door, watch: Watch) -> None:
        self._door, self._watch = door, watch
        self._settings = door.effective.settings
        self._guest: Guest | None = None
        self._failures = 0
        self._told: tuple[Verdict, ...] = ()
        self.problem: Problem | None = None

    async def look(self, ended: asyncio.Event) -> float:
        """One look; the seconds to wait before the next. A signal ends it."""
        looking = asyncio.create_task(self._look())
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait({looking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not looking.done():
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConsoleError):
                await looking
            return 0.0
        return looking.result()

    async def _look(self) -> float:
        try:
            if self._guest is None:
                self._guest = await Target(self._settings.postgres).guest(purpose="watch")
            self._guest.forget()
            seen = await self._watch.look(self._guest)
        except ConsoleError as error:
            await self.leave()
            if self._watch.kept() is None or error.exit_code is not ExitCode.CONNECT:
                raise
            if self.problem is None:
                self._door.narrate(f"✗ {error.problem}")
            self.problem, self._failures = error.problem, self._failures + 1
            return min(_LONGEST_SECONDS, backoff(self._failures, refused=False))
        if self.problem is not None:
            self._door.narrate("The server answers again.")
        self.problem, self._failures = None, 0
        verdicts = tuple(line.verdict for line in seen.lines)
        if verdicts != self._told:
            self._door.narrate(f"{seen.as_of:%H:%M:%SZ} {headline(seen)}")
        self._told = verdicts
        return self._settings.watch.every_seconds

    async def leave(self) -> None:
        """Give the session back."""
        guest, self._guest = self._guest, None
        if guest is not None:
            await guest.leave()


@asynccontextmanager
async def _ended_by_signal() -> AsyncIterator[asyncio.Event]:
    """An event that a signal sets."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    # Signals reach the main thread alone.
    heard = _ENDINGS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in heard}
    for number in heard:
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

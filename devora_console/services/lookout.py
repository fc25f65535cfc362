"""The samplers of the watching screens: each kind looks in its own time, over two sessions shared by cost.

Cheap questions never wait behind dear ones: sessions and counters have one session, indexes, sizes and what somebody
asks for just now have the other. With the one that feeds the header that makes three, which is all a sick server gets.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import asyncpg

from devora_console.config.settings import PostgresSettings
from devora_console.core.backoff import backoff
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, lost
from devora_console.postgres.observe import REFUSED
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.postgres.watch.ring import Dated, Ring

S = TypeVar("S", bound=Dated)
T = TypeVar("T")

_TIMES = 50  # a dear look is followed by a pause of that many times its length


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of sample: how it is taken, how often, whether it is ``dear``, how many of the last hour are kept."""

    name: str
    every: float  # seconds between the end of one look and the begin of the next
    look: Callable[[Guest], Awaitable[S | Unknown]]
    dear: bool = False
    most: int = 3600  # how many samples are kept
    spacing: float = 0.0  # seconds between those that are kept


class _Session:
    """A guest that is opened when needed, and again after it was lost."""

    def __init__(self, settings: PostgresSettings, target: Target, purpose: str) -> None:
        self._settings = settings
        self._target = target
        self._purpose = purpose
        self._guest: Guest | None = None
        self._opening = asyncio.Lock()

    async def guest(self) -> Guest:
        """Raises ConsoleError while the server cannot be reached."""
        async with self._opening:
            if self._guest is None:
                self._guest = await Guest.enter(
                    self._target.dsn(),
                    purpose=self._purpose,
                    timeout_seconds=self._settings.connect_timeout_seconds,
                    statement_timeout_seconds=self._settings.statement_timeout_seconds,
                )
            return self._guest

    def forget(self) -> None:
        """Ask again what was refused: somebody may have granted it."""
        if self._guest is not None:
            self._guest.forget()

    async def drop(self, guest: Guest | None = None) -> None:
        """Leave the server; with ``guest``, only if that is still the one in use."""
        if guest is not None and guest is not self._guest:
            return
        old, self._guest = self._guest, None
        if old is not None:
            with contextlib.suppress(*LOST):
                await old.leave()


class Watcher(Generic[S]):
    """One kind being watched: its last hour, and what is in the way of looking."""

    def __init__(self, kind: Kind[S], session: _Session, looked: Callable[[str], None]) -> None:
        self._kind = kind
        self._session = session
        self._looked = looked
        self._now = asyncio.Event()
        self.ring: Ring[S] = Ring(most=kind.most)
        self.problem: Problem | None = None
        self._newest: S | Unknown | None = None

    @property
    def latest(self) -> S | Unknown | Problem | None:
        """The newest sample, or why it cannot be known; the problem while there is neither; None before a look."""
        return self._newest or self.problem

    def seen(self, at: datetime | None = None) -> S | Unknown | Problem | None:
        """The newest, or the one that was kept last before ``at``."""
        if at is None:
            return self.latest
        return next((each for each in reversed(tuple(self.ring)) if each.as_of <= at), None)

    def _take(self, seen: S | Unknown) -> None:
        self.problem, self._newest = None, seen
        if isinstance(seen, Unknown):
            return
        last = self.ring.latest
        if last is None or abs((seen.as_of - last.as_of).total_seconds()) >= self._kind.spacing:
            self.ring.add(seen)

    def hasten(self) -> None:
        """Look now instead of in a while, also at what was refused before."""
        self._session.forget()
        self._now.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        failures = 0
        while True:
            guest: Guest | None = None
            began = time.monotonic()
            try:
                guest = await self._session.guest()
                self._take(await self._kind.look(guest))
                failures = 0
                # On a server with very much to look at, looking takes no more than a small part of the time.
                wait = max(self._kind.every, (time.monotonic() - began) * _TIMES if self._kind.dear else 0.0)
            except ConsoleError as error:
                self.problem, failures = error.problem, failures + 1
                await self._session.drop(guest)
                refused = error.problem.code in REFUSED or error.exit_code is ExitCode.USAGE
                wait = backoff(failures, refused=refused)
                # A lost session is opened again soon, by dear kinds too: what they show is of before the loss.
                if error.exit_code is not ExitCode.CONNECT:
                    wait = max(self._kind.every, wait)
            self._looked(self._kind.name)
            self._now.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), wait)


class Lookout:
    """Start and stop it on the service loop. ``looked`` is called with the name of the kind after each look."""

    def __init__(self, settings: PostgresSettings, target: Target) -> None:
        self._quick = _Session(settings, target, "watch")
        self._thorough = _Session(settings, target, "look closer")
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Watcher[Dated]] = []

    def watch(self, kind: Kind[S], looked: Callable[[str], None]) -> Watcher[S]:
        """Add a kind, before :meth:`start`."""
        watcher = Watcher(kind, self._thorough if kind.dear else self._quick, looked)
        self._watchers.append(watcher)  # type: ignore[arg-type]  # run() is all that is asked of it here
        return watcher

    def start(self) -> None:
        """Begin, on the running loop."""
        self._tasks = [asyncio.create_task(watcher.run()) for watcher in self._watchers]

    def hasten(self) -> None:
        """The server answers again: whoever waits after a failure looks now."""
        for watcher in self._watchers:
            if watcher.problem is not None:
                watcher.hasten()

    async def stop(self) -> None:
        """End the watchers and leave the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in (self._quick, self._thorough):
            await session.drop()

    async def lend(self, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]) -> T:
        """The dear session itself, for work that is several statements in one transaction. Raises ConsoleError, and
        what the server says. Whatever the work sets is to be of its own transaction.
        """
        guest = await self._thorough.guest()
        async with guest.lock:
            try:
                return await work(guest.connection)
            except asyncio.CancelledError:
                guest.connection.terminate()  # in the middle of an answer it is of no use to the next caller
                raise
            except LOST as error:
                raise lost(error, guest.dsn) from None
            finally:
                if guest.connection.is_closed():
                    await self._thorough.drop(guest)

    def forget(self) -> None:
        """Ask again what was refused over the dear session."""
        self._thorough.forget()

    async def ask(self, work: Callable[[Guest], Awaitable[T]]) -> T:
        """Something a person wants to know just now. Raises ConsoleError."""
        guest = await self._thorough.guest()
        try:
            return await work(guest)
        except ConsoleError:
            await self._thorough.drop(guest)
            raise

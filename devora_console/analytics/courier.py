"""The background task of a process that tracks events: disk, database and PostHog, each at its own pace.

It runs on a daemon thread with a loop of its own. A database or a PostHog that is away, slow or wrong holds nothing up
but itself.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable

from devora_console.analytics import spool as spools
from devora_console.analytics.apart import Apart
from devora_console.analytics.mover import Mover
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.sender import Sender, Sends
from devora_console.analytics.setup import Setup
from devora_console.analytics.spool import Spool
from devora_console.analytics.store import Store, away
from devora_console.core.backoff import backoff
from devora_console.core.problems import ConsoleError

_log = logging.getLogger(__name__)
_IDLE_SECONDS, _SYNC_SECONDS = 0.5, 1.0
_CLAIM_SECONDS, _CLAIM_OFTEN_SECONDS = 30.0, 5.0  # it asks after every user who is not known yet


class Courier:
    """One for a process. ``start`` it once; ``stop`` is bounded."""

    def __init__(self, setup: Setup, spool: Spool) -> None:
        self._setup, self._spool = setup, spool
        self.dropped = Dropped()  # by the mover; whoever calls track_event counts in a Dropped of theirs
        self._theirs: Callable[[], Dropped] = Dropped
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._moved: asyncio.Event | None = None
        self._deadline = float("inf")

    def start(self, dropped: Callable[[], Dropped]) -> None:
        """Begin. ``dropped`` gives what was dropped since it was asked last."""
        self._theirs = dropped
        self._thread = threading.Thread(target=self._run, name="devora-events", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Try once more to move and send, for at most ``seconds``; what is left waits on the disk."""
        thread, loop, ending = self._thread, self._loop, self._ending
        self._deadline = time.monotonic() + seconds
        if thread is None or not thread.is_alive():
            return
        if loop is not None and ending is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(ending.set)
            except RuntimeError:
                return  # it ended by itself
        thread.join(seconds + 0.1)

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception:  # noqa: BLE001 - its own end must not be the application's
            _log.exception("the background task of events has ended; they stay on the disk")

    async def _work(self) -> None:
        self._loop, self._ending, self._moved = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._loop.set_default_executor(Apart())
        if self._deadline < float("inf"):
            self._ending.set()  # we were told to stop before we could hear it
        tasks = [asyncio.ensure_future(part) for part in (self._syncing(), self._moving(), self._sending())]
        await self._ending.wait()  # one that has nothing to do, as sending without a key, ends none of the others
        left = max(0.0, min(self._deadline, time.monotonic() + 60) - time.monotonic())
        _, late = await asyncio.wait(tasks, timeout=left)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)

    async def _pause(self, seconds: float) -> bool:
        """Whether to go on after this pause."""
        assert self._ending is not None
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def _syncing(self) -> None:
        going = True
        while going:
            going = await self._pause(_SYNC_SECONDS)
            try:
                await asyncio.to_thread(self._spool.sync)
                await asyncio.to_thread(self._count)
            except OSError as error:
                _log.warning("the spool of events: %s", error)

    def _count(self) -> None:
        gone = self._theirs()
        if self.dropped:
            mine, self.dropped.properties, self.dropped.events = (
                Dropped(self.dropped.properties, self.dropped.events),
                {},
                {},
            )
            gone.add(mine)
        try:
            if gone:
                spools.count_dropped(self._spool.folder, gone)
        except OSError:
            self.dropped.add(gone)  # a full disk is when most is dropped
            raise

    async def _moving(self) -> None:
        store = await self._store()
        assert self._moved is not None
        if store is None:
            self._moved.set()
            return
        mover = Mover(self._spool, store, self._setup.privacy, self.dropped)
        claimed = float("-inf")

        async def step() -> bool:
            nonlocal claimed
            moved = await mover.step()
            if time.monotonic() - claimed > (_CLAIM_OFTEN_SECONDS if moved else _CLAIM_SECONDS):
                claimed = time.monotonic()
                await store.claim_users()
            return moved > 0

        try:
            await self._again(step, "events stay on the disk")
        finally:
            self._moved.set()
            mover.release()
            self._spool.close()  # an empty one would stay behind, and one that is not is for the next process
            store.abandon()

    async def _sending(self) -> None:
        setup = self._setup
        if setup.fault or setup.key is None:
            return
        store = await self._store()
        if store is None:
            return
        sender = Sender(store, lambda: postroom(setup))

        async def step() -> bool:
            return await sender.step() > 0

        try:
            await self._again(step, "events wait in the database", after=self._moved)
        finally:
            store.abandon()

    async def _store(self) -> Store | None:
        """The database, once the spool's folder can be used; None when the end comes before that."""
        failures, going = 0, True
        while True:
            try:
                token = await asyncio.to_thread(spools.token, self._setup.folder)
            except OSError as error:
                failures += 1
                if failures == 1:
                    _log.warning("the spool of events: %s", error)
            else:
                return Store(self._setup.postgres, token)
            if not going:
                return None
            going = await self._pause(backoff(failures, refused=False))

    async def _again(
        self, step: Callable[[], Awaitable[bool]], meanwhile: str, *, after: asyncio.Event | None = None
    ) -> None:
        """Do it again and again, at once while it has something to do; and at the end once more, ``after`` that."""
        failures, going = 0, True
        while True:
            pause = _IDLE_SECONDS
            try:
                if await step():
                    continue
                failures = 0
            except ConsoleError as error:
                failures += 1
                pause = backoff(failures, refused=not away(error))
                if failures == 1:
                    _log.warning("%s: %s", meanwhile, error.problem)
            except Exception:  # noqa: BLE001 - a mistake of ours must not end it for as long as the process lives
                failures += 1
                pause = backoff(failures, refused=True)
                _log.exception("%s", meanwhile)
            if not going:
                return
            going = await self._pause(pause)
            if not going and after is not None:
                await after.wait()


def postroom(setup: Setup) -> Sends:
    """PostHog as it is set up. Loads its SDK."""
    from devora_console.analytics.postroom import Postroom  # noqa: PLC0415 - requests and posthog, only when sending

    assert setup.key is not None
    return Postroom(setup.key, setup.host, setup.privacy)

"""``analytics flush``: bring away everything that waits, now, and say what remains."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from devora_console.analytics import spool as spools
from devora_console.analytics.apart import Apart
from devora_console.analytics.courier import postroom
from devora_console.analytics.mover import Mover
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.sender import Sender
from devora_console.analytics.setup import Setup
from devora_console.analytics.spool import Spool
from devora_console.analytics.store import Store
from devora_console.core.backoff import backoff

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Flushed:
    """``moved`` from the disk to the database, ``delivered`` to PostHog. ``problem``: why it ended early, or ''."""

    moved: int
    delivered: int
    problem: str
    halted: bool = False


async def flush(setup: Setup, *, seconds: float, retry: bool = False) -> Flushed:
    """Move what others left on the disk, and send what is due, until nothing waits or the time is over.

    What a living process holds is waited for: it moves its file by itself, and sends what it has taken. ``retry``:
    refused ones too. Raises ConsoleError when the database is away.
    """
    asyncio.get_running_loop().set_default_executor(Apart())  # an answer that never ends is not waited for
    token = await asyncio.to_thread(spools.token, setup.folder)
    store, dropped = Store(setup.postgres, token), Dropped()
    mover = Mover(Spool(setup.folder, setup.limit), store, setup.privacy, dropped)
    sender = None if setup.fault else Sender(store, lambda: postroom(setup))
    try:
        if retry:
            await store.retry()
        moved = await _all(setup, mover, sender, store, time.monotonic() + seconds)
        if dropped:
            await asyncio.to_thread(spools.count_dropped, setup.folder, dropped)
        if sender is None:
            return Flushed(moved, 0, setup.fault)
        return Flushed(moved, sender.delivered, sender.problem, sender.halted)
    finally:
        mover.release()
        await store.close()


async def _all(setup: Setup, mover: Mover, sender: Sender | None, store: Store, end: float) -> int:
    """Until nothing is left to do, or the time is over; how many were moved."""
    moved, failures = await mover.step(end), 0
    await store.claim_users()
    while True:
        pause = _LOOK_SECONDS
        if sender is not None:
            if await sender.step(now=True, until=end) and time.monotonic() < end:
                failures = 0
                continue
            if sender.halted:
                return moved
            if sender.problem:
                failures += 1
                pause = backoff(failures, refused=False)
        spooled = await asyncio.to_thread(spools.waiting, setup.folder)
        if not spooled and (sender is None or not await store.waiting()):
            return moved
        if time.monotonic() + pause >= end:
            return moved
        await asyncio.sleep(pause)
        mover.look_again()
        moved += await mover.step(end)

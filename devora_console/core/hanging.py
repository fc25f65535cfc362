"""Blocking work that may never come back, such as a driver's call to a server that is frozen."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def may_hang(work: Callable[[], T], seconds: float) -> T:
    """What ``work`` gives, from a thread of its own. TimeoutError after ``seconds``.

    The thread is then left to itself, and the process can end without it: the loop's own threads are waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(say: Callable[[Any], None], what: object) -> None:
        if not done.done():
            say(what)

    def post(say: Callable[[Any], None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody listens
            loop.call_soon_threadsafe(tell, say, what)

    def run() -> None:
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
            post(done.set_exception, error)
        else:
            post(done.set_result, found)

    threading.Thread(target=run, name="devora-may-hang", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done

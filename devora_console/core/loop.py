"""The service loop: an asyncio loop in its own thread that owns every connection, timer and journal.

A terminal that stops reading freezes Textual's loop; nothing whose timing matters may run there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ServiceLoop:
    """Starts with the first call, ends with :meth:`close`. Safe to call from any thread but its own."""

    def __init__(self, name: str = "devora-services") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False
        self._lock = threading.Lock()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start ``work`` on the service loop; the future belongs to the caller's thread."""
        with self._lock:
            if not self._started:
                self._started = True
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run ``work`` on the service loop and wait for it, ``timeout`` seconds at most (TimeoutError)."""
        future = self.submit(work)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise

    def close(self, timeout: float = 5.0) -> None:
        """Cancel what still runs, stop the loop and wait ``timeout`` seconds for its thread."""
        if not self._started or self._loop.is_closed():
            return
        # A task that will not end must not keep the process alive: the thread is a daemon.
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self.call(_cancel_others(), timeout)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

"""The analytics screen's side of the service loop: figures, delivery of events, benches, and the watch after a switch.

These questions are the dearest: each is asked for the view that is shown and no other, over the session for dear looks
that is there anyway. How events are delivered is asked always, seldom, for the overview.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.analytics.delivery import read as read_delivery
from devora_console.config.settings import Settings
from devora_console.core.backoff import backoff
from devora_console.core.problems import ConsoleError, Problem
from devora_console.services.observing import Observing

if TYPE_CHECKING:
    from devora_console.analytics.aftermath.model import WatchSnapshot
    from devora_console.analytics.aftermath.watching import Watch
    from devora_console.analytics.metrics.model import Report
    from devora_console.bench.seen import Benched
    from devora_console.tui.ports_analytics import View

# What a view shows.
_KIND = {"figures": "report", "trends": "report", "events": "delivery", "bench": "bench", "watch": "watch"}
# Seconds between two looks at what is shown; the watch has its own setting.
_EVERY = {"report": 60.0, "delivery": 5.0, "bench": 10.0}
_DELIVERY_SECONDS = 60.0
_TIMES = 20  # a look is followed by a pause of that many times its length


class Analytics:
    """``looked`` is called whenever something is newer. Coroutines run on the service loop."""

    def __init__(self, settings: Settings, observing: Observing, looked: Callable[[str], None]) -> None:
        self._settings, self._observing, self._looked = settings, observing, looked
        self._view: View | None = None
        self._now = {kind: asyncio.Event() for kind in ("report", "delivery", "bench", "watch")}
        self._hastened: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: dict[str, Any] = {}
        self._wanted: str | None = None
        self._watch: Watch | None = None

    # --- what is known ----------------------------------------------------------------------------

    @property
    def report(self) -> Report | Problem | None:
        """Figures, trends and cohorts."""
        return self._seen.get("report")

    @property
    def delivery(self) -> DeliverySnapshot | Problem | None:
        """How far events have come."""
        return self._seen.get("delivery")

    @property
    def bench(self) -> Benched | Problem | None:
        """What was measured before and after."""
        return self._seen.get("bench")

    @property
    def watch(self) -> WatchSnapshot | Problem | None:
        """The first day after the switch."""
        return self._seen.get("watch")

    @property
    def watching(self) -> bool:
        """Whether a watch is going on."""
        return self._watch is not None and self._watch.run is not None

    # --- looking ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, on the running loop."""
        self._tasks = [asyncio.create_task(self._run(kind)) for kind in self._now]

    async def stop(self) -> None:
        """End, and leave the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def show(self, view: View | None) -> None:
        """This view is on the screen now."""
        before, self._view = self._kind, view
        if self._kind is not None and self._kind != before:
            self._now[self._kind].set()
            if self._kind == "delivery":
                self._hasten("delivery")  # until now it was asked seldom

    async def look(self) -> None:
        """Look now at what is shown."""
        if self._kind is not None:
            self._observing.forget()
            self._hasten(self._kind)

    async def choose(self, result: str) -> None:
        """Show this result of a bench."""
        self._wanted = result
        self._hasten("bench")

    @property
    def _kind(self) -> str | None:
        return None if self._view is None else _KIND[self._view]

    async def _run(self, kind: str) -> None:
        """Look at one kind, again and again while it is shown, until cancelled."""
        now, failures, due = self._now[kind], 0, 0.0
        while True:
            now.clear()
            wanted = kind in (self._kind, "delivery")
            if kind in self._hastened or (wanted and time.monotonic() >= due):
                self._hastened.discard(kind)
                began = time.monotonic()
                try:
                    self._seen[kind] = await self._look_at(kind)
                    failures, pause = 0, max(self._every(kind), (time.monotonic() - began) * _TIMES)
                except ConsoleError as error:
                    self._seen[kind], failures = error.problem, failures + 1
                    pause = max(2.0, backoff(failures, refused=False))
                except Exception as error:  # noqa: BLE001 - a look that fails must not end looking: the view says so
                    words = f"looking at it failed ({type(error).__name__})"
                    self._seen[kind], failures = Problem("analytics_failed", words), failures + 1
                    pause = max(2.0, backoff(failures, refused=False))
                due = time.monotonic() + pause
                self._looked(kind)
                continue
            # What is shown again soon is not asked again for that.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(now.wait(), max(0.0, due - time.monotonic()) if wanted else None)

    def _every(self, kind: str) -> float:
        if kind == "delivery" and self._kind != kind:
            return _DELIVERY_SECONDS
        return _EVERY.get(kind, self._settings.watch.every_seconds)

    def _hasten(self, kind: str) -> None:
        """Look at it now, shown or not."""
        self._hastened.add(kind)
        self._now[kind].set()

    async def _look_at(self, kind: str) -> Any:
        if kind == "delivery":
            return await read_delivery(self._settings, self._observing.lend)
        if kind == "bench":
            from devora_console.bench.seen import look  # noqa: PLC0415 - loaded when it is shown

            found = self.bench
            before = None if found is None or isinstance(found, Problem) else found
            return await asyncio.to_thread(look, self._settings, self._wanted, before)
        if kind == "report":
            from devora_console.analytics.metrics import read  # noqa: PLC0415

            return await self._observing.ask(lambda guest: read(guest, self._settings.metrics))
        watch = await asyncio.to_thread(self._current_watch)
        return await self._observing.ask(watch.look)

    # --- the watch --------------------------------------------------------------------------------

    def _current_watch(self) -> Watch:
        """The one that is going on now: somebody may have begun one elsewhere, or kept other values before."""
        from devora_console.analytics.aftermath.keeping import Shelf  # noqa: PLC0415
        from devora_console.analytics.aftermath.watching import Watch  # noqa: PLC0415

        found = Watch.open(self._settings, Shelf.of(self._settings), begin=False)
        kept = self._watch
        if kept is None or (kept.run, kept.baseline) != (found.run, found.baseline):
            self._watch = kept = found
        return kept

    async def keep_before(self) -> str:
        """Keep the values before the switch; where they are."""
        from devora_console.analytics.aftermath.keeping import Shelf  # noqa: PLC0415
        from devora_console.analytics.aftermath.watching import record  # noqa: PLC0415

        _, path = await self._observing.ask(
            lambda guest: record(guest, self._settings, Shelf.of(self._settings), {}, "")
        )
        self._hasten("watch")
        return path

    async def begin_watch(self) -> None:
        """Begin a watch."""
        from devora_console.analytics.aftermath.keeping import Shelf  # noqa: PLC0415
        from devora_console.analytics.aftermath.watching import Watch  # noqa: PLC0415

        self._watch = await asyncio.to_thread(Watch.open, self._settings, Shelf.of(self._settings))
        self._hasten("watch")

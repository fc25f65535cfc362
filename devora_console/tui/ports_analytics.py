"""What the analytics screen needs from the services: a port of its own."""

from __future__ import annotations

from typing import Literal, Protocol

from devora_console.analytics.aftermath.model import WatchSnapshot
from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.analytics.metrics.model import Report
from devora_console.bench.seen import Benched
from devora_console.core.problems import Problem

View = Literal["figures", "trends", "events", "bench", "watch"]
VIEWS: tuple[View, ...] = ("figures", "trends", "events", "bench", "watch")


class AnalyticsPort(Protocol):
    """Plain properties answer at once, from any thread: the newest, what is in the way, or None before the first look.

    Coroutines run on the service loop; what comes of them is told by a wake-up of the kind ``analytics``. Nothing is
    looked at for a view that is not shown, but for how events are delivered, which the overview tells too.
    """

    @property
    def report(self) -> Report | Problem | None:
        """Figures, trends and cohorts, as they were last refreshed."""

    @property
    def delivery(self) -> DeliverySnapshot | Problem | None:
        """How far events have come."""

    @property
    def bench(self) -> Benched | Problem | None:
        """What was measured before and after."""

    @property
    def watch(self) -> WatchSnapshot | Problem | None:
        """The first day after the switch."""

    @property
    def watching(self) -> bool:
        """Whether a watch is going on, that keeps its looks."""

    async def show(self, view: View | None) -> None:
        """This view is on the screen now; None: none is."""

    async def look(self) -> None:
        """Look now at what is shown."""

    async def choose(self, result: str) -> None:
        """Show this result of a bench."""

    async def keep_before(self) -> str:
        """Keep the values before the switch, in a file here; where. Raises ConsoleError."""

    async def begin_watch(self) -> None:
        """Begin a watch. Raises ConsoleError."""

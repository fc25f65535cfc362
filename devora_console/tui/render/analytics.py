"""The five views of the analytics screen: what each lists, says and draws below its list. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.text import Text

from devora_console.core.problems import Problem
from devora_console.tui.ports_analytics import AnalyticsPort, View
from devora_console.tui.render import (
    analytics_bench,
    analytics_events,
    analytics_figures,
    analytics_trends,
    analytics_watch,
    bench,
)
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look

COLUMNS: Mapping[View, Sequence[Column]] = {
    "figures": analytics_figures.COLUMNS,
    "trends": analytics_trends.COLUMNS,
    "events": analytics_events.COLUMNS,
    "bench": bench.COLUMNS,
    "watch": analytics_watch.COLUMNS,
}
NAMES: Mapping[View, str] = {
    "figures": "figures",
    "trends": "trends",
    "events": "events",
    "bench": "before/after",
    "watch": "first day",
}
COMMANDS: Mapping[View, str] = {
    "figures": "analytics metrics",
    "trends": "analytics metrics",
    "events": "analytics status",
    "bench": "bench show",
    "watch": "watch --once",
}
_FRESH = {"figures": timedelta(minutes=5), "trends": timedelta(minutes=5), "events": timedelta(minutes=1)}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn from. ``keys`` begin a watch, and keep the values before."""

    view: View
    found: Any
    watching: bool = False
    keys: tuple[str, str] = ("w", "b")

    @property
    def known(self) -> bool:
        """Whether there is something to show."""
        return self.found is not None and not isinstance(self.found, Problem)

    @classmethod
    def of(cls, view: View, port: AnalyticsPort, keys: tuple[str, str]) -> Shown:
        """The newest of a view."""
        found = {
            "figures": port.report,
            "trends": port.report,
            "events": port.delivery,
            "bench": port.bench,
            "watch": port.watch,
        }
        return cls(view, found[view], port.watching, keys)

    def rows(self, look: Look) -> list[Row]:
        """The list."""
        if not self.known:
            return []
        if self.view == "figures":
            return analytics_figures.rows(self.found, look)
        if self.view == "trends":
            return analytics_trends.rows(self.found, look)
        if self.view == "events":
            return analytics_events.rows(self.found, look)
        return (
            analytics_bench.rows(self.found, look) if self.view == "bench" else analytics_watch.rows(self.found, look)
        )

    def first(self, look: Look) -> str | None:
        """The line to begin with: the worst of the first day, else the first that there is more to say of."""
        if self.known and self.view == "watch":
            return analytics_watch.worst(self.found)
        return next((row.key for row in self.rows(look) if self.detail(row.key, look) is not None), None)

    def headline(self, look: Look) -> str:
        """The worst first; why there is nothing, where there is nothing."""
        if self.found is None:
            return "Looking for the first time."
        if isinstance(self.found, Problem):
            return f"Not known: {self.found}"
        if self.view == "figures":
            return analytics_figures.headline(self.found)
        if self.view == "trends":
            return analytics_trends.headline(self.found)
        if self.view == "events":
            return analytics_events.headline(self.found)
        if self.view == "bench":
            return analytics_bench.headline(self.found, look)
        return analytics_watch.headline(self.found, going=self.watching, keys=self.keys)

    def below(self, key: str | None, width: int, height: int, look: Look) -> list[str]:
        """A plot of the line under the cursor, or of all of them; no lines where there is none."""
        if not self.known:
            return []
        if self.view == "trends":
            return analytics_trends.plot_lines(self.found, key, width, height, look)
        if self.view == "watch":
            return analytics_watch.plot_lines(self.found, key, width, height, look)
        return analytics_bench.bar_lines(self.found, width, height, look) if self.view == "bench" else []

    def detail(self, key: str | None, look: Look) -> Text | None:
        """The line under the cursor in depth."""
        if not self.known or key is None:
            return None
        if self.view == "figures":
            return analytics_figures.detail(self.found, key, look)
        if self.view == "trends":
            return analytics_trends.detail(self.found, key, look)
        if self.view == "events":
            return analytics_events.detail(self.found, key, look)
        if self.view == "bench":
            return analytics_bench.detail(self.found, key, look)
        return analytics_watch.detail(self.found, key, look)

    def stale_since(self, now: datetime, every: float) -> datetime | None:
        """Since when what stands here is old: looking hangs, or fails. ``every``: seconds between looks of a watch."""
        if not self.known or self.view == "bench":
            return None  # a bench is of its own time
        as_of: datetime = self.found.dashboard.at if self.view in ("figures", "trends") else (
            self.found.at if self.view == "events" else self.found.as_of
        )  # fmt: skip
        fresh = _FRESH.get(self.view, timedelta(seconds=3 * every + 5))
        return as_of if now - as_of > fresh else None

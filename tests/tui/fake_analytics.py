"""Analytics without a server: figures, days, events, a bench and a watch as set, and what was asked kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from devora_console.analytics.aftermath.judge import judge
from devora_console.analytics.aftermath.model import FIGURES, Baseline, Point, WatchSnapshot
from devora_console.analytics.aftermath.watching import plain
from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.analytics.metrics.model import (
    CurrencyMetrics,
    DashboardMetrics,
    EngagementMetrics,
    Freshness,
    PerformanceMetrics,
    Report,
    RevenueMetrics,
    Series,
    Trends,
    UserMetrics,
)
from devora_console.analytics.metrics.model import Point as Day
from devora_console.analytics.privacy import Dropped
from devora_console.bench.seen import Benched
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.tui.ports_analytics import View
from tests.analytics.aftermath.readings import reading

T = TypeVar("T")
EVIL = "[bold]\x1b[31mevil[/] \u202egnp.exe\x00 <b>"
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def figures_of(kind: type[T], **known: Any) -> T:
    """A section in which only these are known."""
    nothing = Unknown("no event was recorded yet", "Have the application call track_event")
    return kind(**{each.name: known.get(each.name, nothing) for each in fields(kind)})  # type: ignore[arg-type]


def report(**more: Any) -> Report:
    """Figures of which some are known, and thirty days of which some are."""
    dollars = figures_of(CurrencyMetrics, mrr=Decimal("5.00"))
    told = DashboardMetrics(
        user_metrics=figures_of(UserMetrics, total_users=1470, active_users_day=44, active_users_month=140),
        revenue_metrics=figures_of(
            RevenueMetrics, currency="EUR", mrr=Decimal("1158.70"), by_currency={"EUR": dollars, EVIL: dollars}
        ),
        engagement_metrics=figures_of(EngagementMetrics, total_projects=330),
        performance_metrics=figures_of(PerformanceMetrics, error_rate_day=0.036, search_p95_ms=35.0),
        at=utc_now(),
        freshness=Freshness(utc_now(), 60.0, True, 15.0, True, {}),
    )
    first = date(2026, 1, 1)

    def days(name: str, unit: str, *values: float | None, unknown: Unknown | None = None) -> Series:
        return Series(name, unit, tuple(Day(first + timedelta(n), v) for n, v in enumerate(values)), unknown)

    none = Unknown("no event told retrieval_time_ms", "Tell it with the events of RAG")
    series = (
        days("new_users", "users", 1, 2, 3),
        days("active_users", "users", 10, None, 30, 44),
        days("error_rate", "ratio", 0.01, 0.036, 0.02),
        days("rag_p95_ms", "ms", None, None, None, unknown=none),
    )
    found = Report(told, Trends(4, series), none)
    return replace(found, dashboard=replace(told, **more))


def delivery(**changed: Any) -> DeliverySnapshot:
    """All delivered but for what is changed."""
    well = DeliverySnapshot(
        spooled=0, stored=4433, delivered=4433, waiting=0, refused=0, untracked=0, oldest_waiting_at=None,
        next_due_at=None, last_delivered_at=AT, last_error=None, last_error_at=None, configured=True, fault="",
        host="https://eu.i.posthog.com", dropped=Dropped({"query": 3}), at=utc_now(),
    )  # fmt: skip
    return replace(well, **changed)


def watch(baseline: Baseline | Unknown, **now: Any) -> WatchSnapshot:
    """A watch of twelve hours."""
    seen = reading(**now)
    began = seen.as_of - timedelta(hours=12)
    points = tuple(
        Point(began + timedelta(hours=n), {id_: plain(f.of(seen)) for id_, f in FIGURES.items()}) for n in range(13)
    )
    lines = judge(seen, baseline, Settings())
    until = began + timedelta(hours=24)
    return WatchSnapshot(utc_now(), "devora", began, until, baseline, lines, 13, (), points)


class FakeAnalytics:
    """The port of analytics."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.report: Report | Problem | None = None
        self.delivery: DeliverySnapshot | Problem | None = None
        self.bench: Benched | Problem | None = None
        self.watch: WatchSnapshot | Problem | None = None
        self.watching = False
        self.asked: list[str] = []
        self._told = told

    async def show(self, view: View | None) -> None:
        self.asked.append(f"show {view}")

    async def look(self) -> None:
        self.asked.append("look")

    async def choose(self, result: str) -> None:
        self.asked.append(f"choose {result}")

    async def keep_before(self) -> str:
        self.asked.append("keep")
        return "/home/watch/baselines/a.json"

    async def begin_watch(self) -> None:
        self.asked.append("begin")
        self.watching = True
        self._told()

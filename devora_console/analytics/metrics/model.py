"""What is told of the business: frozen figures, each a value or an :class:`Unknown` with its reason.

The meaning of every field is in :mod:`.definitions`. Ratios are 0 to 1, times milliseconds, money :class:`Decimal` in
the currency that stands beside it. ``day`` is the day of UTC so far, ``week`` and ``month`` are the last 7 and 30 days
with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from devora_console.core.unknown import Unknown

Count = int | Unknown
Number = float | Unknown
Money = Decimal | Unknown


@dataclass(frozen=True, slots=True)
class UserMetrics:
    """Accounts, and who of them comes back."""

    total_users: Count
    active_users_day: Count
    active_users_week: Count
    active_users_month: Count
    new_users_day: Count
    new_users_week: Count
    new_users_month: Count
    retention_rate_7d: Number
    retention_rate_30d: Number
    churn_rate: Number
    searching_users_day: Count
    searching_users_week: Count
    searching_users_month: Count
    signed_in_users_day: Count
    signed_in_users_week: Count
    signed_in_users_month: Count


@dataclass(frozen=True, slots=True)
class CurrencyMetrics:
    """The money of one currency."""

    mrr: Money
    arr: Money
    mrr_past_due: Money
    total_revenue: Money
    revenue_day: Money
    revenue_week: Money
    revenue_month: Money
    average_revenue_per_user: Money
    paying_users: Count


@dataclass(frozen=True, slots=True)
class RevenueMetrics:
    """The money of the configured currency, every currency by itself, and what the subscriptions stand at."""

    currency: str
    mrr: Money
    arr: Money
    mrr_past_due: Money
    total_revenue: Money
    revenue_day: Money
    revenue_week: Money
    revenue_month: Money
    average_revenue_per_user: Money
    paying_users: Count
    by_currency: Mapping[str, CurrencyMetrics]
    subscriptions_active: Count
    subscriptions_past_due: Count
    subscriptions_trialing: Count
    subscriptions_without_invoice: Count
    subscriptions_lapsed: Count


@dataclass(frozen=True, slots=True)
class EngagementMetrics:
    """What people make."""

    total_projects: Count
    projects_created_day: Count
    projects_created_week: Count
    projects_created_month: Count
    total_conversations: Count
    conversations_started_day: Count
    conversations_started_week: Count
    conversations_started_month: Count
    total_messages: Count
    messages_day: Count
    messages_week: Count
    messages_month: Count
    messages_per_conversation: Number
    searches_day: Count
    searches_week: Count
    searches_month: Count


@dataclass(frozen=True, slots=True)
class PerformanceMetrics:
    """How fast and how well it works."""

    average_query_time_ms: Number
    error_rate: Number
    error_rate_day: Number
    error_rate_week: Number
    error_rate_month: Number
    search_average_ms: Number
    search_p50_ms: Number
    search_p95_ms: Number
    search_p99_ms: Number
    search_average_ms_day: Number
    search_p95_ms_day: Number
    rag_retrieval_ms: Number
    rag_retrieval_p95_ms: Number
    rag_retrieval_ms_day: Number
    rag_retrieval_p95_ms_day: Number


@dataclass(frozen=True, slots=True)
class Freshness:
    """When the oldest of the views behind the figures was refreshed, and each of them.

    ``fresh``: younger than ``metrics.fresh_minutes``. ``may_refresh``: whether this login may refresh them.
    """

    refreshed_at: datetime | Unknown
    age_seconds: float | Unknown
    fresh: bool
    fresh_minutes: float
    may_refresh: bool
    views: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class DashboardMetrics:
    """Every figure. ``at``: when they were asked; they are as of ``freshness.refreshed_at``."""

    user_metrics: UserMetrics
    revenue_metrics: RevenueMetrics
    engagement_metrics: EngagementMetrics
    performance_metrics: PerformanceMetrics
    at: datetime
    freshness: Freshness
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One day of UTC; ``value`` None: nothing was measured."""

    day: date
    value: float | Decimal | None


@dataclass(frozen=True, slots=True)
class Series:
    """One value per day, oldest first. ``unknown``: why some or all days have none; else None."""

    name: str
    unit: str
    points: tuple[Point, ...]
    unknown: Unknown | None = None


@dataclass(frozen=True, slots=True)
class Trends:
    """Days up to the refresh; the last one is not over."""

    days: int
    series: tuple[Series, ...]

    def get(self, name: str) -> Series:
        """The series of that name. Raises KeyError."""
        for each in self.series:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """How many of a cohort were active in ``month`` (its first day); ``share`` of all of it."""

    month: date
    users: Count
    share: Number


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who registered in ``month``, deleted accounts too, and each month since."""

    month: date
    users: int
    active: tuple[CohortMonth, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All there is to tell, of one moment."""

    dashboard: DashboardMetrics
    trends: Trends
    cohorts: tuple[Cohort, ...] | Unknown

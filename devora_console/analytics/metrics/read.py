"""Asking the server: rights first, then every figure in one read-only transaction, as of the last refresh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

import asyncpg

from devora_console.analytics.metrics import figures, series
from devora_console.analytics.metrics.definitions import CONSOLE_EVENTS, ERROR_EVENTS, HERE
from devora_console.analytics.metrics.model import (
    DashboardMetrics,
    EngagementMetrics,
    Freshness,
    Number,
    PerformanceMetrics,
    Report,
    RevenueMetrics,
    Trends,
    UserMetrics,
)
from devora_console.config.metrics import MetricsSettings
from devora_console.core.clock import span
from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import tagged, why_not

Connection: TypeAlias = Any  # a connection, or a pool's proxy of one: asyncpg has no common type
VIEWS = tuple(f"metrics_{name}" for name in ("accounts", "growth", "payments", "events", "timings", "searches"))
_READ = (*VIEWS, "mv_daily_user_activity")
_GRACE_SECONDS = 2.0
_NEVER = Unknown(
    "the figures were last computed before there was any account", "Refresh them: devora-console analytics refresh"
)
NO_STATEMENTS = Unknown(
    "pg_stat_statements is not installed in this database",
    "Preload it, and run CREATE EXTENSION pg_stat_statements as a superuser",
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the login finds. ``as_of``: when the oldest view was refreshed; None: never, or there is nothing in them."""

    now: datetime
    may_refresh: bool
    statements_schema: str | None
    as_of: datetime | None
    unknown: Unknown | None
    freshness: Freshness


def missing() -> ConsoleError:
    """The schema is not there, or older than the metrics."""
    return usage_error("metrics_missing", "this database has no views of metrics", "Run: devora-console schema apply")


@asynccontextmanager
async def looking(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """One snapshot of the server, read only, in which each question has ``seconds``."""
    await connection.execute(tagged("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    try:
        await connection.execute(tagged(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"))
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(tagged("ROLLBACK"))


async def situation(connection: Connection, settings: MetricsSettings) -> Situation:
    """Look around. Raises ConsoleError: exit 2 without the schema's version 21, exit 4 without the right to read."""
    row = (await ask(connection, settings, "metrics_situation", list(VIEWS)))[0]
    if row["views"] < len(VIEWS):
        raise missing()
    if not row["readable"]:
        raise refused(
            "metrics_refused",
            f"{row['login']} may not read the figures of all users: the application's own role sees one user's rows",
            f"GRANT metrics_role TO {quoted(row['login'])}: it reads the views behind the figures and no table. Not "
            "admin_role, which lifts row-level security from everything that login does",
        )
    rows = await ask(connection, settings, "metrics_freshness")
    views = {each["view_name"]: each["refreshed_at"] for each in rows}
    as_of = min((views[name] for name in _READ), default=None) if views.keys() >= set(_READ) else None
    empty = row["has_accounts"] and not await connection.fetchval(
        tagged("SELECT EXISTS (SELECT FROM devora_console.metrics_accounts)")
    )
    unknown = _NEVER if as_of is None or empty else None
    return Situation(
        row["now"],
        row["may_refresh"],
        row["statements_schema"],
        as_of,
        unknown,
        _freshness(row["now"], as_of, views, settings, may_refresh=row["may_refresh"], empty=unknown is not None),
    )


def _freshness(
    now: datetime,
    as_of: datetime | None,
    views: dict[str, datetime],
    settings: MetricsSettings,
    *,
    may_refresh: bool,
    empty: bool,
) -> Freshness:
    age = (now - as_of).total_seconds() if as_of is not None else None
    return Freshness(
        refreshed_at=_NEVER if as_of is None else as_of,
        age_seconds=_NEVER if age is None else age,
        fresh=not empty and age is not None and age <= settings.fresh_minutes * 60,
        fresh_minutes=settings.fresh_minutes,
        may_refresh=may_refresh,
        views=views,
    )


async def ask(connection: Connection, settings: MetricsSettings, name: str, *values: Any) -> list[Any]:
    """The rows that answer ``sql/NAME.sql``."""
    rows: list[Any] = await connection.fetch(
        tagged(sql(HERE, name)), *values, timeout=settings.statement_seconds + _GRACE_SECONDS
    )
    return rows


async def dashboard(connection: Connection, settings: MetricsSettings, here: Situation) -> DashboardMetrics:
    """Every figure, inside :func:`looking`."""
    statements = await _statements(connection, settings, here)
    if here.as_of is None or here.unknown is not None:
        return _nothing(here, statements, settings)
    at = here.as_of
    users = (await ask(connection, settings, "metrics_users", at))[0]
    money = await ask(connection, settings, "metrics_revenue", at)
    subscriptions = (await ask(connection, settings, "metrics_subscriptions", at))[0]
    engagement = (await ask(connection, settings, "metrics_engagement", at))[0]
    timings = await ask(connection, settings, "metrics_timings", at)
    errors = await ask(connection, settings, "metrics_errors", at, list(ERROR_EVENTS), list(CONSOLE_EVENTS))
    return DashboardMetrics(
        user_metrics=figures.users(users),
        revenue_metrics=figures.revenue(settings.currency, money, subscriptions),
        engagement_metrics=figures.engagement(engagement),
        performance_metrics=figures.performance(timings, errors, statements),
        at=here.now,
        freshness=here.freshness,
        notes=tuple(_notes(here.freshness, users, subscriptions)),
    )


def _nothing(here: Situation, statements: Number, settings: MetricsSettings) -> DashboardMetrics:
    unknown = here.unknown or _NEVER
    rest = {name: unknown for name in PerformanceMetrics.__dataclass_fields__ if name != "average_query_time_ms"}
    money = {name: unknown for name in RevenueMetrics.__dataclass_fields__ if name not in ("currency", "by_currency")}
    return DashboardMetrics(
        figures.whole(UserMetrics, unknown),
        RevenueMetrics(currency=settings.currency, by_currency={}, **money),
        figures.whole(EngagementMetrics, unknown),
        PerformanceMetrics(average_query_time_ms=statements, **rest),
        here.now,
        here.freshness,
    )


def _notes(freshness: Freshness, users: Any, subscriptions: Any) -> list[str]:
    """What to know beside the figures."""
    notes = []
    if not freshness.fresh and isinstance(freshness.age_seconds, float):
        notes.append(
            f"The figures are {span(freshness.age_seconds)} old. Refresh them: devora-console analytics refresh."
        )
    since, today = users["since"], users["today"]
    if since is not None and (today - since).days < 29:
        notes.append(f"Events go back to {since}: users active in the week and the month are counted from there.")
    of = f"of {subscriptions['active']} active subscriptions"
    if subscriptions["without_invoice"]:
        notes.append(f"{subscriptions['without_invoice']} {of} have no paid invoice: they are not in the MRR.")
    if subscriptions["lapsed"]:
        notes.append(f"{subscriptions['lapsed']} {of} have a paid period that ended more than a week ago.")
    return notes


async def _statements(connection: Connection, settings: MetricsSettings, here: Situation) -> Number:
    """In a savepoint: a library that is not loaded fails, and the other figures are there all the same."""
    if here.statements_schema is None:
        return NO_STATEMENTS
    text = sql(HERE, "metrics_statements").replace("{schema}", quoted(here.statements_schema))
    await connection.execute(tagged("SAVEPOINT statements"))
    try:
        row = await connection.fetchrow(tagged(text), timeout=settings.statement_seconds + _GRACE_SECONDS)
    except asyncpg.PostgresError as error:
        await connection.execute(tagged("ROLLBACK TO SAVEPOINT statements"))
        return why_not(error, settings.statement_seconds)
    if row is None or row["average"] is None:
        return Unknown("no statement was counted yet")
    return float(row["average"])


async def trends(connection: Connection, settings: MetricsSettings, here: Situation, days: int) -> Trends:
    """The last ``days`` days, inside :func:`looking`; without a series when nothing was ever refreshed."""
    if here.as_of is None or here.unknown is not None:
        return Trends(days, ())
    rows = await ask(connection, settings, "metrics_trends", here.as_of, days, list(ERROR_EVENTS), list(CONSOLE_EVENTS))
    paid = await ask(connection, settings, "metrics_trends_revenue", here.as_of, days)
    since = await _since(connection, settings)
    return series.trends(
        rows, paid, users_since=since["users"], events_since=since["events"], searches_since=since["searches"]
    )


async def _since(connection: Connection, settings: MetricsSettings) -> Mapping[str, date | None]:
    found: Mapping[str, date | None] = (await ask(connection, settings, "metrics_since", list(CONSOLE_EVENTS)))[0]
    return found


async def report(connection: Connection, settings: MetricsSettings, days: int) -> Report:
    """All there is, of one snapshot. Raises ConsoleError as :func:`situation` does."""
    async with looking(connection, settings.statement_seconds):
        here = await situation(connection, settings)
        found = await dashboard(connection, settings, here)
        daily = await trends(connection, settings, here, days)
        if here.as_of is None or here.unknown is not None:
            return Report(found, daily, here.unknown or _NEVER)
        rows = await ask(connection, settings, "metrics_cohorts", here.as_of, series.COHORT_MONTHS)
        since = await _since(connection, settings)
        return Report(found, daily, series.cohorts(rows, here.as_of.date(), since["users"]))

"""Every figure against the rows that were planted, and what is said where nothing measures one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from devora_console.analytics import get_metrics_service
from devora_console.analytics.metrics import MetricsService, plain, read
from devora_console.analytics.metrics.definitions import DEFINITIONS
from devora_console.analytics.metrics.model import (
    CurrencyMetrics,
    EngagementMetrics,
    PerformanceMetrics,
    Report,
    RevenueMetrics,
    UserMetrics,
)
from devora_console.analytics.metrics.refresh import LOCK
from devora_console.config.metrics import MetricsSettings
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.demo.data import Scale, write_dump
from devora_console.demo.data.accounts import invoice, user
from devora_console.demo.data.plan import Plan
from tests.analytics.planted import Planted, Truth, plant, rounded, write
from tests.cli.conftest import Run, run, target
from tests.migration.world import execute as migrate
from tests.postgres.conftest import Enter, as_role, enter, execute

__all__ = ["enter", "run", "target"]  # the fixtures
SETTINGS = MetricsSettings()
Pool = Any


async def pool_of(dsn: Dsn, *roles: str) -> asyncpg.Pool[asyncpg.Record]:
    """A pool far from UTC, of a login with these roles."""
    login = await as_role(dsn, *roles)
    return asyncpg.create_pool(login.reveal(), min_size=1, max_size=2, server_settings={"TimeZone": "Pacific/Auckland"})


@pytest.fixture
async def rows(target: Dsn) -> Planted:
    """What is in the target."""
    planted = plant(datetime.now(UTC).date())
    await write(target, planted)
    return planted


@pytest.fixture
async def pool(target: Dsn) -> AsyncIterator[Pool]:
    """An administrator's pool."""
    async with await pool_of(target, "admin_role") as opened:
        yield opened


def as_of(report: Report) -> date:
    moment = report.dashboard.freshness.refreshed_at
    assert isinstance(moment, datetime)
    return moment.astimezone(UTC).date()


def same(found: Any, expected: dict[str, object], *, without: tuple[str, ...] = ()) -> None:
    """Each figure is what was worked out; ratios to the last digits of a float, the rest exactly."""
    assert is_dataclass(found)
    names = {each.name for each in fields(found)} - set(without)
    assert names == expected.keys()
    for name, value in expected.items():
        figure = getattr(found, name)
        assert figure == (pytest.approx(value) if isinstance(value, float) else value), name
        assert type(figure) is type(value), name


async def test_what_rag_retrieves_is_no_search_and_counts_once(rows: Planted, pool: Pool, target: Dsn) -> None:
    before = (await MetricsService(pool, SETTINGS).get_report(90)).dashboard
    recorded = "INSERT INTO public.search_queries (user_id, query_text, search_type, execution_time_ms, timestamp)"
    event = "INSERT INTO public.analytics_events (user_id, event_name, event_properties, timestamp)"
    today = "date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
    user = rows.users[0].id
    await execute(
        target,
        f"{recorded} SELECT '{user}', 'x', 'rag', 70, {today} FROM generate_series(1, 4)",  # noqa: S608 - our own
        f"{event} SELECT '{user}', 'rag_query', '{{\"retrieval_time_ms\": 9000}}', {today}",
        "SELECT refresh_all_stats()",
    )
    after = (await MetricsService(pool, SETTINGS).get_report(90)).dashboard
    assert after.performance_metrics.search_average_ms == before.performance_metrics.search_average_ms
    assert after.user_metrics.searching_users_month == before.user_metrics.searching_users_month
    assert after.performance_metrics.rag_retrieval_ms_day == 70.0


async def test_every_figure_is_what_the_rows_say(rows: Planted, pool: Pool) -> None:
    report = await MetricsService(pool, SETTINGS).get_report(90)
    told, truth = report.dashboard, Truth(rows, as_of(report))
    assert told.freshness.fresh
    same(told.user_metrics, truth.users())
    money = told.revenue_metrics
    assert money.by_currency.keys() == {"EUR", "USD", "GBP"}
    for currency, found in money.by_currency.items():
        same(found, truth.money(currency))
    states = [user for user in rows.users if not user.deleted]
    billed = {row.user for row in rows.invoices if row.status == "paid"}
    assert isinstance(told.freshness.refreshed_at, datetime)
    week_ago = told.freshness.refreshed_at - timedelta(days=7)
    active = [user for user in states if user.status == "active"]
    same(
        money,
        {
            "currency": "EUR",
            **truth.money("EUR"),
            "subscriptions_active": len(active),
            "subscriptions_past_due": sum(user.status == "past_due" for user in states),
            "subscriptions_trialing": sum(user.status == "trialing" for user in states),
            "subscriptions_without_invoice": sum(user.id not in billed for user in active),
            "subscriptions_lapsed": sum(user.period_end is not None and user.period_end < week_ago for user in active),
        },
        without=("by_currency",),
    )
    same(told.engagement_metrics, truth.engagement())
    same(told.performance_metrics, truth.performance(), without=("average_query_time_ms",))
    _trends(report, truth)
    _cohorts(report, truth)


def _trends(report: Report, truth: Truth) -> None:
    """Each day by itself is what the same rows say of it."""
    rows = truth.rows
    first = min(row.at for row in rows.events if row.user is not None).date()
    for back in (0, 1, 29, 59, 80):
        day = truth.today - timedelta(days=back)
        at = {each.name: point.value for each in report.trends.series for point in each.points if point.day == day}
        users = [each.created for each in rows.users]
        assert at["new_users"] == sum(truth.within(moment, 1, back) for moment in users)
        assert at["active_users"] == (len(truth.active(rows.events, 1, back)) if day >= first else None)
        paid = [
            row.amount
            for row in rows.invoices
            if row.status == "paid" and row.currency.upper() == "EUR" and truth.within(row.moment, 1, back)
        ]
        assert at["revenue_EUR"] == sum(paid, Decimal("0.00"))
        took = [row.ms for row in rows.searches if row.ms is not None and truth.within(row.at, 1, back)]
        assert at["search_ms"] == (pytest.approx(sum(took) / len(took)) if took else None)
    assert all(len(each.points) == 90 for each in report.trends.series)


def _cohorts(report: Report, truth: Truth) -> None:
    assert isinstance(report.cohorts, tuple)
    first = min(row.at for row in truth.rows.events if row.user is not None).date()
    registered = {each.id: each.created.date().replace(day=1) for each in truth.rows.users}
    for cohort in report.cohorts:
        members = {who for who, month in registered.items() if month == cohort.month}
        assert cohort.users == len(members)
        for month in cohort.active:
            active = {
                row.user
                for row in truth.rows.events
                if row.at.date().replace(day=1) == month.month and row.at.date() <= truth.today
            }
            if month.month < first:
                assert isinstance(month.users, Unknown)
            else:
                assert month.users == len(active & members)
    assert sum(cohort.users for cohort in report.cohorts) == len(truth.rows.users)


async def test_the_generated_source_as_of_a_day_it_lived(target: Dsn, tmp_path: Path, enter: Enter) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    plan = Plan(Scale.SMALL, 3)
    write_dump(folder, "devora_db", Scale.SMALL, 3)
    await migrate(target, folder)
    guest = await enter(target)
    before = (await read(guest, SETTINGS)).dashboard
    assert isinstance(before.user_metrics.total_users, Unknown)
    assert isinstance(before.revenue_metrics.mrr, Unknown)
    past = "UPDATE devora_console.stats_refresh SET refreshed_at = '2025-09-01T23:59:59Z'"
    await execute(target, "SELECT refresh_all_stats()", past)
    told = (await read(guest, SETTINGS)).dashboard
    assert not told.freshness.fresh

    def migrated(collection: str) -> list[int]:
        return [at for at in range(plan.sizes.of(collection)) if plan.fate(collection, at) == "migrated"]

    users, conversations = migrated("users"), migrated("conversations")
    assert told.user_metrics.total_users == len(users)
    registered = [plan.at("users", each).date() for each in users]
    last_month = [day for day in registered if date(2025, 8, 2) < day <= date(2025, 9, 1)]
    assert told.user_metrics.new_users_month == len(last_month) > 0
    assert told.engagement_metrics.total_projects == len(migrated("projects"))
    assert told.engagement_metrics.total_conversations == len(conversations)
    assert told.engagement_metrics.total_messages == sum(map(plan.message_count, conversations))

    status = {plan.entity_id("users", each): user(plan, each)["subscription_status"] for each in users}
    paid: dict[str, list[tuple[datetime, Decimal]]] = {}
    total = month = Decimal()
    for each in migrated("invoices"):
        document = invoice(plan, each)
        amount, day = rounded(Decimal(str(document["amount"]))), plan.at("invoices", each).date()
        if document["status"] == "paid":
            paid.setdefault(document["user_id"], []).append((plan.at("invoices", each), amount))
            total += amount
            month += amount if date(2025, 8, 2) < day <= date(2025, 9, 1) else 0
    recurring = [max(bills)[1] for who, bills in paid.items() if status[who] == "active"]
    money = told.revenue_metrics
    assert money.total_revenue == total > 0
    assert money.revenue_month == month
    assert money.mrr == sum(recurring)
    assert money.arr == 12 * sum(recurring)
    assert money.paying_users == sum(amount > 0 for amount in recurring)
    assert money.subscriptions_active == sum(each == "active" for each in status.values())


async def test_what_nothing_measures_is_not_nothing(target: Dsn, pool: Pool) -> None:
    one = "INSERT INTO users (email, hashed_password, subscription_status) VALUES ('a@x.fr', '-', 'active')"
    await execute(target, "DROP EXTENSION IF EXISTS pg_stat_statements CASCADE", one)
    service = MetricsService(pool, SETTINGS)
    await service.refresh()
    report = await service.get_report()
    told = report.dashboard
    assert told.user_metrics.total_users == told.user_metrics.new_users_day == 1
    assert told.engagement_metrics.total_projects == 0
    known = ("total_users", "new_users_day", "new_users_week", "new_users_month")
    assert {name for name, value in _values(told.user_metrics).items() if not isinstance(value, Unknown)} == set(known)
    assert all(isinstance(getattr(told.revenue_metrics, each.name), Unknown) for each in fields(CurrencyMetrics))

    # Invoices that nobody paid are known to have brought nothing.
    await execute(
        target,
        "INSERT INTO invoices (user_id, stripe_invoice_id, amount, currency, status)"
        " SELECT id, 'in_0', 9.90, 'eur', 'open' FROM users",
    )
    await service.refresh()
    report = await service.get_report()
    told = report.dashboard
    money = {each.name: getattr(told.revenue_metrics, each.name) for each in fields(CurrencyMetrics)}
    unbilled = {"mrr", "arr", "average_revenue_per_user", "paying_users"}  # an active subscription without an invoice
    assert {name for name, value in money.items() if isinstance(value, Unknown)} == unbilled
    assert {str(value) for name, value in money.items() if name not in unbilled} == {"0.00"}
    assert all(isinstance(value, Unknown) for value in _values(told.performance_metrics).values())
    assert str(told.user_metrics.active_users_day) == "? no event was recorded yet"
    assert isinstance(report.cohorts, Unknown)
    assert {point.value for point in report.trends.get("active_users").points} == {None}
    assert plain(told.revenue_metrics.mrr) is None

    # A bill of another currency is no nothing in ours, and events of two days tell of no month.
    await execute(
        target,
        "INSERT INTO invoices (user_id, stripe_invoice_id, amount, currency, status)"
        " SELECT id, 'in_1', 9.90, 'usd', 'paid' FROM users",
        "INSERT INTO analytics_events (user_id, event_name, timestamp)"
        " SELECT id, 'x', now() - make_interval(days => n) FROM users, generate_series(0, 1) n",
    )
    await service.refresh()
    told = await service.get_dashboard_metrics()
    assert "in USD" in str(told.revenue_metrics.mrr)
    assert told.revenue_metrics.by_currency["USD"].mrr == Decimal("9.90")
    assert told.user_metrics.active_users_month == 1
    assert "events go back to" in str(told.user_metrics.retention_rate_7d)
    assert any("Events go back to" in note for note in told.notes)
    assert told.performance_metrics.error_rate == 0


def _values(found: Any) -> dict[str, object]:
    return {each.name: getattr(found, each.name) for each in fields(found)}


async def test_who_may_see_everybody(rows: Planted, target: Dsn) -> None:
    async with await pool_of(target, "app_user") as application:
        with pytest.raises(ConsoleError) as refused:
            await MetricsService(application, SETTINGS).get_dashboard_metrics()
    assert refused.value.problem.code == "metrics_refused"
    assert "one user's rows" in refused.value.problem.message
    assert "GRANT metrics_role" in refused.value.problem.remedy
    async with await pool_of(target, "app_user", "metrics_role") as sums:
        total = (await MetricsService(sums, SETTINGS).get_dashboard_metrics()).user_metrics.total_users
    assert total == sum(not user.deleted for user in rows.users)


async def test_old_figures_are_refreshed_unless_somebody_is_at_it(target: Dsn, pool: Pool) -> None:
    service = MetricsService(pool, MetricsSettings(fresh_minutes=1e-6))
    kept = MetricsService(pool, MetricsSettings(fresh_minutes=1e-6, refresh_when_old=False))

    async def moment(asked: MetricsService) -> object:
        told = (await asked.get_dashboard_metrics()).freshness
        assert not told.fresh
        return told.refreshed_at

    first = await moment(kept)
    assert await moment(kept) == first
    second = await moment(service)
    assert second != first
    holder = await asyncpg.connect(target.reveal())
    async with holder.transaction():
        await holder.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        assert await moment(service) == second
    await holder.close()
    assert await moment(service) != second


async def test_statements_are_averaged_without_the_consoles_own(target: Dsn, pool: Pool) -> None:
    await execute(target, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()")
    await execute(target, *["SELECT count(*) FROM users"] * 5, "VACUUM users")
    service = MetricsService(pool, SETTINGS)
    found = (await service.get_dashboard_metrics()).performance_metrics.average_query_time_ms
    again = (await service.get_dashboard_metrics()).performance_metrics.average_query_time_ms
    assert isinstance(found, float)
    assert isinstance(again, float)
    assert 0 < again < 1000


async def test_the_admin_route_of_the_guide(rows: Planted, pool: Pool) -> None:
    """Section 4.3 as written, with the console's import path."""
    admin_router = APIRouter(prefix="/api/admin")

    def require_admin() -> str:
        return "admin"

    def get_db_pool() -> Pool:
        return pool

    @admin_router.get("/metrics/dashboard")
    async def get_dashboard_metrics(
        current_user: Any = Depends(require_admin),  # noqa: B008 - FastAPI's way
        db_pool: Any = Depends(get_db_pool),  # noqa: B008
    ) -> Any:
        metrics_service = get_metrics_service(db_pool)
        dashboard = await metrics_service.get_dashboard_metrics()

        return {
            "users": {
                "total": dashboard.user_metrics.total_users,
                "active_month": dashboard.user_metrics.active_users_month,
                "retention_30d": dashboard.user_metrics.retention_rate_30d,
            },
            "revenue": {
                "mrr": float(dashboard.revenue_metrics.mrr),  # type: ignore[arg-type]
                "arr": float(dashboard.revenue_metrics.arr),  # type: ignore[arg-type]
                "total": float(dashboard.revenue_metrics.total_revenue),  # type: ignore[arg-type]
            },
            "engagement": {
                "total_projects": dashboard.engagement_metrics.total_projects,
                "projects_month": dashboard.engagement_metrics.projects_created_month,
            },
            "performance": {
                "avg_query_time": dashboard.performance_metrics.average_query_time_ms,
                "error_rate": dashboard.performance_metrics.error_rate,
            },
        }

    app = FastAPI()
    app.include_router(admin_router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://devora") as client:
        answer = await client.get("/api/admin/metrics/dashboard")
    assert answer.status_code == 200
    truth = Truth(rows, datetime.now(UTC).date())
    document = answer.json()
    assert document["users"]["total"] == truth.users()["total_users"]
    assert document["revenue"]["total"] == float(str(truth.money("EUR")["total_revenue"]))
    assert document["engagement"]["total_projects"] == truth.engagement()["total_projects"]
    assert document["performance"]["error_rate"] == pytest.approx(truth.error_rate(30))
    assert get_metrics_service(pool) is get_metrics_service(pool)


async def test_commands(rows: Planted, target: Dsn, run: Run) -> None:
    env = {"POSTGRES_DSN": target.reveal()}
    first = run("analytics", "metrics", "--json", **env).json()
    assert first["problems"][0]["code"] == "never_refreshed"
    assert first["users"]["total_users"]["unknown"]
    assert run("analytics", "refresh", "--read-only", **env).code == 4
    assert run("analytics", "refresh", "--json", **env).json()["views"] == 10
    env["DEVORA_CONSOLE__METRICS__CURRENCY"] = "usd"
    document = run("analytics", "metrics", "--json", "--explain", "--days", "3", **env).json()
    assert document["users"]["total_users"] == sum(not user.deleted for user in rows.users)
    truth = Truth(rows, datetime.now(UTC).date())
    assert document["revenue"]["total_revenue"] == str(truth.money("USD")["total_revenue"])
    assert document["revenue"]["currency"] == "USD"
    assert len(document["trends"]["series"][0]["points"]) == 3
    assert len(document["definitions"]) == len(DEFINITIONS)
    assert {"engagement", "performance", "cohorts", "freshness"} <= document.keys()
    shown = run("analytics", "metrics", "--explain", **env)
    assert shown.code == 0
    assert "retention_rate_30d: Of the users" in shown.out
    login = await as_role(target, "app_user")
    assert run("analytics", "metrics", POSTGRES_DSN=login.reveal()).code == 4


def test_every_figure_has_one_definition() -> None:
    sections = {
        "users": UserMetrics,
        "revenue": RevenueMetrics,
        "engagement": EngagementMetrics,
        "performance": PerformanceMetrics,
    }
    named = [(each.section, each.name) for each in DEFINITIONS]
    assert len(named) == len(set(named))
    assert set(named) == {(section, each.name) for section, kind in sections.items() for each in fields(kind)}
    for each in DEFINITIONS:
        assert each.sql.startswith("-- What: "), each.file
        assert asdict(each)["meaning"]

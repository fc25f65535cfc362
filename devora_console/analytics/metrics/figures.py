"""Figures made of the rows that the server answered: where nothing measures one, it says so instead of 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from devora_console.analytics.metrics.model import (
    Count,
    CurrencyMetrics,
    EngagementMetrics,
    Money,
    Number,
    PerformanceMetrics,
    RevenueMetrics,
    UserMetrics,
)
from devora_console.core.unknown import Unknown

Row = Mapping[str, Any]
T = TypeVar("T")
SPANS = ("day", "week", "month")
_CENT = Decimal("0.01")
_SUMS = ("arr", "arr_past_due", "total_revenue", "revenue_day", "revenue_week", "revenue_month")
NO_EVENT = Unknown(
    "no event was recorded yet", "Have the application call track_event; searches and sign-ins are counted apart"
)
NO_SEARCH = Unknown("no search was recorded yet", "The search service records each search")
NO_TIMES = Unknown("no search was recorded with its time in that time", "The search service records it")
NO_RAG = Unknown("no event told retrieval_time_ms in that time", "Tell it with the events of RAG")
_NO_INVOICE = Unknown("no invoice is kept here, paid or not", "Were the invoices migrated? verify")
_NO_SIGN_IN = Unknown("no sign-in is recorded", "Have the application keep users.last_login_at")


def cents(value: Decimal) -> Decimal:
    """Rounded to cents, halves away from nothing.

    >>> cents(Decimal("8.325")), cents(Decimal("99") / 12)
    (Decimal('8.33'), Decimal('8.25'))
    """
    return value.quantize(_CENT, ROUND_HALF_UP)


def users(row: Row) -> UserMetrics:
    """Of the row of ``metrics_users.sql``."""
    since: date | None = row["since"]
    active: dict[str, Count] = {
        f"active_users_{span}": NO_EVENT if since is None else row[f"active_users_{span}"] for span in SPANS
    }
    searching: dict[str, Count] = {
        f"searching_users_{span}": row[f"searching_users_{span}"] if row["searches"] else NO_SEARCH for span in SPANS
    }
    signed_in: dict[str, Count] = {
        f"signed_in_users_{span}": row[f"signed_in_users_{span}"] if row["sign_ins"] else _NO_SIGN_IN for span in SPANS
    }
    return UserMetrics(
        total_users=row["total_users"],
        new_users_day=row["new_users_day"],
        new_users_week=row["new_users_week"],
        new_users_month=row["new_users_month"],
        retention_rate_7d=_retention(row, since, 7, "week"),
        retention_rate_30d=_retention(row, since, 30, "month"),
        churn_rate=_churn(row),
        **active,
        **searching,
        **signed_in,
    )


def _retention(row: Row, since: date | None, days: int, span: str) -> Number:
    if since is None:
        return NO_EVENT
    known = since + timedelta(days=2 * days - 1)
    if known > row["today"]:
        return Unknown(f"events go back to {since} only", f"It is known from {known} on")
    before = row[f"active_{span}_before"]
    if not before:
        return Unknown(f"nobody was active in the {days} days before the last {days}")
    return float(row[f"stayed_{span}"] / before)


def _churn(row: Row) -> Number:
    if not row["paid_before"]:
        first, last = row["today"] - timedelta(days=59), row["today"] - timedelta(days=30)
        return Unknown(f"nobody paid between {first} and {last}")
    return float(row["lost"] / row["paid_before"])


def revenue(currency: str, rows: Sequence[Row], subscriptions: Row) -> RevenueMetrics:
    """Of the rows of ``metrics_revenue.sql`` and the row of ``metrics_subscriptions.sql``."""
    unbilled = subscriptions["active"] > 0 and subscriptions["active"] == subscriptions["without_invoice"]
    found = {row["currency"]: _currency(row, unbilled=unbilled) for row in rows}
    others = ", ".join(found)
    if found:
        missing = Unknown(f"nothing was ever paid in {currency}, but in {others}", "Set metrics.currency")
        main = found.get(currency) or whole(CurrencyMetrics, missing)
    elif not subscriptions["invoices"]:
        main = whole(CurrencyMetrics, _NO_INVOICE)
    else:
        main = _currency(dict.fromkeys(_SUMS, Decimal(0)) | {"paying_users": 0}, unbilled=unbilled)
    return RevenueMetrics(
        currency=currency,
        **{field.name: getattr(main, field.name) for field in fields(CurrencyMetrics)},
        by_currency=found,
        subscriptions_active=subscriptions["active"],
        subscriptions_past_due=subscriptions["past_due"],
        subscriptions_trialing=subscriptions["trialing"],
        subscriptions_without_invoice=subscriptions["without_invoice"],
        subscriptions_lapsed=subscriptions["lapsed"],
    )


def _currency(row: Row, *, unbilled: bool) -> CurrencyMetrics:
    arr: Decimal = row["arr"]
    payers: int = row["paying_users"]
    none = Unknown("no active subscription has a paid invoice", "See subscriptions_without_invoice")
    mrr: Money = none if unbilled else cents(arr / 12)
    nobody = none if unbilled else Unknown("nobody with an active subscription pays in this currency")
    return CurrencyMetrics(
        mrr=mrr,
        arr=none if unbilled else cents(arr),
        mrr_past_due=cents(row["arr_past_due"] / 12),
        total_revenue=cents(row["total_revenue"]),
        revenue_day=cents(row["revenue_day"]),
        revenue_week=cents(row["revenue_week"]),
        revenue_month=cents(row["revenue_month"]),
        average_revenue_per_user=cents(arr / 12 / payers) if payers else nobody,
        paying_users=none if unbilled else payers,
    )


def engagement(row: Row) -> EngagementMetrics:
    """Of the row of ``metrics_engagement.sql``."""
    named = {each.name: row[each.name] for each in fields(EngagementMetrics) if each.name in row}
    if not row["searches"]:
        named |= {f"searches_{span}": NO_SEARCH for span in SPANS}
    conversations = row["total_conversations"]
    per = row["total_messages"] / conversations if conversations else Unknown("there is no conversation")
    return EngagementMetrics(**named, messages_per_conversation=per)


def performance(timings: Sequence[Row], errors: Sequence[Row], statements: Number) -> PerformanceMetrics:
    """Of the rows of ``metrics_timings.sql`` and ``metrics_errors.sql``, and the mean of the statements."""
    took = {(row["kind"], row["span"]): row for row in timings}
    rates = {row["span"]: _error_rate(row) for row in errors}

    def of(kind: str, span: str, name: str) -> Number:
        row = took.get((kind, span))
        if row is None:
            return NO_TIMES if kind == "search" else NO_RAG
        return float(row[name])

    return PerformanceMetrics(
        average_query_time_ms=statements,
        error_rate=rates["month"],
        error_rate_day=rates["day"],
        error_rate_week=rates["week"],
        error_rate_month=rates["month"],
        search_average_ms=of("search", "month", "average"),
        search_p50_ms=of("search", "month", "p50"),
        search_p95_ms=of("search", "month", "p95"),
        search_p99_ms=of("search", "month", "p99"),
        search_average_ms_day=of("search", "day", "average"),
        search_p95_ms_day=of("search", "day", "p95"),
        rag_retrieval_ms=of("rag", "month", "average"),
        rag_retrieval_p95_ms=of("rag", "month", "p95"),
        rag_retrieval_ms_day=of("rag", "day", "average"),
        rag_retrieval_p95_ms_day=of("rag", "day", "p95"),
    )


def _error_rate(row: Row) -> Number:
    if row["since"] is None:
        return NO_EVENT
    if not row["events"]:
        return Unknown("no event was recorded in that time", "Have the application call track_event")
    return float(row["errors"] / row["events"])


def whole(kind: type[T], unknown: Unknown) -> T:
    """A section of which nothing is known."""
    empty = {"by_currency": {}, "currency": ""}
    return kind(**{each.name: empty.get(each.name, unknown) for each in fields(kind)})  # type: ignore[arg-type]

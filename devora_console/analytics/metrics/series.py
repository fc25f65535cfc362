"""Days and cohorts made of the rows that the server answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import Any

from devora_console.analytics.metrics.figures import NO_EVENT, NO_SEARCH, cents
from devora_console.analytics.metrics.model import Cohort, CohortMonth, Point, Series, Trends
from devora_console.core.unknown import Unknown

Row = Mapping[str, Any]
_NO_TIMES = Unknown("no search was recorded with its time", "The search service records it")
_NO_RAG = Unknown("no retrieval was recorded", "Ask through the RAG pipeline, or tell retrieval_time_ms with events")
COHORT_MONTHS = 12


def trends(
    rows: Sequence[Row],
    paid: Sequence[Row],
    *,
    users_since: date | None,
    events_since: date | None,
    searches_since: date | None,
) -> Trends:
    """Of the rows of ``metrics_trends.sql`` and ``metrics_trends_revenue.sql``.

    ``users_since``, ``events_since``, ``searches_since``: the first days with an event of a user, with any event of
    the product, with a search; before them nothing was counted, which is not nobody.
    """

    def one(name: str, unit: str, take: Callable[[Row], Any], unknown: Unknown | None = None) -> Series:
        return Series(name, unit, tuple(Point(row["day"], take(row)) for row in rows), unknown)

    def counted(name: str, unit: str, column: str, since: date | None, none: Unknown = NO_EVENT) -> Series:
        first = rows[0]["day"]
        why = none if since is None else Unknown(f"recorded since {since} only") if since > first else None
        return one(name, unit, lambda row: row[column] if since and row["day"] >= since else None, why)

    def measured(name: str, column: str, unknown: Unknown) -> Series:
        none = all(row[column] is None for row in rows)
        return one(name, "ms", lambda row: row[column], unknown if none else None)

    def rate(row: Row) -> float | None:
        return row["errors"] / row["events"] if row["events"] else None

    series = [
        counted("active_users", "users", "active_users", users_since),
        one("new_users", "users", lambda row: row["new_users"]),
        *_revenue([row["day"] for row in rows], paid),
        counted("events", "events", "events", events_since),
        counted("errors", "events", "errors", events_since),
        one("error_rate", "ratio", rate, NO_EVENT if events_since is None else None),
        *(one(name, name, itemgetter(name)) for name in ("projects", "conversations", "messages")),
        counted("searches", "searches", "searches", searches_since, NO_SEARCH),
        measured("search_ms", "search_ms", _NO_TIMES),
        measured("search_p95_ms", "search_p95_ms", _NO_TIMES),
        measured("rag_ms", "rag_ms", _NO_RAG),
        measured("rag_p95_ms", "rag_p95_ms", _NO_RAG),
    ]
    return Trends(len(rows), tuple(series))


def _revenue(days: Sequence[date], paid: Sequence[Row]) -> list[Series]:
    """One for each currency in which something was paid in these days; its unit is the currency."""
    by_currency: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for row in paid:
        by_currency[row["currency"]][row["day"]] = cents(row["amount"])
    return [
        Series(f"revenue_{currency}", currency, tuple(Point(day, amounts.get(day, Decimal("0.00"))) for day in days))
        for currency, amounts in sorted(by_currency.items())
    ]


def cohorts(rows: Sequence[Row], today: date, users_since: date | None) -> tuple[Cohort, ...] | Unknown:
    """Of the rows of ``metrics_cohorts.sql``. A month is known when events were recorded from its first day on."""
    if users_since is None:
        return NO_EVENT
    sizes: dict[date, int] = {}
    active: dict[tuple[date, date], int] = {}
    for row in rows:
        sizes[row["month"]] = row["users"]
        if row["active_in"] is not None:
            active[row["month"], row["active_in"]] = row["active"]
    early = Unknown(f"events go back to {users_since} only")

    def month_of(cohort: date, month: date) -> CohortMonth:
        if month < users_since:
            return CohortMonth(month, early, early)
        users = active.get((cohort, month), 0)
        return CohortMonth(month, users, users / sizes[cohort])

    return tuple(
        Cohort(month, size, tuple(month_of(month, each) for each in months(month, today)))
        for month, size in sorted(sizes.items())
    )


def months(first: date, last: date) -> list[date]:
    """The first day of each month from that of ``first`` to that of ``last``.

    >>> [str(each) for each in months(date(2025, 11, 3), date(2026, 1, 31))]
    ['2025-11-01', '2025-12-01', '2026-01-01']
    """
    found = [first.replace(day=1)]
    while found[-1] < last.replace(day=1):
        before = found[-1]
        found.append(date(before.year + before.month // 12, before.month % 12 + 1, 1))
    return found

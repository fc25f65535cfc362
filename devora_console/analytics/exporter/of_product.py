"""Metrics of the product: events on their way to PostHog, and the business as the console counts it.

What they are read from is described by two protocols; who can answer them is known to the composition alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from devora_console.analytics.exporter.family import OTHER, About, Family, Value, Values, seconds
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown


class Events(Protocol):
    """How far events are. Counts; ``configured``: there is a key to deliver with."""

    @property
    def spooled(self) -> int | Unknown:
        """On this machine's disk, not in the database yet."""

    @property
    def stored(self) -> int | Unknown:
        """In the database."""

    @property
    def delivered(self) -> int | Unknown:
        """Confirmed by PostHog."""

    @property
    def waiting(self) -> int | Unknown:
        """Stored, and to be delivered yet."""

    @property
    def refused(self) -> int | Unknown:
        """Those that PostHog will never take."""

    @property
    def oldest_waiting_at(self) -> datetime | Unknown | None:
        """Since when something waits; None while nothing does."""

    @property
    def configured(self) -> bool:
        """Whether there is a key."""


Figure = int | float | Decimal | Unknown | None | Mapping[str, "Figure"]
Business = Mapping[str, Figure]
"""Business figures by the names of the metrics service (``total_users``, ``mrr``, ...), of all groups together."""

_NOTHING_PAID = Unknown("nothing was paid in any currency yet")
_CURRENCY = 12  # characters of a label
_WINDOWS = ("day", "week", "month")


def _waiting(seen: Events, about: About) -> Values:
    since = seen.oldest_waiting_at
    if isinstance(since, Unknown):
        return since
    return 0.0 if since is None else max(0.0, (about.now - since).total_seconds())


def _states(seen: Events, _: About) -> Values:
    return {(name,): getattr(seen, name) for name in ("spooled", "stored", "delivered", "waiting", "refused")}


def _plain(value: Figure, name: str) -> Value:
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, Mapping):
        return Unknown(f"the metrics service does not tell {name}")
    return value


def _figure(name: str) -> Callable[[Business, About], Values]:
    return lambda seen, _: _plain(seen.get(name), name)


def _milliseconds(name: str) -> Callable[[Business, About], Values]:
    return lambda seen, _: seconds(_plain(seen.get(name), name))


def _percentiles(name: str, *of: str) -> Callable[[Business, About], Values]:
    return lambda seen, _: {
        (each,): seconds(_plain(seen.get(f"{name}_p{each}_ms"), f"{name}_p{each}_ms")) for each in of
    }


def _windows(name: str) -> Callable[[Business, About], Values]:
    return lambda seen, _: {(each,): _plain(seen.get(f"{name}_{each}"), f"{name}_{each}") for each in _WINDOWS}


def _paid(seen: Business, currency: str) -> float:
    """What was ever paid in a currency."""
    found = seen.get("total_revenue_by_currency")
    amount = found.get(currency) if isinstance(found, Mapping) else None
    return float(amount) if isinstance(amount, int | float | Decimal) else 0.0


def _currencies(name: str) -> Callable[[Business, About], Values]:
    """By currency where the service tells several: they are never added, so that those beyond the first few, the most
    paid ones, are left out and said to be unknown. Whatever three characters an invoice holds is a currency here.
    """

    def value(seen: Business, about: About) -> Values:
        found = seen.get(f"{name}_by_currency")
        if isinstance(found, Mapping):
            ranked = sorted(found.items(), key=lambda item: (-_paid(seen, item[0]), item[0]))
            told: dict[tuple[str, ...], Value] = {
                (one_line(currency, _CURRENCY),): _plain(amount, name) for currency, amount in ranked[: about.top]
            }
            if len(ranked) > about.top:
                told[(OTHER,)] = Unknown(f"{len(ranked) - about.top} more currencies are not told")
            return told or _NOTHING_PAID
        if isinstance(found, Unknown):
            return found
        return _plain(None, name)

    return value


def _business(
    name: str, words: str, read: Callable[[Business, About], Values], *labels: str, source: str = "the metrics service"
) -> Family:
    return Family(name, words, "business", source, read, labels)


FAMILIES = (
    Family(
        "events",
        "Product events by where they are; stored ones are delivered, waiting or refused.",
        "events",
        "the spool and analytics_events",
        _states,
        ("state",),
    ),
    Family(
        "events_oldest_waiting_seconds",
        "For how long the oldest event has been waiting for its delivery.",
        "events",
        "analytics_events",
        _waiting,
    ),
    Family(
        "events_delivery_configured",
        "Whether there is a key to deliver events with.",
        "events",
        "the settings",
        lambda seen, _: int(seen.configured),
    ),
    _business("business_age_seconds", "How long ago the figures below were computed.", _figure("age_seconds")),
    _business("users", "Registered users.", _figure("total_users")),
    _business("active_users", "Users who were active in a day, a week, a month.", _windows("active_users"), "window"),
    _business("new_users", "Users who registered in a day, a week, a month.", _windows("new_users"), "window"),
    _business(
        "retention_ratio",
        "Part of the users of the 30 days before the last 30 who came back.",
        _figure("retention_rate_30d"),
    ),
    _business("churn_ratio", "Part of those who paid 31 to 60 days ago and have left.", _figure("churn_rate")),
    _business("paying_users", "Users who pay, by the currency they pay in.", _currencies("paying_users"), "currency"),
    _business("mrr", "Monthly recurring revenue, in units of each currency.", _currencies("mrr"), "currency"),
    _business("revenue", "All that was paid, in units of each currency.", _currencies("total_revenue"), "currency"),
    _business("projects", "Projects.", _figure("total_projects")),
    _business("conversations", "Conversations.", _figure("total_conversations")),
    _business("messages", "Messages.", _figure("total_messages")),
    _business("error_ratio", "Part of the product's events of a month that are errors.", _figure("error_rate")),
    _business(
        "query_mean_seconds",
        "Mean time of a statement since the statistics were reset.",
        _milliseconds("average_query_time_ms"),
    ),
    _business(
        "search_latency_seconds",
        "So many of 100 searches of the product are as quick as that.",
        _percentiles("search", "50", "95", "99"),
        "percentile",
    ),
    _business("rag_retrieval_mean_seconds", "Mean time to find a prompt's texts.", _milliseconds("rag_retrieval_ms")),
    _business(
        "rag_retrieval_p95_seconds",
        "95 of 100 prompts have their texts as quickly as that.",
        _milliseconds("rag_retrieval_p95_ms"),
    ),
)

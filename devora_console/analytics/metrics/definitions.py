"""What each figure means: written down once, shown by ``analytics metrics --explain`` and on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from devora_console.analytics.events import ERRORS, EventType, Group
from devora_console.postgres.sqlfiles import sql

HERE = "devora_console.analytics"
ERROR_EVENTS: tuple[str, ...] = tuple(
    sorted(str(each) for each in ERRORS - {EventType.SLOW_REQUEST, EventType.RATE_LIMITED})
)
"""Events that count as errors: what was merely slow or put off did not fail."""
CONSOLE_EVENTS: tuple[str, ...] = tuple(sorted(str(each) for each in EventType if each.group is Group.CONSOLE))
"""Events that are not the product's."""

Unit = Literal[
    "users", "ratio", "money", "projects", "conversations", "messages", "searches", "subscriptions", "ms", "text"
]
Section = Literal["users", "revenue", "engagement", "performance"]
_DAY, _WEEK, _MONTH = "today (UTC), so far", "the last 7 days of UTC, today with them", "the last 30 days of UTC"
_NOW = "as of the refresh"
_NO_EVENT = "no event of a user was recorded"
_NOTHING_PAID = "no invoice is kept, or something was paid, but nothing in that currency"


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure: its field ``name``, what it means, over which ``window``, the SQL ``file`` it comes from, and when it
    is unknown ('' for never, once the views are filled).
    """

    name: str
    section: Section
    meaning: str
    unit: Unit
    window: str
    file: str
    unknown_when: str = ""

    @property
    def sql(self) -> str:
        """The text of the file."""
        return sql(HERE, self.file)


def _three(
    stem: str, section: Section, meaning: str, unit: Unit, file: str, unknown_when: str = ""
) -> Iterator[Definition]:
    for suffix, window in (("day", _DAY), ("week", _WEEK), ("month", _MONTH)):
        yield Definition(f"{stem}_{suffix}", section, meaning, unit, window, file, unknown_when)


def _users() -> Iterator[Definition]:
    file = "metrics_users"
    yield Definition("total_users", "users", "Accounts that are not deleted", "users", _NOW, file)
    yield from _three("active_users", "users", "Users with an event", "users", file, _NO_EVENT)
    yield from _three("new_users", "users", "Accounts registered, deleted since or not", "users", file)
    for days in (7, 30):
        yield Definition(
            f"retention_rate_{days}d",
            "users",
            f"Of the users with an event in the {days} days before the last {days}: the share with one in the last "
            f"{days}",
            "ratio",
            f"the last {2 * days} days of UTC",
            file,
            f"events do not go back {2 * days} days, or nobody was active in the first half",
        )
    yield Definition(
        "churn_rate",
        "users",
        "Of the users who paid more than nothing 31 to 60 days ago: the share whose subscription is canceled or "
        "inactive today, or whose account is deleted",
        "ratio",
        "paid in the 30 days before the last 30",
        file,
        "nobody paid in that time",
    )
    yield from _three(
        "searching_users", "users", "Users who searched", "users", file, "no search of a user was recorded"
    )
    yield from _three(
        "signed_in_users", "users", "Users whose last sign-in it was", "users", file, "no sign-in is recorded"
    )


def _revenue() -> Iterator[Definition]:
    file, subscriptions = "metrics_revenue", "metrics_subscriptions"
    yield Definition("currency", "revenue", "The currency of the figures: metrics.currency", "text", "", file)
    yield Definition(
        "mrr",
        "revenue",
        "The last paid invoice of each account that is not deleted and whose subscription is active; a twelfth of it "
        "where the paid period ends 350 to 380 days after the payment. Trials, and active subscriptions that nothing "
        "was paid for, bring nothing",
        "money",
        _NOW,
        file,
        f"{_NOTHING_PAID}, or there are active subscriptions and no paid invoice of any of them",
    )
    yield Definition("arr", "revenue", "Twelve times the MRR, before it is rounded", "money", _NOW, file, "the MRR is")
    yield Definition(
        "mrr_past_due", "revenue", "The same of subscriptions that are past due: not in the MRR", "money", _NOW, file,
        _NOTHING_PAID,
    )  # fmt: skip
    yield Definition(
        "total_revenue",
        "revenue",
        "Paid invoices, those of deleted accounts too. Void, open and uncollectible ones are none; a refund has no "
        "place in the tables and is not subtracted",
        "money",
        "all time",
        file,
        _NOTHING_PAID,
    )
    yield from _three(
        "revenue", "revenue", "Paid invoices, on the day they were paid (written, where that is not known)", "money",
        file, _NOTHING_PAID,
    )  # fmt: skip
    yield Definition(
        "average_revenue_per_user", "revenue", "MRR by paying users", "money", _NOW, file, "nobody pays, or the MRR is"
    )
    yield Definition(
        "paying_users", "revenue", "Users in the MRR whose last paid invoice is of more than nothing", "users", _NOW,
        file, "the MRR is",
    )  # fmt: skip
    yield Definition("by_currency", "revenue", "The same of each currency by itself", "money", "", file)
    for state in ("active", "past_due", "trialing"):
        words = state.replace("_", " ")
        yield Definition(
            f"subscriptions_{state}", "revenue", f"Accounts whose subscription is {words}", "subscriptions", _NOW,
            subscriptions,
        )  # fmt: skip
    yield Definition(
        "subscriptions_without_invoice", "revenue", "Active subscriptions without any paid invoice: not in the MRR",
        "subscriptions", _NOW, subscriptions,
    )  # fmt: skip
    yield Definition(
        "subscriptions_lapsed", "revenue", "Active subscriptions whose paid period ended more than a week ago: they "
        "are in the MRR, and somebody should look why", "subscriptions", _NOW, subscriptions,
    )  # fmt: skip


def _engagement() -> Iterator[Definition]:
    file = "metrics_engagement"
    for what, stem, unit in (
        ("Projects", "projects_created", "projects"),
        ("Conversations", "conversations_started", "conversations"),
        ("Messages, answers too,", "messages", "messages"),
    ):
        made: Unit = unit  # type: ignore[assignment]  # each is one of them
        yield Definition(
            f"total_{unit}", "engagement", f"{what} that are there, of accounts not deleted", made, _NOW, file
        )
        yield from _three(stem, "engagement", f"{what} made, deleted since or not", made, file)
    yield Definition(
        "messages_per_conversation", "engagement", "total_messages by total_conversations", "ratio", _NOW, file,
        "there is no conversation",
    )  # fmt: skip
    yield from _three("searches", "engagement", "Searches recorded", "searches", file, "no search was ever recorded")


def _performance() -> Iterator[Definition]:
    yield Definition(
        "average_query_time_ms",
        "performance",
        "Mean execution time of queries and changes in this database, the console's own left out where their text may "
        "be read",
        "ms",
        "since the statistics were reset",
        "metrics_statements",
        "pg_stat_statements is not there or may not be read",
    )
    why = "no event was recorded in that time"
    errors = " and ".join(ERROR_EVENTS)
    meaning = f"Share of the recorded events that are {errors}, the console's own left out"
    yield Definition("error_rate", "performance", meaning, "ratio", _MONTH, "metrics_errors", why)
    yield from _three("error_rate", "performance", meaning, "ratio", "metrics_errors", why)
    for suffix, window, names in (
        ("", _MONTH, ("average", "p50", "p95", "p99")),
        ("_day", _DAY, ("average", "p95")),
    ):
        for name in names:
            words = "Mean time" if name == "average" else f"{name.upper()} of the time"
            yield Definition(
                f"search_{name}_ms{suffix}", "performance", f"{words} of a search, as recorded with it", "ms", window,
                "metrics_timings", "no search was recorded with its time in that time",
            )  # fmt: skip
    for suffix, window in (("", _MONTH), ("_day", _DAY)):
        for name, words in (("", "Mean"), ("_p95", "P95 of the")):
            yield Definition(
                f"rag_retrieval{name}_ms{suffix}", "performance", f"{words} time to find the contexts of a question: "
                "searches of the type rag, and on days without any the property retrieval_time_ms of events", "ms",
                window, "metrics_timings", "no retrieval was recorded in that time",
            )  # fmt: skip


DEFINITIONS: tuple[Definition, ...] = (*_users(), *_revenue(), *_engagement(), *_performance())
"""Every figure of :class:`.model.DashboardMetrics`, in its order."""


def definition(section: str, name: str) -> Definition:
    """The definition of a field. Raises KeyError."""
    for each in DEFINITIONS:
        if (each.section, each.name) == (section, name):
            return each
    raise KeyError(f"{section}.{name}")

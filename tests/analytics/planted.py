"""A product's rows made by hand, and every figure worked out from them in plain Python, without a line of SQL."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

import asyncpg

from devora_console.config.secret import Dsn

CENT = Decimal("0.01")
SPANS = {"day": 1, "week": 7, "month": 30}
NAMES = ("page_viewed", "chat_message_sent", "error_occurred", "api_error", "slow_request", "console_command_run")


@dataclass
class User:
    id: UUID
    created: datetime
    deleted: bool
    status: str
    period_end: datetime | None
    last_login: datetime | None


@dataclass
class Invoice:
    user: UUID
    amount: Decimal
    currency: str
    status: str
    created: datetime
    paid: datetime | None

    @property
    def moment(self) -> datetime:
        return self.paid or self.created


@dataclass
class Made:
    """A project, a conversation, a message, a search or an event of somebody (None: of nobody)."""

    user: UUID | None
    at: datetime
    deleted: bool = False
    id: UUID = field(default_factory=lambda: UUID(int=0))
    ms: int | None = None
    name: str = ""


@dataclass
class Planted:
    users: list[User]
    invoices: list[Invoice]
    projects: list[Made]
    conversations: list[Made]
    messages: list[Made]
    searches: list[Made]
    events: list[Made]


def moment(rng: random.Random, day: date) -> datetime:
    """A moment of that day of UTC, often one that is of another day elsewhere."""
    clock = rng.choice((time(0, 0, 0, 1), time(0, 30), time(12, 0), time(23, 30), time(23, 59, 59, 999_999)))
    return datetime.combine(day, clock, UTC)


def plant(today: date, seed: int = 7) -> Planted:
    """About a hundred users and what they did in the last four months."""
    rng = random.Random(seed)  # noqa: S311 - must repeat, guards nothing

    def identity() -> UUID:
        return UUID(int=rng.getrandbits(128), version=4)

    def ago(most: int) -> datetime:
        return moment(rng, today - timedelta(days=rng.randrange(most)))

    users = [
        User(
            identity(),
            ago(120),
            rng.random() < 0.12,
            rng.choice(("active", "active", "active", "inactive", "canceled", "past_due", "trialing")),
            None,
            ago(50) if rng.random() < 0.6 else None,
        )
        for _ in range(110)
    ]
    invoices = []
    for nth, user in enumerate(users):
        yearly = nth % 9 == 0
        for back in range(rng.randrange(4)):
            currency = rng.choice(("eur", "EUR", "Eur", "usd", "GBP"))
            created = moment(rng, today - timedelta(days=35 * back + rng.randrange(30))) + timedelta(microseconds=nth)
            amount = rng.choice(("9.90", "19.80", "99.00", "4.95", "0.00", "0.01", "33.33"))
            status = rng.choice(("paid", "paid", "paid", "open", "void", "uncollectible", "draft"))
            paid = created + timedelta(hours=2, seconds=nth) if rng.random() < 0.5 else None
            invoices.append(Invoice(user.id, Decimal(amount), currency, status, created, paid))
        if nth % 3:
            latest = max((each.moment for each in invoices if each.user == user.id), default=ago(30))
            user.period_end = latest + timedelta(days=365 if yearly else rng.choice((30, 31, 349, 381)))
    people = [user.id for user in users]

    def kept(count: int) -> list[Made]:
        return [Made(rng.choice(people), ago(100), rng.random() < 0.1, identity()) for _ in range(count)]

    projects, conversations = kept(160), kept(90)
    messages = [Made(None, ago(90), id=rng.choice(conversations).id) for _ in range(400)]
    searches = [
        Made(rng.choice([*people[:60], None]), ago(40), ms=rng.choice((None, rng.randrange(900)))) for _ in range(300)
    ]
    events = [Made(rng.choice([*people[:70], None]), ago(75), name=rng.choice(NAMES)) for _ in range(600)]
    events += [
        Made(rng.choice(people[:70]), ago(35), ms=rng.randrange(400), name="rag_context_retrieved") for _ in range(80)
    ]
    events += [Made(people[0], moment(rng, today - timedelta(days=75)), name="page_viewed")]
    events += [Made(people[1], moment(rng, today + timedelta(days=2)), ms=1, name="api_error")]
    return Planted(users, invoices, projects, conversations, messages, searches, events)


async def write(dsn: Dsn, planted: Planted) -> None:
    """Put the rows where they belong."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.executemany(
            "INSERT INTO public.users (id, email, hashed_password, created_at, deleted_at, subscription_status,"
            " current_period_end, last_login_at) VALUES ($1, $2, '-', $3, $4, $5, $6, $7)",
            [
                (
                    u.id,
                    f"{u.id}@x.invalid",
                    u.created,
                    u.created if u.deleted else None,
                    u.status,
                    u.period_end,
                    u.last_login,
                )
                for u in planted.users
            ],
        )
        await connection.executemany(
            "INSERT INTO public.invoices (user_id, stripe_invoice_id, amount, currency, status, created_at, paid_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                (i.user, f"in_{nth}", i.amount, i.currency, i.status, i.created, i.paid)
                for nth, i in enumerate(planted.invoices)
            ],
        )
        for table, column, rows in (
            ("projects", "name", planted.projects),
            ("conversations", "title", planted.conversations),
        ):
            await connection.executemany(
                f"INSERT INTO public.{table} (id, user_id, {column}, created_at, deleted_at)"  # noqa: S608 - our own
                " VALUES ($1, $2, 'x', $3, $4)",
                [(row.id, row.user, row.at, row.at if row.deleted else None) for row in rows],
            )
        await connection.executemany(
            "INSERT INTO public.messages (conversation_id, role, content, timestamp) VALUES ($1, 'user', 'x', $2)",
            [(row.id, row.at) for row in planted.messages],
        )
        await connection.executemany(
            "INSERT INTO public.search_queries (user_id, query_text, search_type, execution_time_ms, timestamp)"
            " VALUES ($1, 'x', 'all', $2, $3)",
            [(row.user, row.ms, row.at) for row in planted.searches],
        )
        await connection.executemany(
            "INSERT INTO public.analytics_events (user_id, event_name, event_properties, timestamp)"
            " VALUES ($1, $2, $3::jsonb, $4)",
            [
                (row.user, row.name, json.dumps({"retrieval_time_ms": row.ms} if row.ms is not None else {}), row.at)
                for row in planted.events
            ],
        )
        # What is no time counts as none, and stops no refresh.
        for odd in ("-1e300", "-4", '"fast"', "null", "[1]", "{}"):
            await connection.execute(
                "INSERT INTO public.analytics_events (event_name, event_properties)"
                " VALUES ('console_command_run', jsonb_build_object('retrieval_time_ms', $1::jsonb))",
                odd,
            )
        await connection.execute("ANALYZE public.users")
    finally:
        await connection.close()


class Truth:
    """Every figure of these rows as of ``today``."""

    def __init__(self, rows: Planted, today: date) -> None:
        self.rows = rows
        self.today = today
        self.user = {each.id: each for each in rows.users}

    def within(self, at: datetime, days: int, back: int = 0) -> bool:
        """Whether a moment is in the ``days`` days of UTC that end ``back`` days ago."""
        day = at.astimezone(UTC).date()
        return self.today - timedelta(days=back + days) < day <= self.today - timedelta(days=back)

    def counted(self, stem: str, moments: Sequence[datetime]) -> dict[str, int]:
        return {f"{stem}_{span}": sum(self.within(at, days) for at in moments) for span, days in SPANS.items()}

    def people(self, stem: str, made: Sequence[Made]) -> dict[str, int]:
        return {f"{stem}_{span}": len(self.active(made, days)) for span, days in SPANS.items()}

    def active(self, made: Sequence[Made], days: int, back: int = 0) -> set[UUID]:
        return {row.user for row in made if row.user is not None and self.within(row.at, days, back)}

    def retention(self, days: int) -> float:
        before = self.active(self.rows.events, days, days)
        return len(before & self.active(self.rows.events, days)) / len(before)

    def churn(self) -> float:
        # By day, for an invoice of nothing does not make a payer.
        paid = {
            row.user
            for row in self.rows.invoices
            if row.status == "paid" and row.amount > 0 and self.within(row.moment, 30, 30)
        }
        lost = [who for who in paid if self.user[who].deleted or self.user[who].status in ("canceled", "inactive")]
        return len(lost) / len(paid)

    def users(self) -> dict[str, object]:
        kept = [user for user in self.rows.users if not user.deleted]
        return {
            "total_users": len(kept),
            **self.people("active_users", self.rows.events),
            **self.counted("new_users", [user.created for user in self.rows.users]),
            "retention_rate_7d": self.retention(7),
            "retention_rate_30d": self.retention(30),
            "churn_rate": self.churn(),
            **self.people("searching_users", self.rows.searches),
            **self.counted("signed_in_users", [user.last_login for user in kept if user.last_login]),
        }

    def recurring(self, status: str, currency: str) -> list[Decimal]:
        """What each subscription brings in a year."""
        found = []
        for user in self.rows.users:
            paid = [row for row in self.rows.invoices if row.user == user.id and row.status == "paid"]
            if user.deleted or user.status != status or not paid:
                continue
            last = max(paid, key=lambda row: row.moment)
            if last.currency.upper() != currency:
                continue
            left = user.period_end - last.moment if user.period_end else timedelta()
            found.append(last.amount * (1 if timedelta(days=350) <= left <= timedelta(days=380) else 12))
        return found

    def money(self, currency: str) -> dict[str, object]:
        paid = [row for row in self.rows.invoices if row.status == "paid" and row.currency.upper() == currency]
        yearly = self.recurring("active", currency)
        payers = sum(amount > 0 for amount in yearly)
        return {
            "mrr": rounded(sum(yearly, Decimal()) / 12),
            "arr": rounded(sum(yearly, Decimal())),
            "mrr_past_due": rounded(sum(self.recurring("past_due", currency), Decimal()) / 12),
            "total_revenue": sum((row.amount for row in paid), Decimal()),
            **{
                f"revenue_{span}": sum((row.amount for row in paid if self.within(row.moment, days)), Decimal())
                for span, days in SPANS.items()
            },
            "average_revenue_per_user": rounded(sum(yearly, Decimal()) / 12 / payers),
            "paying_users": payers,
        }

    def engagement(self) -> dict[str, object]:
        rows = self.rows
        gone = {user.id for user in rows.users if user.deleted}
        there = {row.id for row in rows.conversations if not row.deleted and row.user not in gone}
        messages = sum(row.id in there for row in rows.messages)
        return {
            "total_projects": sum(not row.deleted and row.user not in gone for row in rows.projects),
            **self.counted("projects_created", [row.at for row in rows.projects]),
            "total_conversations": len(there),
            **self.counted("conversations_started", [row.at for row in rows.conversations]),
            "total_messages": messages,
            **self.counted("messages", [row.at for row in rows.messages]),
            "messages_per_conversation": messages / len(there),
            **self.counted("searches", [row.at for row in rows.searches]),
        }

    def error_rate(self, days: int) -> float:
        names = [
            row.name for row in self.rows.events if self.within(row.at, days) and row.name != "console_command_run"
        ]
        return sum(name in ("error_occurred", "api_error") for name in names) / len(names)

    def times(self, made: Sequence[Made], days: int) -> list[float]:
        return sorted(float(row.ms) for row in made if row.ms is not None and self.within(row.at, days))

    def performance(self) -> dict[str, object]:
        found: dict[str, object] = {f"error_rate_{span}": self.error_rate(days) for span, days in SPANS.items()}
        found["error_rate"] = found["error_rate_month"]
        for suffix, days in (("", 30), ("_day", 1)):
            search, rag = self.times(self.rows.searches, days), self.times(self.rows.events, days)
            found[f"search_average_ms{suffix}"] = sum(search) / len(search)
            found[f"search_p95_ms{suffix}"] = percentile(search, 95)
            found[f"rag_retrieval_ms{suffix}"] = sum(rag) / len(rag)
            found[f"rag_retrieval_p95_ms{suffix}"] = percentile(rag, 95)
        month = self.times(self.rows.searches, 30)
        return found | {"search_p50_ms": percentile(month, 50), "search_p99_ms": percentile(month, 99)}


def rounded(amount: Decimal) -> Decimal:
    """To cents."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    return values[math.ceil(len(values) * percent / 100) - 1]

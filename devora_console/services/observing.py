"""What the watching screens see: sessions, locks, statements, indexes and health of the target, each sampled in its
own time, and what is looked up for one line of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.read import read as read_activity
from devora_console.postgres.activity.read_locks import read_locks
from devora_console.postgres.advice import read_advised
from devora_console.postgres.health.measure import Measured, measure
from devora_console.postgres.health.read import Seen, read_next
from devora_console.postgres.health.snapshot import HealthSample, HealthSnapshot
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.measure import measure as measure_index
from devora_console.postgres.indexes.read import read as read_indexes
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Measurement
from devora_console.postgres.plans.read import Author, explain
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import (
    RING,
    QueriesSnapshot,
    Statement,
    StatementsSample,
    StatementsSnapshot,
    Texts,
    interval,
    read_numbers,
    read_running,
    since_reset,
    trends,
)
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.postgres.watch.ring import Dated, Ring
from devora_console.search.embedded import read_embedded
from devora_console.services.lookout import Kind, Lookout, Watcher

KINDS = ("activity", "locks", "queries", "indexes", "health", "embedded")
_STATEMENTS_SECONDS = 5.0
_DEAR_SECONDS = 60.0
# One sample in so many seconds is kept for the last hour: many of what passes, few of what is large.
_KEPT_SECONDS = {"activity": 10.0, "locks": 10.0, "queries": 60.0, "indexes": 600.0, "health": 120.0, "embedded": 600.0}
_INTERVAL_SECONDS = 300.0  # figures of statements are of the last five minutes
_TEXT_SECONDS = 30.0
_LISTED = 100

T = TypeVar("T")


class Observing:
    """``looked`` is called with the name of a kind after each look at it."""

    def __init__(
        self,
        settings: Settings,
        target: Target,
        looked: Callable[[str], None],
        *,
        pace: float = 1.0,
        only: Collection[str] = KINDS,
        history: bool = True,
    ) -> None:
        """``pace`` makes it look that many times as often, ``only`` at some kinds: for measuring what it costs.
        Without ``history`` nothing but the latest of each kind is kept.
        """
        often, seldom = settings.terminal.refresh_seconds / pace, _DEAR_SECONDS / pace
        self._settings = settings
        self._lookout = Lookout(settings.postgres, target)
        self._statements = _Statements(settings.queries.slow_ms)
        self._health = _Health(settings)
        self._advice: Advice | Unknown | None = None
        kinds: tuple[Kind[Any], ...] = (
            Kind("activity", often, lambda guest: read_activity(guest, settings.activity)),
            Kind("locks", often, lambda guest: read_locks(guest, settings.activity)),
            Kind("queries", max(often, _STATEMENTS_SECONDS / pace), self._statements.look),
            Kind("indexes", seldom, self._look_at_indexes, dear=True),
            Kind("health", seldom, self._health.look, dear=True),
            Kind("embedded", seldom, lambda guest: read_embedded(guest, settings), dear=True),
        )
        self._watchers: dict[str, Watcher[Any]] = {
            each.name: self._lookout.watch(_kept(each, pace, history=history), looked)
            for each in kinds
            if each.name in only
        }

    def start(self) -> None:
        """Begin, on the running loop."""
        self._lookout.start()

    async def stop(self) -> None:
        """End, and leave the server."""
        await self._lookout.stop()

    def hasten(self, kind: str | None = None) -> None:
        """Look now: at one kind, or at everything that failed."""
        if kind is None:
            self._lookout.hasten()
        elif kind in self._watchers:
            self._watchers[kind].hasten()

    def seen(self, kind: str, at: datetime | None = None) -> Dated | Unknown | Problem | None:
        """The newest sample of a kind, or what is in its way; None before the first look.

        With ``at``, what was kept of that moment; None where that is forgotten.
        """
        found: Dated | Unknown | Problem | None = self._watchers[kind].seen(at)
        return found

    def sure(self, kind: str) -> Dated | Unknown | Problem | None:
        """As :meth:`seen`, but what is in the way comes first: while a look fails the last sample may not hold."""
        return self._watchers[kind].problem or self.seen(kind)

    def moments(self, kind: str) -> tuple[datetime, ...]:
        """What is kept of the last hour of a kind, oldest first."""
        return tuple(each.as_of for each in self._watchers[kind].ring)

    @property
    def health_samples(self) -> tuple[HealthSample, ...]:
        """The counters of the last hour."""
        return tuple(self._health.samples)

    async def lend(self, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]) -> T:
        """A session for work that would else need one more, on a server that may have few left. Raises ConsoleError."""
        return await self._lookout.lend(work)

    async def ask(self, work: Callable[[Guest], Awaitable[T]]) -> T:
        """As :meth:`lend`, for questions of a guest. Raises ConsoleError."""
        return await self._lookout.ask(work)

    def forget(self) -> None:
        """Let what was refused over that session be asked again."""
        self._lookout.forget()

    async def plan(self, statement: Statement) -> Plan | Unknown:
        """The plan of a listed statement, not run. Raises ConsoleError."""
        text = statement.text
        if isinstance(text, Unknown):
            return text
        name = statement.user
        author = None if isinstance(name, Unknown) else Author(statement.key.userid, name)
        limits = self._settings.plans
        return await self._lookout.ask(lambda guest: explain(guest, text, author=author, limits=limits))

    async def _look_at_indexes(self, guest: Guest) -> IndexesSnapshot:
        return await read_indexes(guest, self._settings.indexes, advice=self._advice)

    async def suggest_indexes(self) -> IndexesSnapshot:
        """Plan slow statements for the indexes they ask for; what was found stays with the samples that follow.

        Raises ConsoleError.
        """
        found = await self._lookout.ask(lambda guest: read_advised(guest, self._settings.indexes))
        self._advice = found.advice
        self.hasten("indexes")
        return found

    async def measure_table(self, oid: int) -> Measured | Unknown:
        """The bloat of one table, measured. Raises ConsoleError."""
        return await self._lookout.ask(lambda guest: measure(guest, oid))

    async def measure_index(self, oid: int) -> Measurement | Unknown:
        """The bloat of one index, measured. Raises ConsoleError."""
        return await self._lookout.ask(lambda guest: measure_index(guest, oid))


def _kept(kind: Kind[Any], pace: float, *, history: bool) -> Kind[Any]:
    if not history:
        return replace(kind, most=1)
    return replace(kind, spacing=_KEPT_SECONDS[kind.name] / pace)


class _Statements:
    """Samples of counters, and from them what is shown."""

    def __init__(self, slow_ms: float) -> None:
        self._slow_ms = slow_ms
        self._texts = Texts(_TEXT_SECONDS)
        self._ring: Ring[StatementsSample] = Ring(timedelta(seconds=2 * _INTERVAL_SECONDS), RING)

    async def look(self, guest: Guest) -> QueriesSnapshot:
        sample = await read_numbers(guest, self._ring.latest)
        known = {} if isinstance(sample, Unknown) else sample.rows
        running = await read_running(guest, self._slow_ms, known)
        statements = sample if isinstance(sample, Unknown) else await self._shown(guest, sample)
        return QueriesSnapshot(utc_now(), self._slow_ms, statements, running)

    async def _shown(self, guest: Guest, sample: StatementsSample) -> StatementsSnapshot:
        self._ring.add(sample)
        before = self._ring.before(_INTERVAL_SECONDS)
        snapshot = since_reset(sample) if before is None else interval(before, sample)
        shown = await self._texts.first(guest, snapshot, self._slow_ms, limit=_LISTED)
        return replace(shown, trends=trends(self._ring, [each.key for each in shown.statements]))


class _Health:
    """Looks at health, each compared with the one before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.health
        self._before: Seen | None = None
        self.samples: Ring[HealthSample] = Ring()

    async def look(self, guest: Guest) -> HealthSnapshot:
        found, self._before = await read_next(guest, self._settings, self._before)
        if self._before is not None:
            self.samples.add(self._before[0])
        return found

"""One look at what the guide says to watch. Every figure comes from where the console's own screens have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from devora_console.analytics.aftermath.model import Cache, Events, Reading, Sizes, Slow, SlowStatement, Times
from devora_console.analytics.metrics.definitions import CONSOLE_EVENTS, ERROR_EVENTS
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.sample import Interval, between, read_sample
from devora_console.postgres.health.sizes import read_sizes
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.statements import (
    StatementsSample,
    StatementsSnapshot,
    Texts,
    in_window,
    interval,
    read_numbers,
    since_reset,
)
from devora_console.postgres.watch.guest import Guest

HERE = "devora_console.analytics"
LONGEST = timedelta(hours=24)
"""Events and searches are counted over a day at most: daily active users are of a day."""
_LISTED = 100
_SECONDS = 20.0
_TEXT_SECONDS = 600.0
_NO_TABLE = Unknown("the table is not here", "devora-console schema apply")
_OWN_ROWS = Unknown(
    "this login sees its own rows only", "Connect as the owner of the schema, or as a member of admin_role"
)
_NONE = Unknown("none was recorded in that time")
_BEGUN = Unknown("the watch has just begun: what was counted before is not of it", "Wait for the next look")


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of a moment, which later ones are compared with."""

    statements: StatementsSample | Unknown
    health: HealthSample | Unknown


class Looker:
    """Looks again and again at one database. ``watching``: what is counted is told since ``first`` (None: this look is
    the first); otherwise since the counters were reset.
    """

    def __init__(self, slow_ms: float, first: Counted | None = None, *, watching: bool = False) -> None:
        self._slow_ms = slow_ms
        self._watching = watching
        self._texts = Texts(_TEXT_SECONDS)
        self._like: StatementsSample | None = None
        self.first = first
        self.newest: Counted | None = None

    async def look(self, guest: Guest, began: datetime | None = None) -> Reading:
        """Everything now; events and searches from ``began`` on, but of a day at most (without it: of a day).

        Raises ConsoleError when the connection is lost.
        """
        ground = await _ask(guest, "aftermath_ground")
        now = utc_now() if isinstance(ground, Unknown) else ground[0]["now"]
        since = now - LONGEST if began is None else min(now, max(began, now - LONGEST))
        slow, statements = await self._slow(guest)
        cache, health = await self._cache(guest)
        self.newest = Counted(statements, health)
        if self._watching and self.first is None:
            slow = slow if isinstance(slow, Unknown) else _BEGUN
            cache = cache if isinstance(cache, Unknown) else _BEGUN
        searches, rag = await _times(guest, ground, since, now)
        return Reading(
            as_of=now,
            began=since,
            database=guest.host.database,
            slow=slow,
            sizes=await _sizes(guest, now),
            cache=cache,
            events=await _events(guest, ground, since, now),
            searches=searches,
            rag=rag,
        )

    async def _slow(self, guest: Guest) -> tuple[Slow | Unknown, StatementsSample | Unknown]:
        found = await read_numbers(guest, self._like)
        if isinstance(found, Unknown):
            return found, found
        self._like = found
        own = {key: counted for key, counted in found.rows.items() if key.dbid == guest.host.database_oid}
        sample = replace(found, rows=own)
        first = self.first.statements if self.first is not None else None
        compared = isinstance(first, StatementsSample) and first.as_of < sample.as_of
        snapshot = interval(first, sample) if compared and first is not None else since_reset(sample)  # type: ignore[arg-type]  # compared says so
        if not snapshot.over_interval:
            snapshot = since_reset(sample)
        snapshot = await self._texts.first(
            guest, snapshot, self._slow_ms, orders=("mean",), limit=_LISTED, min_ms=self._slow_ms
        )
        return _slow_of(snapshot, self._slow_ms), sample

    async def _cache(self, guest: Guest) -> tuple[Cache | Unknown, HealthSample | Unknown]:
        found = await read_sample(guest)
        if isinstance(found, Unknown):
            return found, found
        sample, counting, _ = found
        if not counting:
            off = Unknown("track_counts is off: nothing is counted", "ALTER SYSTEM SET track_counts = on")
            return off, sample
        first = self.first.health if self.first is not None else None
        if isinstance(first, HealthSample):
            passed = between(first, sample)
            if isinstance(passed, Interval):
                return Cache(first.as_of, passed.blocks_hit, passed.blocks_read), sample
        since = sample.since or Unknown("the server does not say since when it counts")
        return Cache(since, sample.blocks_hit, sample.blocks_read), sample


def _slow_of(snapshot: StatementsSnapshot, slow_ms: float) -> Slow:
    means = []
    for each in snapshot.statements:
        counted = in_window(each, snapshot)
        if not isinstance(counted, Unknown) and counted.calls and counted.exec_ms / counted.calls >= slow_ms:
            means.append(SlowStatement(each.key.queryid, counted.exec_ms / counted.calls, counted.calls))
    means.sort(key=lambda each: -each.mean_ms)
    return Slow(
        threshold_ms=slow_ms,
        began=snapshot.window.began if snapshot.over_interval else snapshot.window.since,
        count=snapshot.slow,
        slowest=tuple(means),
        hidden=snapshot.hidden,
        uncounted=snapshot.window.unknown if snapshot.over_interval else 0,
    )


async def _sizes(guest: Guest, now: datetime) -> Sizes | Unknown:
    found = await read_sizes(guest, now, None)
    if isinstance(found, Unknown):
        return found
    tables = {f"{each.schema}.{each.name}": each.bytes for each in found.tables if not each.guessed}
    return Sizes(found.database, tables, found.total - len(tables))


async def _events(guest: Guest, ground: Any, since: datetime, now: datetime) -> Events | Unknown:
    missing = _missing(ground, "events")
    if missing is not None:
        return missing
    rows = await _ask(guest, "aftermath_events", since, now, list(ERROR_EVENTS), list(CONSOLE_EVENTS))
    return rows if isinstance(rows, Unknown) else Events(rows[0]["events"], rows[0]["errors"], rows[0]["users"])


async def _times(guest: Guest, ground: Any, since: datetime, now: datetime) -> tuple[Times | Unknown, Times | Unknown]:
    searches: Times | Unknown = _missing(ground, "searches") or _NONE
    rag = searches
    if searches is _NONE:
        rows = await _ask(guest, "aftermath_searches", since, now)
        if isinstance(rows, Unknown):
            return rows, rows
        kinds = {row["rag"]: row for row in rows}
        searches, rag = (_times_of(kinds.get(kind), "search_queries") for kind in (False, True))
    if isinstance(rag, Unknown) and _missing(ground, "events") is None:
        told = await _ask(guest, "aftermath_rag_events", since, now)
        if not isinstance(told, Unknown):
            rag = _times_of(told[0], "events with retrieval_time_ms")
    return searches, rag


def _times_of(row: Mapping[str, Any] | None, source: str) -> Times | Unknown:
    if row is None or not row["measured"]:
        return _NONE
    return Times(row["measured"], float(row["p50"]), float(row["p95"]), source)


def _missing(ground: Any, table: str) -> Unknown | None:
    """Why a table cannot tell the truth; None when it can."""
    if isinstance(ground, Unknown):
        return ground
    if not ground[0][table]:
        return _NO_TABLE
    return None if ground[0]["reads_all"] else _OWN_ROWS


async def _ask(guest: Guest, name: str, *values: Any) -> Any:
    """Rows, or an Unknown. A missing right is asked for again: somebody may grant it during the day."""
    return await guest.query(sql(HERE, name), *values, seconds=_SECONDS)

"""How long searches take: percentiles per method, cold and warm, asked as a role under row security.

A method is any coroutine that asks one query and returns how many rows came back. The first time a query is asked
counts as cold, for its plan, its part of the index and its rows may all have to be fetched; the same query again counts
as warm. A query that is cut off by its time limit counts as a timeout and, in the percentiles, as the limit: leaving it
out would make a method better the more often it fails.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import asyncpg

from devora_console.core.unknown import Unknown

Query = TypeVar("Query")
Ask: TypeAlias = Callable[[Query], Awaitable[int]]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_NOTHING = Unknown("no query was asked", "give the benchmark some queries")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds of ``count`` searches; ``timeouts`` of them were cut off and count as the limit."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float
    timeouts: int


@dataclass(frozen=True, slots=True)
class Latency:
    """One method: ``cold`` is the first time each query was asked, ``warm`` the times after it.

    ``short``: searches that returned fewer rows than they might have, of those whose possible number was known.
    """

    method: str
    cold: Percentiles | Unknown
    warm: Percentiles | Unknown
    short: int


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed; ``values`` sorted and not empty.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50), percentile([1.0, 2.0, 3.0, 4.0], 95)
    (2.0, 4.0)
    """
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def percentiles(milliseconds: Sequence[float], timeouts: int = 0) -> Percentiles | Unknown:
    """What these searches took, or Unknown of none at all."""
    if not milliseconds:
        return _NOTHING
    taken = sorted(milliseconds)
    p50, p95, p99 = (percentile(taken, percent) for percent in (50, 95, 99))
    return Percentiles(len(taken), p50, p95, p99, taken[-1], timeouts)


@dataclass(slots=True)
class Run(Generic[Query]):
    """What one method took so far."""

    method: str
    ask: Ask[Query]
    limit_seconds: float
    possible: Callable[[str, Query], int | None]
    short: int = 0

    async def once(self, query: Query) -> tuple[float, bool]:
        """(milliseconds, whether it was cut off)."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.limit_seconds):
                returned = await self.ask(query)
        except (TimeoutError, asyncpg.QueryCanceledError):
            return 1000 * self.limit_seconds, True
        taken = 1000 * (time.perf_counter() - began)
        possible = self.possible(self.method, query)
        self.short += possible is not None and returned < possible
        return taken, False


async def measure(
    methods: Mapping[str, Ask[Query]],
    queries: Sequence[Query],
    *,
    rounds: int = 2,
    limit_seconds: float = 10.0,
    possible: Callable[[str, Query], int | None] = lambda method, query: None,
) -> dict[str, Latency]:
    """Ask every query by every method ``rounds`` times (at least once); the first round is the cold one.

    Methods take turns within a query, so that what else the machine does falls on all of them alike. ``possible`` says
    how many rows a method should return for a query, None where that is not known.
    """
    runs = [Run(name, ask, limit_seconds, possible) for name, ask in methods.items()]
    taken: dict[tuple[str, bool], list[float]] = {(name, warm): [] for name in methods for warm in (False, True)}
    cut = dict.fromkeys(taken, 0)
    for number in range(max(1, rounds)):
        for query in queries:
            for run in runs:
                milliseconds, late = await run.once(query)
                key = (run.method, number > 0)
                taken[key].append(milliseconds)
                cut[key] += late
    return {
        run.method: Latency(
            run.method,
            percentiles(taken[run.method, False], cut[run.method, False]),
            percentiles(taken[run.method, True], cut[run.method, True]),
            run.short,
        )
        for run in runs
    }


async def become(connection: Connection, role: str | None, user: str | None, limit_seconds: float) -> None:
    """Make the session ask as ``role`` (None: as it is) for ``user``, read-only, every statement within the limit."""
    await connection.execute("SET default_transaction_read_only = on")
    await connection.execute(
        "SELECT set_config('app.user_id', $1, false), set_config('statement_timeout', $2, false)",
        user or "",
        f"{max(1, round(1000 * limit_seconds))}ms",
    )
    if role is not None:
        await connection.execute("SELECT set_config('role', $1, false)", role)

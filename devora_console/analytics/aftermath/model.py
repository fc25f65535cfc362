"""What a watch knows: a reading of a moment, the values before the switch, and a verdict for each line.

Percentages are 0 to 100, times milliseconds, sizes bytes. Nothing here holds a text of a statement, a search or a user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown

Number = float | int | Unknown
Unit = Literal["statements", "bytes", "percent", "users", "ms"]


@dataclass(frozen=True, slots=True)
class SlowStatement:
    """A statement whose mean was too long in the window."""

    queryid: int
    mean_ms: float
    calls: int


@dataclass(frozen=True, slots=True)
class Slow:
    """Statements of this database with a mean of ``threshold_ms`` or more between ``began`` and the reading.

    ``began`` is Unknown where the server does not say since when it counts; ``slowest`` are at most 100 of ``count``.
    ``hidden`` statements belong to others, ``uncounted`` ones have no figures for the window: they may be slow too.
    """

    threshold_ms: float
    began: datetime | Unknown
    count: int
    slowest: tuple[SlowStatement, ...]
    hidden: int
    uncounted: int


@dataclass(frozen=True, slots=True)
class Cache:
    """Block accesses of the database since ``began``, of which ``hit`` needed no read."""

    began: datetime | Unknown
    hit: int
    read: int

    @property
    def percent(self) -> float | Unknown:
        """The cache hit ratio."""
        total = self.hit + self.read
        return 100 * self.hit / total if total else Unknown("no block was accessed")


@dataclass(frozen=True, slots=True)
class Sizes:
    """The database, and its tables with indexes and partitions by ``schema.name``; those that are locked are not told.

    ``untold`` tables are not among ``tables``: only the largest are, and those that were not locked.
    """

    database: int | Unknown
    tables: Mapping[str, int]
    untold: int


@dataclass(frozen=True, slots=True)
class Events:
    """Events of the product in the window, of which ``errors`` are errors, and how many users they were of."""

    count: int
    errors: int
    users: int


@dataclass(frozen=True, slots=True)
class Times:
    """How long ``count`` searches (or retrievals) of the window took; ``source`` is where that is recorded."""

    count: int
    p50_ms: float
    p95_ms: float
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was seen at ``as_of``, the server's clock; events and searches are those from ``began`` on."""

    as_of: datetime
    began: datetime
    database: str
    slow: Slow | Unknown
    sizes: Sizes | Unknown
    cache: Cache | Unknown
    events: Events | Unknown
    searches: Times | Unknown
    rag: Times | Unknown

    @property
    def window(self) -> timedelta:
        """How long events and searches were counted."""
        return self.as_of - self.began


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the guide's list: its stable ``id``, its title, and the number of a reading that stands for it."""

    id: str
    title: str
    unit: Unit
    of: Callable[[Reading], Number]


_NO_EVENT = Unknown("no event was recorded in that time", "Have the backend call track_event (analytics status)")


def _slow(reading: Reading) -> Number:
    return reading.slow if isinstance(reading.slow, Unknown) else reading.slow.count


def _bytes(reading: Reading) -> Number:
    return reading.sizes if isinstance(reading.sizes, Unknown) else reading.sizes.database


def _cache(reading: Reading) -> Number:
    return reading.cache if isinstance(reading.cache, Unknown) else reading.cache.percent


def _users(reading: Reading) -> Number:
    if isinstance(reading.events, Unknown):
        return reading.events
    return reading.events.users if reading.events.count else _NO_EVENT


def _errors(reading: Reading) -> Number:
    if isinstance(reading.events, Unknown):
        return reading.events
    found = reading.events
    return 100 * found.errors / found.count if found.count else _NO_EVENT


def _searches(reading: Reading) -> Number:
    return reading.searches if isinstance(reading.searches, Unknown) else reading.searches.p95_ms


def _rag(reading: Reading) -> Number:
    return reading.rag if isinstance(reading.rag, Unknown) else reading.rag.p95_ms


FIGURES: Mapping[str, Figure] = {
    each.id: each
    for each in (
        Figure("slow_queries", "slow queries", "statements", _slow),
        Figure("table_sizes", "table sizes", "bytes", _bytes),
        Figure("cache_hit", "cache hit ratio", "percent", _cache),
        Figure("active_users", "active users (DAU)", "users", _users),
        Figure("error_rate", "error rate", "percent", _errors),
        Figure("search", "search, P95", "ms", _searches),
        Figure("rag", "RAG retrieval, P95", "ms", _rag),
    )
}
"""The guide's list, in its order."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The values before the switch: what was read then, and what people gave because no server here has it.

    ``given`` are numbers by the id of a figure; they count before what was read. ``target`` is where it was read: host,
    port and database.
    """

    id: str
    kept_at: datetime
    note: str
    reading: Reading
    target: str
    given: Mapping[str, float] = field(default_factory=dict)

    def value(self, id_: str) -> Number:
        """The value before."""
        return self.given[id_] if id_ in self.given else FIGURES[id_].of(self.reading)


@dataclass(frozen=True, slots=True)
class WatchLine:
    """One line: what is now, what was before, and how it is judged.

    ``text`` and ``before_text`` are the values with their window, ``why`` tells the thresholds, ``remedy`` what to do.
    """

    id: str
    title: str
    verdict: Verdict
    unit: Unit
    now: Number
    before: Number
    text: str
    before_text: str
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """What is kept of a reading: the number of each figure, None where it was not known, and the ``failed`` lines."""

    at: datetime
    values: Mapping[str, float | None]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """A line that failed in so many looks, from the first to the last of those."""

    id: str
    title: str
    looks: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class WatchSnapshot:
    """The watch as of its latest reading. ``looks`` readings were kept, the first at ``began``; it ends at ``until``.

    ``gaps`` are stretches longer than three looks in which nobody looked, or the server did not answer. ``recovered``
    are lines that failed in some look, and do not now.
    """

    as_of: datetime
    database: str
    began: datetime
    until: datetime
    baseline: Baseline | Unknown
    lines: tuple[WatchLine, ...]
    looks: int
    gaps: tuple[tuple[datetime, datetime], ...]
    history: tuple[Point, ...]
    recovered: tuple[Recovered, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the watch has lasted as long as it was to."""
        return self.as_of >= self.until

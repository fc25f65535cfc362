"""What is known of the statements of a server: samples of its counters, and the statements over a window.

Times are milliseconds, blocks are of the server's block size. Counters as the server holds them are ``Counters``; what
they say, with Unknown where a zero would be a lie, are ``Figures`` (see ``figures.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from devora_console.core.unknown import Unknown

_UNREAD = Unknown("its text was not read yet")
_UNNAMED = Unknown("not looked up yet")
_UNCOUNTED = Unknown("texts were not read yet")


class Key(NamedTuple):
    """What tells one entry of pg_stat_statements from another. ``toplevel`` is None before extension 1.9.

    Tuples, not dataclasses, as there are thousands in every sample.
    """

    userid: int
    dbid: int
    queryid: int
    toplevel: bool | None


class Counters(NamedTuple):
    """An entry's counters since it was made, or a difference of two. None: this extension's version has it not.

    ``min_ms``, ``max_ms``, ``since`` and ``minmax_since`` do not add up, and mean nothing in a difference.
    """

    plans: int
    plan_ms: float
    calls: int
    exec_ms: float
    min_ms: float
    max_ms: float
    rows: int
    shared_hit: int
    shared_read: int
    shared_dirtied: int
    shared_written: int
    local_read: int
    local_written: int
    temp_read: int
    temp_written: int
    read_ms: float
    write_ms: float
    temp_ms: float | None
    jit_ms: float | None
    wal_records: int
    wal_fpi: int
    wal_bytes: int
    since: datetime | None
    minmax_since: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """The extension as it is in this database, and what it measures.

    ``oid`` is another when it was created anew; ``version`` is for comparison: (1, 10). ``most`` is how many
    statements it keeps, ``reader`` the role that asks, ``grant`` what would let it see everything; ``notes`` are
    caveats of the place itself.
    """

    oid: int
    version: tuple[int, ...]
    schema: str
    most: int
    track: str
    planning: bool
    io_timing: bool
    reader: int
    grant: str
    notes: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The version as SQL files are chosen by it: 11000 for 1.10."""
        major, minor = (*self.version, 0)[:2]
        return 10_000 * major + 100 * minor


class Info(NamedTuple):
    """A moment at the server. ``dealloc`` counts evictions since ``reset``; both None before extension 1.9."""

    now: datetime
    started: datetime
    dealloc: int | None
    reset: datetime | None


@dataclass(frozen=True, slots=True)
class StatementsSample:
    """Every counter this role may read, between the moments ``first`` and ``last`` of the server's clock.

    ``hidden`` entries belong to others and cannot be told apart. ``complete``: nothing is hidden, so an entry that
    is not here did not exist. ``lost_by``: what emptied the statistics of the whole server at ``reset`` ("a crash or
    restore"), empty where that was somebody's wish or cannot be known.
    """

    as_of: datetime
    place: Place
    first: Info
    last: Info
    rows: Mapping[Key, Counters]
    hidden: int
    block_size: int
    lost_by: str = ""

    @property
    def server_now(self) -> datetime:
        """The server's clock just before the counters were read."""
        return self.first.now

    @property
    def complete(self) -> bool:
        """Whether every entry of the server was read."""
        return not self.hidden

    @property
    def dealloc(self) -> int | None:
        """How often entries were evicted since ``reset``."""
        return self.last.dealloc

    @property
    def reset(self) -> datetime | None:
        """When everything was last reset, by hand or by a crash."""
        return self.last.reset


class Mark(StrEnum):
    """What is to be known about an entry's figures of an interval."""

    NEW = "new"
    """It was not there before: all it counted is of this interval."""
    AGAIN = "counted again"
    """It was reset or evicted inside the interval, and counts since: what came before that is lost."""
    UNCERTAIN = "uncertain"
    """Some were evicted; that it was not is likely: nothing fell, and its longest time is the same to the digit."""


class Bound(StrEnum):
    """How sure a share of the total is."""

    EXACT = "exact"
    AT_MOST = "at most"
    """The total may be larger than what was seen."""
    ABOUT = "about"
    """The statement's own time may be larger, too."""


@dataclass(frozen=True, slots=True)
class Share:
    """Part of the execution time of all top-level statements, in percent. ``least`` is the lowest it can be."""

    percent: float
    least: float
    bound: Bound


@dataclass(frozen=True, slots=True)
class Statement:
    """One entry: ``total`` since it is counted, ``delta`` over the interval, or why that is not known.

    ``text`` is the exact original, ``database`` and ``user`` are names as they are: make them safe to show them.
    """

    key: Key
    total: Counters
    delta: Counters | Unknown
    mark: Mark | None
    text: str | Unknown = _UNREAD
    database: str | Unknown = _UNNAMED
    user: str | Unknown = _UNNAMED

    @property
    def nested(self) -> bool:
        """Whether it ran inside another statement, whose time holds its time."""
        return self.key.toplevel is False


@dataclass(frozen=True, slots=True)
class Total:
    """Execution time of all top-level statements in a window, in milliseconds.

    It may be ``more`` by what entries of an unknown difference did; some activity was ``lost`` when anything may be
    missing from it; ``doubtful`` when that holds for the time of each single entry, too.
    """

    ms: float
    more: float = 0.0
    lost: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """What the figures are about. Without an interval ``began`` and ``seconds`` are Unknown.

    ``since``: when the oldest counters can have begun. ``evictions`` and ``was_reset`` are those inside the interval,
    ``dealloc`` all since ``since``; ``gone`` entries were there at the beginning and were not at the end; ``unknown``
    have no figures for the interval. ``lost_by``: what emptied the statistics at ``since``, as far as that is known.
    """

    began: datetime | Unknown
    ended: datetime
    seconds: float | Unknown
    since: datetime | Unknown
    dealloc: int | Unknown
    evictions: int | Unknown
    was_reset: bool
    restarted: bool
    gone: int
    unknown: int
    interval: Total
    lifetime: Total
    lost_by: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A statement that runs now. ``ms`` is how long; ``cut``: the server kept only the beginning of its text.

    ``key`` is None where the server computes no query identifiers; ``counted``: earlier executions are in the
    statistics.
    """

    pid: int
    started: datetime
    ms: float
    key: Key | None
    counted: bool
    waits_for: str
    text: str
    cut: bool
    database: str
    user: str


@dataclass(frozen=True, slots=True)
class RunningSnapshot:
    """What runs for longer than ``threshold_ms``. ``hidden`` sessions may not be looked at, ``untold`` tell nothing
    (track_activities is off there), ``ours`` are the console's own.
    """

    statements: tuple[Running, ...]
    threshold_ms: float
    hidden: int
    untold: int
    ours: int


@dataclass(frozen=True, slots=True)
class StatementsSnapshot:
    """Statements as of ``as_of``, perhaps only the first; ``ours`` is how many of the console's own were left out.

    ``count`` is how many there are besides ours, ``slow`` how many of those have a mean over the threshold in the
    window, ``ours`` Unknown until texts were read. ``trends`` hold milliseconds of execution per second for the recent
    intervals, oldest first, None where not known. ``notes`` are caveats in plain words.
    """

    as_of: datetime
    place: Place
    window: Window
    statements: tuple[Statement, ...]
    hidden: int
    block_size: int
    count: int = 0
    slow: int = 0
    ours: int | Unknown = _UNCOUNTED
    trends: Mapping[Key, tuple[float | None, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def over_interval(self) -> bool:
        """Whether there is an interval to speak of."""
        return not isinstance(self.window.seconds, Unknown)


@dataclass(frozen=True, slots=True)
class QueriesSnapshot:
    """What the screen and the command show: the statistics, or why there are none, and what runs now.

    A statement is slow from a mean of ``slow_ms`` milliseconds on.
    """

    as_of: datetime
    slow_ms: float
    statements: StatementsSnapshot | Unknown
    running: RunningSnapshot | Unknown

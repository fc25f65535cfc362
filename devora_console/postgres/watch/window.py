"""Since when cumulative statistics count: never assumed, as a crash empties them without leaving a date everywhere.

After an unclean stop every counter is 0 and ``pg_stat_database.stats_reset`` reads NULL; only views of the whole
server (pg_stat_bgwriter; 16: pg_stat_io; 17: pg_stat_checkpointer) carry the moment. So the window begins at the later
of the database's reset and the earliest reset of those views, and where neither is known it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.guest import Guest

_WITH_THE_START = 60.0
_MADE = 120.0  # seconds a new server takes from its first file to its first statistics


@dataclass(frozen=True, slots=True)
class StatsWindow:
    """``since``: when the counters of this database began. ``now`` and ``started`` are the server's clock.

    ``made``: when the server's files were made, None where that may not be read. ``reset``: when the counters of this
    very database were last emptied, None where the server does not say. ``crashed``: the counters begin with a
    start of the server that was not its first, and so did not survive its last stop.
    """

    since: datetime | Unknown
    now: datetime
    started: datetime
    crashed: bool
    made: datetime | None = None
    reset: datetime | None = None

    @property
    def seconds(self) -> float | Unknown:
        """How long they have been counting."""
        return self.since if isinstance(self.since, Unknown) else (self.now - self.since).total_seconds()


async def read_window(guest: Guest) -> StatsWindow | Unknown:
    """The window of this database's statistics. Raises ConsoleError when the connection is lost."""
    row = await guest.one("stats_window")
    if isinstance(row, Unknown):
        return row
    cluster = await guest.one("stats_cluster")
    return window_of(row, None if isinstance(cluster, Unknown) else cluster["made"])


def window_of(row: Any, made: datetime | None = None) -> StatsWindow:
    """From (database_reset, shared_reset, started, now): each moment may be None but the last two."""
    database, shared, started = row["database_reset"], row["shared_reset"], row["started"]
    # Kept statistics are older than the start; a reset by hand comes well after it.
    crashed = shared is not None and abs((shared - started).total_seconds()) < _WITH_THE_START
    if crashed and made is not None and (shared - made).total_seconds() < _MADE:
        crashed = False  # its very first start
    since: datetime | Unknown
    known = [each for each in (database, shared) if each is not None]
    since = max(known) if known else Unknown("the server does not say when its statistics began")
    return StatsWindow(since, row["now"], started, crashed, made, database)

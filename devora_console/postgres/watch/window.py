"""Since when cumulative statistics count: never assumed, as a crash empties them without leaving a date everywhere.

After an unclean stop every counter is 0 and ``pg_stat_database.stats_reset`` reads NULL; only views of the whole
server (pg_stat_bgwriter, pg_stat_archiver, pg_stat_slru; 16: pg_stat_io; 17: pg_stat_checkpointer) carry the moment.
So the window begins at the later of the database's reset and the earliest reset of those views, and where neither is
known it is unknown.

A crash need not show in the start time of the server: when a session is killed, everything begins anew below the same
postmaster. What shows it is that those views all began at one moment, which resets by hand do not bring about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.guest import Guest

_BY_INITDB = 15.0  # seconds from a cluster's first file to the statistics that initdb itself begins (from 15 on)
_BY_FIRST_START = 5.0  # and to those that its first start begins (14), as far as that is certain
_PERHAPS_NEW = 60.0
_WITH_THE_START = 5.0
_FIRST_USE = 3600.0  # until 14 a database's date is that of its first use after a crash, or of a reset by hand


@dataclass(frozen=True, slots=True)
class StatsWindow:
    """``since``: when the counters of this database began. ``now`` and ``started`` are the server's clock.

    ``made``: when the server's files were made, None where that may not be read. ``reset``: when the counters of this
    very database were last emptied, None where the server does not say. ``crashed``: the counters did not survive a
    stop of the server, or it is a copy (restored, or a new standby) that began without any; where ``made`` is not
    known, its making too. ``first``: they count since the server was made. ``anew``: when all statistics
    of the server began at once, None where they did not. ``standby``: it is one just now.
    """

    since: datetime | Unknown
    now: datetime
    started: datetime
    crashed: bool
    made: datetime | None = None
    reset: datetime | None = None
    first: bool = False
    anew: datetime | None = None
    standby: bool = False

    @property
    def seconds(self) -> float | Unknown:
        """How long they have been counting."""
        return self.since if isinstance(self.since, Unknown) else (self.now - self.since).total_seconds()

    @property
    def cause(self) -> str:
        """What they began after, where that was no wish of anybody's: "a crash or restore"; else empty."""
        if not self.crashed:
            return ""
        if self.standby:
            return "this standby was made, or crashed"
        old = self.made is not None and self.anew is not None and (self.anew - self.made).total_seconds() > _PERHAPS_NEW
        return "a crash or restore" if old else "a crash or restore, or the server was made"


async def read_window(guest: Guest) -> StatsWindow | Unknown:
    """The window of this database's statistics. Raises ConsoleError when the connection is lost."""
    row = await guest.one("stats_window")
    if isinstance(row, Unknown):
        return row
    cluster = await guest.one("stats_cluster")
    return window_of(row, None if isinstance(cluster, Unknown) else cluster["made"])


def window_of(row: Any, made: datetime | None = None) -> StatsWindow:
    """From the answer to ``stats_window``: each moment may be None but ``started`` and ``now``."""
    database, shared, started = row["database_reset"], row["shared_reset"], row["started"]
    known = [each for each in (database, shared) if each is not None]
    since: datetime | Unknown
    since = max(known) if known else Unknown("the server does not say when its statistics began")
    anew = shared is not None and bool(row["at_once"])
    made_with = anew and made is not None and _begun_with(made, shared, row)
    later = (database - shared).total_seconds() if anew and database is not None else 0.0
    by_hand = later > (_FIRST_USE if row["begun_by_start"] else 0.0)
    return StatsWindow(
        since,
        row["now"],
        started,
        crashed=anew and not made_with and not by_hand,
        made=made,
        reset=database,
        # A standby's files, and its counters when they were copied at rest, are the primary's.
        first=made_with and not by_hand and not row["standby"],
        anew=shared if anew else None,
        standby=row["standby"],
    )


def _begun_with(made: datetime, shared: datetime, row: Any) -> bool:
    """Whether the counters began with the making of the server: initdb's own (from 15 on), or the first start's."""
    gap, after = (shared - made).total_seconds(), (shared - row["started"]).total_seconds()
    if row["begun_by_start"]:
        return gap < _BY_FIRST_START and after < _WITH_THE_START
    return gap < _BY_INITDB and after < 0  # what a stop has lost begins after the start, not before it

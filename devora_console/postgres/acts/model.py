"""The words of an act: what is asked, what is planned, and what came of it. Durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from devora_console.core.console import Preview
from devora_console.core.unknown import Unknown


class Kind(StrEnum):
    """The acts, by the word of the command line."""

    VACUUM = "vacuum"
    ANALYZE = "analyze"
    REINDEX = "reindex"
    DROP_INDEX = "drop-index"
    AUTOVACUUM = "autovacuum"
    CANCEL = "cancel"
    TERMINATE = "terminate"


CONSOLE = ("devora-console",)
"""The words that start this console, where nothing more has to be said to reach the same server."""
ON_SESSIONS = frozenset({Kind.CANCEL, Kind.TERMINATE})
ON_INDEXES = frozenset({Kind.REINDEX, Kind.DROP_INDEX})
"""Those that can leave an invalid index behind."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for.

    ``name``: the object as it was written, empty for the whole database, or a process id. ``full`` and ``analyze``
    belong to vacuum. ``options`` are storage parameters to set and ``reset`` takes all of them back; both belong to
    autovacuum. ``started``: a session is meant only if it began at that moment; ``statement``: its statement is meant
    only if that began at that moment.
    """

    kind: Kind
    name: str = ""
    full: bool = False
    analyze: bool = False
    options: Mapping[str, float] = field(default_factory=dict)
    reset: bool = False
    started: datetime | None = None
    statement: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An act that has passed every check.

    ``oid`` is the relation (0: the whole database) or the process id, ``quoted`` its name in SQL, ``statement`` the
    one that will be run, ``undo`` what would take it back ('' when nothing would). ``guards`` are the moments that tell
    a session from a later one of the same process id. ``lock_timeout`` is how long it waits for locks.
    """

    request: Request
    oid: int
    quoted: str
    statement: str
    preview: Preview
    undo: str | Unknown
    lock_timeout: float
    guards: tuple[datetime | None, datetime | None] = (None, None)


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "done"  # and verified
    UNVERIFIED = "not verified"  # the server reported no error, but the effect is not there
    STOPPED = "stopped"  # by a lock, a time limit or a shutdown; it can be done again
    UNKNOWN = "unknown"  # the connection was lost before the server told: it may have finished, or still run
    FAILED = "failed"  # the server refused or could not
    INTERRUPTED = "interrupted"  # by the person


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at afterwards, and whether it is as it should be."""

    what: str
    ok: bool | Unknown


@dataclass(frozen=True, slots=True)
class Leftover:
    """An invalid index that an act left behind, what it is, and the SQL that clears it."""

    index: str
    why: str
    sql: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an act. ``sqlstate`` and ``message`` are of its error, ``notices`` what the server said besides."""

    outcome: Outcome
    seconds: float
    sqlstate: str | None
    message: str
    checks: tuple[Check, ...]
    leftovers: tuple[Leftover, ...] | Unknown
    notices: tuple[str, ...]

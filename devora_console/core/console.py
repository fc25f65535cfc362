"""What the console shows besides the snapshots of domains: servers, header, overview, preview of an act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown


class Link(StrEnum):
    """Where the connection to one server stands."""

    CONNECTING = "connecting"
    OK = "ok"
    LOST = "lost"
    REFUSED = "refused"
    ABSENT = "not configured"


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server as the console sees it.

    ``engine`` is "PostgreSQL" or "MongoDB", ``label`` a short name such as "devora@db1" without any secret.
    The link has been in its state ``since``; while it is not ok, ``attempt`` counts the tries so far and
    ``next_try`` is the moment of the next one.
    """

    engine: str
    label: str
    link: Link
    version: str | Unknown
    since: datetime
    problem: Problem | None = None
    attempt: int = 0
    next_try: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeaderSnapshot:
    """The first line of every screen: where we are, and whether typing is safe."""

    environment: str
    read_only: bool
    armed: bool
    profile: str | None
    postgres: ServerState
    mongo: ServerState
    as_of: datetime


class Verdict(StrEnum):
    """A state as a word; every door shows it with its sign, colour only repeats it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    RUNNING = "running"
    PAUSED = "paused"
    STALE = "stale"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OverviewLine:
    """One line of the overview.

    ``why`` tells how the verdict was reached (value, threshold, time, SQL), ``remedy`` what would better it;
    ``screen`` is the id of the screen that explains it, when there is one.
    """

    id: str
    title: str
    verdict: Verdict
    text: str
    why: str
    remedy: str = ""
    screen: str | None = None


@dataclass(frozen=True, slots=True)
class OverviewSnapshot:
    """The overview as of ``as_of``: a headline in plain words and its lines."""

    headline: str
    lines: tuple[OverviewLine, ...]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act will do, before it is confirmed.

    ``consequence`` is one sentence, ``locks`` what it locks and for how long, ``sql`` the exact statements
    (or empty), ``command`` the same act as a command line, ``type_name`` what a person types to confirm.
    """

    title: str
    consequence: str
    locks: str
    sql: str
    command: str
    type_name: str

"""What is looked at, and how often at most: a scrape takes what was seen last, it never asks a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Tier:
    """How dear a look is. ``every``: in words, how often there is one at most; a look that was taken more than
    ``fresh_seconds`` ago is not told any more, as it may not be true any more.
    """

    name: str
    every: str
    fresh_seconds: float


QUICK = Tier("quick", "exporter.every_seconds", 600.0)
DEAR = Tier("dear", "a minute, and fifty times as long as the look takes", 3600.0)
GATES = Tier("gates", "exporter.gates_minutes", 86_400.0)

SAMPLES: Mapping[str, Tier] = {
    "console": QUICK,
    "servers": QUICK,
    "facts": QUICK,
    "source": QUICK,
    "activity": QUICK,
    "locks": QUICK,
    "queries": QUICK,
    "health": DEAR,
    "indexes": DEAR,
    "embedded": DEAR,
    "migration": QUICK,
    "verification": QUICK,
    "cutover": QUICK,
    "events": QUICK,
    "business": DEAR,
}
"""By name. The gates are in the sample "cutover"; how often they are measured is another matter."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen ``at`` a moment. ``seen`` is an Unknown where it could not be."""

    seen: object
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class World:
    """The latest of everything, by the names of :data:`SAMPLES`. What is not here does not exist: a MongoDB that is not
    configured has no metrics, and is not unknown either.
    """

    now: datetime
    samples: Mapping[str, Sample]
    top: int = 10
    every_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Console:
    """This exporter itself. ``database`` and ``environment`` are names for people."""

    version: str
    environment: str
    database: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Server:
    """One server: whether it answers. ``name`` is "postgres" or "mongo"."""

    name: str
    up: bool


@dataclass(frozen=True, slots=True)
class Migration:
    """The latest copy into the target, as its record stands. ``state`` and ``phase`` are words of the console's.

    Rows are counted as the run counts them: documents while it surveys. ``through``: what was written to the source
    since is not in the target; None before a copy has come to its end.
    """

    state: str
    phase: str | None
    done: int | Unknown
    total: int | Unknown
    rows_per_second: float | Unknown
    eta_seconds: float | Unknown
    documents: Mapping[str, int]
    through: datetime | None
    heard_of: datetime | None


@dataclass(frozen=True, slots=True)
class Verification:
    """The newest recorded verdict on source against target. ``counts``: it still says something about both."""

    ok: bool
    counts: bool
    differences: int
    through: datetime


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate of the runbook; ``verdict`` in the console's words. ``age_seconds`` None: never measured."""

    id: str
    verdict: str
    waived: bool
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Cutover:
    """The runbook's gates, and the latest run's state (None before there is one) with its steps by state."""

    gates: tuple[Gate, ...]
    state: str | None = None
    steps: Mapping[str, int] | None = None
    window_ends: datetime | None = None

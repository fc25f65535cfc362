"""What a migration shows while it works: frozen snapshots, the same for both doors.

A document has exactly one fate (migrated, quarantined, archived, ignored), so that for every collection
``documents = migrated + quarantined + archived + ignored`` once the survey is through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown


class Kind(StrEnum):
    """What was asked for."""

    DRY_RUN = "dry run"
    EXECUTE = "execute"
    VERIFY = "verify"


class State(StrEnum):
    """Where the run as a whole stands."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Phase(StrEnum):
    """What is being done just now. A dry run ends after ``decide``."""

    CONNECT = "connect"
    SURVEY = "survey"
    DECIDE = "decide"
    PREPARE = "prepare"
    WRITE = "write"
    VECTORS = "search vectors"
    DOCUMENTS = "search documents"
    INDEXES = "indexes"
    CONSTRAINTS = "constraints"
    ANALYZE = "statistics"
    VERIFY = "verify"


class CollectionState(StrEnum):
    """Where one collection stands within the phase."""

    WAITING = "waiting"
    SURVEYING = "surveying"
    SURVEYED = "surveyed"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CollectionProgress:
    """One source collection.

    ``total`` counts documents in the source as far as it is known beforehand; ``surveyed`` and ``written`` are
    documents through the phase of that name. ``rows`` is per target table: in a dry run the rows an execution
    will have, else the rows now in place. ``unchanged`` documents were in the target already, to the byte.
    """

    name: str
    policy: str  # "map", "archive", "ignore" or "refuse"
    total: int | Unknown
    state: CollectionState = CollectionState.WAITING
    surveyed: int = 0
    written: int = 0
    unchanged: int = 0
    migrated: int = 0
    quarantined: int = 0
    archived: int = 0
    ignored: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    conversions: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Throughput over the second that ended ``at`` seconds after the run began."""

    at: float
    rows_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Wishes:
    """What people want of a running job; None leaves it to the console. ``workers`` are processes."""

    paused: bool = False
    rows_per_second: float | None = None
    workers: int | None = None
    batch_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerProgress:
    """One worker over the last few seconds. ``waiting`` is the share of its time it waits for PostgreSQL."""

    name: str
    rows: int
    rows_per_second: float
    waiting: float
    batches: int


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """One phase of a run: what it has done in its own unit, and how long it took or is taking."""

    phase: Phase
    total: int | Unknown
    done: int = 0
    bytes: int = 0
    seconds: float = 0.0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """One document that could not be converted, without its content (see ``quarantine show``)."""

    id: int | None
    collection: str
    source_id: str
    rule: str
    path: str
    message: str
    constraint: str | None = None
    sqlstate: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    attempts: int = 1
    resolved_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """One line of the verification table.

    ``source`` counts rows the source holds for the table (array elements for child tables), ``target`` the rows
    in PostgreSQL. ``accounted`` are source rows of quarantined documents; ``ok`` means
    ``source == target - extra + accounted`` with nothing missing, extra or different.
    """

    name: str
    source: int
    target: int
    accounted: int
    status: str  # "ok", "mismatch" or "unknown"
    missing: int = 0
    extra: int = 0
    different: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs: where, and how. Values are shortened and redacted for display."""

    table: str
    pk: str
    kind: str  # "missing", "extra", "different" or "sample"
    collection: str | None = None
    source_id: str | None = None
    column: str | None = None
    source_value: str | None = None
    target_value: str | None = None


@dataclass(frozen=True, slots=True)
class Orphans:
    """References that lead nowhere, before (in the source) or after (in the target)."""

    where: str  # "source" or "target"
    name: str  # the guide's wording for the target, e.g. "project_files"
    count: int


@dataclass(frozen=True, slots=True)
class VerificationSnapshot:
    """The verdict on source against target, as of ``at``."""

    level: str
    ok: bool
    at: datetime
    seconds: float
    tables: tuple[TableVerdict, ...]
    collections: tuple[CollectionProgress, ...]
    differences: tuple[Difference, ...]
    orphans: tuple[Orphans, ...]
    sampled: int
    sample_differences: int
    watermark: datetime
    mapping_hash: str


@dataclass(frozen=True, slots=True)
class MigrationSnapshot:
    """Everything the Migration screen and ``migrate --json`` show, as of ``as_of``.

    ``rows_*`` count documents while surveying (rows are not known yet), and rows while writing and verifying; a
    document that goes to quarantine or archive is one row there.
    """

    as_of: datetime
    kind: Kind | None = None
    state: State = State.IDLE
    phase: Phase | None = None
    run: str | None = None
    mapping: str = ""
    mapping_hash: str = ""
    source: str = ""
    target: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    collections: tuple[CollectionProgress, ...] = ()
    rows_total: int | Unknown = field(default_factory=lambda: Unknown("not surveyed yet"))
    rows_done: int = 0
    bytes_done: int = 0
    rows_per_second: float | Unknown = field(default_factory=lambda: Unknown("not running"))
    bytes_per_second: float | Unknown = field(default_factory=lambda: Unknown("not running"))
    eta_seconds: float | Unknown = field(default_factory=lambda: Unknown("not running"))
    eta_spread_seconds: float | Unknown = field(default_factory=lambda: Unknown("not running"))
    waiting_for: str = ""
    rates: tuple[RatePoint, ...] = ()
    phases: tuple[PhaseProgress, ...] = ()
    workers: tuple[WorkerProgress, ...] = ()
    batch_bytes: int = 0
    throttled_by: str = ""  # the rule that holds the run back, empty when none does
    wishes: Wishes | None = None  # what people want of the run, where that is known
    bulk: bool | None = None  # whether indexes, keys and triggers are set aside while it loads; None: not known
    conversions: Mapping[str, int] = field(default_factory=dict)
    quarantine_rules: Mapping[str, int] = field(default_factory=dict)
    quarantine: tuple[QuarantineItem, ...] = ()  # the first hundred
    extra: Mapping[str, int] = field(default_factory=dict)  # vanished documents per collection
    pruned: int = 0
    seconds: float = 0.0
    problem: Problem | None = None
    verification: VerificationSnapshot | None = None

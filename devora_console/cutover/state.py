"""Where a run stands: what a fold over its events gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from devora_console.core.console import Verdict
from devora_console.cutover.events import Event


class RunMode(StrEnum):
    """A rehearsal works on a scratch target and undoes itself; a real run is meant."""

    REHEARSAL = "rehearsal"
    REAL = "real"


class RunState(StrEnum):
    """Where the run stands."""

    DRAFT = "draft"  # created; gates are being opened
    ARMED = "armed"  # GO was given; nothing has started
    RUNNING = "running"
    PAUSED = "paused"  # waits for a person: something failed, is inconclusive or unknown, or was asked to pause
    BAKING = "baking"  # a wait under observation
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    DONE = "done"
    ABORTED = "aborted"  # ended before anything was done
    DIVERGED = "diverged"  # somebody changed by hand what a step had done


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    WAITING = "waiting"  # for a person: approval, manual work, a key
    INTENT = "intent"  # may have been started
    RUNNING = "running"
    VERIFYING = "verifying"  # ended with 0; the probes are asked
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    INCONCLUSIVE = "inconclusive"  # the probes say neither yes nor no
    UNKNOWN = "unknown"  # whether it happened cannot be told yet
    SKIPPED = "skipped"  # by a person, with a reason; or by the runbook in a rehearsal
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo failed"


ENDED = frozenset({RunState.ROLLED_BACK, RunState.DONE, RunState.ABORTED})
IN_FLIGHT = frozenset({StepState.INTENT, StepState.RUNNING, StepState.VERIFYING, StepState.UNDOING})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a step (or of its undo). Times are the journal's; ``seconds`` is monotonic time it took."""

    number: int
    undo: bool
    intent_at: datetime
    intent_mono: float
    boot: str
    pid: int | None = None
    pid_start: float | None = None
    exited: bool = False
    rc: int | None = None
    signal: int | None = None
    seconds: float | None = None
    timed_out: bool = False
    out_bytes: int = 0
    out_sha: str = ""


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """The latest answer of a probe: what it found, what it needs, since when it has been asked."""

    id: str
    verdict: Verdict
    value: str
    needed: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StepStanding:
    """A step of this run. ``began`` and ``ended`` are of the forward step, ``seconds`` its monotonic length."""

    id: str
    state: StepState = StepState.PENDING
    reason: str = ""
    by: str = ""
    attempts: tuple[Attempt, ...] = ()
    probes: Mapping[str, ProbeSeen] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    observed_seconds: float = 0.0
    samples: int = 0
    evidence: str = ""
    touched: bool = False  # it was started once: undo has something to look at
    passed: bool = False  # it was green once, whatever came after


@dataclass(frozen=True, slots=True)
class GateStanding:
    """The latest that is known of a gate in this run."""

    id: str
    attested: bool
    verdict: Verdict
    value: str
    threshold: str = ""
    why: str = ""
    remedy: str = ""
    speaks_of: datetime | None = None
    measured_at: datetime | None = None
    actor: str = ""
    waived_by: str = ""
    waiver: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """What a person said: ``vote`` is go, no_go or objection. It counts for the run of this very runbook and plan."""

    scope: str
    actor: str
    vote: str
    reason: str
    source: str
    sha: str
    plan_sha: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll for objections: ``scope`` (run, or a step's id) gets its GO at ``ends`` unless somebody objects."""

    scope: str
    opened: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its journal tells it."""

    id: str
    runbook: str
    title: str
    sha: str
    text: str
    strategy: str
    environment: str
    mode: RunMode
    created: datetime
    window_ends: datetime | None
    targets: Mapping[str, str]
    variables: Mapping[str, str]
    state: RunState
    reason: str
    steps: tuple[StepStanding, ...]
    gates: Mapping[str, GateStanding]
    votes: tuple[Vote, ...]
    gone: frozenset[str]  # scopes that got their GO
    token: int
    driver: str
    notes: tuple[Event, ...]
    last_seq: int
    last_at: datetime
    poll: Poll | None = None  # the poll for objections under way
    despite: frozenset[str] = frozenset()  # guardrails ("step/probe") that did not say yes when somebody went on

    def step(self, name: str) -> StepStanding:
        """The standing of a step. Raises KeyError when there is none."""
        found = next((each for each in self.steps if each.id == name), None)
        if found is None:
            raise KeyError(name)
        return found

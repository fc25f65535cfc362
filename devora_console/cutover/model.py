"""A runbook as it is read: data that a team reviews in git. Nothing here acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class StepKind(StrEnum):
    """What a step is."""

    COMMAND = "command"  # a program in a process session of its own
    MANUAL = "manual"  # a person does it, and says so with evidence
    APPROVAL = "approval"  # people are asked: a poll for strong objections, or a number of named approvals
    GATES = "gates"  # the gates are measured again
    WAIT = "wait"  # time that has to pass under observation, its probes passing
    PROBE = "probe"  # nothing is done, something is looked at


class ProbeKind(StrEnum):
    """How something is looked at."""

    HTTP = "http"
    COMMAND = "command"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, never a shell. ``env`` is added to the console's own environment."""

    argv: tuple[str, ...]
    timeout_seconds: float
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to look at, read-only.

    HTTP: ``url`` answers with ``status`` (and where given, JSON at the dotted path ``json`` equals ``equals``, or the
    body ``contains`` a text). COMMAND: ``argv`` exits with 0 for yes and 1 for no, anything else is inconclusive.
    GATE: the gate ``gate`` is open, measured now. It is asked every ``every_seconds`` until it has said yes ``times``
    times in a row (steadiness against flapping), for at most ``within_seconds``.
    """

    id: str
    kind: ProbeKind
    url: str = ""
    status: int = 200
    json: str = ""
    equals: str = ""
    contains: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    gate: str = ""
    within_seconds: float = 30.0
    every_seconds: float = 1.0
    times: int = 1
    timeout_seconds: float = 10.0
    until: str = ""  # a guardrail's: goes on being asked after its step, until this one begins


@dataclass(frozen=True, slots=True)
class Undo:
    """How a step is taken back, and how one sees that it was. ``past_only``: before the point of no return there is
    nothing to take back.
    """

    command: Command | None
    words: str
    probes: tuple[Probe, ...] = ()
    seconds: float = 60.0
    past_only: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal does instead: the same (``run``), nothing (``skip``, with the reason), or another command."""

    how: str = "run"  # run | skip | command
    reason: str = ""
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``guide`` names the line of the guide's script that it covers.

    ``ponr``: from here on real writes reach the target; it needs a GO of its own. ``people`` is how many different
    persons have to approve before it starts (1: the driver alone). ``idempotent``: may be started again after a
    failure. ``pause``: wait for a key before it starts. ``probes`` make it green, together with exit code 0;
    ``already`` says, if it can be told, whether its effect is there already (for what is unknown after a crash).
    ``guardrails`` are looked at while it runs; one that fails twice in a row stops it, and one of a wait that cannot be
    answered for its ``within_seconds`` makes it inconclusive. ``expect_seconds`` is the estimate while there
    is no rehearsal.
    """

    id: str
    title: str
    kind: StepKind
    about: str = ""
    guide: str = ""
    command: Command | None = None
    words: str = ""  # MANUAL and APPROVAL: what a person does, or is asked
    probes: tuple[Probe, ...] = ()
    already: tuple[Probe, ...] = ()
    guardrails: tuple[Probe, ...] = ()
    undo: Undo | None = None
    rehearsal: Rehearsal = Rehearsal()
    gates: tuple[str, ...] = ()  # GATES: which; empty for all of the runbook
    ponr: bool = False
    people: int = 1
    idempotent: bool = False
    pause: bool = False
    expect_seconds: float = 60.0
    wait_seconds: float = 0.0  # WAIT: observed time
    observed: bool = True  # WAIT: False: time of the calendar, whether somebody looks or not
    sample_floor: int = 0  # WAIT: fewer samples of its probes than this are inconclusive
    annotate: bool = False  # its end, and its undo's, are marked on the product's charts


@dataclass(frozen=True, slots=True)
class GateUse:
    """A gate that the runbook asks for: measured (of the registry) or attested (declared here)."""

    id: str
    attested: bool = False
    title: str = ""
    about: str = ""
    item: int | None = None
    ttl_seconds: float | None = None  # None: the registry's
    rehearsal: bool = True  # asked for in a rehearsal too
    phase: str = "start"  # "start": before the first step; or the id of the step before which it has to be open


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook with its text: ``sha`` is the SHA-256 of the file, which approvals and rehearsals are bound to."""

    name: str
    title: str
    strategy: str  # big-bang | blue-green
    about: str
    path: str
    text: str
    sha: str
    window_minutes: float
    objection_seconds: float
    horizon_seconds: float  # gates are measured again within so many seconds before GO
    variables: Mapping[str, str]
    gates: tuple[GateUse, ...]
    steps: tuple[Step, ...]
    on_guardrail: str = "rollback"  # rollback | pause: what a failed guardrail leads to before the point of no return
    plan_sha: str = ""  # SHA-256 over the resolved plan, which approvals are bound to; the same in every run of it

    def step(self, name: str) -> Step:
        """The step of this id. Raises KeyError."""
        return next(each for each in self.steps if each.id == name)

    @property
    def point_of_no_return(self) -> Step | None:
        """The first step after which going back loses writes."""
        return next((each for each in self.steps if each.ponr), None)

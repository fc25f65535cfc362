"""What a run measured, with all that it depends on. Frozen; kept as JSON.

No text and no id of a user is in it: what was drawn is known by digests only, by which it is found again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from devora_console.bench.model import Same
from devora_console.core.unknown import Unknown

FORMAT = 1
Kind = Literal["before", "after", "both"]


@dataclass(frozen=True, slots=True)
class Series:
    """One question on one side: milliseconds by subject, of the counted rounds, one that was cut off as the limit.

    ``apart``: of each the milliseconds that went to making the query's vector, None where none is made. ``counts`` and
    ``digests`` are of each subject's answer: how many rows, and which; None where no ask of the subject succeeded.
    ``errors`` failed and are in no figure; ``error`` is the first of them.
    """

    samples: tuple[tuple[float, ...], ...]
    counts: tuple[int | None, ...]
    digests: tuple[str | None, ...]
    timeouts: int = 0
    errors: int = 0
    error: str = ""
    apart: tuple[tuple[float, ...], ...] | None = None
    apart_by: str = ""

    @property
    def n(self) -> int:
        """How many times it was measured."""
        return sum(len(each) for each in self.samples)

    @property
    def without(self) -> tuple[tuple[float, ...], ...] | None:
        """The samples without what went to the query's vector."""
        if self.apart is None:
            return None
        return tuple(
            tuple(taken - other for taken, other in zip(each, theirs, strict=True))
            for each, theirs in zip(self.samples, self.apart, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """What stood on one side. ``stand_in``: why it cannot be taken for the server it speaks like, '' when it can.

    ``sizes`` are counts and bytes by name, ``settings`` as the server tells them. ``distance_ms``: the median of the
    smallest questions there are. ``asked_as``: the role, and whether row-level security applied to it.
    """

    engine: str
    version: str | Unknown
    database: str
    at: datetime
    stand_in: str = ""
    topology: str = ""
    asked_as: str = ""
    size_bytes: int | Unknown = field(default_factory=lambda: Unknown("not asked"))
    sizes: Mapping[str, int | Unknown] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)
    distance_ms: float | Unknown = field(default_factory=lambda: Unknown("not asked"))

    @property
    def words(self) -> str:
        """``PostgreSQL 18.1``, or what it is instead."""
        if self.stand_in:
            return f"a stand-in for {self.engine}"
        return f"{self.engine} {self.version}" if isinstance(self.version, str) else self.engine


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what each side took; Unknown says why a side was not measured.

    ``missing``: the side has no such question, in the catalogue's words.
    """

    id: str
    title: str
    about: str
    digest: str
    same: Same
    mongo: Series | Unknown
    postgres: Series | Unknown
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What was drawn for one user: the digest of each parameter's key."""

    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manner:
    """How it was measured. ``rounds`` were counted, ``warm_up`` before them were not; both ask every subject."""

    seed: int
    rounds: int
    warm_up: int
    concurrency: int
    timeout_seconds: float

    def differs(self, other: Manner) -> str:
        """Why figures of the two do not compare; '' when they do."""
        if self.concurrency != other.concurrency:
            return f"{other.concurrency} at a time before, {self.concurrency} now"
        if self.timeout_seconds != other.timeout_seconds:
            return f"cut off after {other.timeout_seconds:g} s before, after {self.timeout_seconds:g} s now"
        return ""


@dataclass(frozen=True, slots=True)
class Result:
    """One run. ``against`` is the id of the run before the switch that its MongoDB side comes from.

    ``client``: the machine that asked; ``load``: of it for each processor when it began, and ``load_before`` when the
    run before the switch did; None where the system does not tell. ``notes`` are for people.
    """

    id: str
    kind: Kind
    at: datetime
    console: str
    catalogue: str
    digest: str
    manner: Manner
    subjects: tuple[Subject, ...]
    client: Mapping[str, str]
    mongo: Place | Unknown
    postgres: Place | Unknown
    questions: tuple[Asked, ...]
    notes: tuple[str, ...] = ()
    against: str | None = None
    load: float | None = None
    load_before: float | None = None
    format: int = FORMAT

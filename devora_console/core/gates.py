"""Gates: conditions of going on. Domains declare how each is measured; the composition root fills the registry.

A gate is *measured*, when the console finds out by itself, or *attested*, when a person says so with evidence. The two
are never mixed: what a person says does not make a measured gate green, only a waiver with name and reason lets a run
pass it by, and a waiver is shown as one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown

NOT_KNOWN = "not known"
"""The value of a measurement that found nothing out; its ``why`` says what stood in the way."""


class GateClass(StrEnum):
    """Who says that a gate is open."""

    MEASURED = "measured"
    ATTESTED = "attested"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a gate was found to be.

    ``verdict`` is OK, FAIL, or UNKNOWN where it could not be found out (no data never passes). ``value`` and
    ``threshold`` are words for people; ``why`` tells how it was reached and ``remedy`` what would open it. ``true_at``
    is the moment that it speaks of, where that is not now: a backup of yesterday is as old as yesterday. ``evidence``
    is small, plain data that the journal keeps; it never holds a secret.
    """

    verdict: Verdict
    value: str
    threshold: str = ""
    why: str = ""
    remedy: str = ""
    true_at: datetime | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    measured_at: datetime = field(default_factory=utc_now)

    @property
    def speaks_of(self) -> datetime:
        """The moment its age is counted from."""
        return self.true_at or self.measured_at


def not_known(reason: Unknown, threshold: str = "", value: str = NOT_KNOWN) -> Measurement:
    """What could not be found out, and what would make it known."""
    return Measurement(Verdict.UNKNOWN, value, threshold, reason.reason, reason.remedy)


@dataclass(frozen=True, slots=True)
class Gate:
    """A measured gate. ``ttl``: how long a measurement counts. ``item`` is its place in the guide's checklist (1 to 8),
    where it has one. ``measure`` never raises for what can go wrong on a server: that is an UNKNOWN with its reason.
    """

    id: str
    title: str
    about: str
    ttl: timedelta
    measure: Callable[[], Awaitable[Measurement]]
    item: int | None = None


class Registry:
    """The gates that can be measured, by id."""

    def __init__(self, gates: Iterable[Gate] = ()) -> None:
        self._gates: dict[str, Gate] = {}
        for gate in gates:
            self.add(gate)

    def add(self, gate: Gate) -> None:
        """Declare one; an id is given once."""
        if gate.id in self._gates:
            raise ValueError(f"the gate {gate.id} is declared twice")
        self._gates[gate.id] = gate

    def get(self, name: str) -> Gate | None:
        """The gate of this id."""
        return self._gates.get(name)

    def __iter__(self) -> Iterator[Gate]:
        return iter(self._gates.values())

    def __contains__(self, name: object) -> bool:
        return name in self._gates


def judged(measurement: Measurement, ttl: timedelta, now: datetime) -> Verdict:
    """The verdict now: STALE once a good measurement is older than ``ttl``. Anything but OK blocks."""
    if measurement.verdict is Verdict.OK and now - measurement.speaks_of > ttl:
        return Verdict.STALE
    return measurement.verdict

"""The gates of a run: measured, attested, waived, and whether they let it go on."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devora_console.core.clock import iso, span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import NOT_KNOWN, GateClass, Measurement, Registry
from devora_console.cutover.model import GateUse, Runbook
from devora_console.cutover.state import GateStanding, Run, RunMode

_AT_ONCE = 4
_SECONDS = 300.0
_NOT_YET = "not measured yet"


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate as it is shown: its class, verdict now (stale included), value, threshold, age and the limit of that."""

    id: str
    title: str
    item: int | None
    attested: bool
    verdict: Verdict
    value: str
    threshold: str
    why: str
    remedy: str
    age_seconds: float | None
    ttl_seconds: float
    actor: str
    waiver: str
    waived_by: str
    about: str
    phase: str

    @property
    def open(self) -> bool:
        """Whether it lets a run pass."""
        return self.verdict is Verdict.OK or bool(self.waiver)


def uses(runbook: Runbook, mode: RunMode, phase: str = "start") -> tuple[GateUse, ...]:
    """The gates that are asked for at a phase: "start", or the id of a step."""
    return tuple(
        each for each in runbook.gates if each.phase == phase and (each.rehearsal or mode is not RunMode.REHEARSAL)
    )


def lines(
    wanted: Sequence[GateUse], registry: Registry, standings: Mapping[str, GateStanding], now: datetime
) -> tuple[GateLine, ...]:
    """What is known of gates, in the runbook's order."""
    return tuple(_line(use, registry, standings.get(use.id), now) for use in wanted)


def blocking(found: Sequence[GateLine]) -> tuple[GateLine, ...]:
    """Those that are neither open nor waived."""
    return tuple(each for each in found if not each.open)


def failing(found: Sequence[GateLine]) -> tuple[GateLine, ...]:
    """Those that were found shut, and are not waived; not those of which nothing is known."""
    return tuple(each for each in found if not each.open and each.verdict is Verdict.FAIL)


def why_blocked(shut: Sequence[GateLine]) -> str:
    """Closed gates in words. What could not be found out says why, and what would help; when that is the same for
    several, a server that is away say, it is said once.
    """
    said: dict[str, list[GateLine]] = {}
    for each in shut:
        said.setdefault(_found(each), []).append(each)
    return "; ".join(f"{_named(each)} {found}" for found, each in said.items())


def _found(each: GateLine) -> str:
    words = f"{each.verdict.value}: {each.why if each.value == NOT_KNOWN and each.why else each.value}"
    return f"{words} ({each.remedy})" if each.verdict is Verdict.UNKNOWN and each.remedy else words


def _named(gates: Sequence[GateLine]) -> str:
    return f"{', '.join(each.id for each in gates)} {'is' if len(gates) == 1 else 'are'}"


def _line(use: GateUse, registry: Registry, standing: GateStanding | None, now: datetime) -> GateLine:
    gate = None if use.attested else registry.get(use.id)
    ttl = use.ttl_seconds if use.ttl_seconds is not None else gate.ttl.total_seconds() if gate else 86_400.0
    verdict, value, age = Verdict.UNKNOWN, "nobody has said so yet" if use.attested else _NOT_YET, None
    if standing is not None and standing.measured_at is not None:
        verdict, value = standing.verdict, standing.value
        age = max(0.0, (now - (standing.speaks_of or standing.measured_at)).total_seconds())
        if verdict is Verdict.OK and age > ttl:
            verdict = Verdict.STALE
            value += f" ({span(age)} ago, the limit is {span(ttl)})"
    elif not use.attested and gate is None:
        value = "the console has no such gate"
    return GateLine(
        id=use.id,
        title=use.title or (gate.title if gate else use.id),
        item=use.item if use.item is not None else gate.item if gate else None,
        attested=use.attested,
        verdict=verdict,
        value=value,
        threshold=standing.threshold if standing else "",
        why=standing.why if standing else "",
        remedy=standing.remedy if standing else "",
        age_seconds=age,
        ttl_seconds=ttl,
        actor=standing.actor if standing else "",
        waiver=standing.waiver if standing else "",
        waived_by=standing.waived_by if standing else "",
        about=use.about or (gate.about if gate else ""),
        phase=use.phase,
    )


async def measure(wanted: Sequence[GateUse], registry: Registry) -> dict[str, Measurement]:
    """Measure the measured ones, a few at a time; one that takes too long is unknown."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(use: GateUse) -> Measurement:
        gate = registry.get(use.id)
        if gate is None:
            return Measurement(Verdict.UNKNOWN, "the console has no such gate", remedy="See: cutover plan")
        async with limit:
            try:
                async with asyncio.timeout(_SECONDS):
                    return await gate.measure()
            except TimeoutError:
                return Measurement(Verdict.UNKNOWN, f"not found out within {_SECONDS:.0f} s")
            except Exception as error:  # noqa: BLE001 - protects the other gates: one that breaks is unknown, not open
                return Measurement(Verdict.UNKNOWN, f"the gate itself failed ({type(error).__name__})")

    asked = [use for use in wanted if not use.attested]
    found = await asyncio.gather(*(one(use) for use in asked))
    return {use.id: each for use, each in zip(asked, found, strict=True)}


def payload(name: str, found: Measurement) -> dict[str, object]:
    """A measurement as the journal keeps it; the evidence with its hash."""
    evidence = json.dumps(dict(found.evidence), sort_keys=True, default=str)
    return {
        "gate": name,
        "class": GateClass.MEASURED.value,
        "verdict": found.verdict.value,
        "value": found.value,
        "threshold": found.threshold,
        "why": found.why,
        "remedy": found.remedy,
        "true_at": iso(found.true_at) if found.true_at else None,
        "evidence": json.loads(evidence),
        "evidence_sha": hashlib.sha256(evidence.encode()).hexdigest(),
    }


def standing_of(name: str, found: Measurement) -> GateStanding:
    """A measurement that no journal keeps: before a run is opened."""
    return GateStanding(
        name,
        False,
        found.verdict,
        found.value,
        found.threshold,
        found.why,
        found.remedy,
        found.speaks_of,
        found.measured_at,
    )


def horizon(run: Run, wanted: Sequence[GateUse], seconds: float, now: datetime | None = None) -> tuple[str, ...]:
    """The measured gates that were not measured within the last ``seconds``: to be measured again before going on."""
    since = (now or utc_now()) - timedelta(seconds=seconds)
    old = []
    for use in wanted:
        seen = run.gates.get(use.id)
        if not use.attested and (seen is None or seen.measured_at is None or seen.measured_at < since):
            old.append(use.id)
    return tuple(old)

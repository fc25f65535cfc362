"""The plan as data: every step with its command, probes, way back and time; and whether the window suffices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.safetext import one_line
from devora_console.cutover.model import GateUse, Runbook, Step, StepKind
from devora_console.cutover.timing import Expected, Timings, Total, forward_time, undo_time
from devora_console.cutover.undo import WayBack, rollback_from, whole_way_back
from devora_console.cutover.window import Begun, Window, split, window
from devora_console.cutover.words import command_line, probe_words, rehearsal_words, undo_words


@dataclass(frozen=True, slots=True)
class PlannedUndo:
    """How a step is taken back: ``command`` is '' where a person does it, or nobody."""

    words: str
    command: str
    probes: tuple[str, ...]
    time: Expected | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step in words. ``rollback`` is the whole way back once this step has been done, None past the point of no
    return; ``rehearsal`` what a rehearsal does instead of the same ('').
    """

    number: int
    id: str
    title: str
    kind: StepKind
    guide: str
    about: str
    words: str
    command: str
    env: tuple[str, ...]
    timeout_seconds: float | None
    gates: tuple[str, ...]
    probes: tuple[str, ...]
    already: tuple[str, ...]
    guardrails: tuple[str, ...]
    undo: PlannedUndo | None
    rehearsal: str
    point_of_no_return: bool
    people: int
    idempotent: bool
    pause: bool
    wait_seconds: float
    observed: bool
    sample_floor: int
    time: Expected
    rollback: Total | None


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A gate that has to be open before step ``before`` ('' at GO)."""

    id: str
    attested: bool
    title: str
    about: str
    item: int | None
    ttl_seconds: float | None
    before: str
    in_rehearsal: bool


@dataclass(frozen=True, slots=True)
class PlannedApproval:
    """Something that people are asked: ``scope`` is the run or a step's id."""

    scope: str
    people: int
    words: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything ``cutover plan`` shows."""

    runbook: str
    title: str
    about: str
    strategy: str
    path: str
    sha: str
    plan_sha: str
    variables: Mapping[str, str]
    steps: tuple[PlannedStep, ...]
    gates: tuple[PlannedGate, ...]
    approvals: tuple[PlannedApproval, ...]
    point_of_no_return: PlannedStep | None
    rollback: tuple[WayBack, ...]  # from right before the point of no return
    window: Window


def plan(
    runbook: Runbook, timings: Timings, now: datetime, ends: datetime, given: str, begun: Begun | None = None
) -> Plan:
    """The plan for a start at ``now`` in a window that ends at ``ends``; the window for the rest of what has begun."""
    steps = planned_steps(runbook, timings)
    return Plan(
        runbook=runbook.name,
        title=runbook.title,
        about=runbook.about,
        strategy=runbook.strategy,
        path=runbook.path,
        sha=runbook.sha,
        plan_sha=runbook.plan_sha,
        variables=runbook.variables,
        steps=steps,
        gates=tuple(_gate(each) for each in runbook.gates),
        approvals=tuple(_approvals(runbook)),
        point_of_no_return=next((each for each in steps if each.point_of_no_return), None),
        rollback=whole_way_back(runbook, timings),
        window=window(runbook, timings, now, ends, given, begun),
    )


def planned_steps(runbook: Runbook, timings: Timings) -> tuple[PlannedStep, ...]:
    """Every step in words, with the way back from it."""
    until, _ = split(runbook)
    found: list[PlannedStep] = []
    for number, step in enumerate(runbook.steps, 1):
        reversible = number <= len(until) and not step.ponr
        back = rollback_from(runbook.steps[:number], timings) if reversible else None
        found.append(_step(step, number, timings, back))
    return tuple(found)


def _step(step: Step, number: int, timings: Timings, back: Total | None) -> PlannedStep:
    command = step.command
    return PlannedStep(
        number=number,
        id=step.id,
        title=one_line(step.title),
        kind=step.kind,
        guide=one_line(step.guide),
        about=one_line(step.about, 600),
        words=one_line(step.words, 600),
        command=command_line(command.argv) if command else "",
        env=tuple(sorted(command.env)) if command else (),
        timeout_seconds=command.timeout_seconds if command else None,
        gates=step.gates,
        probes=tuple(map(probe_words, step.probes)),
        already=tuple(map(probe_words, step.already)),
        guardrails=tuple(map(probe_words, step.guardrails)),
        undo=_undo(step, timings),
        rehearsal=rehearsal_words(step.rehearsal),
        point_of_no_return=step.ponr,
        people=step.people,
        idempotent=step.idempotent,
        pause=step.pause,
        wait_seconds=step.wait_seconds,
        observed=step.observed,
        sample_floor=step.sample_floor,
        time=forward_time(step, timings),
        rollback=back,
    )


def _undo(step: Step, timings: Timings) -> PlannedUndo | None:
    if step.undo is None:
        return None
    command = step.undo.command
    return PlannedUndo(
        words=undo_words(step.undo),
        command=command_line(command.argv) if command else "",
        probes=tuple(map(probe_words, step.undo.probes)),
        time=undo_time(step, timings),
    )


def _gate(use: GateUse) -> PlannedGate:
    return PlannedGate(
        id=use.id,
        attested=use.attested,
        title=one_line(use.title),
        about=one_line(use.about, 600),
        item=use.item,
        ttl_seconds=use.ttl_seconds,
        before="" if use.phase == "start" else use.phase,
        in_rehearsal=use.rehearsal,
    )


def _approvals(runbook: Runbook) -> list[PlannedApproval]:
    """The GO of the run, then every step that asks people for something before it starts."""
    found = [PlannedApproval("run", 1, "GO: no strong objection")]
    for step in runbook.steps:
        if step.ponr:
            found.append(PlannedApproval(step.id, step.people, "GO of its own: the point of no return"))
        elif step.kind is StepKind.APPROVAL:
            found.append(PlannedApproval(step.id, step.people, one_line(step.words, 600)))
        elif step.people > 1:
            found.append(PlannedApproval(step.id, step.people, f"before {one_line(step.title)}"))
    return found

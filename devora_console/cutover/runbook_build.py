"""From a runbook's checked shape to the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from devora_console.cutover.model import (
    Command,
    GateUse,
    Probe,
    ProbeKind,
    Rehearsal,
    Step,
    StepKind,
    Undo,
)
from devora_console.cutover.runbook_shape import (
    FileShape,
    GuardrailShape,
    ProbeShape,
    RehearsalShape,
    StepShape,
    UndoShape,
)

_HOUR = 3600.0


def gate_uses(file: FileShape) -> tuple[GateUse, ...]:
    """The gates that the runbook asks for."""
    return tuple(
        GateUse(
            id=each.id,
            attested=each.attested,
            title=each.title,
            about=each.about,
            item=each.item,
            ttl_seconds=None if each.ttl_hours is None else each.ttl_hours * _HOUR,
            rehearsal=each.rehearsal,
            phase=each.before or "start",
        )
        for each in file.gate
    )


def steps(file: FileShape) -> tuple[Step, ...]:
    """The steps in their order."""
    order = [each.id for each in file.step]
    return tuple(_step(each, _due(file, order[: at + 1])) for at, each in enumerate(file.step))


def _due(file: FileShape, reached: Sequence[str]) -> tuple[str, ...]:
    """The gates that have to be open once these steps are reached."""
    return tuple(each.id for each in file.gate if each.before is None or each.before in reached)


def _step(step: StepShape, due: tuple[str, ...]) -> Step:
    kind = StepKind(step.kind)
    expected = step.expect_seconds
    return Step(
        id=step.id,
        title=step.title,
        kind=kind,
        about=step.about,
        guide=step.guide,
        command=_command(step.run, step.timeout_seconds, step.env, step.cwd),
        words=step.words or "",
        probes=_probes(step.probe, "post"),
        already=_probes(step.already, "already"),
        guardrails=_probes(step.guardrail, "guardrail"),
        undo=_undo(step.undo) if step.undo else None,
        rehearsal=_rehearsal(step.rehearsal) if step.rehearsal else Rehearsal(),
        gates=tuple(step.gates) or (due if kind is StepKind.GATES else ()),
        ponr=step.ponr,
        people=step.people,
        idempotent=step.idempotent,
        pause=step.pause,
        expect_seconds=expected if expected is not None else step.wait_seconds or 60.0,
        wait_seconds=step.wait_seconds or 0.0,
        observed=step.observed,
        sample_floor=step.sample_floor,
        annotate=step.annotate,
    )


def _command(argv: Sequence[str] | None, timeout: float, env: Mapping[str, str], cwd: str | None) -> Command | None:
    return None if argv is None else Command(tuple(argv), timeout, dict(env), cwd)


def _undo(undo: UndoShape) -> Undo:
    command = _command(undo.run, undo.timeout_seconds, undo.env, undo.cwd)
    # What is left to a person, or to nobody, takes the console no time.
    seconds = undo.expect_seconds if command or "expect_seconds" in undo.model_fields_set else 0.0
    return Undo(command, undo.words or "", _probes(undo.probe, "undo"), seconds, undo.past_only)


def _rehearsal(rehearsal: RehearsalShape) -> Rehearsal:
    command = _command(rehearsal.run, rehearsal.timeout_seconds, rehearsal.env, rehearsal.cwd)
    return Rehearsal(rehearsal.how, rehearsal.reason or "", command)


def _probes(probes: Sequence[ProbeShape], phase: str) -> tuple[Probe, ...]:
    return tuple(_probe(each, f"{phase}.{at}") for at, each in enumerate(probes, 1))


def _probe(probe: ProbeShape, name: str) -> Probe:
    kind = ProbeKind.HTTP if probe.http else ProbeKind.COMMAND if probe.run else ProbeKind.GATE
    equals = probe.equals
    return Probe(
        id=name,
        kind=kind,
        url=probe.http or "",
        status=probe.status,
        json=probe.json_path or "",
        # As the prober writes what it finds: text as it is, anything else as JSON.
        equals=equals if isinstance(equals, str) else "" if equals is None else json.dumps(equals),
        contains=probe.contains or "",
        headers=dict(probe.headers),
        argv=tuple(probe.run or ()),
        gate=probe.gate or "",
        within_seconds=probe.within_seconds,
        every_seconds=probe.every_seconds,
        times=probe.times,
        timeout_seconds=probe.timeout_seconds,
        until=(probe.until or "") if isinstance(probe, GuardrailShape) else "",
    )

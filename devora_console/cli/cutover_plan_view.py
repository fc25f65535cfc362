"""The plan for people: made for 80 columns, in the order in which it is walked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.safetext import one_line
from devora_console.cutover.model import StepKind
from devora_console.cutover.plan import Plan, PlannedGate, PlannedStep
from devora_console.cutover.timing import Expected, Total
from devora_console.cutover.undo import How
from devora_console.cutover.window import Window

_WIDEST = 100
_NARROW = 80  # for files and pipes, which have no width
_LABEL = 10
_INDENT = 4


def print_plan(out: Console, plan: Plan, environment: str) -> None:
    """Head, gates, steps, way back, window."""
    out.print(Text(one_line(plan.title), style="bold"))
    _entry(out, "runbook", f"{one_line(plan.path)}  {plan.sha[:12]}", 0)
    _entry(out, "plan", f"{plan.plan_sha[:12]} for {environment}", 0)
    if plan.about:
        _entry(out, "about", one_line(plan.about, 600), 0)
    for name, value in plan.variables.items():
        _entry(out, "variable", f"{name} = {one_line(value)}", 0)
    _gates(out, plan.gates)
    _title(out, "Steps, with p50 and p95 of rehearsals where there are any")
    for step in plan.steps:
        if step.point_of_no_return:
            people = "1 person" if step.people == 1 else f"{step.people} different persons"
            out.print(Text(f" point of no return: a GO of its own, {people} ".center(_width(out), "═"), style="bold"))
        _step(out, step)
    _way_back(out, plan)
    _window(out, plan.window)


def _gates(out: Console, gates: tuple[PlannedGate, ...]) -> None:
    for before in dict.fromkeys(each.before for each in gates):
        _title(out, f"Gates open before {before}" if before else "Gates open at GO")
        for gate in gates:
            if gate.before == before:
                _entry(out, "attested" if gate.attested else "measured", _gate(gate), 2)


def _gate(gate: PlannedGate) -> str:
    item = f" (7.1 item {gate.item})" if gate.item else ""
    ttl = f", counts for {span(gate.ttl_seconds)}" if gate.ttl_seconds else ""
    title = f": {gate.title}" if gate.title else ""
    about = f". {gate.about}" if gate.about else ""
    rehearsal = "" if gate.in_rehearsal else "; not in a rehearsal"
    return f"{gate.id}{item}{title}{ttl}{rehearsal}{about}"


def _step(out: Console, step: PlannedStep) -> None:
    guide = f"  {step.guide}" if step.guide else ""
    out.print(Text(f"{step.number:>2}  {step.id}: {step.title}{guide}", style="bold"))
    if step.kind is StepKind.COMMAND:
        _entry(out, "runs", step.command)
    elif step.kind is StepKind.WAIT:
        how = "under observation" if step.observed else "by the calendar"
        _entry(out, "waits", f"{span(step.wait_seconds)} {how}{_floor(step.sample_floor)}")
    elif step.kind is not StepKind.PROBE:
        _entry(out, str(step.kind), step.words or ", ".join(step.gates))
    if step.env:
        _entry(out, "with", f"{', '.join(step.env)} in its environment")
    _each(out, "probe", step.probes)
    _each(out, "guardrail", step.guardrails)
    _each(out, "there if", step.already)
    if step.undo is not None:
        _entry(out, "way back", step.undo.words)
        if step.undo.command and step.undo.command != step.undo.words:
            _entry(out, "", step.undo.command)
        _each(out, "back if", step.undo.probes)
    if step.rehearsal:
        _entry(out, "rehearsal", step.rehearsal)
    _entry(out, "time", _times(step))


def _floor(samples: int) -> str:
    return f", at least {samples} samples" if samples else ""


def _times(step: PlannedStep) -> str:
    limit = f", at most {span(step.timeout_seconds)}" if step.timeout_seconds else ""
    back = f"; from here all the way back {span(step.rollback.p95)}" if step.rollback and step.rollback.parts else ""
    waits = "; waits for a key" if step.pause else ""
    again = "; may be started again" if step.idempotent else ""
    return f"{_expected(step.time)}{limit}{back}{waits}{again}"


def _expected(time: Expected) -> str:
    if not time.measured:
        return f"{span(time.p95)} (estimate)"
    return f"{span(time.p50)}, p95 {span(time.p95)} (n={time.n})"


def _way_back(out: Console, plan: Plan) -> None:
    _title(out, "Way back from right before the point of no return")
    for way in plan.rollback:
        took = f"  {_expected(way.time)}" if way.time else ""
        if way.how is not How.NOTHING:
            _entry(out, way.step, f"{way.words}{took}", 2, label=16)
    idle = [way.step for way in plan.rollback if way.how is How.NOTHING]
    if idle:
        _entry(out, "nothing to do", ", ".join(idle), 2, label=16)
    _entry(out, "all of it", _total(plan.window.rollback), 2, label=16)


def _window(out: Console, window: Window) -> None:
    _title(out, "Window")
    _entry(out, "ends", f"{iso(window.ends)} ({window.given}), {_distance(window.seconds)}", 2, label=16)
    _entry(out, "forward", f"{_total(window.forward)}, to the point of no return", 2, label=16)
    if window.after.parts:
        _entry(out, "afterwards", f"{_total(window.after)}, outside of the window", 2, label=16)
    _entry(out, "way back", _total(window.rollback), 2, label=16)
    _entry(out, "last safe start" if not window.begun else "go on until", iso(window.last_safe_start), 2, label=16)
    spare = span(abs(window.spare_seconds))
    what = "the rest of the run" if window.begun else "a start now"
    verdict = f"✓ {what} fits, {spare} to spare" if window.fits else f"✗ {what} does not fit, by {spare}"
    out.print(Text(verdict))


def _total(total: Total) -> str:
    whence = f"{total.measured} of {total.parts} measured" if total.measured else "estimates"
    spread = "" if total.p50 == total.p95 else f"{span(total.p50)}, p95 "
    return f"{spread}{span(total.p95)} ({whence})"


def _distance(seconds: float) -> str:
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"


def _title(out: Console, words: str) -> None:
    out.print()
    out.print(Text(words, style="bold"))


def _each(out: Console, label: str, words: Iterable[str]) -> None:
    for at, each in enumerate(words):
        _entry(out, label if at == 0 else "", each)


def _entry(out: Console, name: str, words: str, indent: int = _INDENT, label: int = _LABEL) -> None:
    """A label and its words, folded below each other; command lines keep their words whole."""
    first = f"{name:<{label}}" if len(name) < label else f"{name} "
    room = max(20, _width(out) - indent - label)
    lines = textwrap.wrap(words, room, break_on_hyphens=False, break_long_words=False) or [""]
    if len(first) > label:
        lines = [*textwrap.wrap(words, room - len(first) + label, break_on_hyphens=False, break_long_words=False)]
    for at, line in enumerate(lines):
        out.print(Text(" " * indent + (first if at == 0 else " " * label) + line))


def _width(out: Console) -> int:
    return min(out.width, _WIDEST) if out.is_terminal else _NARROW

"""Whether the steps, gates and ways back of a runbook make sense together. Every rule is one small function."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from devora_console.config.faults import Fault
from devora_console.config.keys import suggestion
from devora_console.config.locate import Place
from devora_console.cutover.runbook_shape import FileShape, GateShape, ProbeShape, StepShape, UndoShape

NOTHING = "nothing to undo:"
PLAN_B = "plan B:"
SYNCS = ("read-only", "command")

# Keys that mean something for some kinds of steps only.
_FITS: dict[str, frozenset[str]] = {
    "run": frozenset({"command"}),
    "timeout_seconds": frozenset({"command"}),
    "env": frozenset({"command"}),
    "cwd": frozenset({"command"}),
    "idempotent": frozenset({"command"}),
    "already": frozenset({"command", "manual"}),
    "words": frozenset({"manual", "approval"}),
    "gates": frozenset({"gates"}),
    "wait_seconds": frozenset({"wait"}),
    "observed": frozenset({"wait"}),
    "sample_floor": frozenset({"wait"}),
    "probe": frozenset({"command", "manual", "wait", "probe"}),
    "guardrail": frozenset({"command", "manual", "approval", "wait"}),
    "undo": frozenset({"command", "manual"}),
}
_NEEDS = {
    "command": ("run",),
    "manual": ("words",),
    "approval": ("words",),
    "wait": ("wait_seconds", "probe"),
    "probe": ("probe",),
    "gates": (),
}
_HTTP_ONLY = ("status", "json_path", "equals", "contains", "headers")


def sense_faults(file: FileShape, measured: Collection[str]) -> list[Fault]:
    """All that does not make sense. ``measured`` are the ids of the gates that the console can measure."""
    faults = [*_twice("step", [each.id for each in file.step]), *_twice("gate", [each.id for each in file.gate])]
    faults += _gates(file, measured)
    past = False
    for at, step in enumerate(file.step):
        past = past or step.ponr
        place: Place = ("step", at)
        faults += _fitting(step, place)
        faults += _way_back(step, place, past)
        faults += _rehearsal(step, place)
        for group in ("probe", "already", "guardrail"):
            faults += _probes(getattr(step, group), (*place, group), measured)
        faults += _spans(file, at)
        if step.undo is not None:
            faults += _probes(step.undo.probe, (*place, "undo", "probe"), measured)
    return [*faults, *_no_return(file)]


def _twice(table: str, names: Sequence[str]) -> Iterator[Fault]:
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Fault((table, at, "id"), f"there is a {table} '{name}' already", "Give each its own id")


def _unknown_gate(name: str, measured: Collection[str]) -> str:
    return f"no gate '{name}' can be measured{suggestion(name, measured)}"


def _gates(file: FileShape, measured: Collection[str]) -> Iterator[Fault]:
    steps = [each.id for each in file.step]
    names = [each.id for each in file.gate]
    for at, gate in enumerate(file.gate):
        yield from _gate(gate, ("gate", at), measured)
        if gate.before is not None and gate.before not in steps:
            yield Fault(("gate", at, "before"), f"no step '{gate.before}'{suggestion(gate.before, steps)}")
    for at, step in enumerate(file.step):
        for name in step.gates:
            if name not in names:
                near = suggestion(name, names)
                yield Fault(("step", at, "gates"), f"no [[gate]] '{name}' in this runbook{near}")


def _gate(gate: GateShape, place: Place, measured: Collection[str]) -> Iterator[Fault]:
    if not gate.attested:
        if gate.id not in measured:
            remedy = "A gate that a person attests says attested = true"
            yield Fault((*place, "id"), _unknown_gate(gate.id, measured), remedy)
    elif gate.id in measured and gate.id not in EITHER:
        yield Fault((*place, "attested"), f"'{gate.id}' is measured: what a person says does not open it")
    elif not gate.title or not gate.about:
        missing = "about: what the evidence has to say" if gate.title else "a title"
        yield Fault(place, f"a gate that a person attests needs {missing}")


# Measured where the site says how, attested where it does not.
EITHER = frozenset({"tests.passed"})


def _fitting(step: StepShape, place: Place) -> Iterator[Fault]:
    for key, kinds in _FITS.items():
        if key in step.model_fields_set and step.kind not in kinds:
            yield Fault((*place, key), f"means nothing for a step of kind '{step.kind}'")
    for key in _NEEDS[step.kind]:
        if not getattr(step, key):
            yield Fault(place, f"a step of kind '{step.kind}' needs {key}")
    if step.kind == "command" and not step.probe:
        yield Fault(place, "has no [[step.probe]]: exit code 0 alone never makes a step green")
    if step.run is not None:
        yield from _argv(step.run, (*place, "run"))
    yield from _environment(step.env, (*place, "env"))


def _argv(argv: Sequence[str], place: Place) -> Iterator[Fault]:
    if not argv[0].strip():
        yield Fault(place, "names no program")
    if any("\0" in word for word in argv):
        yield Fault(place, "holds a NUL character, which no command line can")


def _environment(env: Iterable[str], place: Place) -> Iterator[Fault]:
    for name in env:
        if not name or "=" in name or "\0" in name:
            yield Fault(place, "an environment variable has a name without '='")


def _way_back(step: StepShape, place: Place, past: bool) -> Iterator[Fault]:
    undo = step.undo
    if undo is None:
        if step.kind in ("command", "manual") and not past:
            remedy = f"Or say why there is none: words = '{NOTHING} ...'"
            yield Fault(place, "does not say how it is taken back: [step.undo]", remedy)
        return
    here = (*place, "undo")
    if past:
        if undo.past_only:
            yield Fault((*here, "past_only"), "is past the point of no return anyway")
        if not (undo.words or "").startswith((NOTHING, PLAN_B)):
            yield Fault(
                (*here, "run") if undo.run is not None else here,
                "from the point of no return on nothing takes a step back: writes would be lost",
                f"Leave it out, or say what is left, with or without run: words = '{PLAN_B} ...'",
            )
            return
        if undo.run is None:
            return
    yield from _undo(undo, here)


def _undo(undo: UndoShape, place: Place) -> Iterator[Fault]:
    if undo.run is None:
        if not undo.words:
            yield Fault(place, f"says neither run nor words; words = '{NOTHING} ...' says why there is nothing to do")
        elif undo.words.startswith(NOTHING) and not undo.words.removeprefix(NOTHING).strip():
            yield Fault((*place, "words"), "does not say why there is nothing to undo")
        for key in ("timeout_seconds", "env", "cwd", "past_only"):
            if key in undo.model_fields_set:
                yield Fault((*place, key), "means nothing without run")
        return
    yield from _argv(undo.run, (*place, "run"))
    yield from _environment(undo.env, (*place, "env"))
    if (undo.words or "").startswith(NOTHING):
        yield Fault((*place, "words"), "says that there is nothing to undo, beside a command that undoes")
    if not undo.probe:
        yield Fault(place, "has no [[step.undo.probe]]: exit code 0 alone does not show that it was taken back")


def _rehearsal(step: StepShape, place: Place) -> Iterator[Fault]:
    here, rehearsal = (*place, "rehearsal"), step.rehearsal
    if rehearsal is None:
        if step.ponr:
            yield Fault(place, "a rehearsal would pass the point of no return: say [step.rehearsal] how = 'skip'")
        return
    if step.ponr and rehearsal.how == "run":
        yield Fault((*here, "how"), "a rehearsal would pass the point of no return: 'skip' it, or give a 'command'")
    if rehearsal.how == "skip" and not rehearsal.reason:
        yield Fault(here, "does not say why it is skipped: reason")
    if rehearsal.how == "command" and rehearsal.run is None:
        yield Fault(here, "needs run: the command that a rehearsal runs instead")
    if rehearsal.how != "command":
        for key in ("run", "timeout_seconds", "env", "cwd"):
            if key in rehearsal.model_fields_set:
                yield Fault((*here, key), "means something with how = 'command' only")
    if rehearsal.how == "command" and step.kind != "command":
        yield Fault((*here, "how"), f"a step of kind '{step.kind}' runs no command")
    if rehearsal.run is not None:
        yield from _argv(rehearsal.run, (*here, "run"))


def _probes(probes: Sequence[ProbeShape], place: Place, measured: Collection[str]) -> Iterator[Fault]:
    for at, probe in enumerate(probes):
        yield from _probe(probe, (*place, at), measured)


def _probe(probe: ProbeShape, place: Place, measured: Collection[str]) -> Iterator[Fault]:
    kinds = [name for name in ("http", "run", "gate") if getattr(probe, name) is not None]
    if len(kinds) != 1:
        yield Fault(place, "looks at exactly one thing: http, run or gate")
        return
    if probe.http is not None and not probe.http.startswith(("http://", "https://")):
        yield Fault((*place, "http"), "should begin with http:// or https://")
    if probe.http is None:
        for key in _HTTP_ONLY:
            if key in probe.model_fields_set:
                name = "json" if key == "json_path" else key
                yield Fault((*place, name), "means something with http only")
    if probe.run is not None:
        yield from _argv(probe.run, (*place, "run"))
    if probe.gate is not None and probe.gate not in measured:
        yield Fault((*place, "gate"), _unknown_gate(probe.gate, measured))
    if (probe.json_path is None) != (probe.equals is None):
        yield Fault(place, "json says where to look and equals what has to be there: one needs the other")
    if (probe.times - 1) * probe.every_seconds >= probe.within_seconds:
        reason = f"cannot say yes {probe.times} times within {probe.within_seconds:g} s, one every"
        yield Fault((*place, "times"), f"{reason} {probe.every_seconds:g} s")


def _spans(file: FileShape, at: int) -> Iterator[Fault]:
    """A guardrail reaches forwards, to a step that comes later."""
    later = [each.id for each in file.step[at + 1 :]]
    for index, guardrail in enumerate(file.step[at].guardrail):
        if guardrail.until is not None and guardrail.until not in later:
            near = suggestion(guardrail.until, later)
            yield Fault(("step", at, "guardrail", index, "until"), f"no later step '{guardrail.until}'{near}")


def _no_return(file: FileShape) -> Iterator[Fault]:
    marked = [at for at, step in enumerate(file.step) if step.ponr]
    for at in marked[1:]:
        first = file.step[marked[0]].id
        yield Fault(("step", at, "ponr"), f"there is one point of no return: '{first}' is it already")
    if not marked:
        reason = "no step says ponr = true: which is the first that lets real writes reach PostgreSQL?"
        yield Fault(("runbook",), reason)


def sync_faults(file: FileShape, values: dict[str, str], asks: Collection[int]) -> Iterator[Fault]:
    """Blue-green: two databases take writes at once unless something prevents it, or keeps them in step.

    ``asks`` are the positions of the steps of which a probe's command line holds the variable ``sync``.
    """
    if file.runbook.strategy != "blue-green":
        return
    said = values.get("sync")
    if said is None:
        place: Place = ("runbook", "strategy")
        yield Fault(place, "a blue-green runbook declares the variable sync in [vars]", f"One of {', '.join(SYNCS)}")
    elif said and said not in SYNCS:
        reason = f"should be 'read-only' or 'command'{suggestion(said, SYNCS)}"
        yield Fault(("vars", "sync"), reason, "Without either, what one side writes is lost to the other")
    else:
        traffic = next((at for at, step in enumerate(file.step) if step.kind == "wait"), len(file.step))
        if not any(at <= traffic for at in asks):
            yield Fault(
                ("vars", "sync"),
                "is declared but never measured",
                "Before the traffic is watched, a probe has to run a command with {sync} in it",
            )

"""The shape of a runbook file: which keys there are, and what each may hold; not what they mean together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from devora_console.config.faults import KIND_WORDS, Fault
from devora_console.config.keys import suggestion
from devora_console.config.locate import Place
from devora_console.core.safetext import one_line

_LONGEST = 2_678_400  # seconds: a month

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
GateId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=60)]
Words = Annotated[str, Field(min_length=1, max_length=4_000)]
Seconds = Annotated[float, Field(gt=0, le=_LONGEST)]
Argv = Annotated[list[str], Field(min_length=1)]
Kind = Literal["command", "manual", "approval", "gates", "wait", "probe"]


class _Shape(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, strict=True, allow_inf_nan=False, populate_by_name=False
    )


class ProbeShape(_Shape):
    """Something to look at: exactly one of ``http``, ``run`` and ``gate``."""

    http: Words | None = None
    run: Argv | None = None
    gate: GateId | None = None
    status: Annotated[int, Field(ge=100, le=599)] = 200
    json_path: Words | None = Field(default=None, alias="json")
    equals: str | bool | int | None = None
    contains: Words | None = None
    headers: dict[str, str] = {}
    within_seconds: Seconds = 30.0
    every_seconds: Seconds = 1.0
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    timeout_seconds: Seconds = 10.0


class GuardrailShape(ProbeShape):
    """Something to look at for as long as a step goes on, or until another one begins."""

    until: Id | None = None


class UndoShape(_Shape):
    """How a step is taken back."""

    run: Argv | None = None
    words: Words | None = None
    timeout_seconds: Seconds = 300.0
    expect_seconds: Annotated[float, Field(ge=0, le=_LONGEST)] = 60.0
    env: dict[str, str] = {}
    cwd: Words | None = None
    past_only: bool = False
    probe: list[ProbeShape] = []


class RehearsalShape(_Shape):
    """What a rehearsal does instead."""

    how: Literal["run", "skip", "command"]
    reason: Words | None = None
    run: Argv | None = None
    timeout_seconds: Seconds = 300.0
    env: dict[str, str] = {}
    cwd: Words | None = None


class StepShape(_Shape):
    """One step."""

    id: Id
    title: Words
    kind: Kind
    about: str = ""
    guide: str = ""
    run: Argv | None = None
    words: Words | None = None
    timeout_seconds: Seconds = 300.0
    env: dict[str, str] = {}
    cwd: Words | None = None
    gates: list[GateId] = []
    ponr: bool = False
    people: Annotated[int, Field(ge=1, le=20)] = 1
    idempotent: bool = False
    pause: bool = False
    expect_seconds: Annotated[float, Field(ge=0, le=_LONGEST)] | None = None
    wait_seconds: Seconds | None = None
    observed: bool = True
    sample_floor: Annotated[int, Field(ge=0)] = 0
    annotate: bool = False
    probe: list[ProbeShape] = []
    already: list[ProbeShape] = []
    guardrail: list[GuardrailShape] = []
    undo: UndoShape | None = None
    rehearsal: RehearsalShape | None = None


class GateShape(_Shape):
    """A gate that has to be open."""

    id: GateId
    attested: bool = False
    title: str = ""
    about: str = ""
    item: Annotated[int, Field(ge=1, le=8)] | None = None
    ttl_hours: Annotated[float, Field(gt=0, le=8_760)] | None = None
    before: Id | None = None
    rehearsal: bool = True


class HeadShape(_Shape):
    """What the runbook is."""

    name: Id
    title: Words
    strategy: Literal["big-bang", "blue-green"]
    about: str = ""
    window_minutes: Annotated[float, Field(gt=0, le=44_640)]
    objection_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    horizon_seconds: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    on_guardrail: Literal["rollback", "pause"] = "rollback"


class FileShape(_Shape):
    """The file."""

    runbook: HeadShape
    vars: dict[str, str] = {}
    gate: list[GateShape] = []
    step: Annotated[list[StepShape], Field(min_length=1)]


def _kinds(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation}.union(*(_kinds(each) for each in inner)) if inner else {annotation}


# Keys that hold a number: a variable may stand for it.
NUMBERS = frozenset(
    name
    for model in (ProbeShape, GuardrailShape, UndoShape, RehearsalShape, StepShape)
    for name, field in model.model_fields.items()
    if name != "equals" and {int, float} & _kinds(field.annotation)
)


def shaped(data: Mapping[str, Any]) -> FileShape | list[Fault]:
    """The file's contents in their shape, or all that is wrong with it."""
    try:
        return FileShape.model_validate(data)
    except ValidationError as error:
        return list(_faults(error.errors(include_url=False, include_input=False), data))


def _faults(errors: list[ErrorDetails], data: Mapping[str, Any]) -> Iterator[Fault]:
    told: set[Place] = set()
    for each in errors:
        place = tuple(part for part in each["loc"] if part not in _BRANCHES)
        if place in told:  # a value of several kinds has one error for each of them
            continue
        told.add(place)
        yield Fault(place, _reason(each, place, data))


_BRANCHES = frozenset({"str", "bool", "int", "float", "constrained-str"})


def _reason(error: ErrorDetails, place: Place, data: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(place[:-1])
        near = suggestion(str(place[-1]), known)
        return f"unknown key{near or '; there are ' + ', '.join(known)}"
    if kind == "literal_error":
        choices = [choice.strip("'") for choice in str(context["expected"]).replace(" or ", ", ").split(", ")]
        near = suggestion(str(_at(data, place)), choices)
        return f"should be {context['expected']}{near}"
    if kind == "string_pattern_mismatch":
        return "should be a short name of a-z, 0-9 and '-' (gates: with '.' and '_')"
    if kind == "list_type" and place[-1] == "run":
        return 'should be a list of words, without a shell: ["program", "argument"]'
    return KIND_WORDS.get(kind) or one_line(
        error["msg"].replace("Input should", "should").replace("String", "text"), 200
    )


_MODELS: Mapping[str, type[_Shape]] = {
    "runbook": HeadShape,
    "gate": GateShape,
    "step": StepShape,
    "probe": ProbeShape,
    "already": ProbeShape,
    "guardrail": GuardrailShape,
    "undo": UndoShape,
    "rehearsal": RehearsalShape,
}


def _keys(table: Place) -> list[str]:
    """The keys of the table at this place."""
    names = [part for part in table if isinstance(part, str)]
    model = _MODELS[names[-1]] if names else FileShape
    return [field.alias or name for name, field in model.model_fields.items()]


def _at(data: Any, place: Place) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data

"""What a catalogue's file means: names that lead somewhere, steps that end in an answer, nothing that writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from devora_console.bench.placeholders import WAYS, places, places_of
from devora_console.bench.shape import FileShape, ParameterShape, QuestionShape, StepShape
from devora_console.config.faults import Fault
from devora_console.config.keys import suggestion
from devora_console.config.locate import Place

_WRITES = frozenset({"$out", "$merge"})


def sense_faults(file: FileShape, known: Sequence[str]) -> Iterator[Fault]:
    """All that is wrong. ``known`` are the names of parameters that a catalogue under this one declares."""
    if not file.question and not file.parameter:
        yield Fault((), "holds no question", "Write [[question]] tables")
    names = list(known)
    for at, each in enumerate(file.parameter):
        yield from _parameter(each, ("parameter", at), names)
        if each.name in [other.name for other in file.parameter[:at]]:
            yield Fault(("parameter", at, "name"), "is there twice")
        names.append(each.name)
    for at, question in enumerate(file.question):
        if question.id in [other.id for other in file.question[:at]]:
            yield Fault(("question", at, "id"), "is there twice")
        yield from _question(question, ("question", at), names)


def _parameter(each: ParameterShape, at: Place, names: Sequence[str]) -> Iterator[Fault]:
    if not names and each.name != "user":
        yield Fault((*at, "name"), "the first parameter is 'user'")
    yield from _names(places(each.postgres), (*at, "postgres"), names)
    yield from _steps(each.mongo, (*at, "mongo"), names, ("key", "value"))


def _question(question: QuestionShape, at: Place, names: Sequence[str]) -> Iterator[Fault]:
    for side in ("mongo", "postgres"):
        if (getattr(question, side) is None) == (getattr(question, f"{side}_missing") is None):
            yield Fault((*at, side), f"give either {side}, or {side}_missing with the reason")
    if question.mongo is None and question.postgres is None:
        yield Fault(at, "no side can be asked")
    if question.mongo is not None:
        ends = () if question.answer == "none" else ("answer",)
        yield from _steps(question.mongo, (*at, "mongo"), names, ends)
    postgres = question.postgres
    if postgres is None:
        return
    if (postgres.sql is None) == (postgres.search is None):
        yield Fault((*at, "postgres"), "give either sql or search")
    if postgres.sql is not None:
        yield from _names(places(postgres.sql), (*at, "postgres", "sql"), names)
    if postgres.search is not None:
        yield from _names(places(postgres.search.text), (*at, "postgres", "search", "text"), names)
        if question.mongo is not None and question.answer == "ids" and postgres.sql is None:
            yield Fault((*at, "answer"), "a search ranks: its ids are not those of a find", 'Write answer = "none"')


def _steps(steps: Sequence[StepShape], at: Place, names: Sequence[str], ends: Sequence[str]) -> Iterator[Fault]:
    known = list(names)
    for number, step in enumerate(steps):
        here = (*at, number)
        if (step.find is None) == (step.aggregate is None):
            yield Fault(here, "give either find or aggregate")
        if step.aggregate is not None and any(value is not None for value in (step.project, step.sort)):
            yield Fault(here, "project and sort go with find", "Write them as stages of aggregate")
        if _writes(step.aggregate):
            yield Fault((*here, "aggregate"), "writes: $out and $merge are refused")
        yield from _names(places_of(step.find or step.aggregate or {}), here, known)
        last = number == len(steps) - 1
        wanted = ends if last else ("take", "name")
        for key in ("answer", "take", "name", "key", "value"):
            shown = "as" if key == "name" else key
            if key in wanted and getattr(step, key) is None:
                yield Fault(here, f"{'the last step' if last else 'a step before the last'} needs {shown}")
            if key not in wanted and key != "answer" and getattr(step, key) is not None:
                yield Fault((*here, shown), "has no meaning in this step")
        if step.name is not None:
            known.append(step.name)


def _writes(node: Any) -> bool:
    if isinstance(node, dict):
        return bool(_WRITES & node.keys()) or any(_writes(inner) for inner in node.values())
    return isinstance(node, list) and any(_writes(inner) for inner in node)


def _names(found: Sequence[tuple[str, str]], at: Place, known: Collection[str]) -> Iterator[Fault]:
    for name, way in found:
        if name not in known:
            near = suggestion(name, known) or f"; there are {', '.join(known) or 'none'}"
            yield Fault(at, f"no parameter stands for {{{name}}}{near}")
        elif way and way not in WAYS:
            yield Fault(at, f"{{{name}|{way}}}: after the bar stands regex or like")

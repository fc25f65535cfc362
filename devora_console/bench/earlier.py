"""MongoDB's side from a run before the switch, for the users that PostgreSQL is asked for now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from devora_console.bench.model import Question
from devora_console.bench.result import Asked, Manner, Result, Series, Subject
from devora_console.core.unknown import Unknown

MongoBefore = Mapping[str, Series | Unknown]
T = TypeVar("T")


def nothing_before() -> Unknown:
    """Why there is no side of MongoDB."""
    return Unknown("MongoDB was not measured before the switch", "bench latency --before, while it is there")


def series_of(
    before: Result, subjects: Sequence[Subject], questions: Sequence[Question], manner: Manner
) -> dict[str, Series | Unknown]:
    """By question what MongoDB took then, a row for each of the subjects; Unknown where the two do not compare."""
    differs = manner.differs(before.manner)
    asked = {each.id: each for each in before.questions}
    places = places_in(before.subjects, subjects)
    return {each.id: _one(each.digest, asked.get(each.id), places, differs) for each in questions}


def places_in(before: Sequence[Subject], now: Sequence[Subject]) -> list[int | None]:
    """Where each subject of now stood before; None for one that was not drawn then, or with other values."""
    known = {each.keys["user"]: at for at, each in enumerate(before)}
    found: list[int | None] = []
    for each in now:
        at = known.get(each.keys["user"])
        same = at is not None and all(before[at].keys.get(name, key) == key for name, key in each.keys.items())
        found.append(at if same else None)
    return found


def _one(digest: str, asked: Asked | None, places: Sequence[int | None], differs: str) -> Series | Unknown:
    if asked is None:
        return Unknown("this question was not asked before the switch")
    if isinstance(asked.mongo, Unknown):
        return asked.mongo
    if asked.digest != digest:
        return Unknown("the question is not what it was before the switch")
    if differs:
        return Unknown(f"not measured in the same way: {differs}", "Measure as before")
    return at_places(asked.mongo, places)


def at_places(series: Series, places: Sequence[int | None]) -> Series:
    """The series with its subjects in another order; nothing measured for those that are not in it."""

    def picked(values: Sequence[T], nothing: T) -> tuple[T, ...]:
        return tuple(nothing if at is None else values[at] for at in places)

    return Series(
        samples=picked(series.samples, ()),
        counts=picked(series.counts, None),
        digests=picked(series.digests, None),
        timeouts=series.timeouts,
        errors=series.errors,
        error=series.error,
        apart=None if series.apart is None else picked(series.apart, ()),
        apart_by=series.apart_by,
    )

"""Two kept results, question by question: one side over time, or MongoDB's of the first with PostgreSQL's of the
second. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from devora_console.bench.earlier import at_places, places_in
from devora_console.bench.judge import Line, Sides, busy, judged
from devora_console.bench.result import Asked, Place, Result, Series
from devora_console.config.bench import BenchSettings
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown

_NAMES = {"mongo": "MongoDB", "postgres": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Compared:
    """``pair``: which side of the first result stands against which one of the second."""

    pair: tuple[str, str]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``first`` and ``second`` are the results' ids. ``notes`` say what else differs between them."""

    first: str
    second: str
    pairs: tuple[Compared, ...]
    notes: tuple[str, ...]


def compare(first: Result, second: Result, settings: BenchSettings) -> Comparison:
    """Raises ConsoleError (exit 1) where nothing in them can be compared."""
    differs = second.manner.differs(first.manner)
    if differs:
        words = f"{first.id} and {second.id} were not measured in the same way: {differs}"
        raise ConsoleError.of(ExitCode.NEGATIVE, "bench_manner", words, "Measure again as before")
    sides = [("postgres", "postgres"), ("mongo", "mongo"), ("mongo", "postgres")]
    once = _measured_once(first, second)
    if once or "after" in (first.kind, second.kind):  # one of them has MongoDB's side from an earlier run
        sides.remove(("mongo", "mongo"))
    found = [Compared(pair, tuple(_lines(first, second, pair, settings))) for pair in sides]
    found = [each for each in found if each.lines]
    if len(found) > 1:  # one side over time is the plainer comparison
        found = [each for each in found if each.pair[0] == each.pair[1]] or found
    if not found and once:
        words = f"MongoDB's side of {first.id} and of {second.id} is the same measurement"
        raise ConsoleError.of(ExitCode.NEGATIVE, "bench_nothing", words, f"See: devora-console bench show {first.id}")
    if not found:
        words = f"no question was measured in both {first.id} and {second.id}"
        raise ConsoleError.of(ExitCode.NEGATIVE, "bench_nothing", words, "See: devora-console bench show ID")
    return Comparison(first.id, second.id, tuple(found), tuple(_notes(first, second)))


def _measured_once(first: Result, second: Result) -> bool:
    """Whether one took MongoDB's side over from the other, or both from the same."""
    one, other = first.mongo, second.mongo
    return isinstance(one, Place) and isinstance(other, Place) and one.at == other.at and one.database == other.database


def _lines(first: Result, second: Result, pair: tuple[str, str], settings: BenchSettings) -> Iterator[Line]:
    before = {each.id: each for each in first.questions}
    places = places_in(first.subjects, second.subjects)
    paired = any(at is not None for at in places)
    for asked in second.questions:
        old = before.get(asked.id)
        if old is None or old.digest != asked.digest:
            continue
        one, other = _series(old, pair[0]), _series(asked, pair[1])
        if isinstance(one, Unknown) or isinstance(other, Unknown):
            continue
        if paired:
            one = at_places(one, places)
        sides = Sides(
            f"{_NAMES[pair[0]]} then",
            f"{_NAMES[pair[1]]} now",
            paired=paired,
            turns=False,
            answers=pair[0] != pair[1],  # answers change with the data: over time that is no fault
            apart=busy((first.load, second.load), settings),
        )
        line = judged(asked, one, other, settings, sides)
        yield replace(line, missing={}) if pair[0] == pair[1] else line


def _series(asked: Asked, side: str) -> Series | Unknown:
    return asked.mongo if side == "mongo" else asked.postgres


def _notes(first: Result, second: Result) -> Iterator[str]:
    if first.catalogue != second.catalogue:
        yield f"Another catalogue: {first.catalogue} then, {second.catalogue} now."
    if first.manner.seed != second.manner.seed:
        yield f"Another seed: {first.manner.seed} then, {second.manner.seed} now; other users were asked for."
    yield from (
        f"{name} then: {was}, now: {second.client.get(name, 'not told')}."
        for name, was in first.client.items()
        if second.client.get(name) != was
    )
    for each in (first, second):
        if isinstance(each.mongo, Place) and each.mongo.stand_in:
            yield (
                f"What stood on MongoDB's side of {each.id} is NOT MongoDB: {each.mongo.stand_in}; "
                "its times say nothing about MongoDB."
            )
    for old, new in ((first.mongo, second.mongo), (first.postgres, second.postgres)):
        if isinstance(old, Place) and isinstance(new, Place):
            yield from _places(old, new)


def _places(old: Place, new: Place) -> Iterator[str]:
    pairs = [("version", old.words, new.words), ("database", old.database, new.database)]
    pairs.append(("asked as", old.asked_as, new.asked_as))
    names = {**old.settings, **new.settings}
    pairs += [(each, old.settings.get(each, "-"), new.settings.get(each, "-")) for each in names]
    yield from (f"{old.engine}, {name}: {was} then, {now} now." for name, was, now in pairs if was != now)

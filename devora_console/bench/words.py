"""A result in words that every door shows: times, changes, and what it was measured on. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devora_console.bench.judge import Agreement, Line, Verdict
from devora_console.bench.result import Place, Result
from devora_console.bench.statistics import Change
from devora_console.core.clock import iso
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

_LISTED = 12


def milliseconds(value: float | Unknown) -> str:
    """As many digits as are worth reading.

    >>> [milliseconds(each) for each in (0.42, 4.25, 42.4, 580.2)]
    ['0.42', '4.2', '42', '580']
    """
    if isinstance(value, Unknown):
        return "?"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def percent(found: Change | Unknown) -> str:
    """``-71 %``.

    >>> percent(Change(-70.6, -75.0, -66.0)), percent(Change(-99.96, -99.98, -99.9))
    ('-71 %', '-99.96 %')
    """
    return "?" if isinstance(found, Unknown) else f"{_signed(found.percent)} %"


def between(found: Change | Unknown) -> str:
    """``-75 to -66 %``: where 95 % of changes lie."""
    return "?" if isinstance(found, Unknown) else f"{_signed(found.low)} to {_signed(found.high)} %"


def _signed(value: float) -> str:
    """Nothing takes 100 % less: digits are added before that is said.

    >>> _signed(-99.6), _signed(-0.2), _signed(12.3)
    ('-99.6', '-0.2', '+12')
    """
    digits = 1 if abs(value) < 1 else 0
    while value > -100 and round(value, digits) <= -100 and digits < 4:
        digits += 1
    return f"{value:+.{digits}f}"


def verdict(line: Line) -> str:
    """The verdict, with the reason where there is none."""
    if line.verdict in (Verdict.NONE, Verdict.UNCLEAR) and line.why:
        return f"{line.verdict}: {line.why}"
    return str(line.verdict)


def answers(line: Line) -> str:
    """Whether both sides gave the same answers."""
    found = line.agreement
    if isinstance(found, Unknown):
        return found.reason
    if not found.differing:
        return f"the same for {found.compared} users"
    one, other = found.example or (0, 0)
    rows = f"{one} rows and {other}" if one != other else f"{one} rows each, others"
    return f"differ for {found.differing} of {found.compared} users (the first: {rows})"


def differing(line: Line) -> bool:
    """Whether answers differ for anybody."""
    return isinstance(line.agreement, Agreement) and line.agreement.differing > 0


def conditions(result: Result) -> Iterator[tuple[str, str]]:
    """(name, words) of all that the figures depend on."""
    manner = result.manner
    yield "measured", f"{iso(result.at.replace(microsecond=0))}, id {result.id}, devora-console {result.console}"
    if result.against:
        yield "MongoDB's side", f"from {result.against}, before the switch"
    yield (
        "manner",
        f"{len(result.subjects)} users, {manner.rounds} rounds after {manner.warm_up} to warm up, "
        f"{manner.concurrency} questions at a time, seed {manner.seed}, cut off after {manner.timeout_seconds:g} s",
    )
    yield "questions", f"{result.catalogue} ({result.digest})"
    for name, place in (("MongoDB", result.mongo), ("PostgreSQL", result.postgres)):
        yield from _place(name, place)
    yield "client", ", ".join(one_line(f"{name}: {value}", 120) for name, value in result.client.items())
    if result.load is not None:
        before = "" if result.load_before is None else f" ({result.load_before:.1f} when MongoDB was measured)"
        yield "load", f"{result.load:.1f} for each processor when it began{before}"
    for note in result.notes:
        yield "note", note


def _place(name: str, place: Place | Unknown) -> Iterator[tuple[str, str]]:
    if isinstance(place, Unknown):
        yield name, f"? {place.reason}"
        return
    distance = place.distance_ms
    far = "distance unknown" if isinstance(distance, Unknown) else f"{milliseconds(distance)} ms away"
    known = place.size_bytes
    size = "size unknown" if isinstance(known, Unknown) else f"{known / 1e6:.1f} MB"
    words = [place.words, place.topology, f"database {place.database}", size, far, f"asked as {place.asked_as}"]
    yield name, one_line(", ".join(each for each in words if each), 400)
    if place.stand_in:
        yield "", f"NOT {place.engine}: {place.stand_in}; its times say nothing about {place.engine}"
    if place.settings:
        yield "", one_line(", ".join(f"{key} {value}" for key, value in place.settings.items()), 400)
    counts = [f"{key} {'?' if isinstance(rows, Unknown) else rows}" for key, rows in place.sizes.items()]
    if counts:
        yield "", one_line("about " + ", ".join(counts[:_LISTED]), 400)
    if place.indexes:
        yield "", one_line("indexes: " + "; ".join(f"{key}: {names}" for key, names in place.indexes.items()), 400)

"""What one declaration of a metric says, and the little arithmetic that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

PREFIX = "devora_console_"
OTHER = "other"
"""The label of everything beyond the first few: label sets are bounded whatever a database holds."""
_NAME = 120

Value = float | int | Unknown | None
"""A number, why it is not known, or None where there is nothing to tell."""
Values = Value | Mapping[tuple[str, ...], Value]
"""One value, or values by the values of the labels."""


class Kind(StrEnum):
    """How a value moves: a counter only ever grows, until the server empties its statistics."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class About:
    """What a reading is told besides: the moment, how many of a kind have a label, and the pace of looks."""

    now: datetime
    top: int = 10
    every_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. ``name`` goes without prefix and, of a counter, without ``_total``; its unit is a base unit.

    ``sample`` is what it is read from (see :data:`~devora_console.analytics.exporter.samples.SAMPLES`), ``source`` says
    in words where that has it from. ``read`` never asks anybody: it takes the value out of the sample.
    """

    name: str
    help: str
    sample: str
    source: str
    read: Callable[[Any, About], Values]
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE

    @property
    def full(self) -> str:
        """The name as Prometheus knows it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


def largest(rows: Iterable[tuple[str, float]], most: int, rest: float | None = None) -> dict[tuple[str, ...], Value]:
    """The ``most`` largest by name, and what is left as "other". ``rest`` instead of the sum of those that are here.

    >>> largest([("a", 1), ("b", 5), ("c", 2)], 1)
    {('b',): 5, ('other',): 3}
    """
    ranked = sorted(rows, key=lambda row: (-row[1], row[0]))
    found: dict[tuple[str, ...], Value] = {}
    for name, value in ranked[:most]:
        key = (one_line(name, _NAME),)
        before = found.get(key)
        found[key] = value + (before if isinstance(before, int | float) else 0)
    left = sum(value for _, value in ranked[most:]) if rest is None else rest
    if left or len(ranked) > most:
        named = found.get((OTHER,), 0)  # something may have that very name
        found[(OTHER,)] = max(0, left) + (named if isinstance(named, int | float) else 0)
    return found


def one_of(words: Sequence[str], now: str) -> Values:
    """1 for the word that holds now, 0 for every other; not known where it is none of them.

    >>> one_of(("on", "off"), "off")
    {('on',): 0, ('off',): 1}
    """
    if now not in words:
        return Unknown(f"it is {one_line(now, _NAME)!r}, of which there is no series")
    return {(each,): int(each == now) for each in words}


def ratio(part: float, whole: float, why: str) -> Value:
    """A part of 1; unknown of nothing, for the reason given."""
    return part / whole if whole else Unknown(why)


def seconds(milliseconds: Value) -> Value:
    """From milliseconds, which is what PostgreSQL counts in."""
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else milliseconds

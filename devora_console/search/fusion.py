"""Reciprocal rank fusion: ranks of the legs become one ranking. Raw scores of different legs are never compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devora_console.search.model import Knobs, LegPart, Method

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One document in a leg's ranking. ``share``: how much of the leg's weight it has, 0 to 1."""

    key: Key
    score: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Fused:
    """One document in the fused ranking: the sum of its terms, and what each leg brought."""

    key: Key
    score: float
    parts: tuple[LegPart, ...]


def fuse(legs: Mapping[Method, Sequence[Ranked]], knobs: Knobs) -> list[Fused]:
    """The union of the legs, best first: sum of weight x share / (k + rank). Equal sums are ordered by type and id.

    A leg that is switched off or has no weight takes no part.

    >>> a, b = Ranked(("file", "1"), 9.0), Ranked(("file", "2"), 0.1)
    >>> [each.key[1] for each in fuse({Method.FTS: [a, b], Method.SEMANTIC: [b]}, Knobs())]
    ['2', '1']
    """
    parts: dict[Key, list[LegPart]] = {}
    for leg in knobs.legs:
        weight = knobs.weights.get(leg, 0.0)
        if weight <= 0:
            continue
        for rank, each in enumerate(legs.get(leg, ()), 1):
            if each.share > 0:
                term = weight * each.share / (knobs.k + rank)
                parts.setdefault(each.key, []).append(LegPart(leg, rank, each.score, term))
    fused = [Fused(key, sum(part.term for part in brought), tuple(brought)) for key, brought in parts.items()]
    return sorted(fused, key=lambda each: (-each.score, each.key))

"""What a leg brought, and what each of its documents counts in the hybrid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from devora_console.search.fusion import Key, Ranked
from devora_console.search.legs import fulltext, trigram
from devora_console.search.model import Asked, Knobs, Method, MethodAnswer


@dataclass(slots=True)
class Found:
    """What a leg brought: its whole ranking for the fusion, and its answer. ``strange``: not readable by the caller."""

    ranked: list[Ranked]
    answer: MethodAnswer
    strange: tuple[Key, ...] = ()
    tiers: tuple[int, ...] = ()


def alone(legs: Mapping[Method, Found]) -> bool:
    """Whether nothing is known of the query's meaning."""
    meaning = legs.get(Method.SEMANTIC)
    return meaning is None or not meaning.ranked or "little_coverage" in meaning.answer.flags


def wants_any_word(asked: Asked) -> bool:
    """Whether documents are shown, or count, that hold only one of the words or whose title is like one only: where
    there is a meaning they may not.

    They cost most: thousands match, and every one is ranked.
    """
    knobs = asked.knobs
    meaning = Method.SEMANTIC in knobs.legs and knobs.weights.get(Method.SEMANTIC, 0) > 0
    shown = Method.FTS in asked.methods or Method.TRIGRAM in asked.methods
    return shown or knobs.any_weight > 0 or not meaning


def shared(leg: Method, found: Found, legs: Mapping[Method, Found], knobs: Knobs) -> list[Ranked]:
    """A leg's ranking with what each document counts of its weight."""
    if leg is Method.SEMANTIC:
        return found.ranked
    lonely = alone(legs)
    if leg is Method.TRIGRAM:
        return [replace(each, share=trigram.share(each.score, knobs, alone=lonely)) for each in found.ranked]
    return [
        replace(each, share=fulltext.share(tier, knobs, alone=lonely))
        for each, tier in zip(found.ranked, found.tiers, strict=True)
    ]

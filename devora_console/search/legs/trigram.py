"""Trigrams: titles and names that are spelt like the words, for typing errors and parts of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devora_console.core.problems import Problem
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE, Ground
from devora_console.search.legs.without import keeping_out
from devora_console.search.model import Analysed, Asked, Knobs, Method


def question(
    analysed: Analysed, asked: Asked, most: int, ground: Ground, *, any_word: bool = True
) -> Question | Problem:
    """Its statement; or why there is none. ``any_word``: also for titles that are like one of the words only."""
    if not ground.trigram:
        return Problem(
            "no_extension", "the extension pg_trgm is not here", "CREATE EXTENSION pg_trgm, then: schema apply"
        )
    if sum(char.isalnum() for char in analysed.names) < 3:
        if analysed.words and not analysed.names:
            left = "only stop words and what is excluded are there: no name is looked for by those"
            return Problem("nothing_to_search", left, "Type a word of a title or a name")
        return Problem("nothing_to_search", "fewer than three letters have no trigrams", "Type more letters")
    kept = asked.filters
    values = (
        analysed.names,
        list(kept.kinds),
        kept.since,
        kept.until,
        kept.language,
        asked.knobs.trigram_threshold,
        most,
        0.0 if any_word else asked.knobs.trigram_threshold,
    )
    return keeping_out(Question(Method.TRIGRAM, sql(HERE, "trigram"), values), analysed.excluded, "$7::integer")


def remarks(rows: Sequence[Any], asked: Asked, analysed: Analysed) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and flags on what came."""
    if rows:
        return (), ()
    name = "title or name that is not excluded" if analysed.excluded else "title or name"
    return (f"No {name} reaches a word similarity of {asked.knobs.trigram_threshold:g}.",), ()


def share(score: float, knobs: Knobs, *, alone: bool) -> float:
    """What a document counts in the hybrid: all of it where its title is like the words on the whole, and not only like
    one of them. ``alone``: nothing is known of the query's meaning.
    """
    if score >= knobs.trigram_threshold:
        return 1.0
    return max(knobs.any_weight, 0.5) if alone else knobs.any_weight

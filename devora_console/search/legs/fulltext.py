"""Full text: documents that hold every word, else those that hold any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devora_console.core.problems import Problem
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE
from devora_console.search.model import Analysed, Asked, Fate, Knobs, Method

EVERY, TWO, ONE = 0, 1, 2
"""How many of the words a document holds."""


def question(analysed: Analysed, asked: Asked, most: int, *, any_word: bool = True) -> Question | Problem:
    """Its statement; or why there is nothing to search for. ``any_word``: also for documents that hold only one."""
    if not analysed.loose:
        return Problem("nothing_to_search", "no word is left that a document could hold", _why(analysed))
    kept = asked.filters
    queries = (analysed.strict, analysed.two, analysed.loose if any_word else "")
    values = (*queries, list(kept.kinds), kept.since, kept.until, kept.language, asked.limit, most)
    return Question(Method.FTS, sql(HERE, "fulltext"), values)


def _why(analysed: Analysed) -> str:
    words = ", ".join(f"{word.text}: {_FATES.get(word.fate, word.fate)}" for word in analysed.words[:5])
    return f"Type a word that is in the documents ({words})" if words else "Type a word that is in the documents"


_FATES = {Fate.VANISHED: "only signs", Fate.STOP: "a stop word"}


def remarks(rows: Sequence[Any], asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and flags on what came."""
    shown = [row["tier"] for row in rows[: asked.limit]]
    every, two, one = (shown.count(tier) for tier in (EVERY, TWO, ONE))
    if every >= asked.limit:
        return (), ()
    parts = [f"{every or 'none'} with every word"]
    parts += [f"{count} {words}" for count, words in ((two, "with two of them"), (one, "with one of them")) if count]
    return (f"Documents: {', '.join(parts)}.",), ("loose",) if two or one else ()


def share(tier: int, knobs: Knobs, *, alone: bool) -> float:
    """What a document counts in the hybrid. ``alone``: nothing is known of the query's meaning."""
    if tier == EVERY:
        return 1.0
    if tier == TWO:
        return knobs.two_weight
    return max(knobs.any_weight, 0.5) if alone else knobs.any_weight


def deepest(analysed: Analysed) -> int:
    """The loosest of its queries that costs most: any word."""
    return ONE if analysed.loose else EVERY

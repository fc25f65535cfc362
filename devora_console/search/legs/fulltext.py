"""Full text: documents that hold every word, else those that hold any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devora_console.core.problems import Problem
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE
from devora_console.search.model import Analysed, Asked, Method


def question(analysed: Analysed, asked: Asked, most: int) -> Question | Problem:
    """Its statement; or why there is nothing to search for."""
    if not analysed.loose:
        return Problem("nothing_to_search", "no word is left that a document could hold", _why(analysed))
    kept = asked.filters
    values = (analysed.strict, analysed.loose, list(kept.kinds), kept.since, kept.until, kept.language, most)
    return Question(Method.FTS, sql(HERE, "fulltext"), values)


def _why(analysed: Analysed) -> str:
    words = ", ".join(f"{word.text}: {word.fate}" for word in analysed.words[:5])
    return f"Type a word that is in the documents ({words})" if words else "Type a word that is in the documents"


def remarks(rows: Sequence[Any], most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and flags on what came."""
    if rows and rows[0]["loose"]:
        return ("No document holds every word: these hold any of them.",), ("loose",)
    if len(rows) < most:
        return (f"{len(rows)} documents hold every word; there are no more.",), ()
    return (), ()

"""Meaning: the nearest vectors of one model. Exact for few vectors, through the model's index for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devora_console.core.problems import Problem
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE, Ground
from devora_console.search.legs.without import keeping_out
from devora_console.search.model import Asked, Hit, Method

_LITTLE = 0.5  # of a query's words that the embedder knows: below, its neighbours are a matter of luck


def question(
    vector: Sequence[float], model: str, asked: Asked, most: int, ground: Ground, *, exact_rows: int, excluded: str = ""
) -> Question | Problem:
    """Its statement; or why there is none. Up to ``exact_rows`` vectors of the user every one is compared.

    ``excluded``: negations that every document has to meet.
    """
    if ground.vector_schema is None or not ground.vectors:
        return Problem(
            "no_extension", "the extension pgvector is not here", "CREATE EXTENSION vector, then: schema apply"
        )
    kept, knobs = asked.filters, asked.knobs
    text = sql(HERE, "semantic").format(type=f"{quoted(ground.vector_schema)}.vector")
    filters = (list(kept.kinds), kept.since, kept.until, kept.language)
    ef_search = min(1000, max(knobs.ef_search, most))
    values = (
        "[" + ",".join(f"{number:.7g}" for number in vector) + "]",
        model,
        knobs.least_similarity,
        *filters,
        most,
        knobs.exact,
        ef_search,
        exact_rows,
    )
    return keeping_out(Question(Method.SEMANTIC, text, values), excluded, "$8::integer")


def remarks(
    rows: Sequence[Any], hits: Sequence[Hit], asked: Asked, coverage: float | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and flags on what came."""
    notes, flags = [], []
    if stale := sum("stale" in hit.metadata for hit in hits):
        notes.append(f"{stale} of these have changed since they were embedded: devora-console embed run.")
        flags.append("stale")
    if coverage is not None and coverage < _LITTLE:
        notes.append(f"The embedder knows {coverage:.0%} of the query's words: expect little of its neighbours.")
        flags.append("little_coverage")
    if asked.knobs.exact:
        notes.append("Compared with every vector.")
        flags.append("exact")
    elif rows and len(rows) < asked.limit:
        notes.append(f"The model has only {len(rows)} such documents, or the index stopped early: compare exactly.")
        flags.append("index_short")
    return tuple(notes), tuple(flags)

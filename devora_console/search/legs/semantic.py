"""Meaning: the nearest vectors of one model. Exact for few vectors, through the model's index for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from devora_console.core.problems import Problem
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE, Ground
from devora_console.search.model import KINDS, Asked, Method

_MORE_CHUNKS = 2  # a long document has several vectors; asked for so many times as many, whole documents are enough
_LITTLE = 0.5  # of a query's words that the embedder knows: below, its neighbours are a matter of luck


def question(
    vector: Sequence[float], model: str, asked: Asked, most: int, ground: Ground, *, exact: bool
) -> Question | Problem:
    """Its statement; or why there is none. ``exact``: every vector is compared, whatever indexes there are."""
    if ground.vector_schema is None or not ground.vectors:
        return Problem(
            "no_extension", "the extension pgvector is not here", "CREATE EXTENSION vector, then: schema apply"
        )
    kept = asked.filters
    conditions = [f"e.model_name = {_literal(model)}"]  # as constants: only so do a partial index and a partition fit
    if asked.user is not None:
        conditions.append(f"e.user_id = '{UUID(asked.user)}'")
    values: list[object] = [_text(vector), most * _MORE_CHUNKS, most, asked.knobs.least_similarity]
    if set(kept.kinds) != set(KINDS):
        values.append(list(kept.kinds))
        conditions.append(f"e.entity_type = ANY (${len(values)}::text[])")
    conditions += _of_documents(asked, values)
    text = sql(HERE, "semantic").format(
        type=f"{quoted(ground.vector_schema)}.vector({len(vector)})",
        nearer=f"OPERATOR({quoted(ground.vector_schema)}.<=>)",
        conditions="\n       AND ".join(conditions),
        order=" + 0" if exact else "",
    )
    ef = str(min(1000, max(asked.knobs.ef_search, most * _MORE_CHUNKS)))
    settings = () if exact else (("hnsw.iterative_scan", "strict_order"), ("hnsw.ef_search", ef))
    return Question(Method.SEMANTIC, text, tuple(values), settings)


def remarks(
    rows: Sequence[Any], asked: Asked, *, exact: bool, coverage: float | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notes and flags on what came."""
    notes, flags = [], []
    if stale := sum(bool(row["stale"]) for row in rows[: asked.limit]):
        notes.append(f"{stale} of these have changed since they were embedded: devora-console embed run.")
        flags.append("stale")
    if coverage is not None and coverage < _LITTLE:
        notes.append(f"The embedder knows {coverage:.0%} of the query's words: expect little of its neighbours.")
        flags.append("little_coverage")
    if exact:
        notes.append("Compared with every vector.")
        flags.append("exact")
    elif len(rows) < asked.limit:
        notes.append(f"The index of nearest neighbours gave {len(rows)} of {asked.limit}: compare exactly.")
        flags.append("index_short")
    return tuple(notes), tuple(flags)


def _of_documents(asked: Asked, values: list[object]) -> list[str]:
    """Conditions on what the vectors' table does not hold."""
    kept = asked.filters
    wanted = []
    for name, sign, value in (
        ("happened_at", ">=", kept.since),
        ("happened_at", "<", kept.until),
        ("language", "=", kept.language),
    ):
        if value is not None:
            values.append(value)
            kind = "text" if name == "language" else "timestamptz"
            wanted.append(f"d.{name} {sign} ${len(values)}::{kind}")
    if not wanted:
        return []
    return [
        "EXISTS (SELECT FROM public.search_documents d WHERE d.user_id = e.user_id AND d.entity_type = e.entity_type"
        f" AND d.entity_id = e.entity_id AND {' AND '.join(wanted)})"
    ]


def _text(vector: Sequence[float]) -> str:
    """As pgvector reads it."""
    return "[" + ",".join(f"{number:.7g}" for number in vector) + "]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

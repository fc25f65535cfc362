"""The plan of each leg, and what in it is wrong."""

from __future__ import annotations

import re
from uuid import UUID

from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.plans import Plan
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.folding import folded
from devora_console.search.ground import HERE, Ground
from devora_console.search.model import Asked, Method

_NOT_LETTERS = re.compile(r"[\W_]+")
_MOST_TRIGRAM_WORDS = 5
_MOST_VECTOR = 2000  # dimensions that an index takes at full precision
_MANY_ROWS = 1000.0
"""Rows below which a sequential scan, or rows thrown away, are not worth a word."""


def inside(question: Question, asked: Asked, ground: Ground, *, tier: int, exactly: bool, width: int = 0) -> Question:
    """What the function of a leg runs, as it plans it: with its owner's rights and the user as a constant.

    ``tier``: which of the queries of full text is meant (every word, two, any). ``exactly``: every vector is compared,
    else the index is walked as widely as ``width``.
    """
    conditions = " AND ".join(_conditions(asked))
    if question.method is Method.SEMANTIC:
        return _semantic(question, asked, ground, conditions, exactly=exactly, width=width)
    if question.method is Method.FTS:
        most = int(question.parameters[8])
        query = _quote(question.parameters[tier])
        text = sql(HERE, "inside_fulltext").format(query=query, conditions=conditions, most=most)
        return Question(Method.FTS, text, ())
    most = int(question.parameters[6])
    words = [word for word in dict.fromkeys(_NOT_LETTERS.split(folded(question.parameters[0]))) if len(word) >= 3]
    place = quoted(ground.trigram_schema or "public")
    scans = [
        sql(HERE, "inside_trigram").format(word=_quote(word), conditions=conditions, place=place)
        for word in words[:_MOST_TRIGRAM_WORDS] or [""]
    ]
    body = sql(HERE, "inside_trigrams")
    text = body.format(words=len(scans), scans="\n        UNION ALL\n".join(scans), most=most)
    threshold = str(asked.knobs.trigram_threshold)
    return Question(Method.TRIGRAM, text, (), (("pg_trgm.word_similarity_threshold", threshold),))


def _semantic(
    question: Question, asked: Asked, ground: Ground, conditions: str, *, exactly: bool, width: int
) -> Question:
    vector, model = question.parameters[:2]
    place = quoted(ground.vector_schema or "public")
    dims = vector.count(",") + 1
    kind = "halfvec" if dims > _MOST_VECTOR else "vector"
    text = sql(HERE, "inside_semantic").format(
        spot=f"e.embedding_vector::{place}.{kind}({dims})",
        nearer=f"OPERATOR({place}.<=>)",
        vector=f"'{vector}'",
        exactly="+ 0" if exactly else "",
        conditions=conditions,
        whose=f"e.user_id = '{UUID(asked.user)}'" if asked.user else "true",
        model=_quote(model),
        most=2 * int(question.parameters[7]),
    )
    off = "on" if exactly else "off"
    settings = (
        ("hnsw.iterative_scan", "strict_order"),
        ("hnsw.ef_search", str(max(10, width, int(question.parameters[7])))),
        *((f"enable_{each}", off) for each in ("sort", "hashjoin", "mergejoin")),
        ("max_parallel_workers_per_gather", "0"),
    )
    return Question(Method.SEMANTIC, text, (), settings)


def _conditions(asked: Asked) -> list[str]:
    kept = asked.filters
    found = [f"d.user_id = '{UUID(asked.user)}'" if asked.user else "true"]
    found.append("d.entity_type = ANY (ARRAY[" + ", ".join(_quote(kind) for kind in kept.kinds) + "])")
    if kept.since is not None:
        found.append(f"d.happened_at >= '{kept.since.isoformat()}'")
    if kept.until is not None:
        found.append(f"d.happened_at < '{kept.until.isoformat()}'")
    if kept.language is not None:
        found.append(f"d.language = {_quote(kept.language)}")
    return found


def _quote(text: str) -> str:
    """A literal, whatever standard_conforming_strings says."""
    body = text.replace("'", "''")
    return f"E'{body}'".replace("\\", "\\\\") if "\\" in text else f"'{body}'"


_INDEXES = {
    Method.FTS: ("search_vector_idx", "the text index"),
    Method.TRIGRAM: ("devora_fold_idx", "the trigram index"),
    Method.SEMANTIC: ("ann", "the index of nearest neighbours"),
}


def flags(plan: Plan | Unknown, method: Method) -> tuple[str, ...]:
    """What is wrong with a plan, in words: sequential scans, an index not used, rows read and thrown away."""
    if isinstance(plan, Unknown):
        return ()
    # Few vectors are compared with every one on purpose: the index is for many (see _semantic).
    every = method is Method.SEMANTIC and dict(plan.settings).get("enable_sort") != "off"
    found = []
    read = [node for node in plan.nodes if node.actual is not None and node.actual.loops]
    for node in read:
        rows = node.actual.all_rows if node.actual else 0.0
        removed = (node.removed_by_filter or 0.0) * (node.actual.loops if node.actual else 1)
        scanned = removed if every else rows + removed
        if node.type.endswith("Seq Scan") and scanned >= _MANY_ROWS:
            found.append(f"Sequential scan of {node.relation}: {rows + removed:,.0f} rows read.")
        elif removed >= _MANY_ROWS:
            found.append(f"{node.title}: a filter threw {removed:,.0f} rows away.")
    part, name = _INDEXES[method]
    touched = sum(node.actual.all_rows for node in read if node.actual and node.relation)
    if touched >= _MANY_ROWS and not every and not any(part in node.index for node in read):
        found.append(f"The plan does not use {name}.")
    return tuple(found)

"""Hits from ranked rows: title, place and snippet are read for those that are shown, and for no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Caller, Connection, fetch
from devora_console.search.ground import HERE
from devora_console.search.model import MARK_BEGIN, MARK_END, Analysed, Hit, LegPart

Key = tuple[str, str]
_SNIPPET = 600


@dataclass(frozen=True, slots=True)
class Standing:
    """A document's place in a ranking."""

    key: Key
    score: float
    parts: tuple[LegPart, ...] = ()


async def described(
    connection: Connection, caller: Caller, analysed: Analysed, standings: Sequence[Standing], model: str = ""
) -> tuple[tuple[Hit, ...], tuple[Key, ...]]:
    """The hits of these standings, in order; and those that the caller may not read, or that are gone.

    ``model``: whose vectors count as stale where the document has changed since.
    """
    kinds = [each.key[0] for each in standings]
    ids = [UUID(each.key[1]) for each in standings]
    values = (kinds, ids, analysed.loose, model)
    rows = await fetch(connection, caller, sql(HERE, "details"), *values) if standings else []
    found = {row["place"]: row for row in rows}
    hits = [_hit(each, found[at], at) for at, each in enumerate(standings, 1) if at in found]
    missing = tuple(each.key for at, each in enumerate(standings, 1) if at not in found)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)), missing


def _hit(standing: Standing, row: Any, rank: int) -> Hit:
    context, language = row["context"], row["language"]
    more: dict[str, Any] = {"stale": True} if row["stale"] else {}
    if context:
        more["context"] = context
    if language:
        more["language"] = language
    if row["parent_id"] is not None:
        more["parent_id"] = str(row["parent_id"])
    more["happened_at"] = row["happened_at"]
    return Hit(
        entity_type=standing.key[0],
        entity_id=standing.key[1],
        parent_id=str(row["parent_id"]) if row["parent_id"] else None,
        title=row["title"] or context,
        snippet=trimmed(row["snippet"] or ""),
        score=standing.score,
        rank=rank,
        happened_at=row["happened_at"],
        metadata=more,
        legs=standing.parts,
        owner=str(row["user_id"]),
    )


def trimmed(snippet: str, limit: int = _SNIPPET) -> str:
    """A snippet of at most so many characters, every mark in it with its counterpart.

    >>> trimmed("a \\x02bc\\x03 d", 4)
    'a \\x02b\\x03'
    """
    cut = snippet[:limit]
    return cut + MARK_END if cut.count(MARK_BEGIN) > cut.count(MARK_END) else cut

"""Embedding given documents here and now, cut as a back-fill cuts them: a moment's work, without claims and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from devora_console.core.problems import Problem
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import work
from devora_console.search.embed.batches import embed_batch
from devora_console.search.embed.provider import Embedder, Vector
from devora_console.search.embed.work import HERE, NOTHING, WHOLE, Connection, Key, Text


@dataclass(slots=True)
class Direct:
    """What became of documents. ``chunks``: vectors written; ``found``: the documents that are there; ``errors``: why
    others have none; ``refused``: why nothing further was tried.
    """

    chunks: int = 0
    found: set[UUID] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    refused: Problem | None = None


async def embed_directly(connection: Connection, embedder: Embedder, keys: Sequence[Key]) -> Direct:
    """Embed these documents and write their vectors, each if it is still what was embedded."""
    outcome = Direct()
    async for texts in work.read(connection, embedder.model, WHOLE, keys):
        outcome.found.update(text.key.entity_id for text in texts)
        batch = await embed_batch(embedder, texts)
        for each in batch.done:
            outcome.chunks += await _put(connection, embedder.model, each.text, each.vectors)
        outcome.errors += [each.reason for each in batch.failed if each.reason != NOTHING]
        if batch.refused is not None:
            outcome.refused = batch.refused.problem
            break
    return outcome


async def _put(connection: Connection, model: str, text: Text, vectors: Sequence[Vector]) -> int:
    """Write a document's vectors; 0 when it was edited meanwhile."""
    numbers = ["[" + ",".join(map(repr, map(float, vector))) + "]" for vector in vectors]
    key = text.key
    arguments = (key.user_id, key.entity_type, key.entity_id, text.content_hash, model, list(text.pieces), numbers)
    return int((await connection.execute(sql(HERE, "store_one"), *arguments)).rpartition(" ")[2])

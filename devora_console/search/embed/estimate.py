"""What a back-fill will take: documents, tokens, money, time. What is not known is said to be unknown, not guessed."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import ready, work
from devora_console.search.embed.models import MOST_TOKENS_OF_A_TEXT, Price
from devora_console.search.embed.provider import Embedder
from devora_console.search.embed.refusals import EmbeddingRefused
from devora_console.search.embed.tokens import counter_for
from devora_console.search.embed.work import HERE, WHOLE, Connection, Leaf, Text

_SAMPLE = 2000  # documents; up to so many, tokens are counted and not extrapolated
_ASKED = 50  # documents of the sample that a provider is asked for, when that is wanted


@dataclass(frozen=True, slots=True)
class Estimate:
    """``tokens`` by ``counter``: counted when ``counted``, else extrapolated by bytes from ``sample`` documents.

    ``seconds`` is what reading and embedding the sample took, for all documents; writing runs beside it.
    """

    model: str
    rows: int
    by_type: dict[str, int]
    bytes: int
    tokens: int
    counter: str
    exact: bool
    counted: bool
    sample: int
    price: Price | Unknown
    cost: float | Unknown
    seconds: float | Unknown


async def estimate(
    connection: Connection, embedder: Embedder, price: Price | Unknown, *, ask: bool = False
) -> Estimate:
    """Estimate a run. ``ask``: measure a remote provider's time too, which costs what some fifty documents cost."""
    await ready.require(connection)
    rows: Tally[str] = Tally()
    size = 0
    leaves = await work.leaves(connection)
    for leaf in leaves:
        for row in await connection.fetch(work.placed("volume", leaf), embedder.model):
            rows[row["entity_type"]] += row["documents"]
            size += row["bytes"]
    began = time.monotonic()
    texts = await _sample(connection, embedder.model, leaves)
    reading = time.monotonic() - began
    counter = counter_for(embedder.model)
    counts = [counter.count(piece) for text in texts for piece in text.pieces]
    tokens = sum(min(each, MOST_TOKENS_OF_A_TEXT) for each in counts)
    total, counted = rows.total(), rows.total() <= len(texts)
    sampled = sum(len(piece.encode()) for text in texts for piece in text.pieces)
    if not counted and sampled:
        # Chunks repeat their context and overlap; that grows with the bytes as it does in the sample.
        bodies = await _bytes(connection, texts)
        tokens = round(tokens * size / bodies) if bodies else 0
    return Estimate(
        model=embedder.model,
        rows=total,
        by_type=dict(sorted(rows.items())),
        bytes=size,
        tokens=tokens,
        counter=counter.name,
        exact=counter.exact,
        counted=counted,
        sample=len(texts),
        price=price,
        cost=price if isinstance(price, Unknown) else price.cost(tokens),
        seconds=await _seconds(embedder, texts, total, reading, ask=ask),
    )


async def _sample(connection: Connection, model: str, leaves: Sequence[Leaf]) -> list[Text]:
    """Documents from every partition, no more than fit into memory."""
    texts: list[Text] = []
    each = max(1, _SAMPLE // max(1, len(leaves)))
    pages = [await work.candidates(connection, model, leaf, None) for leaf in leaves]
    most = each if sum(map(len, pages)) > _SAMPLE else _SAMPLE
    for page in pages:
        step = max(1, len(page) // most)
        async for portion in work.read(connection, model, WHOLE, page[::step][:most]):
            texts += portion
    return texts


async def _bytes(connection: Connection, texts: Sequence[Text]) -> int:
    """Bytes of the sample as the whole is counted."""
    keys = work.columns([text.key for text in texts])
    rows = await connection.fetch(sql(HERE, "sizes"), *keys)
    heads = await connection.fetchval(
        "SELECT sum(octet_length(d.title) + octet_length(d.context)) FROM public.search_documents d"
        " JOIN unnest($1::uuid[], $2::text[], $3::uuid[]) AS k (user_id, entity_type, entity_id)"
        " USING (user_id, entity_type, entity_id)",
        *keys,
    )
    return int(heads or 0) + sum(int(row["bytes"]) for row in rows)


async def _seconds(
    embedder: Embedder, texts: Sequence[Text], total: int, reading: float, *, ask: bool
) -> float | Unknown:
    if not total:
        return 0.0
    if not embedder.local and not ask:
        return Unknown("not measured: asking the provider costs money", "embed estimate --ask")
    tried = list(texts) if embedder.local else list(texts[:_ASKED])
    pieces = [piece for text in tried for piece in text.pieces]
    began = time.monotonic()
    try:
        await embedder.embed(pieces)
    except EmbeddingRefused as refused:
        return Unknown(refused.problem.message, refused.problem.remedy)
    taken = time.monotonic() - began
    return total * (reading / len(texts) + taken / len(tried)) if tried else 0.0

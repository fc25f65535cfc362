"""Embedding a batch of documents: what a provider refuses is narrowed down to the documents that are to blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from devora_console.search.embed.provider import Embedder, Vector
from devora_console.search.embed.refusals import EmbeddingRefused, Refusal
from devora_console.search.embed.work import NOTHING, Text

_TRIES = 2  # of a batch whose answer is not what was asked for


@dataclass(frozen=True, slots=True)
class Embedded:
    """A document and a vector for each of its pieces."""

    text: Text
    vectors: tuple[Vector, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A document that has no vector, and why."""

    text: Text
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch. ``refused``: nothing further will succeed; documents in neither list were not tried."""

    done: list[Embedded] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    odd_answer: bool = False
    refused: EmbeddingRefused | None = None


async def embed_batch(embedder: Embedder, texts: Sequence[Text]) -> Outcome:
    """Embed documents together; those without words are failures of their own kind."""
    outcome = Outcome()
    full = [text for text in texts if text.pieces]
    outcome.failed += [Failed(text, NOTHING) for text in texts if not text.pieces]
    if full:
        await _embed(embedder, full, outcome)
    return outcome


async def _embed(embedder: Embedder, texts: Sequence[Text], outcome: Outcome) -> None:
    for attempt in range(_TRIES):
        try:
            vectors = await embedder.embed([piece for text in texts for piece in text.pieces])
        except EmbeddingRefused as refused:
            if refused.refusal is Refusal.SHORT and attempt + 1 < _TRIES:
                continue
            await _refused(embedder, texts, refused, outcome)
            return
        _share(texts, vectors, outcome)
        return


async def _refused(embedder: Embedder, texts: Sequence[Text], refused: EmbeddingRefused, outcome: Outcome) -> None:
    if refused.refusal in (Refusal.STOP, Refusal.GONE):
        outcome.refused = refused
    elif refused.refusal is Refusal.SHORT:
        outcome.odd_answer = True
        outcome.failed += [Failed(text, refused.problem.message) for text in texts]
    elif len(texts) == 1:
        outcome.failed.append(Failed(texts[0], refused.problem.message))
    else:
        middle = len(texts) // 2
        for half in (texts[:middle], texts[middle:]):
            await _embed(embedder, half, outcome)
            if outcome.refused is not None:
                return


def _share(texts: Sequence[Text], vectors: Sequence[Vector | None], outcome: Outcome) -> None:
    """Give each document its vectors. A piece without words is left out; without any the document is empty."""
    at = 0
    for text in texts:
        own = list(zip(text.pieces, vectors[at : at + len(text.pieces)], strict=True))
        at += len(text.pieces)
        kept = [(piece, vector) for piece, vector in own if vector is not None]
        if not kept:
            outcome.failed.append(Failed(text, NOTHING))
        else:
            pieces = tuple(piece for piece, _ in kept)
            outcome.done.append(Embedded(replace(text, pieces=pieces), tuple(vector for _, vector in kept)))

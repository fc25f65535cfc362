"""The vector of a query, and what there is to compare it with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Caller, Connection, fetch
from devora_console.search.embed.provider import Embedder, Vector, embedder_of
from devora_console.search.embed.refusals import EmbeddingRefused
from devora_console.search.ground import HERE
from devora_console.search.model import Analysed


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query's vector, of which model; ``coverage``: how much of the query that model knows, where it can tell."""

    vector: Vector
    model: str
    label: str
    coverage: float | None


class LazyEmbedder:
    """An embedder that is loaded when it is first asked for, on a thread; or was given. Use on one event loop."""

    def __init__(self, settings: Settings, given: Embedder | None = None) -> None:
        self._settings = settings
        self._found: Embedder | Unknown | None = given
        self._loading = asyncio.Lock()

    async def get(self) -> Embedder | Unknown:
        """The embedder of the settings; or why there is none, which is not an error: other methods need none."""
        async with self._loading:
            if self._found is None:
                try:
                    self._found = await asyncio.to_thread(embedder_of, self._settings)
                except ConsoleError as error:
                    self._found = Unknown(error.problem.message, error.problem.remedy)
                if not isinstance(self._found, Unknown) and self._found.local:
                    await self._found.embed(["chaud"])  # loads the rest
            return self._found


async def meaning_of(embedder: Embedder | Unknown, analysed: Analysed, seconds: float) -> Meaning | Problem | Unknown:
    """Embed the query; or why that cannot be. A provider elsewhere has so many seconds for it."""
    if isinstance(embedder, Unknown):
        return embedder
    if not analysed.meaning:
        return Problem("nothing_to_embed", "everything in it is excluded", "Type what to search for")
    try:
        async with asyncio.timeout(None if embedder.local else seconds):
            vectors = await embedder.embed([analysed.meaning])
    except TimeoutError:
        words = f"{embedder.label} gave no vector of the query within {seconds:g} s"
        return Problem("embed_slow", words, "Ask again, or raise search.meaning_seconds")
    except EmbeddingRefused as error:
        return error.problem
    if not vectors or vectors[0] is None:
        return Problem("nothing_to_embed", "the embedder finds no word in it", "Type a word")
    return Meaning(vectors[0], embedder.model, embedder.label, embedder.coverage(analysed.meaning))


async def why_none(connection: Connection, caller: Caller, model: str) -> Problem | None:
    """Why there was no neighbour: no vector of this model, perhaps some of others. None: the filters left none."""
    row = (await fetch(connection, caller, sql(HERE, "vectors_none"), model, caller.user))[0]
    if row["of_this"]:
        return None
    if not row["documents"]:
        whose = "there are no documents yet" if caller.user is None else "this user has no document, or is none"
        return Problem("no_documents_yet", whose, "Copy some, or search as somebody else")
    if row["other"]:
        return Problem(
            "other_model",
            f"there are vectors, but none of {model} (one is of {row['other']})",
            "devora-console embed run, or set embed.provider and embed.model to those that were used",
        )
    return Problem("no_embeddings", f"there are no vectors of {model}", "devora-console embed run")

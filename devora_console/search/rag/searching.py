"""The console's own search as a retriever, and the embedder it keeps."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from uuid import UUID
from weakref import WeakKeyDictionary

from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.search.asking import Pool
from devora_console.search.embed.provider import Embedder, embedder_of
from devora_console.search.engine import NOTHING, Engine
from devora_console.search.knobs import asked_of
from devora_console.search.model import MARK_BEGIN, MARK_END, Hit, Method
from devora_console.search.rag.model import Found, Retrieved

_MARKED = re.compile(f"{MARK_BEGIN}(.+?){MARK_END}", re.DOTALL)
# A client of a provider belongs to its loop, and holds connections: one for each, not one for each question.
_KEPT: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Embedder]] = WeakKeyDictionary()


async def kept_embedder(settings: Settings) -> Embedder | Unknown:
    """The embedder of the settings, the same one each time on one loop; or why there is none."""
    kept = _KEPT.setdefault(asyncio.get_running_loop(), {})
    key = hash((settings.embed, settings.search.openai_api_key))
    if key not in kept:
        try:
            found = await asyncio.to_thread(embedder_of, settings)
        except ConsoleError as error:
            return Unknown(error.problem.message, error.problem.remedy)
        kept.setdefault(key, found)
    return kept[key]


class SearchRetriever:
    """Retrieves by the method that the settings name (search.method: the hybrid, unless they say otherwise)."""

    def __init__(self, pool: Pool, settings: Settings, embedder: Embedder | None = None) -> None:
        self._pool, self._settings, self._embedder = pool, settings, embedder
        self._engine: Engine | None = None

    async def retrieve(self, question: str, user: UUID | None, most: int) -> Retrieved:
        """See :class:`devora_console.search.rag.retriever.Retriever`."""
        if self._engine is None:
            embedder = self._embedder or await kept_embedder(self._settings)
            self._engine = Engine(self._pool, self._settings.search, embedder)
        method = Method(self._settings.search.method)
        name = str(user) if user is not None else None
        asked = asked_of(self._settings, question, user=name, as_owner=user is None, limit=most)
        snapshot = await self._engine.search(replace(asked, methods=(method,)))
        answer = snapshot.methods[method]
        found = tuple(_found(hit) for hit in answer.hits)
        how = f"{method} as {snapshot.role}" + (f", {snapshot.embedder}" if snapshot.embedder else "")
        problem, notes = answer.problem, answer.notes
        if isinstance(problem, Problem) and problem.code in NOTHING:  # of what was typed: nothing is wrong
            notes = (*notes, problem.message)
            problem = None
        return Retrieved(found, how, notes, problem)


def _found(hit: Hit) -> Found:
    words = tuple(dict.fromkeys(word for mark in _MARKED.findall(hit.snippet) for word in re.findall(r"\w+", mark)))
    return Found(hit.entity_type, hit.entity_id, hit.title, hit.score, hit.happened_at, words)

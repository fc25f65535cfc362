"""The console's own search as a retriever."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.search.asking import Pool
from devora_console.search.embed.provider import Embedder
from devora_console.search.engine import NOTHING, Engine
from devora_console.search.knobs import asked_of
from devora_console.search.meaning import LazyEmbedder
from devora_console.search.model import MARK_BEGIN, MARK_END, Hit, Method
from devora_console.search.rag.model import Found, Retrieved

_MARKED = re.compile(f"{MARK_BEGIN}(.+?){MARK_END}", re.DOTALL)


class SearchRetriever:
    """Retrieves by the method that the settings name (search.method: the hybrid, unless they say otherwise)."""

    def __init__(self, pool: Pool, settings: Settings, embedder: Embedder | None = None) -> None:
        self._settings = settings
        self._engine = Engine(pool, settings.search, LazyEmbedder(settings, embedder))

    async def retrieve(self, question: str, user: UUID | None, most: int) -> Retrieved:
        """See :class:`devora_console.search.rag.retriever.Retriever`."""
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

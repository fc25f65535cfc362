"""Searches, asked of the engine behind Devora's search API. What it records of a search is left out: that is written
beside the answer, and a measurement would fill the application's own statistics.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace

import asyncpg

from devora_console.bench.model import Search
from devora_console.bench.sides import QuestionFailed, Reply
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.unknown import Unknown
from devora_console.search.embed.provider import Embedder, Vector
from devora_console.search.engine import NOTHING, Engine
from devora_console.search.knobs import asked_of
from devora_console.search.meaning import LazyEmbedder
from devora_console.search.model import Filters, Method, SearchType

_spent: ContextVar[list[float]] = ContextVar("spent")  # a search's tasks have a copy of its context: the same list
_LOST = "the connection to PostgreSQL was lost"


class _Timed:
    """An embedder that says how long it took."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.model, self.dims, self.label, self.local = inner.model, inner.dims, inner.label, inner.local

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        began = time.perf_counter()
        try:
            return await self._inner.embed(texts)
        finally:
            spent = _spent.get(None)
            if spent is not None:
                spent.append(1000 * (time.perf_counter() - began))

    def coverage(self, text: str) -> float | None:
        return self._inner.coverage(text)

    async def close(self) -> None:
        await self._inner.close()


class _Timing(LazyEmbedder):
    """Knows the embedder of the settings, timed."""

    _timed: Embedder | Unknown | None = None

    async def get(self) -> Embedder | Unknown:
        if self._timed is None:
            inner = await super().get()
            self._timed = inner if isinstance(inner, Unknown) else _Timed(inner)
        return self._timed


class Searches:
    """On a pool. Use on one event loop."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: Settings) -> None:
        self._settings = settings
        self._known = _Timing(settings)
        self._engine = Engine(pool, settings.search, self._known)

    async def ask(self, search: Search, text: str, user: str) -> Reply:
        """One search. TimeoutError, QuestionFailed, ConsoleError when the server is lost."""
        method = Method(search.method)
        filters = Filters(kinds=SearchType(search.kinds).kinds)
        asked = asked_of(self._settings, text, user=user, filters=filters, limit=search.limit)
        spent: list[float] = []
        token = _spent.set(spent)
        try:
            answer = (await self._engine.search(replace(asked, methods=(method,)))).methods[method]
        finally:
            _spent.reset(token)
        if "timeout" in answer.flags:
            raise TimeoutError
        problem = answer.problem
        if problem is not None and not (isinstance(problem, Problem) and problem.code in NOTHING):
            words = problem.reason if isinstance(problem, Unknown) else problem.message
            if words.startswith(_LOST):
                raise ConsoleError.of(ExitCode.CONNECT, "postgres_lost", words, problem.remedy)
            raise QuestionFailed(f"{words}. {problem.remedy}".rstrip(". "))
        return Reply([hit.entity_id for hit in answer.hits], sum(spent) if spent else None)

    async def embedder(self) -> str:
        """Who makes the vectors."""
        found = await self._known.get()
        return f"nobody ({found.reason})" if isinstance(found, Unknown) else f"{found.model}, {found.label}"

    async def close(self) -> None:
        """Give the provider's connections back."""
        timed = self._known._timed
        if timed is not None and not isinstance(timed, Unknown):
            await timed.close()

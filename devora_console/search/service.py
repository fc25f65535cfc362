"""Devora's search API, for the application's own pool of connections.

The pool's login must be able to take the role ``search.role`` (app_user): a search runs with that role's rights, in a
read-only transaction, and sees what row-level security lets this user see. It is recorded in ``search_queries``; that
this fails never fails a search.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

from devora_console.config.load import load
from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.asking import Pool
from devora_console.search.embed.provider import Embedder
from devora_console.search.engine import NOTHING, Engine
from devora_console.search.knobs import asked_of
from devora_console.search.meaning import LazyEmbedder
from devora_console.search.model import (
    MARK_BEGIN,
    MARK_END,
    Filters,
    Hit,
    Method,
    MethodAnswer,
    SearchResult,
    SearchResults,
    SearchType,
)
from devora_console.search.recording import Recorder

_MOST = 200
_UNMARKED = str.maketrans("", "", MARK_BEGIN + MARK_END)


class SearchFailed(Exception):
    """No method could answer; ``problem`` says why, without secrets. Nothing that is typed leads here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class SearchService:
    """Searches for users of the application. One for each pool: :func:`get_search_service`."""

    def __init__(self, pool: Pool, settings: Settings, embedder: Embedder | None = None) -> None:
        self.pool = pool
        self._settings = settings
        self._engine = Engine(pool, settings.search, LazyEmbedder(settings, embedder))
        self._recorder = Recorder(pool, settings.search.role)

    async def search(
        self,
        query: str,
        user_id: str | UUID,
        search_type: SearchType = SearchType.ALL,
        limit: int = 20,
        *,
        filters: Filters | None = None,
        method: Method | None = None,
    ) -> SearchResults:
        """The best ``limit`` (at most 200) documents of this user for what was typed, best first.

        Whatever is typed gives an answer, possibly an empty one. Raises :class:`SearchFailed` when the database cannot
        be searched: it is gone, the schema or the role is missing. Without embeddings or pgvector the other methods
        answer.
        """
        began = time.perf_counter()
        kind = SearchType(search_type)
        engine = self._engine
        wanted = method or Method(self._settings.search.method)
        asked = replace(
            asked_of(
                self._settings,
                query,
                user=str(user_id),
                filters=replace(filters or Filters(), kinds=kind.kinds),
                limit=max(1, min(limit, _MOST)),
            ),
            methods=(wanted,),
        )
        answer = (await engine.search(asked)).methods[wanted]
        _refuse(answer)
        results = [_result(hit) for hit in answer.hits]
        took = round((time.perf_counter() - began) * 1000)
        found = SearchResults(results, len(results), took, query, kind)
        self._recorder.record(user_id, query, kind.value, found.total_count, took)
        return found

    async def close(self) -> None:
        """Wait for what is still being recorded. The pool stays open: it is the application's."""
        await self._recorder.finish()


def _refuse(answer: MethodAnswer) -> None:
    """Raise what the application has to hear of; what a person typed is none of that."""
    problem = answer.problem
    if problem is None or (isinstance(problem, Problem) and problem.code in NOTHING):
        return
    if isinstance(problem, Unknown):
        problem = Problem("search_failed", problem.reason, problem.remedy)
    raise SearchFailed(problem)


def _result(hit: Hit) -> SearchResult:
    metadata: dict[str, Any] = {key: value for key, value in hit.metadata.items() if key != "stale"}
    if hit.legs:
        metadata["legs"] = {part.leg.value: part.rank for part in hit.legs}
    return SearchResult(
        hit.entity_type, hit.entity_id, hit.title, hit.snippet.translate(_UNMARKED), hit.score, metadata
    )


_KEPT = 8  # an application has one pool, tests have several; each service keeps its pool
_services: dict[int, SearchService] = {}


def get_search_service(pool: Pool, settings: Settings | None = None) -> SearchService:
    """The service of this pool, the same one each time. Without ``settings`` those of the configuration are loaded.

    Raises ConsoleError (exit 2) when the configuration is wrong.
    """
    found = _services.get(id(pool))
    if found is None or found.pool is not pool:
        found = SearchService(pool, settings or load().settings)
        _services[id(pool)] = found
        while len(_services) > _KEPT:
            del _services[next(iter(_services))]
    return found


__all__ = ["SearchFailed", "SearchService", "get_search_service"]

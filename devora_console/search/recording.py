"""Searches of the application's users, kept in ``search_queries`` beside the answer, which never waits for it."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from devora_console.core.clock import utc_now
from devora_console.search.asking import FAILURES, Pool

RAG = "rag"
"""The search type of what a RAG prompt was looked up for; the others are those of the API."""
_log = logging.getLogger(__name__)
_MOST_CHARACTERS = 10_000
_PATIENCE_SECONDS = 10.0
_RECORD = """INSERT INTO public.search_queries
                    (user_id, query_text, search_type, results_count, execution_time_ms, timestamp)
             VALUES ($1, $2, $3, $4, $5, $6)"""


class Recorder:
    """Writes as the user, with the application's role. That it fails fails nothing else: it is logged without text."""

    def __init__(self, pool: Pool, role: str) -> None:
        self._pool, self._role = pool, role
        self._under_way: set[asyncio.Task[None]] = set()

    def record(self, user: str | UUID, query: str, kind: str, results: int, took_ms: int) -> None:
        """Begin to write one. Its moment is that of the answer, which is now, and not that of the writing."""
        task = asyncio.ensure_future(self._write(UUID(str(user)), query, kind, results, took_ms, utc_now()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Wait for what is being written."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _write(self, user: UUID, query: str, kind: str, results: int, took_ms: int, at: datetime) -> None:
        text = query.replace("\0", "").encode("utf-8", "replace").decode()[:_MOST_CHARACTERS]
        try:
            async with (
                asyncio.timeout(_PATIENCE_SECONDS),
                self._pool.acquire() as connection,
                connection.transaction(),
            ):
                await connection.execute("SET TRANSACTION READ WRITE")
                await connection.execute(f'SET LOCAL ROLE "{self._role}"')  # a checked name
                await connection.execute("SELECT set_config('app.user_id', $1, true)", str(user))
                await connection.execute(_RECORD, user, text, kind, results, took_ms, at)
        except FAILURES as error:
            _log.warning("a search was not recorded: %s", type(error).__name__)

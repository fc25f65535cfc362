"""Embedding single entities, for the backend: the moment a project, conversation, message or file is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from devora_console.config.load import load
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import ready
from devora_console.search.embed.directly import embed_directly
from devora_console.search.embed.provider import Embedder, embedder_of
from devora_console.search.embed.work import HERE, Connection, Key


class Pool(Protocol):
    """An asyncpg pool, as far as it is needed."""

    def acquire(self) -> Any:
        """A context manager with a connection."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """What became of an entity and what hangs on it. ``chunks``: vectors that are current now and were written."""

    success: bool
    chunks: int = 0
    error: str | None = None
    model: str = ""


class EmbeddingService:
    """Never raises for what can go wrong with a database or a provider: the result says it."""

    def __init__(self, pool: Pool, embedder: Embedder) -> None:
        self._pool = pool
        self._embedder = embedder

    async def embed_project(self, project_id: str | UUID) -> EmbeddingResult:
        """A project and its current files."""
        return await self._embed("project", project_id)

    async def embed_conversation(self, conversation_id: str | UUID) -> EmbeddingResult:
        """A conversation and its messages."""
        return await self._embed("conversation", conversation_id)

    async def embed_message(self, message_id: str | UUID) -> EmbeddingResult:
        """A message."""
        return await self._embed("message", message_id)

    async def embed_file(self, file_id: str | UUID) -> EmbeddingResult:
        """A file of a project."""
        return await self._embed("file", file_id)

    async def close(self) -> None:
        """Give back the provider's connections; the pool stays its owner's."""
        await self._embedder.close()

    async def _embed(self, kind: str, given: str | UUID) -> EmbeddingResult:
        model = self._embedder.model
        try:
            wanted = given if isinstance(given, UUID) else UUID(given)
        except ValueError:
            return EmbeddingResult(False, 0, f"{one_line(str(given), 60)} is not the id of a {kind}", model)
        try:
            async with self._pool.acquire() as connection:
                return await self._store(connection, kind, wanted)
        except ConsoleError as error:
            return EmbeddingResult(False, 0, str(error.problem), model)
        except (*LOST, asyncpg.PostgresError) as error:
            return EmbeddingResult(False, 0, one_line(f"{type(error).__name__}: {error}", 300), model)

    async def _store(self, connection: Connection, kind: str, wanted: UUID) -> EmbeddingResult:
        model = self._embedder.model
        await ready.require(connection)
        rows = await connection.fetch(sql(HERE, "entity_keys"), kind, wanted)
        keys = [Key(row["user_id"], row["entity_type"], row["entity_id"]) for row in rows]
        done = await embed_directly(connection, self._embedder, keys)
        errors = [*done.errors, *([str(done.refused)] if done.refused is not None else [])]
        if wanted not in done.found:
            errors.append(f"there is no {kind} {wanted}, or it is deleted")
        return EmbeddingResult(not errors, done.chunks, errors[0] if errors else None, model)


def get_embedding_service(
    pool: Pool, settings: Settings | None = None, embedder: Embedder | None = None
) -> EmbeddingService:
    """The service on the backend's own pool, with the embedder of the settings (by default: those in effect here).

    Raises ConsoleError (exit 2) when that embedder cannot be made.
    """
    if embedder is None:
        embedder = embedder_of(settings if settings is not None else load().settings)
    return EmbeddingService(pool, embedder)

"""One ask, every method at once: what each finds, how long it took, and why it is as it is.

Each leg is a statement of its own on a connection of its own. A newer ask ends the one before it, on the server too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from devora_console.config.libpq import target
from devora_console.config.settings import Settings
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import explain as explained
from devora_console.postgres.plans import Plan
from devora_console.postgres.target import Target
from devora_console.search.asking import Caller, Pool
from devora_console.search.embed.provider import Embedder
from devora_console.search.engine import Engine
from devora_console.search.knobs import asked_of, knobs_of
from devora_console.search.looking import compare_neighbours, explain
from devora_console.search.meaning import LazyEmbedder
from devora_console.search.model import Asked, Method, SearchSnapshot
from devora_console.search.trying import Neighbours, Tried, try_sql

Tell = Callable[[SearchSnapshot], None]
_CONNECTIONS = 6  # three legs, the analysis, and as many again while an ask is being ended
__all__ = ["Neighbours", "Playground", "Tell", "Tried", "asked_of", "knobs_of"]


class Playground:
    """Use on one event loop. ``open`` it, ``close`` it."""

    def __init__(self, pool: Pool, engine: Engine) -> None:
        self._pool = pool
        self._engine = engine
        self._current: asyncio.Task[SearchSnapshot] | None = None
        self._asks = 0
        self._loading: asyncio.Future[Embedder | Unknown] | None = None

    @classmethod
    async def open(cls, settings: Settings, *, embedder: Embedder | None = None, early: bool = True) -> Playground:
        """Connect, so that the first ask need not. Raises ConsoleError.

        The embedder is loaded meanwhile, unless ``early`` is false: then when it is first needed. One that cannot be
        had is not an error: the semantic leg says why it is missing.
        """
        pool = await connected(settings)
        known = LazyEmbedder(settings, embedder)
        opened = cls(pool, Engine(pool, settings.search, known))
        if early:
            opened._loading = asyncio.ensure_future(known.get())
        return opened

    async def close(self) -> None:
        """End what runs, and give the connections back."""
        await self.cancel()
        if self._loading is not None:
            await asyncio.wait([self._loading])
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except TimeoutError:
            self._pool.terminate()

    async def ask(self, asked: Asked, tell: Tell | None = None) -> SearchSnapshot | None:
        """The answers of all methods asked for. ``tell`` is given a snapshot each time a method has answered.

        An ask before this one that is not finished is cancelled, and gives None. Nothing typed raises.
        """
        self._asks += 1
        mine = self._asks
        await self.cancel()
        if mine != self._asks:
            return None  # a newer one came meanwhile
        task = asyncio.ensure_future(self._engine.search(asked, tell))
        self._current = task
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        return None if task.cancelled() else task.result()

    async def cancel(self) -> None:
        """End the ask that runs, if one does; its statements are cancelled on the server."""
        task, self._current = self._current, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def caller(self, asked: Asked) -> Caller:
        """As whom the server is asked."""
        return self._engine.caller(asked)

    async def explain(self, snapshot: SearchSnapshot, method: Method) -> dict[Method, Plan | Unknown]:
        """The plan of a method's statement, run with EXPLAIN (ANALYZE, BUFFERS); of the hybrid that of every leg."""
        return await explain(self._engine, snapshot, method)

    async def neighbours(self, snapshot: SearchSnapshot) -> Neighbours | Unknown:
        """The nearest neighbours again, exactly and through the index: how many of the exact ones the index finds."""
        return await compare_neighbours(self._engine, snapshot)

    async def try_sql(self, asked: Asked, sql: str, parameters: Sequence[Any] = ()) -> Tried | Unknown:
        """Run an edited statement as this caller: one query, read-only, with a time limit, at most 200 rows."""
        return await try_sql(self._pool, self.caller(asked), sql, parameters)


async def connected(settings: Settings) -> Pool:
    """A pool on the configured server, read-only, its connections open already. Raises ConsoleError."""
    dsn = Target(settings.postgres).dsn()
    limit = int(settings.postgres.statement_timeout_seconds * 1000)
    session = {
        "application_name": "devora-console search",
        "TimeZone": "UTC",
        "statement_timeout": str(limit),
        "default_transaction_read_only": "on",
        "jit": "off",
        "search_path": "public",
    }

    async def as_it_is(_: object) -> None:
        """Nothing to reset: everything we set ends with its transaction."""

    try:
        return await asyncpg.create_pool(
            **({"timeout": settings.postgres.connect_timeout_seconds} | target(dsn).asyncpg(session)),
            min_size=_CONNECTIONS,
            max_size=_CONNECTIONS,
            max_cached_statement_lifetime=0,  # as long as the connection lives
            reset=as_it_is,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        raise explained(error, dsn) from None

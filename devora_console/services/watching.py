"""The watchers of both servers and of the schema: each looks, says that it has looked, and sleeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg

from devora_console import schema
from devora_console.config.settings import Settings
from devora_console.core.console import ServerState
from devora_console.core.problems import ConsoleError, Problem
from devora_console.mongo.observe import MongoFacts, MongoObserver
from devora_console.postgres.connect import LOST
from devora_console.postgres.observe import PostgresFacts, PostgresObserver

_SCHEMA_SECONDS = 60.0

Check = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[schema.CheckResult]]
Compare = Callable[[Check], Awaitable[schema.CheckResult]]


class Watching:
    """``looked`` is called after each look, ``compare`` runs the comparison of the schema on a session that is there
    anyway: a sick server is not to give one more. Facts are None before a server was asked, a Problem while it fails.
    """

    def __init__(self, settings: Settings, compare: Compare, looked: Callable[[], None]) -> None:
        self._settings = settings
        self._compare = compare
        self._looked = looked
        self._postgres = PostgresObserver(
            settings.postgres.dsn,
            from_libpq=settings.postgres.from_libpq,
            connect_timeout_seconds=settings.postgres.connect_timeout_seconds,
        )
        self._mongo = MongoObserver(
            settings.mongo.url,
            settings.mongo.database,
            timeout_seconds=settings.mongo.server_selection_timeout_seconds,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.postgres: PostgresFacts | Problem | None = None
        self.mongo: MongoFacts | Problem | None = None
        self.drift: schema.CheckResult | None = None

    def states(self) -> tuple[ServerState, ServerState]:
        """(PostgreSQL, MongoDB) as their connections stand; never blocks."""
        return self._postgres.state(), self._mongo.state()

    def start(self) -> None:
        """Begin, on the running loop."""
        often = self._settings.terminal.refresh_seconds
        for look, every in (
            (self._look_postgres, often),
            (self._look_mongo, often),
            (self._look_schema, _SCHEMA_SECONDS),
        ):
            self._tasks.append(asyncio.create_task(self._watch(look, every)))

    def look_at_schema(self) -> None:
        """Compare the schema now, before its turn: what was seen while a job worked on it counts no more."""
        self.drift = None
        if self._tasks:  # begun, and not ended yet
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks.append(asyncio.create_task(self._once(self._look_schema)))

    async def _once(self, look: Callable[[], Awaitable[None]]) -> None:
        await look()
        self._looked()

    async def stop(self) -> None:
        """End the watchers and give their connections back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for observer in (self._postgres, self._mongo):
            with contextlib.suppress(*LOST):
                await observer.close()

    async def _watch(self, look: Callable[[], Awaitable[None]], every: float) -> None:
        while True:
            await self._once(look)
            await asyncio.sleep(every)

    async def _look_postgres(self) -> None:
        self.postgres = await self._postgres.poll()

    async def _look_mongo(self) -> None:
        self.mongo = await self._mongo.poll()

    async def _look_schema(self) -> None:
        """Compare the catalogue with the recorded one; unknown while the server cannot be asked."""
        try:
            self.drift = await self._compare(schema.check)
        except (ConsoleError, asyncpg.PostgresError):
            self.drift = None

"""The configured server, and a short visit to it with the server's refusals in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.problems import usage_error
from devora_console.postgres.connect import LOST, close, connect, connection, explain
from devora_console.postgres.watch.guest import Guest

T = TypeVar("T")
Work = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[T]]


class Target:
    """The PostgreSQL of the settings."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings

    def dsn(self) -> Dsn | None:
        """The connection string, None when libpq's variables name the server. Exit 2 when nothing does."""
        if self._settings.dsn is None and not self._settings.from_libpq:
            raise usage_error(
                "postgres_missing",
                "no PostgreSQL is configured",
                "Set POSTGRES_DSN, or postgres.dsn in the configuration (devora-console config init)",
            )
        return self._settings.dsn

    def database(self) -> str:
        """The database's name, which is also what a person types to confirm."""
        return target(self.dsn()).database

    async def visit(self, work: Work[T], *, purpose: str) -> T:
        """Run ``work`` on a read-only connection of its own. Raises ConsoleError."""
        dsn = self.dsn()
        try:
            async with connection(
                dsn,
                purpose=purpose,
                timeout_seconds=self._settings.connect_timeout_seconds,
                statement_timeout_seconds=self._settings.statement_timeout_seconds,
            ) as conn:
                return await work(conn)
        except (*LOST, asyncpg.PostgresError) as error:
            raise explain(error, dsn) from None

    @asynccontextmanager
    async def strictly(
        self, *, purpose: str, statement_timeout_seconds: float
    ) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A read-only connection that counts every row or none: where row security would hide some, the server refuses.

        It has little patience for locks. Raises ConsoleError when there is no connection; what the server says to the
        questions is the caller's.
        """
        opened = await connect(
            self.dsn(),
            purpose=purpose,
            timeout_seconds=self._settings.connect_timeout_seconds,
            statement_timeout_seconds=statement_timeout_seconds,
            more={"row_security": "off", "lock_timeout": "5000"},
        )
        try:
            yield opened
        finally:
            await close(opened)

    async def guest(self, *, purpose: str) -> Guest:
        """A guest there. Raises ConsoleError."""
        return await Guest.enter(
            self.dsn(),
            purpose=purpose,
            timeout_seconds=self._settings.connect_timeout_seconds,
            statement_timeout_seconds=self._settings.statement_timeout_seconds,
        )

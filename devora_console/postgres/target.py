"""The configured server, and a short visit to it with the server's refusals in our words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.problems import usage_error
from devora_console.postgres.connect import LOST, connection, explain

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

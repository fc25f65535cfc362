"""Sessions that do what a test wants to be seen: idle in a transaction, waiting for a lock, running a query."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from devora_console.config.secret import Dsn


class Sessions:
    """Sessions by name; the name is the application's too."""

    def __init__(self, dsn: Dsn) -> None:
        self._dsn = dsn
        self._open: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self._tasks: list[asyncio.Future[Any]] = []

    async def open(self, name: str, *statements: str, dsn: Dsn | None = None, **settings: str) -> int:
        """A session that has run these statements (errors are its own); its process id."""
        connection = await asyncpg.connect(
            (dsn or self._dsn).reveal(), server_settings={"application_name": name, **settings}
        )
        self._open[name] = connection
        for statement in statements:
            try:
                await connection.execute(statement)
            except asyncpg.PostgresError:
                continue
        return connection.get_server_pid()

    def pid(self, name: str) -> int:
        """The process id of a session."""
        return self._open[name].get_server_pid()

    async def run(self, name: str, statement: str) -> None:
        """One more statement, to its end."""
        await self._open[name].execute(statement)

    async def begin(self, name: str, statement: str) -> int:
        """A new session that is in the middle of this statement."""
        pid = await self.open(name)
        self.go(name, statement)
        await asyncio.sleep(0.1)
        return pid

    def go(self, name: str, statement: str) -> None:
        """Send one more statement, and do not wait for its end."""
        self._tasks.append(asyncio.ensure_future(self._open[name].execute(statement)))

    async def settled(self) -> None:
        """Wait until what was sent has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """End all of them."""
        for connection in self._open.values():
            connection.terminate()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def sessions(dsn: Dsn) -> AsyncIterator[Sessions]:
    """Sessions on a database, ended afterwards."""
    made = Sessions(dsn)
    try:
        yield made
    finally:
        await made.close()

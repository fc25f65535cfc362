"""Watching PostgreSQL: one read-only connection that is opened again when it breaks, and what it sees.

Nothing here writes, so nothing is ever repeated that could have changed something.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import asyncpg

from devora_console.config.secret import Dsn, scrub
from devora_console.core.backoff import backoff
from devora_console.core.clock import utc_now
from devora_console.core.console import Link, ServerState
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, close, connect, explain, place
from devora_console.postgres.facts import ConsoleFacts, PostgresFacts, RunFacts, read_facts

__all__ = ["NOT_CONFIGURED", "ConsoleFacts", "PostgresFacts", "PostgresObserver", "RunFacts", "host"]

_STATEMENT_SECONDS = 2.0
_WHOLE_SECONDS = 30.0  # a size costs a look at every file, a count of tables one at each; both change slowly
# The login, the database or the connection string are wrong: trying often only fills the server's log.
REFUSED = frozenset({"postgres_auth", "postgres_database", "postgres_dsn"})

NOT_CONFIGURED = Problem(
    "postgres_not_configured",
    "PostgreSQL is not configured",
    "Set POSTGRES_DSN, or postgres.dsn in the configuration file (devora-console config init)",
)


class PostgresObserver:
    """Keeps one monitoring connection. Use it on one event loop; :meth:`poll` never raises but for cancellation.

    ``dsn`` None means libpq's variables when ``from_libpq``, otherwise that nothing is configured.
    """

    def __init__(self, dsn: Dsn | None, *, from_libpq: bool = False, connect_timeout_seconds: float = 5.0) -> None:
        self._dsn = dsn
        self._timeout = connect_timeout_seconds
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._lock = asyncio.Lock()
        self._whole: PostgresFacts | None = None  # the last look at everything
        absent = dsn is None and not from_libpq
        self._state = ServerState(
            engine="PostgreSQL",
            label="not configured" if absent else label(dsn),
            link=Link.ABSENT if absent else Link.CONNECTING,
            version=Unknown("not configured", NOT_CONFIGURED.remedy) if absent else Unknown("not connected yet"),
            since=utc_now(),
            problem=NOT_CONFIGURED if absent else None,
        )

    def state(self) -> ServerState:
        """Where the connection stands; never blocks. The version is the last one seen."""
        return self._state

    async def poll(self) -> PostgresFacts | Problem:
        """Look at the server, connecting first if need be; the problem while that does not work.

        Before the next try is due it answers at once. Takes a few seconds at most, whatever the server does.
        """
        if self._state.link is Link.ABSENT:
            return NOT_CONFIGURED
        async with self._lock:
            if self._connection is None:
                due = self._state.next_try
                if self._state.problem is not None and due is not None and utc_now() < due:
                    return self._state.problem
                try:
                    self._connection = await self._connect()
                except ConsoleError as error:
                    return self._failed(error.problem)
                except asyncpg.InternalClientError as error:  # the driver met an end it did not expect
                    return self._failed(self._lost(error))
            return await self._look(self._connection)

    async def close(self) -> None:
        """Give the connection back; polling again opens a new one."""
        async with self._lock:
            if self._connection is not None:
                opened, self._connection = self._connection, None
                await close(opened)

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        return await connect(
            self._dsn,
            purpose="watch",
            timeout_seconds=self._timeout,
            statement_timeout_seconds=_STATEMENT_SECONDS,
            more={"default_transaction_isolation": "read committed"},  # as a guest's
        )

    async def _look(self, connection: asyncpg.Connection[asyncpg.Record]) -> PostgresFacts | Problem:
        now = utc_now()
        whole = self._whole
        if whole is not None and (now - whole.as_of).total_seconds() >= _WHOLE_SECONDS:
            whole = None
        try:
            facts = await read_facts(connection, whole)
        except (*LOST, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
            self._drop()
            return self._failed(self._lost(error))
        except asyncio.CancelledError:
            self._drop()  # in the middle of an answer it is of no use to the next caller
            raise
        if whole is None:
            self._whole = facts
        if self._state.link is not Link.OK:
            self._state = replace(
                self._state,
                label=f"{facts.database}@{host(self._dsn)}",
                link=Link.OK,
                version=facts.version,
                since=now,
                problem=None,
                attempt=0,
                next_try=None,
            )
        return facts

    def _lost(self, error: BaseException) -> Problem:
        """Why a connection that had worked does so no more: whatever the driver calls it, it is lost, not refused."""
        if isinstance(error, TimeoutError):
            return explain(error, self._dsn).problem
        said = one_line(scrub(str(error), self._dsn), 160) or type(error).__name__
        message = f"the connection to PostgreSQL at {place(self._dsn)} was lost ({said})"
        return Problem("postgres_lost", message, "Check that the server runs; it is tried again by itself")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._whole = None

    def _failed(self, problem: Problem) -> Problem:
        refused = problem.code in REFUSED
        link, now = Link.REFUSED if refused else Link.LOST, utc_now()
        attempt = self._state.attempt + 1
        self._state = replace(
            self._state,
            link=link,
            since=self._state.since if self._state.link is link else now,
            problem=problem,
            attempt=attempt,
            next_try=now + timedelta(seconds=backoff(attempt, refused=refused)),
        )
        return problem


def label(dsn: Dsn | None) -> str:
    """Short words for a server before it has answered, without credentials."""
    name = _parts(dsn)[1]
    return f"{one_line(name, 60)}@{host(dsn)}" if name else host(dsn)


def host(dsn: Dsn | None) -> str:
    """The host of a connection string, for people; ``local`` for a Unix socket."""
    where = _parts(dsn)[0]
    return "local" if not where or where.startswith(("/", "%2F", "@")) else one_line(where, 60)


def _parts(dsn: Dsn | None) -> tuple[str, str]:
    """(host and port, database) of a URL; libpq's variables have neither as far as we can tell."""
    if dsn is None:
        return os.environ.get("PGHOST", ""), os.environ.get("PGDATABASE", "")
    address, _, query = str(dsn).partition("://")[2].partition("?")
    authority, _, database = address.partition("/")
    options = dict(option.partition("=")[::2] for option in query.split("&"))
    return authority.rpartition("@")[2] or options.get("host", ""), database or options.get("dbname", "")

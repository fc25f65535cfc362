"""Watching PostgreSQL: one read-only connection that is opened again when it breaks, and what it sees.

Nothing here writes, so nothing is ever repeated that could have changed something.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.console import Link, ServerState
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, close, connect, explain
from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.postgres"
STATEMENT_SECONDS = 2.0
_ANSWER_SECONDS = 3.0  # the server ends a statement by itself; one that does not is hanging
_SIZE_SECONDS = 30.0  # the size of a database costs a look at every file, and grows slowly
# The login, the database or the connection string are wrong: trying often only fills the server's log.
_REFUSED = frozenset({"postgres_auth", "postgres_database", "postgres_dsn"})

NOT_CONFIGURED = Problem(
    "postgres_not_configured",
    "PostgreSQL is not configured",
    "Set POSTGRES_DSN, or postgres.dsn in the configuration file (devora-console config init)",
)
_APPLY = "devora-console schema apply"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The last copy into this database. ``rows`` are the rows in place when it ended."""

    run: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    holder: str
    rows: int | Unknown


@dataclass(frozen=True, slots=True)
class ConsoleFacts:
    """What the console recorded in the database. ``lease_holder`` is None while no migration is writing.

    ``schema_versions`` are applied in all, ``schema_version`` is the highest; ``run`` is None before the first copy.
    """

    schema_version: int
    schema_versions: int
    quarantine_open: int
    lease_holder: str | None
    lease_since: datetime | None
    run: RunFacts | None


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """The server as of ``as_of``. Sizes are bytes; ``tables`` counts those of schema public.

    ``extensions`` maps names to versions. ``console`` is Unknown where the schema was never applied, or may not
    be read by this user.
    """

    as_of: datetime
    version: str
    server_version_num: int
    database: str
    user: str
    superuser: bool
    database_owner: bool
    in_recovery: bool
    started_at: datetime
    server_time: datetime
    size_bytes: int | Unknown
    tables: int | Unknown
    extensions: Mapping[str, str] | Unknown
    console: ConsoleFacts | Unknown

    @property
    def schema_version(self) -> int | Unknown:
        """The highest applied version of the schema."""
        return self.console if isinstance(self.console, Unknown) else self.console.schema_version

    @property
    def uptime_seconds(self) -> float:
        """How long the server has been running, by its own clock."""
        return (self.server_time - self.started_at).total_seconds()


async def read_facts(
    connection: asyncpg.Connection[asyncpg.Record], *, size: int | Unknown | None = None
) -> PostgresFacts:
    """Ask everything once. ``size`` is taken over if given instead of measured.

    What may not be known becomes an Unknown; raises asyncpg's errors when the connection is lost.
    """
    server = await _row(connection, "watch_server")
    if server is None:
        raise RuntimeError("the server does not know the role we are connected as")
    objects = await _part(connection, "watch_objects")
    return PostgresFacts(
        as_of=utc_now(),
        size_bytes=await _size(connection) if size is None else size,
        tables=objects if isinstance(objects, Unknown) else objects["tables"],
        extensions=objects
        if isinstance(objects, Unknown)
        else dict(zip(objects["extensions"], objects["extension_versions"], strict=True)),
        console=await _console(connection),
        **dict(server),
    )


async def _row(connection: asyncpg.Connection[asyncpg.Record], name: str) -> asyncpg.Record | None:
    return await connection.fetchrow(sql(_HERE, name), timeout=_ANSWER_SECONDS)


async def _part(connection: asyncpg.Connection[asyncpg.Record], name: str) -> asyncpg.Record | Unknown:
    """One question that may fail without spoiling the others."""
    try:
        row = await _row(connection, name)
    except asyncpg.QueryCanceledError:
        return Unknown(f"no answer within {STATEMENT_SECONDS:.0f} s", "The server is busy; it is asked again")
    except asyncpg.InsufficientPrivilegeError as error:
        return Unknown(one_line(str(error)), "GRANT pg_monitor to this user, as a superuser")
    except asyncpg.UndefinedTableError as error:
        return Unknown(one_line(str(error)), "devora-console schema check")
    return row if row is not None else Unknown("the server gave no answer")


async def _size(connection: asyncpg.Connection[asyncpg.Record]) -> int | Unknown:
    row = await _part(connection, "watch_size")
    return row if isinstance(row, Unknown) else row["bytes"]


async def _console(connection: asyncpg.Connection[asyncpg.Record]) -> ConsoleFacts | Unknown:
    place = await _row(connection, "watch_console_readable")
    if place is None:
        return Unknown("the schema was never applied here", _APPLY)
    owner = one_line(place["owner"], 80)
    if not place["complete"]:
        return Unknown("schema devora_console lacks some of its tables", "devora-console schema check")
    if not place["readable"]:
        return Unknown("schema devora_console may not be read by this user", f"Connect as its owner, {owner}")
    row = await _part(connection, "watch_console")
    if isinstance(row, Unknown):
        return row
    if row["schema_version"] is None:
        return Unknown("no version of the schema is recorded here", _APPLY)
    run = None
    if row["run"] is not None:
        run = RunFacts(
            run=row["run"],
            state=one_line(row["run_state"] or "unknown", 40),
            started_at=row["run_started_at"],
            finished_at=row["run_finished_at"],
            holder=one_line(row["run_holder"] or "", 80),
            rows=Unknown("the run recorded no total") if row["run_rows"] is None else row["run_rows"],
        )
    held = row["lease_held"]
    return ConsoleFacts(
        schema_version=row["schema_version"],
        schema_versions=row["schema_versions"],
        quarantine_open=row["quarantine_open"],
        lease_holder=one_line(row["lease_holder"] or "another session", 80) if held else None,
        lease_since=row["lease_since"] if held else None,
        run=run,
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
        self._size: int | Unknown | None = None
        self._sized_at: datetime | None = None
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
            statement_timeout_seconds=STATEMENT_SECONDS,
        )

    async def _look(self, connection: asyncpg.Connection[asyncpg.Record]) -> PostgresFacts | Problem:
        now = utc_now()
        measured = self._sized_at is not None and (now - self._sized_at).total_seconds() < _SIZE_SECONDS
        try:
            facts = await read_facts(connection, size=self._size if measured else None)
        except (*LOST, asyncpg.PostgresError) as error:
            self._drop()
            return self._failed(explain(error, self._dsn).problem)
        except asyncio.CancelledError:
            self._drop()  # in the middle of an answer it is of no use to the next caller
            raise
        if not measured:
            self._size, self._sized_at = facts.size_bytes, now
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

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._sized_at = None

    def _failed(self, problem: Problem) -> Problem:
        refused = problem.code in _REFUSED
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


def backoff(attempt: int, *, refused: bool) -> float:
    """Seconds to wait after the ``attempt``-th failure in a row, jittered so that consoles do not come in step."""
    first, most = (15.0, 120.0) if refused else (0.5, 30.0)
    return min(most, first * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


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
    place, _, query = str(dsn).partition("://")[2].partition("?")
    authority, _, database = place.partition("/")
    options = dict(option.partition("=")[::2] for option in query.split("&"))
    return authority.rpartition("@")[2] or options.get("host", ""), database or options.get("dbname", "")

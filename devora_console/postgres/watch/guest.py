"""One read-only session on a server that may be sick, and the manners of a guest.

Every question is one statement in a transaction of its own (cumulative statistics stand still inside a transaction),
tagged so that we leave it out of our own lists, with a time limit and hardly any patience for locks. A question that
fails for lack of a privilege, or because something is not there, is remembered and explained, not repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, close, connect, lost
from devora_console.postgres.names import numbers
from devora_console.postgres.sqlfiles import sql

HERE = "devora_console.postgres"
TAG = "/* devora-console */"
"""Begins and ends every statement of a guest: pg_stat_activity may cut the end off, pg_stat_statements drops what
stands before a statement from 18 on."""

OTHER_ENCODING = Unknown("it holds text in another encoding than this database's")
"""Why a question failed whose answer holds names or texts that cannot be passed on."""

_LOCK_MS = 100
# What does not change by itself: a right, a thing that is not there, a library that is not loaded, an encoding.
_LASTING = frozenset({"42501", "42P01", "42703", "42883", "0A000", "55000", "22021", "22P05"})
NO_ANSWER = Unknown("the server gave no answer")
_GRACE_SECONDS = 2.0  # the server ends a statement by itself; one that does not is hanging


@dataclass(frozen=True, slots=True)
class Extension:
    """An installed extension: version as numbers to compare, and the schema it is in."""

    version: tuple[int, ...]
    schema: str


@dataclass(frozen=True, slots=True)
class Host:
    """Where a guest is: what decides which questions make sense, and how answers are to be read.

    ``reads_stats``: whether the role has the rights of pg_read_all_stats, by inheritance (NOINHERIT members have not).
    """

    version: int  # server_version_num
    database: str
    database_oid: int
    user: str
    superuser: bool
    reads_stats: bool
    in_recovery: bool
    encoding: str
    block_size: int
    extensions: dict[str, Extension]


def tagged(text: str) -> str:
    """A statement with the tag at both ends."""
    return f"{TAG} {text}\n{TAG}"


class Guest:
    """Use on one event loop; questions are asked one after the other. Raises ConsoleError when the line is lost."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], dsn: Dsn | None, host: Host) -> None:
        self._connection = connection
        self._dsn = dsn
        self._failed: dict[str, Unknown] = {}
        self._lock = asyncio.Lock()
        self.host = host

    @classmethod
    async def enter(
        cls, dsn: Dsn | None, *, purpose: str, timeout_seconds: float = 10.0, statement_timeout_seconds: float = 30.0
    ) -> Guest:
        """Connect and look around. Raises ConsoleError (exit 3 or 2)."""
        connection = await connect(
            dsn,
            purpose=purpose,
            timeout_seconds=timeout_seconds,
            statement_timeout_seconds=statement_timeout_seconds,
            more={
                "search_path": "pg_catalog, pg_temp",
                "lock_timeout": str(_LOCK_MS),
                "jit": "off",
                "standard_conforming_strings": "on",  # our texts hold backslashes
                "default_transaction_isolation": "read committed",  # serializable ones wait, and fail on a standby
                "quote_all_identifiers": "off",  # names are compared as the server writes them
            },
        )
        try:
            host = await _look_around(connection)
        except (*LOST, asyncpg.PostgresError) as error:
            connection.terminate()
            raise lost(error, dsn) from None
        except BaseException:  # a cancellation too: nobody else knows of this connection, which would stay open
            connection.terminate()
            raise
        return cls(connection, dsn, host)

    async def leave(self) -> None:
        """Give the connection back."""
        await close(self._connection)

    @property
    def connection(self) -> asyncpg.Connection[asyncpg.Record]:
        """The session itself, for what is not one question. Hold :attr:`lock` meanwhile."""
        return self._connection

    @property
    def dsn(self) -> Dsn | None:
        """How it came here; for the words of a lost connection."""
        return self._dsn

    @property
    def lock(self) -> asyncio.Lock:
        """Held while a question is asked."""
        return self._lock

    async def ask(
        self, name: str, *values: Any, version: int | None = None, seconds: float = 5.0
    ) -> Sequence[asyncpg.Record] | Unknown:
        """The rows that answer ``postgres/sql/NAME.sql``, or why they cannot be known.

        ``version`` chooses among the variants of the file, by default the server's. Raises ConsoleError when the
        connection is lost.
        """
        text = sql(HERE, name, self.host.version if version is None else version)
        return await self.query(text, *values, seconds=seconds, remember=name)

    async def one(self, name: str, *values: Any, version: int | None = None, seconds: float = 5.0) -> Any:
        """The only row of an answer (an ``asyncpg.Record``), or an Unknown."""
        rows = await self.ask(name, *values, version=version, seconds=seconds)
        if isinstance(rows, Unknown):
            return rows
        return rows[0] if rows else NO_ANSWER

    async def query(
        self, text: str, *values: Any, seconds: float = 5.0, remember: str | None = None
    ) -> Sequence[asyncpg.Record] | Unknown:
        """As :meth:`ask`, for text that was put together (with quoted names of the catalogue only)."""
        if remember is not None and remember in self._failed:
            return self._failed[remember]
        async with self._lock:
            try:
                return await self._fetch(text, values, seconds)
            except UnicodeDecodeError:
                # Names in shared catalogues have the encoding of whatever database they were made in.
                return self.remember(remember, OTHER_ENCODING)
            except asyncpg.PostgresError as error:
                if isinstance(error, LOST):
                    raise lost(error, self._dsn) from None
                return self._why_not(error, seconds, remember)
            except TimeoutError as error:
                self._connection.terminate()
                raise lost(error, self._dsn) from None
            except LOST as error:
                raise lost(error, self._dsn) from None
            except asyncio.CancelledError:
                self._connection.terminate()  # in the middle of an answer it is of no use to the next caller
                raise

    async def _fetch(self, text: str, values: tuple[Any, ...], seconds: float) -> Sequence[asyncpg.Record]:
        """One statement with a limit of its own: SET LOCAL lives as long as its transaction.

        By hand, as the driver's own BEGIN and COMMIT would carry no tag.
        """
        connection = self._connection
        await connection.execute(f"BEGIN READ ONLY {TAG}")
        try:
            await connection.execute(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))} {TAG}")
            rows = await connection.fetch(tagged(text), *values, timeout=seconds + _GRACE_SECONDS)
        except (asyncpg.PostgresError, UnicodeDecodeError):
            if not connection.is_closed():
                await connection.execute(f"ROLLBACK {TAG}")
            raise
        await connection.execute(f"COMMIT {TAG}")
        return rows

    def _why_not(self, error: asyncpg.PostgresError, seconds: float, remember: str | None) -> Unknown:
        reason = why_not(error, seconds)
        return self.remember(remember, reason) if error.sqlstate in _LASTING else reason

    def remember(self, name: str | None, reason: Unknown) -> Unknown:
        """Take it that a question of this name cannot be answered, and hand back why."""
        if name is not None:
            self._failed[name] = reason
        return reason

    def refused(self, name: str) -> Unknown | None:
        """Why a question failed that is remembered as one that cannot be answered."""
        return self._failed.get(name)

    def forget(self) -> None:
        """Ask everything again: somebody may have granted or installed something."""
        self._failed.clear()


def why_not(error: asyncpg.PostgresError, seconds: float) -> Unknown:
    """The server's refusal of a question, in our words, by its SQLSTATE."""
    said = one_line(str(error), 160)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unknown(f"not allowed: {said}", "GRANT pg_monitor to this user, as a superuser")
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Unknown("locked by another session just now", "See: locks")
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unknown(f"the server took more than {seconds:g} s to answer", "It is busy; ask again")
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError | asyncpg.UndefinedFunctionError):
        return Unknown(f"not there: {said}")
    if isinstance(error, asyncpg.FeatureNotSupportedError):
        return Unknown(f"this server does not offer it: {said}")
    if isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError):
        return OTHER_ENCODING
    return Unknown(said)


async def _look_around(connection: asyncpg.Connection[asyncpg.Record]) -> Host:
    row = await connection.fetchrow(tagged(sql(HERE, "guest_host")))
    assert row is not None
    installed = await connection.fetch(tagged(sql(HERE, "guest_extensions")))
    return Host(
        extensions={each["name"]: Extension(numbers(each["version"]), each["schema"]) for each in installed},
        **dict(row),
    )

"""One statement of a search: in a read-only transaction of its own, with the application's role or as owner.

A search that is cancelled is cancelled on the server too, and its connection is fit for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import TAG, tagged, why_not
from devora_console.search.model import Method

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = Any  # a connection, or a pool's proxy of one: asyncpg has no common type
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Caller:
    """As whom the server is asked. ``role``: None for the login itself, past row-level security.

    ``user``: whose documents (a UUID in text form), None for everybody's.
    """

    role: str | None
    user: str | None
    seconds: float

    def opening(self, settings: Sequence[tuple[str, str]] = ()) -> str:
        """The statements that begin its transaction. Every value is checked or quoted: no parameters here."""
        lines = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
        if self.role is not None:
            lines.append(f"SET LOCAL ROLE {quoted(self.role)}")
        user = str(UUID(self.user)) if self.user else ""
        lines.append(f"SET LOCAL app.user_id = '{user}'")
        # Planning over the partitions takes longer than running: each connection plans a statement once.
        lines.append("SET LOCAL plan_cache_mode = force_generic_plan")
        lines.append(f"SET LOCAL statement_timeout = {max(1, int(self.seconds * 1000))}")
        lines += [f"SET LOCAL {name} = '{value}'" for name, value in settings]
        return ";\n".join(lines) + ";"


@dataclass(frozen=True, slots=True)
class Question:
    """One leg's statement. ``settings`` hold for its transaction only; names and values are ours, never typed."""

    method: Method
    sql: str
    parameters: tuple[Any, ...]
    settings: tuple[tuple[str, str], ...] = ()


@asynccontextmanager
async def asking(pool: Pool, caller: Caller, settings: Sequence[tuple[str, str]] = ()) -> AsyncIterator[Connection]:
    """A connection inside the caller's transaction; always ended, and clean when it goes back.

    What was read is used at once: the end is waited for only after an error or a cancellation.
    """
    connection = await pool.acquire()
    try:
        await connection.execute(caller.opening(settings))
        yield connection
    except BaseException:  # cancelled too: the next one to get this connection must find it clean
        await _give_back(pool, connection)
        raise
    task = asyncio.ensure_future(_give_back(pool, connection))
    _ending.add(task)
    task.add_done_callback(_ending.discard)


_ending: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish


async def _give_back(pool: Pool, connection: Connection) -> None:
    try:
        await _end(connection)
    finally:
        await pool.release(connection)


async def _end(connection: Connection) -> None:
    """Roll back. After a cancellation asyncpg waits here until the server has taken note of it."""
    if connection.is_closed():
        return
    try:
        await asyncio.wait_for(connection.execute("ROLLBACK"), _GRACE_SECONDS)
    except (TimeoutError, asyncio.CancelledError, *LOST, asyncpg.PostgresError) as error:
        connection.terminate()
        if isinstance(error, asyncio.CancelledError):
            raise


async def fetch(connection: Connection, caller: Caller, text: str, *values: Any) -> list[Any]:
    """The rows of a statement, with the caller's patience."""
    rows: list[Any] = await connection.fetch(tagged(text), *values, timeout=caller.seconds + _GRACE_SECONDS)
    return rows


def refusal(error: BaseException, seconds: float) -> Unknown:
    """Why a statement of a search gave nothing."""
    if isinstance(error, _GONE) or (isinstance(error, asyncpg.InternalServerError) and _LOOKUP in str(error)):
        return Unknown(
            f"what it needs is not in the database any more: {one_line(str(error), 120)}", "See: schema check"
        )
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOST):
        return why_not(error, seconds)
    if isinstance(error, TimeoutError):
        return Unknown(f"the server took more than {seconds:g} s to answer", "It is busy; ask again")
    return Unknown("the connection to PostgreSQL was lost", "Ask again when the server is back")


# An extension that was dropped takes types, functions, columns and tables along.
_GONE = (
    asyncpg.UndefinedObjectError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedTableError,
)
_LOOKUP = "cache lookup failed"  # as a session says it that knew them
FAILURES = (asyncpg.PostgresError, TimeoutError, *LOST)
"""What a statement can end with besides its rows."""

__all__ = ["FAILURES", "TAG", "Caller", "Connection", "Pool", "Question", "asking", "fetch", "refusal"]

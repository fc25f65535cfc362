"""PostgreSQL's side: SQL and searches as the application's role for one user, under row-level security."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, cast
from uuid import UUID

import asyncpg

from devora_console.bench.model import Parameter, Question, Search
from devora_console.bench.placeholders import bound, filled
from devora_console.bench.result import Place
from devora_console.bench.searches import Searches
from devora_console.bench.sides import Listed, QuestionFailed, Reply, identity
from devora_console.config.libpq import target
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, explain
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.target import Target

HERE = "devora_console.bench"
Pool = asyncpg.Pool  # asyncpg's own, of its own records
_GRACE_SECONDS = 2.0
_PINGS = 21


class PostgresSide:
    """Opened by :func:`open_postgres`."""

    name = "postgres"

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: Settings, seconds: float) -> None:
        self._pool = pool
        self._settings = settings
        self._seconds = seconds
        self._role = settings.search.role
        self._searches = Searches(pool, settings)

    async def listed(self, parameter: Parameter, values: Mapping[str, Any]) -> list[Listed]:
        statement, texts = bound(parameter.postgres, values)
        user = values.get("user")
        async with self._asking(str(user) if user is not None else None) as connection:
            rows = await connection.fetch(statement, *texts, timeout=self._seconds + _GRACE_SECONDS)
        if rows and not {"key", "value"} <= set(rows[0].keys()):
            raise QuestionFailed(f"{parameter.name}: its SQL does not give columns key and value")
        return [Listed(str(row["key"]), row["value"]) for row in rows if row["key"] is not None]

    async def ask(self, question: Question, values: Mapping[str, Any]) -> Reply:
        asked = question.postgres
        user = str(values["user"])
        if isinstance(asked, Search):
            return await self._searches.ask(asked, filled(asked.text, values), user)
        assert asked is not None
        statement, texts = bound(asked, values)
        async with self._asking(user) as connection:
            rows = await connection.fetch(statement, *texts, timeout=self._seconds + _GRACE_SECONDS)
        return Reply([identity(row[0]) for row in rows])

    @asynccontextmanager
    async def _asking(self, user: str | None) -> AsyncIterator[Any]:
        """A read-only transaction: as the application's role for a user, or as the login itself, to list users."""
        try:
            async with self._pool.acquire(timeout=self._seconds + _GRACE_SECONDS) as connection:
                await connection.execute(self._opening(user))
                try:
                    yield connection
                finally:
                    if not connection.is_closed():
                        await connection.execute("ROLLBACK")
        except (asyncpg.QueryCanceledError, TimeoutError):
            raise TimeoutError from None
        except LOST as error:
            # asyncpg also says with an InterfaceError that a statement's text makes no sense.
            if isinstance(error, asyncpg.InterfaceError) and not self._gone(error):
                raise QuestionFailed(one_line(str(error), 200)) from None
            raise explain(error, Target(self._settings.postgres).dsn()) from None
        except (asyncpg.PostgresError, ValueError) as error:
            raise QuestionFailed(one_line(str(error), 200)) from None

    def _gone(self, error: asyncpg.InterfaceError) -> bool:
        return "closed" in str(error) or "connection" in str(error)

    def _opening(self, user: str | None) -> str:
        lines = ["BEGIN READ ONLY"]
        if user is not None:
            lines += [f"SET LOCAL ROLE {quoted(self._role)}", f"SET LOCAL app.user_id = '{UUID(user)}'"]
        return "; ".join(lines)

    async def alive(self) -> None:
        try:
            async with self._asking(None) as connection:
                await connection.fetchval("SELECT 1", timeout=self._seconds + _GRACE_SECONDS)
        except (TimeoutError, QuestionFailed) as error:
            raise explain(TimeoutError(str(error)), Target(self._settings.postgres).dsn()) from None

    async def place(self, questions: Sequence[Question]) -> Place:
        async with self._asking(None) as connection:
            row = await connection.fetchrow(sql(HERE, "place"))
            tables = await connection.fetch(sql(HERE, "place_tables"))
        settings = dict(each.split("=", 1) for each in row["settings"])
        settings["extensions"] = ", ".join(row["extensions"]) or "none"
        never = Unknown("never analysed", "ANALYZE")
        return Place(
            engine="PostgreSQL",
            version=one_line(row["version"].split(" ")[0], 40),
            database=row["database"],
            at=utc_now(),
            topology="standby" if row["in_recovery"] else "primary",
            asked_as=await self._asked_as(),
            size_bytes=row["bytes"],
            sizes={each["name"]: each["rows"] if each["rows"] >= 0 else never for each in tables},
            settings=settings,
            distance_ms=await self._distance_ms(),
        )

    async def _asked_as(self) -> str:
        """The role, and whether row-level security applies to it, as the server says."""
        try:
            async with self._asking(str(UUID(int=0))) as connection:
                active = await connection.fetchval("SELECT row_security_active('public.projects')")
        except QuestionFailed as error:
            return f"{self._role}; whether row-level security applies is not known ({error})"
        return f"{self._role}, row-level security {'applies' if active else 'DOES NOT apply'}"

    async def _distance_ms(self) -> float:
        taken = []
        async with self._asking(None) as connection:
            for _ in range(_PINGS):
                began = time.perf_counter()
                await connection.fetchval("SELECT 1")
                taken.append(1000 * (time.perf_counter() - began))
        return median(taken)

    async def embedder(self) -> str:
        """Who makes the vectors of queries, in words; or why nobody does."""
        return await self._searches.embedder()

    async def check(self) -> None:
        """Whether the application's role can be taken. Raises ConsoleError (exit 2)."""
        try:
            async with self._asking(str(UUID(int=0))) as connection:
                await connection.fetchval("SELECT 1")
        except QuestionFailed as error:
            words = f"the role {self._role} cannot be taken: {error}"
            remedy = f"GRANT {self._role} TO this login, or devora-console schema bootstrap"
            raise ConsoleError(Problem("bench_role", words, remedy), ExitCode.USAGE) from None

    async def close(self) -> None:
        await self._searches.close()
        try:
            await asyncio.wait_for(self._pool.close(), _GRACE_SECONDS)
        except TimeoutError:
            self._pool.terminate()


async def open_postgres(settings: Settings, seconds: float, concurrency: int) -> PostgresSide:
    """Connect: a pool such as an application has. Raises ConsoleError: exit 2 or 3."""
    dsn = Target(settings.postgres).dsn()
    session = {
        "application_name": "devora-console bench",
        "TimeZone": "UTC",
        "statement_timeout": str(max(1, int(seconds * 1000))),
        "default_transaction_read_only": "on",
        "search_path": "public",
    }

    async def as_it_is(_: object) -> None:
        """Nothing to reset: everything we set ends with its transaction."""

    try:
        pool = await asyncpg.create_pool(
            **({"timeout": settings.postgres.connect_timeout_seconds} | target(dsn).asyncpg(session)),
            min_size=concurrency,
            max_size=concurrency * 3,  # a hybrid search asks with three
            reset=as_it_is,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        raise explain(error, dsn) from None
    side = PostgresSide(cast("asyncpg.Pool[asyncpg.Record]", pool), settings, seconds)
    try:
        await side.check()
    except BaseException:  # whatever ends it, a cancellation too: the pool's connections must not stay on the server
        await side.close()
        raise
    return side

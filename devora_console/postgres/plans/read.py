"""Asking a server for a plan: read-only, rolled back, with limits, in the application's search_path."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from devora_console.config.thresholds import PlansSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, lost
from devora_console.postgres.names import quoted
from devora_console.postgres.plans.make import Circumstances, make_plan
from devora_console.postgres.plans.parse import read_json
from devora_console.postgres.plans.refusal import no_plan
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.plans.statement import Statement, must_not_run, read_statement
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, TAG, Guest, tagged

PLAN_SECONDS, ANALYZE_SECONDS = 5.0, 30.0
_GRACE_SECONDS = 2.0  # the server ends a statement by itself; one that does not is hanging
_GENERIC_PLAN = 160000
_OPTIONS = "COSTS TRUE, VERBOSE {}, SETTINGS TRUE, SUMMARY TRUE, FORMAT JSON"
_USUAL_PATH = '"$user", public'


@dataclass(frozen=True, slots=True)
class Author:
    """The role whose statement it is: its settings count when planning."""

    oid: int
    name: str


async def explain(
    guest: Guest,
    text: str,
    *,
    analyze: bool = False,
    seconds: float | None = None,
    search_path: str | None = None,
    author: Author | None = None,
    limits: PlansSettings | None = None,
) -> Plan | Unknown:
    """The plan of a statement, or why there is none.

    ``analyze`` runs the statement, which is refused unless it is a single query that only reads. ``seconds`` limit
    planning (and running). ``search_path`` is by default that of the author (the session's user) in this database.
    Raises ConsoleError when the connection is lost.
    """
    statement = read_statement(text)
    if isinstance(statement, Unknown):
        return statement
    if analyze and (refused := must_not_run(statement)):
        return refused
    limit = seconds or (ANALYZE_SECONDS if analyze else PLAN_SECONDS)
    visit = _Visit(guest.connection, guest.host.version, statement, analyze, limit)
    answer = await _answer_of(guest, visit, search_path, author)
    if isinstance(answer, Unknown):
        return answer
    circumstances = Circumstances(
        as_of=utc_now(),
        kind="analyze" if analyze else "generic" if statement.parameters else "plain",
        search_path=visit.search_path,
        work_mem=visit.work_mem,
        jit_above_cost=visit.jit_above_cost,
        block_size=guest.host.block_size,
        version=guest.host.version,
        user=guest.host.user,
        author=author.name if author else guest.host.user,
    )
    return make_plan(answer, statement, circumstances, limits or PlansSettings())


async def document(
    guest: Guest, statement: Statement, *, author: Author | None = None, seconds: float = PLAN_SECONDS
) -> Mapping[str, Any] | Unknown:
    """The top node of the statement's plan as EXPLAIN (VERBOSE) gives it, nothing run; or why there is none.

    Of several plans the costliest. Raises ConsoleError when the connection is lost.
    """
    visit = _Visit(guest.connection, guest.host.version, statement, False, seconds, verbose=True)
    answer = await _answer_of(guest, visit, None, author)
    found = answer if isinstance(answer, Unknown) else read_json(answer)
    if isinstance(found, Unknown):
        return found
    top: Mapping[str, Any] = found[0]["Plan"]
    return top


async def _answer_of(guest: Guest, visit: _Visit, search_path: str | None, author: Author | None) -> str | Unknown:
    async with guest.lock:
        try:
            return await visit.ask(search_path, author)
        except (asyncpg.PostgresError, TimeoutError, *LOST) as error:
            if isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOST):
                return no_plan(
                    error,
                    visit.statement,
                    seconds=visit.seconds,
                    analyze=visit.analyze,
                    user=guest.host.user,
                    search_path=visit.search_path,
                )
            guest.connection.terminate()
            raise lost(error, guest.dsn) from None
        except asyncio.CancelledError:
            guest.connection.terminate()  # in the middle of an answer it is of no use to the next caller
            raise


class _Visit:
    """One transaction that asks for one plan. What was set is known afterwards, also when it failed."""

    def __init__(
        self,
        connection: asyncpg.Connection[Any],
        version: int,
        statement: Statement,
        analyze: bool,
        seconds: float,
        *,
        verbose: bool = False,
    ) -> None:
        self._connection = connection
        self._version = version
        self._options = _OPTIONS.format("TRUE" if verbose else "FALSE")
        self.statement = statement
        self.analyze = analyze
        self.seconds = seconds
        self._prepared = ""
        self.search_path = _USUAL_PATH
        self.work_mem = ""
        self.jit_above_cost = -1.0

    async def ask(self, search_path: str | None, author: Author | None) -> str:
        """EXPLAIN's JSON."""
        await self._connection.execute(f"BEGIN READ ONLY {TAG}")  # by hand, as the driver's own carries no tag
        try:
            await self._set("statement_timeout", str(max(1, int(self.seconds * 1000))))
            await self._set("standard_conforming_strings", "on")  # the text was cut into tokens that way
            await self._settle(search_path, author)
            return await self._explain()
        finally:
            if not self._connection.is_closed():
                await self._connection.execute(f"ROLLBACK {TAG}")
                if self._prepared:  # after a failure: it outlives the transaction
                    await self._deallocate()

    async def _settle(self, search_path: str | None, author: Author | None) -> None:
        """Take the author's settings on."""
        who = (await self._fetch(sql(HERE, "plans_whose")))[0]
        role = author.oid if author else who["role"]
        brought = {row["name"]: row["value"] for row in await self._fetch(sql(HERE, "plans_role_settings"), role)}
        path = brought.pop("search_path", _USUAL_PATH)
        if author is not None and author.name != who["name"]:
            path = path.replace('"$user"', quoted(author.name))
        for name, value in brought.items():
            await self._set(name, value)
        self.search_path = path if search_path is None else search_path
        await self._set("search_path", self.search_path)
        now = (await self._fetch(sql(HERE, "plans_conditions")))[0]
        self.work_mem, self.jit_above_cost = now["work_mem"], now["jit_above_cost"]

    async def _explain(self) -> str:
        text = self.statement.text
        if self.analyze:
            return await self._answer(f"EXPLAIN (ANALYZE, BUFFERS TRUE, TIMING TRUE, {self._options}) {text}")
        if not self.statement.parameters:
            return await self._answer(f"EXPLAIN ({self._options}) {text}")
        if self._version >= _GENERIC_PLAN:
            await self._set("devora_console.explain", tagged(f"EXPLAIN (GENERIC_PLAN, {self._options}) {text}"))
            await self._fetch(sql(HERE, "plans_explain"))
            return str((await self._fetch("SELECT pg_catalog.current_setting('devora_console.plan')"))[0][0])
        name = f"devora_console_{secrets.token_hex(8)}"
        await self._set("plan_cache_mode", "force_generic_plan")
        await self._fetch(f"PREPARE {name} AS {text}")
        self._prepared = name
        values = ", ".join(["NULL"] * self.statement.parameters)
        answer = await self._answer(f"EXPLAIN ({self._options}) EXECUTE {name}({values})")
        await self._deallocate()
        return answer

    async def _deallocate(self) -> None:
        await self._connection.execute(tagged(f"DEALLOCATE {self._prepared}"))
        self._prepared = ""

    async def _answer(self, text: str) -> str:
        rows = await self._fetch(text)
        return str(rows[0][0]) if rows else "[]"

    async def _set(self, name: str, value: str) -> None:
        await self._fetch("SELECT pg_catalog.set_config($1, $2, true)", name, value)

    async def _fetch(self, text: str, *values: Any) -> list[Any]:
        """Through the extended protocol, which takes one statement only; not through asyncpg's cache of statements."""
        patience = self.seconds + _GRACE_SECONDS
        prepared = await self._connection.prepare(tagged(text), timeout=patience)
        return await prepared.fetch(*values, timeout=patience)

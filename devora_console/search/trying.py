"""Looking closer at one answer: plans, exact neighbours beside the index's, and statements edited by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from devora_console.config.thresholds import PlansSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.postgres.plans.make import Circumstances, make_plan
from devora_console.postgres.plans.statement import must_not_run, read_statement
from devora_console.search.asking import FAILURES, Caller, Connection, Pool, Question, asking, fetch, refusal

MOST_ROWS = 200
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS TRUE, TIMING TRUE, COSTS TRUE, SETTINGS TRUE, SUMMARY TRUE, FORMAT JSON) "
_AROUND = """SELECT current_setting('work_mem') AS work_mem, current_setting('block_size')::integer AS block_size,
       current_setting('server_version_num')::integer AS version, current_user::text AS login,
       current_setting('jit_above_cost')::float8 AS jit, current_setting('search_path') AS path"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What an edited statement gave: columns, at most MOST_ROWS rows, milliseconds; ``more``: there were more rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    took_ms: float
    more: bool


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Exact neighbours beside those of the index. ``recall``: how many of the exact ones the index found, 0 to 1.

    ``through_index``: whether the server took the model's index at all; where it did not, both are the same search.
    """

    exact: tuple[tuple[str, str], ...]
    approximate: tuple[tuple[str, str], ...]
    recall: float | Unknown
    exact_ms: float
    approximate_ms: float
    through_index: bool | Unknown


async def explained(pool: Pool, caller: Caller, question: Question) -> Plan | Unknown:
    """Run the statement under EXPLAIN as this caller, read-only and with a time limit."""
    statement = read_statement(question.sql)
    if isinstance(statement, Unknown):
        return statement
    try:
        async with asking(pool, caller, question.settings) as connection:
            around = (await fetch(connection, caller, _AROUND))[0]
            rows = await fetch(connection, caller, _EXPLAIN + statement.text, *question.parameters)
    except FAILURES as error:
        return refusal(error, caller.seconds)
    circumstances = Circumstances(
        as_of=utc_now(),
        kind="analyze",
        search_path=around["path"],
        work_mem=around["work_mem"],
        jit_above_cost=around["jit"],
        block_size=around["block_size"],
        version=around["version"],
        user=around["login"],
        author=around["login"],
    )
    return make_plan(str(rows[0][0]), statement, circumstances, PlansSettings())


async def neighbours(
    pool: Pool, caller: Caller, exact: Question, approximate: Question, through: bool | Unknown
) -> Neighbours | Unknown:
    """Both searches, one after the other."""
    try:
        truth, exact_ms = await _timed(pool, caller, exact)
        found, approximate_ms = await _timed(pool, caller, approximate)
    except FAILURES as error:
        return refusal(error, caller.seconds)
    recall = len(set(truth) & set(found)) / len(truth) if truth else Unknown("there is nothing to find")
    return Neighbours(truth, found, recall, exact_ms, approximate_ms, through)


async def _timed(pool: Pool, caller: Caller, question: Question) -> tuple[tuple[tuple[str, str], ...], float]:
    async with asking(pool, caller, question.settings) as connection:
        began = time.perf_counter()
        rows = await fetch(connection, caller, question.sql, *question.parameters)
        took = (time.perf_counter() - began) * 1000
    return tuple((row["entity_type"], str(row["entity_id"])) for row in rows), took


async def try_sql(pool: Pool, caller: Caller, text: str, parameters: Sequence[Any] = ()) -> Tried | Unknown:
    """One query that only reads, in a read-only transaction that is rolled back."""
    statement = read_statement(text)
    if isinstance(statement, Unknown):
        return _said_of_running(statement)
    if statement.parameters > len(parameters):
        return Unknown(f"${statement.parameters} has no value", f"There are {len(parameters)}")
    if refused := must_not_run(replace(statement, parameters=0)):
        reason = refused.reason.removeprefix("--analyze runs the statement, and ")
        return Unknown(f"not run: {reason.replace('this one ', 'it ', 1)}")
    try:
        async with asking(pool, caller) as connection:
            return await _tried(connection, caller, statement.text, parameters[: statement.parameters])
    except (TimeoutError, asyncpg.QueryCanceledError):
        return Unknown(f"it was ended after {caller.seconds:g} s", "search.statement_seconds is how long it may take")
    except FAILURES as error:
        return refusal(error, caller.seconds)


def _said_of_running(why: Unknown) -> Unknown:
    """What is wrong with a statement, where it is to be run and no plan of it is wanted."""
    if " has no plan" in why.reason:
        word = why.reason.partition(" has no plan")[0]
        return Unknown(f"not run: {word} is no query", "Write SELECT, VALUES, TABLE or WITH")
    return replace(why, reason=why.reason.replace("; a plan is of one", "; one is run at a time"))


async def _tried(connection: Connection, caller: Caller, text: str, values: Sequence[Any]) -> Tried:
    began = time.perf_counter()
    prepared = await connection.prepare(text, timeout=caller.seconds)
    columns = tuple(attribute.name for attribute in prepared.get_attributes())
    rows = []
    async for row in prepared.cursor(*values, prefetch=MOST_ROWS + 1, timeout=caller.seconds):
        rows.append(tuple(row))
        if len(rows) > MOST_ROWS:
            break
    took = (time.perf_counter() - began) * 1000
    return Tried(columns, tuple(rows[:MOST_ROWS]), took, len(rows) > MOST_ROWS)

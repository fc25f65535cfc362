"""Gates about the server itself: sequences, statistics, and whether it can be watched. How a gate asks PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg

from devora_console.core.clock import iso, span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, explain
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.statements.read import read_numbers
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import HERE, why_not

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SECONDS = 60.0
"""The longest that one statement of a gate may take."""
_GRACE_SECONDS = 30.0
_NAMED = 5
_CHANGED_PERCENT, _CHANGED_ROWS = 10, 50  # what autovacuum tolerates by default, too
_COUNTS_AT_ONCE = 15  # from this version on a copy has its rows counted before it takes statistics

TTL = timedelta(minutes=10)
"""What can change at any moment counts for so long."""


async def asked(
    target: Target, work: Callable[[Connection], Awaitable[Measurement]], *, threshold: str, seconds: float = SECONDS
) -> Measurement:
    """What ``work`` measures in the target; where the server stands in the way, UNKNOWN with what it said."""
    try:
        async with (
            asyncio.timeout(seconds * 2 + _GRACE_SECONDS),
            target.strictly(purpose="gate", statement_timeout_seconds=seconds) as connection,
        ):
            return await work(connection)
    except ConsoleError as error:
        return not_known(Unknown(error.problem.message, error.problem.remedy), threshold)
    except LOST as error:
        problem = explain(error, target.dsn()).problem
        return not_known(Unknown(problem.message, problem.remedy), threshold)
    except asyncpg.PostgresError as error:
        return not_known(_refusal(error, seconds), threshold)


def _refusal(error: asyncpg.PostgresError, seconds: float) -> Unknown:
    said = one_line(str(error), 160)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unknown(f"not allowed: {said}", "Connect as the owner of the schema")
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError | asyncpg.InvalidSchemaNameError):
        return Unknown(f"not there: {said}", "devora-console schema apply")
    return why_not(error, seconds)


async def identity(connection: Connection) -> str:
    """Which database this is, so that a copy of it, or another one under its name, is told from it.

    Outside a transaction. Where the cluster's number is not to be had, the name and number of the database only.
    """
    try:
        return str(await connection.fetchval(sql(HERE, "gate_identity")))
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError):
        return str(
            await connection.fetchval(
                "SELECT format('postgresql %s/%s', d.datname, d.oid) FROM pg_catalog.pg_database d"
                " WHERE d.datname = current_database()"
            )
        )


def listed(names: Sequence[str], most: int = _NAMED) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(one_line(name, 120) for name in names[:most]) + more


def sequences_gate(target: Target) -> Gate:
    """``sequences.ahead``."""
    threshold = "each is beyond the last value in its column"

    async def measure() -> Measurement:
        return await asked(target, lambda connection: _sequences(connection, threshold), threshold=threshold)

    about = (
        "Rows that are copied with their numbers do not move a sequence: if it is behind, the first insert of the "
        "application fails on a number that is taken."
    )
    return Gate("sequences.ahead", "Sequences are ahead", about, TTL, measure)


async def _sequences(connection: Connection, threshold: str) -> Measurement:
    rows = await connection.fetch(sql(HERE, "gate_sequences"))
    if not rows:
        return Measurement(Verdict.OK, "no sequence feeds a column", threshold, "Read from the catalogue.")
    behind: list[str] = []
    hidden: list[str] = []
    mend: list[str] = []
    for row in rows:
        up = row["increment"] > 0
        column = f"{row['table_schema']}.{row['table_name']}.{row['column_name']}"
        if not row["comparable"]:
            hidden.append(f"{column} is fed by {row['seq_name']} but holds no numbers")
            continue
        sequence, table = (quoted(row[f"{each}_schema"], row[f"{each}_name"]) for each in ("seq", "table"))
        state = await connection.fetchrow(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - quoted
        assert state is not None
        following = state["last_value"] + (row["increment"] if state["is_called"] else 0)
        edge = "max" if up else "min"
        last = await connection.fetchval(f"SELECT {edge}({quoted(row['column_name'])}) FROM {table}")  # noqa: S608
        if last is not None and (following <= last if up else following >= last):
            behind.append(f"{row['seq_schema']}.{row['seq_name']}: next is {following}, {column} has {last}")
            mend.append(f"SELECT setval('{sequence.replace(chr(39), chr(39) * 2)}', {last}, true);")
    evidence: dict[str, object] = {"fed": len(rows), "behind": len(behind)}
    if behind:
        return Measurement(
            Verdict.FAIL,
            f"{len(behind)} of {len(rows)} behind: {listed(behind)}",
            threshold,
            "Each sequence's own state against the last value of the column that it feeds.",
            " ".join(mend[:_NAMED]),
            evidence=evidence,
        )
    if hidden:
        reason = Unknown(listed(hidden), "Compare it by hand, then waive this")
        return not_known(reason, threshold, f"{len(hidden)} of {len(rows)} cannot be compared")
    return Measurement(
        Verdict.OK,
        f"all {len(rows)} ahead" if len(rows) > 1 else "the only one is ahead",
        threshold,
        "Each sequence's own state against the last value of the column that it feeds.",
        evidence=evidence,
    )


def statistics_gate(target: Target, tables: Collection[str] | None = None) -> Gate:
    """``statistics.analyzed``, of those ``tables`` of schema public (None: all) and of what is archived.

    A table that others fill while one looks is never at rest: autovacuum keeps its statistics, not a cutover.
    """
    threshold = f"at most {_CHANGED_PERCENT} % of the rows changed since (or {_CHANGED_ROWS})"

    async def measure() -> Measurement:
        return await asked(target, lambda connection: _statistics(connection, threshold, tables), threshold=threshold)

    about = (
        "Without statistics the planner guesses, and the first minutes after the switch are slow where it guesses ill."
    )
    return Gate("statistics.analyzed", "Statistics are fresh", about, TTL, measure)


async def _statistics(connection: Connection, threshold: str, tables: Collection[str] | None) -> Measurement:
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        return not_known(
            Unknown("this is a standby: it is not told when a table was analyzed", "Ask the primary"), threshold
        )
    if await connection.fetchval("SELECT current_setting('track_counts') = 'off'"):
        return not_known(Unknown("track_counts is off: nothing is counted", "Set track_counts = on"), threshold)
    rows = await connection.fetch(sql(HERE, "gate_statistics"))
    if not rows:
        return not_known(Unknown("schema public has no table", "devora-console schema apply"), threshold)
    judged = [row for row in rows if tables is None or row["archived"] or row["root"] in tables]
    late = connection.get_server_version().major < _COUNTS_AT_ONCE
    return _analyzed(judged, threshold, late=late, others=len(rows) - len(judged))


def _analyzed(rows: Sequence[asyncpg.Record], threshold: str, *, late: bool, others: int) -> Measurement:
    """``late``: rows may be counted only after the ANALYZE that has seen them, so many are no proof."""
    filled = [row for row in rows if row["filled"]]
    stale: list[str] = []
    doubtful: list[str] = []
    for row in filled:
        name = row["name"]
        if row["analyzed"] is None and row["untouched"]:
            stale.append(f"{name} never")
        elif row["analyzed"] is None:
            doubtful.append(f"{name} has no moment recorded: the counters were reset, or the server crashed, since")
        elif row["changed"] > max(_CHANGED_ROWS, _CHANGED_PERCENT / 100 * max(0.0, row["rows"])):
            words = f"{name}, {row['changed']} rows changed since"
            (doubtful if late else stale).append(words + " or were counted late" * late)
    moments: list[datetime] = [row["analyzed"] for row in filled if row["analyzed"] is not None]
    evidence: dict[str, object] = {"tables": len(rows), "filled": len(filled), "stale": len(stale)}
    why = f"pg_stat_all_tables of {len(rows)} tables, {len(filled)} of which hold anything."
    if others:
        why += f" {others} more are not filled by the migration: autovacuum's."
    if moments:
        evidence["oldest"] = iso(min(moments))
        why += f" The one analyzed longest ago was at {iso(min(moments))}."
    if stale or doubtful:
        verdict = Verdict.FAIL if stale else Verdict.UNKNOWN
        value = f"{len(stale)} of {len(filled)} not: {listed(stale)}" if stale else "not known"
        why = f"{listed(doubtful)}. {why}" if doubtful else why
        return Measurement(verdict, value, threshold, why, "devora-console act analyze TABLE", evidence=evidence)
    if not filled:
        return Measurement(Verdict.OK, "every table is empty", threshold, why, evidence=evidence)
    age = span(max(0.0, (utc_now() - min(moments)).total_seconds()))
    return Measurement(Verdict.OK, f"all {len(filled)}, {age} ago or less", threshold, why, evidence=evidence)


async def watching(target: Target) -> Measurement:
    """Whether the configured role can watch the server: its statements can be read, those of other roles too."""
    threshold = "pg_stat_statements can be read, and hides nothing"
    try:
        async with asyncio.timeout(SECONDS):
            guest = await target.guest(purpose="gate")
            try:
                sample = await read_numbers(guest)
            finally:
                await guest.leave()
    except ConsoleError as error:
        return not_known(Unknown(error.problem.message, error.problem.remedy), threshold)
    except LOST as error:
        problem = explain(error, target.dsn()).problem
        return not_known(Unknown(problem.message, problem.remedy), threshold)
    if isinstance(sample, Unknown):
        return not_known(Unknown(f"pg_stat_statements: {sample.reason}", sample.remedy), threshold)
    count = len(sample.rows)
    evidence: dict[str, object] = {"statements": count, "hidden": sample.hidden}
    if sample.hidden:
        value = f"pg_stat_statements hides {sample.hidden} of {count + sample.hidden} statements from this role"
        remedy = f"As a superuser: GRANT pg_monitor TO {quoted(guest.host.user)};"
        return Measurement(
            Verdict.FAIL, value, threshold, "They are other roles', the application's first.", remedy, evidence=evidence
        )
    return Measurement(Verdict.OK, f"pg_stat_statements tells of {count} statements", threshold, evidence=evidence)

"""What is recorded in a database about its schema, and the lock that changes to it take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, Problem, refused, usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.locks import MIGRATION
from devora_console.schema.sql import question
from devora_console.schema.versions import LATEST, Version, versions

LOCK_KEY = 0x6465766F72610001
"""The advisory lock (session level, per database) around every change of the schema."""
LOCK_WAIT_SECONDS = 30.0

PREPARE = """\
SET LOCAL search_path = pg_catalog;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '15s';
SET LOCAL client_min_messages = warning;
"""
"""What every transaction that changes the schema starts with: names are qualified or they do not resolve."""

RECORD = """\
INSERT INTO devora_console.schema_version
    (version, name, checksum, applied_at, applied_by, server_version_num)
VALUES ({version}, '{name}', '{checksum}', clock_timestamp(), current_user,
        current_setting('server_version_num')::integer);
"""


def describe_sql() -> str:
    """The statement that writes the live catalogue beside the version applied last."""
    return question("describe").replace("{catalogue}", question("catalogue"))


def record_sql(version: Version) -> str:
    """The statement that records ``version`` as applied; its parts come from our own files."""
    return RECORD.format(version=version.number, name=version.name, checksum=version.checksum)


@dataclass(frozen=True, slots=True)
class Applied:
    """A version as the database remembers it. ``described``: the catalogue was recorded with it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    applied_by: str
    server_version_num: int
    described: bool


async def recorded(connection: asyncpg.Connection) -> tuple[Applied, ...]:
    """The versions applied here, ascending; empty when the schema never was.

    Raises ConsoleError (exit 4) when the record exists but this user may not read it.
    """
    table = await connection.fetchrow(question("record_table"))
    if table is None:
        return ()
    if not table["readable"]:
        raise refused(
            "schema_hidden",
            "the record of applied versions (devora_console.schema_version) may not be read by this user",
            f"connect as its owner, {one_line(table['owner'])}",
        )
    return tuple(Applied(**dict(row)) for row in await connection.fetch(question("recorded")))


def changed(rows: Iterable[Applied]) -> tuple[Problem, ...]:
    """What does not fit between the record and this console: changed files, versions from a newer console."""
    known = {version.number: version for version in versions()}
    problems = []
    for row in rows:
        version = known.get(row.version)
        if version is None:
            problems.append(
                Problem(
                    "schema_newer",
                    f"version {row.version} ({one_line(row.name)}) is applied and this console knows {LATEST}",
                    "use the console that applied it, or a newer one",
                )
            )
        elif version.checksum != row.checksum:
            problems.append(
                Problem(
                    "checksum_changed",
                    f"version {version.label} was changed after it was applied: "
                    f"recorded {row.checksum[:12]}, file {version.checksum[:12]}",
                    "restore the file as it was applied and put the change into a new version",
                )
            )
    return tuple(problems)


async def aside(connection: asyncpg.Connection) -> tuple[Problem, ...]:
    """That a bulk load has not yet brought back all it had set aside: the live catalogue is not to be recorded."""
    if await connection.fetchval("SELECT to_regclass('devora_console.set_aside') IS NULL"):
        return ()
    count = await connection.fetchval("SELECT count(*) FROM devora_console.set_aside")
    if not count:
        return ()
    return (
        Problem(
            "bulk_load_unfinished",
            f"a bulk load has set {count} indexes, keys and triggers aside, and they are not back yet",
            "run the migration again: it brings them back",
        ),
    )


def refuse(problems: Sequence[Problem]) -> None:
    """End with the first of ``problems`` (exit 1), saying how many more there are; do nothing without any."""
    if not problems:
        return
    first, more = problems[0], len(problems) - 1
    message = first.message + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")
    raise ConsoleError.of(ExitCode.NEGATIVE, first.code, message, first.remedy)


@asynccontextmanager
async def exclusive(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Hold the schema lock of this database; exit 4 when somebody else keeps it for 30 seconds."""
    waited = 0.0
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
        if waited >= LOCK_WAIT_SECONDS:
            raise refused(
                "schema_busy",
                "another session is changing the schema of this database",
                "wait for it to end; pg_locks shows it as an advisory lock",
            )
        await asyncio.sleep(0.1)
        waited += 0.1
    try:
        # A migration that writes must not have its tables changed under it, nor begin while they change.
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATION):
            raise refused(
                "lease_held", "a migration is writing to this database", "wait for it, or stop it; doctor names it"
            )
        try:
            yield
        finally:
            if not connection.is_closed():
                await connection.fetchval("SELECT pg_advisory_unlock($1)", MIGRATION)
    finally:
        if not connection.is_closed():
            await connection.fetchval("SELECT pg_advisory_unlock($1)", LOCK_KEY)


def failed(doing: str, error: asyncpg.PostgresError) -> ConsoleError:
    """The server's refusal as one line (exit 1; 2 when the session may not write at all)."""
    detail = getattr(error, "detail", None)
    text = one_line(f"{error.message}" + (f": {detail}" if detail else ""), 400)
    hint = one_line(getattr(error, "hint", None) or "", 300)
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return usage_error(
            "read_only", f"{doing}: the session is read-only", "connect to the primary, with writes allowed"
        )
    if isinstance(error, asyncpg.LockNotAvailableError):
        hint = "somebody holds a lock on these tables: see `devora-console locks`, then run it again"
    if isinstance(error, asyncpg.DependentObjectsStillExistError):
        hint = "drop what depends on it first; nothing was changed"
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "schema_sql_failed",
        f"{doing}: {text} [{error.sqlstate}]",
        hint or "nothing was changed",
    )

"""Does the database still look as the versions left it? Live catalogue against the recorded one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.schema.catalogue import expected, live
from devora_console.schema.drift import Drift, compare
from devora_console.schema.record import aside, changed, failed, recorded
from devora_console.schema.versions import versions

LOCK_TIMEOUT = "5s"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What check found. ``undecided`` differences cannot be judged and are no drift, but not green either.

    ``pending`` versions are not applied; that is no drift. ``version`` is the one whose catalogue is expected.
    """

    verdict: Literal["ok", "drift", "unknown"]
    at: datetime
    version: int | None
    expected_server: int | None
    server_version_num: int
    drift: tuple[Drift, ...]
    undecided: tuple[Drift, ...]
    pending: tuple[int, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Everything is as recorded."""
        return self.verdict == "ok"


async def check(connection: asyncpg.Connection) -> CheckResult:
    """Compare in one read-only transaction; rows are never looked at. ConsoleError (exit 4) when it may not look.

    Gives up after 5 seconds on a lock, for somebody may be changing a table (exit 1).
    """
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("SELECT set_config('lock_timeout', $1, true)", LOCK_TIMEOUT)
            server: int = await connection.fetchval("SELECT current_setting('server_version_num')::integer")
            applied = await recorded(connection)
            wanted = await expected(connection) if applied else None
            found = await live(connection) if wanted else {}
            unfinished = await aside(connection) if applied else ()
    except asyncpg.PostgresError as error:
        raise failed("check", error) from error
    problems = [*changed(applied), *unfinished]
    drift: tuple[Drift, ...] = ()
    undecided: tuple[Drift, ...] = ()
    if not applied:
        problems.append(
            Problem(
                "schema_not_applied",
                "no version of the schema is applied here",
                "devora-console schema apply",
            )
        )
    elif wanted is None:
        remedy = "run `devora-console schema apply` with this console: it records what it finds"
        problems.append(Problem("schema_not_described", "no catalogue was recorded to compare with", remedy))
    else:
        same_major = wanted.server_version_num // 10000 == server // 10000
        differences = compare(wanted.catalogue, found, same_major=same_major)
        undecided = tuple(d for d in differences if isinstance(d.found, Unknown))
        drift = tuple(d for d in differences if not isinstance(d.found, Unknown))
    known = wanted is not None and not undecided
    return CheckResult(
        verdict="drift" if drift or changed(applied) else "ok" if known else "unknown",
        at=utc_now(),
        version=wanted.version if wanted else None,
        expected_server=wanted.server_version_num if wanted else None,
        server_version_num=server,
        drift=drift,
        undecided=undecided,
        pending=tuple(v.number for v in versions() if v.number not in {row.version for row in applied}),
        problems=tuple(problems),
    )

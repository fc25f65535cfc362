"""What stops a job, in the console's words: what is kept, and what to do."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import asyncpg

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST, lost

_PERMISSION = "Grant it, or connect as the owner of the schema, and run the same command again"


def explain(error: Exception, dsn: Dsn | None, *, writing: bool) -> ConsoleError:
    """Losses in the middle of writing can be taken up again (exit 5); rights and the rest say what to do."""
    if isinstance(error, ConsoleError):
        if error.exit_code is ExitCode.CONNECT and writing:
            problem = replace(error.problem, remedy="What was committed is kept: run the same command again")
            return ConsoleError(problem, ExitCode.STOPPED)
        return error
    if isinstance(error, sqlite3.Error):
        return ConsoleError.of(
            ExitCode.STOPPED if writing else ExitCode.NEGATIVE,
            "scratch_failed",
            f"the scratch file of the survey failed: {one_line(str(error), 120)}",
            "Make room where TMPDIR points to, and run the same command again",
        )
    if isinstance(error, LOST):
        gone = lost(error, dsn)
        return gone if writing else ConsoleError(gone.problem, ExitCode.CONNECT)
    said = one_line(scrub(str(error), dsn), 200)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return usage_error("postgres_permission", f"PostgreSQL refuses: {said}", _PERMISSION)
    if isinstance(error, asyncpg.DiskFullError):
        return ConsoleError.of(
            ExitCode.STOPPED if writing else ExitCode.NEGATIVE,
            "postgres_disk_full",
            f"PostgreSQL has no room left: {said}",
            "What was committed is kept. Make room for the server, and run the same command again",
        )
    return ConsoleError.of(
        ExitCode.STOPPED if writing else ExitCode.NEGATIVE,
        "postgres_failed",
        f"PostgreSQL stopped the work: {said}",
        "What was committed is kept. Remove the cause and run the same command again",
    )

"""Whether a database has what embeddings need, and what to do where it has not."""

from __future__ import annotations

from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed.work import HERE, Connection

_APPLY = "Run: devora-console schema apply; where that has nothing to do, schema check says what was taken away"


async def missing(connection: Connection) -> Problem | None:
    """What is missing; None when all is there."""
    row = await connection.fetchrow(sql(HERE, "prepared"))
    assert row is not None
    if not row["extension"]:
        words = "the extension pgvector is not in this database"
        if not row["available"]:
            return Problem(
                "pgvector_missing", f"{words}, and the server does not offer it", "Install pgvector on the server"
            )
        return Problem(
            "pgvector_missing", words, "CREATE EXTENSION vector; then: devora-console schema apply, and schema check"
        )
    if not row["tables"] or row["typmod"] is None:
        return Problem("schema_old", "the target has no tables for embeddings, or older ones", _APPLY)
    if row["typmod"] != -1:
        return Problem("schema_old", "embeddings take vectors of one dimension only", _APPLY)
    return None


async def require(connection: Connection) -> None:
    """Return when all is there. Raises ConsoleError (exit 2)."""
    problem = await missing(connection)
    if problem is not None:
        raise ConsoleError(problem, ExitCode.USAGE)

"""Refreshing the views behind the figures: one at a time, readers never wait."""

from __future__ import annotations

from typing import Any

import asyncpg

from devora_console.analytics.metrics.definitions import HERE
from devora_console.analytics.metrics.read import missing
from devora_console.core.problems import refused
from devora_console.postgres.sqlfiles import sql

LOCK = 0x6465_7661_6D74
"""Held by whoever refreshes: two at once would do the same work twice, one after the other."""
_UNTIL_DONE = "SELECT pg_catalog.pg_advisory_xact_lock($1)"
_IF_FREE = "SELECT pg_catalog.pg_try_advisory_xact_lock($1)"


async def refresh(connection: Any, *, seconds: float = 0, wait: bool = True) -> dict[str, float] | None:
    """Refresh all of them; milliseconds by view. None: somebody else does it just now (not with ``wait``).

    ``seconds``: the server ends it after so many, 0 for never. Raises ConsoleError: exit 2 without the schema, exit 4
    without the right.
    """
    try:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION READ WRITE")
            await connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            if not wait and not await connection.fetchval(_IF_FREE, LOCK):
                return None
            if wait:
                await connection.execute(_UNTIL_DONE, LOCK)
            await connection.execute("SELECT public.refresh_all_stats()")
            rows = await connection.fetch(sql(HERE, "metrics_freshness"))
    except (asyncpg.UndefinedFunctionError, asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise missing() from None
    except asyncpg.InsufficientPrivilegeError:
        raise refused(
            "refresh_refused",
            "this login may not refresh the figures",
            "Connect as the owner, or as a member of admin_role or metrics_role",
        ) from None
    return {row["view_name"]: row["took_ms"] for row in rows}

"""One runner per target: an advisory lock held by the writing session, and an epoch every batch checks."""

from __future__ import annotations

import os
import socket
from uuid import UUID

import asyncpg

from devora_console.core.problems import refused
from devora_console.core.safetext import one_line
from devora_console.postgres.locks import MIGRATION

_NAME = "migration"
_FENCE = "SELECT epoch FROM devora_console.lease WHERE name = $1 AND epoch = $2 FOR SHARE"


class Lease:
    """Held from :meth:`take` until the connection ends. Losing the connection loses the lease, at once."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Grows with every holder; a batch of an older one is refused."""
        return self._epoch

    async def take(self, run: UUID) -> None:
        """Take the lease. Raises ConsoleError (exit 4) naming who holds it."""
        if not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATION):
            row = await self._connection.fetchrow(
                "SELECT holder, acquired_at FROM devora_console.lease WHERE name = $1", _NAME
            )
            who = (
                f"{one_line(row['holder'], 80)} since {row['acquired_at']:%Y-%m-%d %H:%M:%SZ}"
                if row
                else "another session"
            )
            raise refused(
                "lease_held", f"another migration is writing to this target: {who}", "Wait for it, or stop it"
            )
        self._epoch = int(
            await self._connection.fetchval(
                """
                INSERT INTO devora_console.lease AS l (name, epoch, holder, run, acquired_at, renewed_at)
                VALUES ($1, 1, $2, $3, now(), now())
                ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + 1, holder = excluded.holder, run = excluded.run,
                                                 acquired_at = now(), renewed_at = now()
                RETURNING epoch
                """,
                _NAME,
                holder(),
                run,
            )
        )

    async def release(self) -> None:
        """Give the lock back; the connection may already be gone."""
        await self._connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION)


async def fence(connection: asyncpg.Connection[asyncpg.Record], epoch: int) -> None:
    """Inside a batch's transaction: make sure that nobody takes over before its end. Raises ConsoleError (exit 4).

    The share lock lets batches of several workers pass side by side; whoever takes the lease waits for them.
    """
    if await connection.fetchval(_FENCE, _NAME, epoch) is None:
        raise refused("lease_lost", "another migration has taken over this target", "See who: doctor")


def holder() -> str:
    """Who we are, for people: user, host and process."""
    user = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"

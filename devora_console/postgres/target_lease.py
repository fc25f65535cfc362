"""The lease in the target: consoles elsewhere see by it who drives. A row, not a session's lock: poolers move those.

The local lock and the fencing token keep drivers of one machine apart; this one tells machines apart. A target that is
down cannot confirm it: that pauses the run, and going on then is somebody's decision, with a reason, on record.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

import asyncpg

from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST, connection, explain
from devora_console.postgres.target import Target

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_NAME = "cutover"
_SECONDS = 90
_PATIENCE = 5.0
_TAKE = """
    INSERT INTO devora_console.lease AS l (name, epoch, holder, run, acquired_at, renewed_at)
    VALUES ($1, 1, $2, $3, now(), now())
    ON CONFLICT (name) DO UPDATE
       SET epoch = l.epoch + (l.holder <> excluded.holder OR l.run IS DISTINCT FROM excluded.run)::integer,
           holder = excluded.holder, run = excluded.run, renewed_at = now(),
           acquired_at = CASE WHEN l.holder = excluded.holder THEN l.acquired_at ELSE now() END
     WHERE l.holder = excluded.holder OR l.renewed_at < now() - make_interval(secs => $4)
    RETURNING epoch
"""
_WHO = "SELECT holder, renewed_at FROM devora_console.lease WHERE name = $1"
_GIVE = "UPDATE devora_console.lease SET renewed_at = '-infinity' WHERE name = $1 AND holder = $2"


class TargetLease:
    """Confirmed before each step. ``holder`` is the same for every console of one person on one machine in one run."""

    def __init__(self, target: Target, holder: str, run: str) -> None:
        self._target = target
        self._holder = holder
        self._run = uuid5(NAMESPACE_URL, f"devora-console:cutover:{run}")
        self.why = ""
        """Why it is not ours, in words; empty while it is."""
        self.override = ""
        """The reason a person gave for going on without it; empty as long as nobody did."""
        self._elsewhere = False

    async def take(self) -> bool:
        """Take or renew it; whether it is ours. A target that cannot be asked says no, unless that was overridden;
        a target that says who else has it is believed in any case.
        """
        self._elsewhere = False
        try:
            async with asyncio.timeout(_PATIENCE):
                self.why = await self._try()
        except ConsoleError as error:
            self.why = str(error.problem)
        except TimeoutError as error:
            self.why = str(explain(error, self._target.dsn()).problem)
        return not self.why or (bool(self.override) and not self._elsewhere)

    async def give(self) -> None:
        """Give it back, if the target can be asked; it runs out by itself otherwise."""
        with contextlib.suppress(ConsoleError, TimeoutError, asyncpg.PostgresError, *LOST):
            async with asyncio.timeout(_PATIENCE), self._session() as session:
                await session.execute(_GIVE, _NAME, self._holder)

    async def _try(self) -> str:
        dsn = self._target.dsn()
        try:
            async with self._session() as session:
                if await session.fetchval(_TAKE, _NAME, self._holder, self._run, _SECONDS) is not None:
                    return ""
                row = await session.fetchrow(_WHO, _NAME)
        except asyncpg.UndefinedTableError:
            return "the target has no table devora_console.lease yet (schema apply)"
        except (*LOST, asyncpg.PostgresError) as error:
            return str(explain(error, dsn).problem)
        self._elsewhere = True
        if row is None:
            return "the lease in the target was taken away just now"
        return f"{one_line(row['holder'], 80)} drives a cutover of this target, last seen {row['renewed_at']:%H:%M:%SZ}"

    def _session(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        return connection(self._target.dsn(), purpose="cutover lease", read_only=False, timeout_seconds=_PATIENCE)

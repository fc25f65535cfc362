"""Pausing and resuming a back-fill from anywhere: what people want stands in the database, and the run looks there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from devora_console.core.maker import this_process
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.postgres.connect import LOST
from devora_console.postgres.locks import EMBEDDING
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed.work import HERE, Connection

_NAME = "embedding"
_LOOK_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Run:
    """A back-fill as recorded. ``alive``: its process holds its lock now; one that is neither alive nor ended died."""

    id: UUID
    model: str
    state: str
    started: datetime
    ended: datetime | None
    embedded: int
    failed: int
    tokens: int
    cost: float | None
    note: str | None
    alive: bool

    @property
    def words(self) -> str:
        """How it stands: running, paused, done, stopped, failed, or died."""
        return self.state if self.alive or self.ended is not None else "died"


async def runs(connection: Connection, most: int = 10) -> list[Run]:
    """The latest back-fills, the newest first."""
    rows = await connection.fetch(sql(HERE, "runs"), EMBEDDING, most)
    return [
        Run(
            id=row["id"],
            model=row["model_name"],
            state=row["state"],
            started=row["started"],
            ended=row["ended"],
            embedded=row["embedded"],
            failed=row["failed"],
            tokens=row["tokens"],
            cost=None if row["cost"] is None else float(row["cost"]),
            note=row["note"],
            alive=row["alive"],
        )
        for row in rows
    ]


async def wish(connection: Connection, *, paused: bool) -> list[Run]:
    """Pause or resume every back-fill of this database. Raises ConsoleError (exit 1) when none is running."""
    alive = [run for run in await runs(connection) if run.alive]
    if not alive:
        raise ConsoleError.of(
            ExitCode.NEGATIVE, "not_running", "no back-fill is running on this database", "Start one: embed run"
        )
    await _write(connection, paused)
    return alive


async def is_paused(connection: Connection) -> bool:
    """What is wanted now."""
    return bool(await connection.fetchval("SELECT paused FROM devora_console.steering WHERE name = $1", _NAME))


async def _write(connection: Connection, paused: bool) -> None:
    await connection.execute(
        "INSERT INTO devora_console.steering AS s (name, paused, changed_by, changed_at) VALUES ($1, $2, $3, now())"
        " ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, changed_by = excluded.changed_by,"
        " changed_at = now()",
        _NAME,
        paused,
        this_process().who,
    )


async def begin(connection: Connection, run: UUID) -> None:
    """Hold this run's lock as long as the connection lives. The first one to run is not paused, whatever was before."""
    await connection.execute("SELECT pg_advisory_lock($1, hashtext($2))", EMBEDDING, str(run))
    if not any(each.alive and each.id != run for each in await runs(connection)):
        await _write(connection, False)


async def follow(connection: Connection, run: UUID, going: asyncio.Event) -> None:
    """Keep ``going`` as people want it until cancelled. Ends by itself when the connection is lost: the run goes on."""
    try:
        while True:
            paused = await is_paused(connection)
            if paused == going.is_set():
                state = "paused" if paused else "running"
                await connection.execute(
                    "UPDATE devora_console.embedding_run SET state = $2 WHERE id = $1 AND ended IS NULL", run, state
                )
                (going.clear if paused else going.set)()
            await asyncio.sleep(_LOOK_SECONDS)
    except (asyncpg.PostgresError, *LOST):
        going.set()

"""Steering a running migration from anywhere: what people want of it stands in the target, the runner looks there.

The runner publishes how far it is in the same place, so that ``migrate status`` needs nothing but PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.snapshot import to_json
from devora_console.migration.control import Control, Tracker
from devora_console.migration.lease import holder
from devora_console.migration.progress import Wishes
from devora_console.migration.watermark import Watermark, latest
from devora_console.postgres.connect import LOST
from devora_console.postgres.locks import MIGRATION
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_HERE = "devora_console.migration"
_NAME = "migration"
_LOOK_SECONDS = 0.4
_PUBLISH_EVERY = 3  # looks


@dataclass(frozen=True, slots=True)
class Status:
    """A target's latest execution. ``alive``: its runner holds the lock now. ``progress`` is its last snapshot."""

    run: str | None
    state: str | None
    alive: bool
    holder: str | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime | None
    wishes: Wishes
    progress: dict[str, Any]
    verification: Watermark | None = None


async def status(connection: Connection) -> Status:
    """The latest execution of this target. Raises ConsoleError (exit 2) without the console's own tables."""
    await _prepared(connection)
    row = await connection.fetchrow(sql(_HERE, "latest_run"), MIGRATION >> 32, MIGRATION & 0xFFFFFFFF)
    if row is None:
        return Status(None, None, False, None, None, None, None, await look(connection), {})
    return Status(
        run=str(row["run"]),
        state=row["state"],
        alive=row["alive"],
        holder=row["holder"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        updated_at=row["updated_at"],
        wishes=await look(connection),
        progress=json.loads(row["progress"] or "{}"),
        verification=await latest(connection, row["mapping_hash"]),
    )


async def copied_through(connection: Connection) -> datetime | None:
    """When the latest copy that came to its end began; None before there is one."""
    found: datetime | None = await connection.fetchval(sql(_HERE, "copied_through"))
    return found


async def wish(connection: Connection, **changes: object) -> Wishes:
    """Change what is wanted of the running migration. Raises ConsoleError (exit 1) when none is running."""
    found = await status(connection)
    if not found.alive:
        raise ConsoleError.of(
            ExitCode.NEGATIVE, "not_running", "no migration is running on this target", "Start one: migrate --execute"
        )
    wanted = replace(found.wishes, **changes)  # type: ignore[arg-type]  # field names are ours
    await _write(connection, wanted)
    return wanted


async def look(connection: Connection) -> Wishes:
    """What is wanted now."""
    row = await connection.fetchrow(
        "SELECT paused, rows_per_second, workers, batch_bytes FROM devora_console.steering WHERE name = $1", _NAME
    )
    return Wishes() if row is None else Wishes(*row)


async def _write(connection: Connection, wishes: Wishes) -> None:
    await connection.execute(
        sql(_HERE, "upsert_steering"),
        _NAME,
        wishes.paused,
        wishes.rows_per_second,
        wishes.workers,
        wishes.batch_bytes,
        holder(),
    )


async def _prepared(connection: Connection) -> None:
    if await connection.fetchval("SELECT to_regclass('devora_console.steering') IS NULL"):
        raise usage_error(
            "schema_old", "the target has no console tables, or older ones", "Run: devora-console schema apply"
        )


async def steer(connection: Connection, run: UUID, control: Control, tracker: Tracker) -> None:
    """Keep runner and record in step until cancelled; ends by itself when the connection is lost, the run goes on.

    At first nothing is wanted: wishes of earlier runs do not count.
    """
    try:
        known, looks = control.wishes, 0
        await _write(connection, known)
        while True:
            here = control.wishes
            there = await look(connection)
            if here != known:  # changed here, by a key: that alone is written, somebody elsewhere may wish as well
                own = {each.name: getattr(here, each.name) for each in fields(here)}
                there = replace(there, **{k: value for k, value in own.items() if value != getattr(known, k)})
                await _write(connection, there)
                known = there
            if control.wishes == here:  # and not changed meanwhile
                control.want(there)
                known = there
            if looks % _PUBLISH_EVERY == 0:
                await connection.execute(
                    "UPDATE devora_console.run SET progress = $2::jsonb, updated_at = now() WHERE run = $1",
                    run,
                    json.dumps(to_json(tracker.snapshot)),
                )
            looks += 1
            await asyncio.sleep(_LOOK_SECONDS)
    except (asyncpg.PostgresError, *LOST):
        return

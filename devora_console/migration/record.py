"""The run's own row in the target: when it began, from what, how it ended; and whether a run can be resumed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias
from uuid import UUID

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.migration.lease import Lease, holder
from devora_console.migration.mapping import Mapping
from devora_console.migration.progress import MigrationSnapshot, State
from devora_console.migration.target import Target
from devora_console.mongo.source import Source
from devora_console.postgres.connect import LOST
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def recorded(
    connection: Connection,
    *,
    run: UUID,
    mapping: Mapping,
    source: Source,
    target: Target,
    lease: Lease,
    snapshot: Callable[[], MigrationSnapshot],
    explain: Callable[[Exception], ConsoleError],
) -> AsyncIterator[None]:
    """Record the run around the block. Runs that say "running" were cut off: the lease is ours, so they are not."""
    await connection.execute(
        "UPDATE devora_console.run SET state = 'stopped', finished_at = coalesce(updated_at, now())"
        " WHERE kind = 'execute' AND state = 'running'"
    )
    await connection.execute(
        "INSERT INTO devora_console.run (run, kind, state, mapping_name, mapping_hash, source_identity,"
        " schema_version, started_at, updated_at, holder, epoch)"
        " VALUES ($1, 'execute', 'running', $2, $3, $4, $5, now(), now(), $6, $7)",
        run,
        mapping.name,
        mapping.hash,
        source.identity,
        target.schema_version,
        holder(),
        lease.epoch,
    )
    try:
        yield
    except asyncio.CancelledError:
        await _ended_anyhow(connection, run, "stopped", snapshot())
        raise
    except (ConsoleError, asyncpg.PostgresError, sqlite3.Error, *LOST) as error:
        state = "stopped" if explain(error).exit_code is ExitCode.STOPPED else "failed"
        await _ended_anyhow(connection, run, state, snapshot())
        raise
    await _ended(connection, run, "done", snapshot())


async def _ended_anyhow(connection: Connection, run: UUID, state: str, snapshot: MigrationSnapshot) -> None:
    """Record the end if the connection still lives; the error that ended the run is the one to tell."""
    try:
        await _ended(connection, run, state, snapshot)
    except (asyncpg.PostgresError, *LOST):
        return  # the next run finds it "running" without a lease and puts it right


async def _ended(connection: Connection, run: UUID, state: str, snapshot: MigrationSnapshot) -> None:
    summary = {
        each.name: {
            "documents": each.total if not isinstance(each.total, Unknown) else None,
            "migrated": each.migrated,
            "quarantined": each.quarantined,
            "archived": each.archived,
            "rows": dict(each.rows),
        }
        for each in snapshot.collections
    }
    await connection.execute(
        "UPDATE devora_console.run SET state = $2, finished_at = now(), updated_at = now(), summary = $3::jsonb,"
        " progress = $4::jsonb WHERE run = $1",
        run,
        state,
        json.dumps(to_json(summary)),
        json.dumps(to_json(replace(snapshot, state=State(state), finished_at=utc_now()))),
    )


async def keep_fingerprint(connection: Connection, run: UUID, fingerprint: str) -> None:
    """Record what the run writes from, for a later one that goes on from it."""
    await connection.execute("UPDATE devora_console.run SET fingerprint = $2 WHERE run = $1", run, fingerprint)


async def committed(connection: Connection, fingerprint: str, run: UUID) -> frozenset[tuple[str, int]]:
    """(collection, piece) that runs just before ``run`` have committed, with the very same rows to write."""
    rows = await connection.fetch(sql("devora_console.migration", "committed_pieces"), fingerprint, run)
    return frozenset((name, number) for name, first, count in rows for number in range(first, first + count))


async def same_as_before(connection: Connection, mapping: Mapping, source: Source, target: Target) -> None:
    """Resuming makes sense only on the same source, mapping and schema; says which of them differs (exit 2)."""
    row = await connection.fetchrow(
        "SELECT source_identity, mapping_hash, schema_version FROM devora_console.run"
        " WHERE kind = 'execute' ORDER BY started_at DESC LIMIT 1"
    )
    if row is None:
        raise usage_error("resume_nothing", "--resume: no run of this target to resume", "Run without --resume")
    now = (source.identity, mapping.hash, target.schema_version)
    for name, before, after in zip(("source", "mapping", "schema version"), row, now, strict=True):
        if before != after:
            raise usage_error(
                "resume_differs",
                f"--resume: the {name} differs from the run to resume ({one_line(str(before), 80)})",
                "Run without --resume: it converges to the source as it is now",
            )

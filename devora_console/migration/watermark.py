"""Verified through when: the last verdict on source against target, kept in the target, and whether it still counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from devora_console.core.clock import span, utc_now
from devora_console.core.snapshot import to_json
from devora_console.migration.lease import holder
from devora_console.migration.progress import VerificationSnapshot
from devora_console.postgres.gates import identity
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_HERE = "devora_console.migration"
STALE_SECONDS = 3600.0
"""An older verification says little about a source that is still written to."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """What was verified. ``through``: reading began then, later changes of the source are not in it.

    ``stale`` says why it counts no longer; empty while it does. ``wrong`` are the tables that did not agree, ``rows``
    those that the target held in all of them.
    ``source`` and ``target`` tell which data it compared (``target`` is empty where that was not recorded): the record
    goes along when a database is copied, what it says does not.
    """

    through: datetime
    at: datetime
    ok: bool
    level: str
    differences: int
    mapping_hash: str
    holder: str
    stale: str
    wrong: tuple[str, ...]
    rows: int
    source: str
    target: str


async def keep(
    connection: Connection, run: UUID, verdict: VerificationSnapshot, mapping: str, source: str, schema_version: int
) -> None:
    """Record a verdict in the target, with which database that is. Outside a transaction."""
    said = to_json(verdict)
    assert isinstance(said, dict)
    await connection.execute(
        sql(_HERE, "insert_verification"),
        run,
        mapping,
        verdict.mapping_hash,
        source,
        schema_version,
        verdict.watermark,
        verdict.at,
        holder(),
        json.dumps(said | {"target": await identity(connection)}),
    )


async def latest(connection: Connection, mapping_hash: str | None, limit: float = STALE_SECONDS) -> Watermark | None:
    """The last verdict on this target; None when there is none. ``mapping_hash`` None: whatever the mapping is."""
    row = await connection.fetchrow(sql(_HERE, "latest_verification"))
    if row is None:
        return None
    said = json.loads(row["summary"])
    age = (utc_now() - row["finished_at"]).total_seconds()
    stale = ""
    if row["copied_since"]:
        stale = "the target was written to by a migration since"
    elif mapping_hash is not None and row["mapping_hash"] != mapping_hash:
        stale = "the mapping has changed since"
    elif age > limit:
        stale = f"it is {span(age)} old, the limit is {span(limit)}"
    return Watermark(
        through=row["started_at"],
        at=row["finished_at"],
        ok=bool(said["ok"]),
        level=str(said["level"]),
        differences=len(said["differences"]),
        mapping_hash=row["mapping_hash"],
        holder=row["holder"],
        stale=stale,
        wrong=tuple(each["name"] for each in said["tables"] if each["status"] != "ok"),
        rows=sum(each["target"] for each in said["tables"]),
        source=row["source_identity"] or "",
        target=str(said.get("target", "")),
    )

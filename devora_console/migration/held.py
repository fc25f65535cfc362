"""Look into quarantine, and waive a document knowingly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from devora_console.config.secret import REDACTED, Dsn
from devora_console.core.problems import usage_error
from devora_console.migration.lease import holder
from devora_console.migration.mapping import Mapping
from devora_console.migration.progress import QuarantineItem
from devora_console.mongo.bsonio import Damaged, decode
from devora_console.mongo.ejson import ejson, is_readable_id, object_of
from devora_console.mongo.source import open_source

_COLUMNS = (
    "id, collection, source_id, rule, path, message, constraint_name, sqlstate, first_seen, last_seen, attempts,"
    " resolved_at, coalesce(reason, resolved_by) AS reason"
)


async def held(
    connection: asyncpg.Connection[asyncpg.Record], *, resolved: bool = False, limit: int = 500
) -> tuple[QuarantineItem, ...]:
    """Documents in quarantine, those that pull others with them first; with ``resolved`` the past ones too."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM devora_console.quarantine WHERE $1 OR resolved_at IS NULL"
        " ORDER BY resolved_at IS NOT NULL, rule = 'parent_quarantined', id LIMIT $2",
        resolved,
        limit,
    )
    return tuple(_item(row) for row in rows)


async def document(
    connection: asyncpg.Connection[asyncpg.Record], mapping: Mapping, item: int
) -> tuple[QuarantineItem, str]:
    """One item with its whole document as indented Extended JSON, secrets redacted. Exit 2 for an unknown id."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, raw_bson FROM devora_console.quarantine WHERE id = $1",
        item,
    )
    if row is None:
        raise usage_error("quarantine_unknown", f"quarantine has no item {item}", "See: quarantine list")
    return _item(row), pretty(row["raw_bson"], mapping, row["collection"])


async def document_of(
    connection: asyncpg.Connection[asyncpg.Record], mapping: Mapping, collection: str, source_id: str
) -> str:
    """A quarantined document by where it came from, as :func:`document` shows it."""
    raw = await connection.fetchval(
        "SELECT raw_bson FROM devora_console.quarantine WHERE collection = $1 AND source_id = $2"
        " ORDER BY resolved_at IS NOT NULL, id DESC LIMIT 1",
        collection,
        source_id,
    )
    if raw is None:
        raise usage_error("quarantine_unknown", f"{collection} {source_id} is not in quarantine", "")
    return pretty(raw, mapping, collection)


def from_source(where: Dsn | str, database: str, mapping: Mapping, collection: str, source_id: str) -> str:
    """A document of the source, as :func:`document` shows it. Blocks; raises ConsoleError when it is not there."""
    if not is_readable_id(source_id):
        raise usage_error("document_unnamed", f"{collection} {source_id} cannot be looked up by its _id", "")
    source = open_source(where, database)
    try:
        for raw in source.fetch(collection, [object_of(source_id)]):
            return pretty(raw, mapping, collection)
    finally:
        source.close()
    raise usage_error("document_gone", f"{collection} {source_id} is no longer in the source", "")


async def export(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[tuple[QuarantineItem, bytes], ...]:
    """Every unresolved item with its exact bytes."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, raw_bson FROM devora_console.quarantine WHERE resolved_at IS NULL ORDER BY id"
    )
    return tuple((_item(row), row["raw_bson"]) for row in rows)


async def waive(connection: asyncpg.Connection[asyncpg.Record], item: int, reason: str) -> QuarantineItem:
    """Accept that a document, as it is now, stays behind; who and why is kept. Exit 2 for an unknown id."""
    row = await connection.fetchrow(
        "UPDATE devora_console.quarantine SET resolved_at = now(), resolved_by = $2, reason = $3"
        f" WHERE id = $1 AND resolved_at IS NULL RETURNING {_COLUMNS}",
        item,
        f"waived by {holder()}",
        reason,
    )
    if row is None:
        raise usage_error("quarantine_unknown", f"quarantine has no open item {item}", "See: quarantine list")
    return _item(row)


async def carry_waivers(real: asyncpg.Connection[asyncpg.Record], copy: asyncpg.Connection[asyncpg.Record]) -> int:
    """Bring what people waived in the real target to a copy of it, where it is not there yet; how many were brought.

    A waiver is of a document as it is, byte for byte: in the copy too it holds for that document only.
    """
    columns = (
        "collection, source_id, run, path, rule, sqlstate, constraint_name, message, raw_bson, first_seen, last_seen,"
        " attempts, resolved_at, resolved_by, reason"
    )
    waived = "FROM devora_console.quarantine WHERE resolved_by LIKE 'waived by %'"
    if await real.fetchval("SELECT to_regclass('devora_console.quarantine') IS NULL"):
        return 0
    if await copy.fetchval(f"SELECT EXISTS (SELECT {waived})"):
        return 0
    places = ", ".join(f"${at}" for at in range(1, 16))
    brought = 0
    async with real.transaction(readonly=True), copy.transaction():
        async for row in real.cursor(f"SELECT {columns} {waived}", prefetch=8):  # each holds a document: up to 16 MB
            await copy.execute(f"INSERT INTO devora_console.quarantine ({columns}) VALUES ({places})", *row.values())
            brought += 1
    return brought


def pretty(raw: bytes, mapping: Mapping, collection: str) -> str:
    """A document as indented Extended JSON, with the values of secret paths replaced."""
    try:
        value = decode(raw)
    except Damaged as damage:
        return f"not readable as BSON ({damage}): {raw[:64].hex()}…"
    for path in mapping.secret_paths(collection):
        _redact(value, path)
    return json.dumps(ejson(value), ensure_ascii=False, indent=2)


def _redact(value: Any, path: Sequence[str]) -> None:
    for part in path[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict) and value.get(path[-1]) is not None:
        value[path[-1]] = REDACTED


def _item(row: asyncpg.Record) -> QuarantineItem:
    return QuarantineItem(
        id=row["id"],
        collection=row["collection"],
        source_id=row["source_id"],
        rule=row["rule"],
        path=row["path"] or "",
        message=row["message"],
        constraint=row["constraint_name"],
        sqlstate=row["sqlstate"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        attempts=row["attempts"],
        resolved_at=row["resolved_at"],
        reason=row["reason"],
    )

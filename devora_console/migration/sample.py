"""A random sample compared field by field, by code that shares nothing with the conversion.

A mistake in the conversion would agree with itself in the digests; here the document is read by PyMongo's plain
decoder, the row by asyncpg's, and the two are compared by what they mean.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import asyncpg
import bson
from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS

from devora_console.config.secret import REDACTED
from devora_console.core.safetext import one_line
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Absent, Child, Collection, Column, pointer
from devora_console.migration.progress import Difference
from devora_console.migration.target import quoted
from devora_console.mongo.codec import CODEC

_ABSENT = object()
_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POSTGRES_EPOCH = (datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


async def sample(
    connection: asyncpg.Connection[asyncpg.Record],
    collection: Collection,
    ledger: Ledger,
    size: int,
) -> tuple[int, list[Difference]]:
    """(documents compared, differences) for up to ``size`` random documents of one mapped collection."""
    chosen = ledger.db.execute(
        "SELECT id, pk FROM document WHERE collection = ? AND fate = 'migrated' ORDER BY random() LIMIT ?",
        (collection.name, size),
    ).fetchall()
    if not chosen or collection.key is None:
        return 0, []
    numbers = sorted(number for number, _ in chosen)
    raws = await asyncio.to_thread(lambda: [raw for _, raw in ledger.raws(collection.name, numbers)])
    differences: list[Difference] = []
    for raw in raws:
        document = bson.decode(raw, CODEC)
        own = _at(document, collection.key.path or ())
        if isinstance(own, bytes):
            own = UUID(bytes=bytes(own))
        names = [collection.key.column, *_there(collection.extra_column)]
        row = await connection.fetchrow(
            f"SELECT {_cells(names, collection.columns)} FROM public.{quoted(collection.table)}"
            f" WHERE {quoted(collection.key.column)} = $1::text::{collection.key.type}",
            str(own).lower() if collection.key.type == "uuid" else own,
        )
        if row is None:
            differences.append(Difference(collection.table, one_line(str(own), 60), "sample", collection.name))
            continue
        differences += _row(collection.table, collection.columns, collection.extra_column, document, row, collection)
        for child in collection.children:
            differences += await _child(connection, collection, child, document, row)
    return len(raws), differences


async def _child(
    connection: asyncpg.Connection[asyncpg.Record],
    collection: Collection,
    child: Child,
    document: dict[str, Any],
    parent: asyncpg.Record,
) -> list[Difference]:
    assert collection.key is not None
    names = [child.key.column, *_there(child.extra_column)]
    rows = await connection.fetch(
        f"SELECT {_cells(names, child.columns)} FROM public.{quoted(child.table)}"
        f" WHERE {quoted(child.parent_column)} = $1 ORDER BY {quoted(child.ordinal_column)}",
        parent[collection.key.column],
    )
    found = _at(document, child.path)
    elements = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    if len(elements) != len(rows):
        key = str(parent[collection.key.column])
        return [
            Difference(
                child.table, key, "sample", collection.name, None, "number of rows", str(len(elements)), str(len(rows))
            )
        ]
    result: list[Difference] = []
    for element, row in zip(elements, rows, strict=True):
        result += _row(child.table, child.columns, child.extra_column, element, row, collection)
    return result


def _there(name: str | None) -> list[str]:
    return [name] if name is not None else []


def _cells(names: list[str], columns: tuple[Column, ...]) -> str:
    """What to select: moments as the server's own 64-bit number, for asyncpg's end with the year 9999."""
    cells = [quoted(name) for name in names]
    for column in columns:
        cell = quoted(column.name)
        if column.type == "timestamptz":
            cell = f"timestamptz_send({cell}) AS {cell}"
        cells.append(cell)
    return ", ".join(cells)


def _row(
    table: str,
    columns: tuple[Column, ...],
    extra_column: str | None,
    document: dict[str, Any],
    row: asyncpg.Record,
    collection: Collection,
) -> Iterator[Difference]:
    extra = json.loads(row[extra_column] or "{}") if extra_column else {}
    originals, missing = extra.get("$original", {}), extra.get("$missing", [])
    for column in columns:
        if column.path is None:
            continue
        value, stored = _at(document, column.path), row[column.name]
        where = pointer(column.path)
        if where in originals or where in missing:
            # A rule changed it or filled it in: what was kept of the original must be what the source says.
            agrees = value is _ABSENT if where in missing else _same_original(value, originals[where])
        else:
            agrees = _agrees(value, stored, column)
        if not agrees:
            hidden = column.secret or column.path in collection.secret_paths
            shown = (REDACTED, REDACTED) if hidden else (one_line(repr(value), 80), one_line(repr(stored), 80))
            key = one_line(str(row[0]), 60)
            yield Difference(table, key, "sample", collection.name, None, column.name, *shown)


def _agrees(value: Any, stored: Any, column: Column) -> bool:
    """Whether a source value and a stored value mean the same."""
    if value is _ABSENT or value is None:
        # Without a note about it, an absent value is either stored as null or was decided from other documents.
        return stored is None or Absent.OWNER in (column.missing.how, column.null.how)
    if stored is None:
        return False
    if column.type == "timestamptz":
        since_1970 = int.from_bytes(stored, "big", signed=True) + _POSTGRES_EPOCH
        return bool(_microseconds(value) == since_1970)
    if isinstance(stored, bool) or isinstance(value, bool):
        return value is stored
    if isinstance(stored, UUID):
        return str(stored) == str(value).lower() or (isinstance(value, bytes) and stored.bytes == bytes(value))
    if isinstance(stored, Decimal):
        return _decimal(value) == stored
    if isinstance(stored, int):
        return not isinstance(value, str) and bool(value == stored)
    return bool(value == stored)


def _microseconds(value: Any) -> int | None:
    """Microseconds since 1970 of a BSON date or an ISO 8601 text."""
    if isinstance(value, DatetimeMS):
        return int(value) * 1000
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value.replace(tzinfo=value.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _same_original(value: Any, kept: Any) -> bool:
    if isinstance(kept, dict) and set(kept) == {"$string"}:
        return isinstance(value, str) and value.encode("utf-8", "surrogateescape") == base64.b64decode(kept["$string"])
    original = json_util.loads(json.dumps(kept), json_options=_OPTIONS) if isinstance(kept, dict) else kept
    return value is not _ABSENT and bool(original == value)


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return _ABSENT
        document = document[part]
    return document

"""Nothing is silently changed: every migrated document can be rebuilt from its rows, by code of its own."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import bson
import pytest
from bson import json_util
from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.config.secret import Dsn
from devora_console.demo.data import Scale, write_dump
from devora_console.migration.mapping import Child, Collection, Column
from devora_console.migration.mapping_file import builtin_mapping
from tests.migration.world import DATABASE, World, conversation, execute, message, oid, project, uid, user

_PLAIN: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = object()
_OPTIONS = json_util.JSONOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
)


def _value(kept: Any) -> Any:
    """Extended JSON, with the two additions that ``source_extra`` is documented to make."""
    if isinstance(kept, list):
        return [_value(each) for each in kept]
    if not isinstance(kept, dict):
        return kept
    if set(kept) == {"$string"}:
        return base64.b64decode(kept["$string"]).decode("utf-8", "surrogateescape")
    if set(kept) == {"$bson"}:
        inner = bson.decode(base64.b64decode(kept["$bson"]), _PLAIN)
        return inner[""] if list(inner) == [""] else inner
    if len(kept) == 1 and next(iter(kept)).startswith("$"):
        return json_util.loads(json.dumps(kept), json_options=_OPTIONS)
    return {key: _value(each) for key, each in kept.items()}


def _put(document: dict[str, Any], pointer: str, value: Any) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    for part in parents:
        document = document.setdefault(part, {})
    if value is _ABSENT:
        document.pop(last, None)
    else:
        document[last] = value


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _rebuild(columns: tuple[Column, ...], key: tuple[str, ...] | None, key_column: str, row: asyncpg.Record) -> Any:
    """The document (or array element) that a row came from; arrays are not in it."""
    extra = json.loads(row["source_extra"] or "{}")
    notes = {name: extra.pop(name) for name in ("$original", "$missing", "$null", "$wrapped", "$key") if name in extra}
    document = _value(extra)
    owner = "owner"
    for column in columns:
        if column.path is None:
            continue
        stored, pointer = row[column.name], _pointer(column.path)
        if stored is None and column.usual == "missing":
            stored = _ABSENT
        if column.missing.how == owner:  # only a note says that the value is the document's own
            stored = _ABSENT
        _put(document, pointer, stored)
    if key is not None and key_column and "id" not in document:
        _put(document, _pointer(key), notes.get("$key", row[key_column]))
    for pointer, original in notes.get("$original", {}).items():
        _put(document, pointer, _value(original))
    for pointer in notes.get("$missing", []):
        _put(document, pointer, _ABSENT)
    return document, notes


async def _select(connection: asyncpg.Connection, table: str, where: str, value: Any) -> list[asyncpg.Record]:
    """Rows with their moments as microseconds since 1970: some are beyond asyncpg's years."""
    names = await connection.fetch(
        "SELECT attname, atttypid::regtype::text AS kind FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    cells = [
        f'(extract(epoch FROM "{row[0]}") * 1000000)::numeric AS "{row[0]}"'
        if row["kind"] == "timestamp with time zone"
        else f'"{row[0]}"'
        for row in names
    ]
    return list(await connection.fetch(f"SELECT {', '.join(cells)} FROM {table} {where}", value))


async def _document(connection: asyncpg.Connection, collection: Collection, row: asyncpg.Record) -> dict[str, Any]:
    assert collection.key is not None
    document, notes = _rebuild(collection.columns, collection.key.path, collection.key.column, row)
    document["_id"] = _identity(row["source_id"])
    for child in collection.children:
        pointer = _pointer(child.path)
        elements = await _elements(connection, child, row[collection.key.column])
        if pointer in notes.get("$missing", []):
            assert elements == []
        elif pointer in notes.get("$null", []):
            _put(document, pointer, None)
        else:
            _put(document, pointer, elements[0] if pointer in notes.get("$wrapped", []) else elements)
    return dict(document)


def _identity(text: str) -> Any:
    return ObjectId(text) if re.fullmatch("[0-9a-f]{24}", text) else _value(json.loads(text))


async def _elements(connection: asyncpg.Connection, child: Child, parent: Any) -> list[Any]:
    rows = await _select(connection, child.table, f"WHERE {child.parent_column} = $1 ORDER BY ordinal", parent)
    assert [row["ordinal"] for row in rows] == list(range(len(rows)))
    result = []
    for row in rows:
        derived = uuid5(parent, f"{_pointer(child.path)}/{row['ordinal']}")
        noted = "$key" in json.loads(row["source_extra"] or "{}")
        own = child.key.path if noted or row[child.key.column] != derived else None
        result.append(_rebuild(child.columns, own, child.key.column, row)[0])
    return result


def _moment(value: Any) -> int | None:
    if isinstance(value, DatetimeMS):
        return int(value) * 1000
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.replace(tzinfo=value.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
    return None


def _same(source: Any, rebuilt: Any, where: str, moments: frozenset[str]) -> list[str]:
    """Paths at which the two differ. At ``moments``, ISO text and BSON dates stand for the same instant."""
    if isinstance(source, dict) and isinstance(rebuilt, dict):
        found = [f"{where}/{key}: only one has it" for key in source.keys() ^ rebuilt.keys()]
        for key in source.keys() & rebuilt.keys():
            found += _same(source[key], rebuilt[key], f"{where}/{key}", moments)
        return found
    if isinstance(source, list) and isinstance(rebuilt, list):
        if len(source) != len(rebuilt):
            return [f"{where}: {len(source)} elements, {len(rebuilt)}"]
        return [
            line
            for at, pair in enumerate(zip(source, rebuilt, strict=True))
            for line in _same(*pair, f"{where}/{at}", moments)
        ]
    if where.rpartition("/")[2] in moments and isinstance(rebuilt, Decimal) and _moment(source) == rebuilt:
        return []
    return [] if _equal(source, rebuilt) else [f"{where}: {source!r} became {rebuilt!r}"]


def _equal(source: Any, rebuilt: Any) -> bool:
    if isinstance(rebuilt, Decimal):
        return not isinstance(source, bool | str) and Decimal(str(source)) == rebuilt
    if isinstance(rebuilt, UUID):
        return bool(source == str(rebuilt))
    if isinstance(source, float) and isinstance(rebuilt, float):
        return repr(source) == repr(rebuilt)
    if isinstance(source, bool) or isinstance(rebuilt, bool):
        return source is rebuilt
    if isinstance(source, Decimal128 | Binary | Code | Regex | Timestamp):
        return type(source) is type(rebuilt) and source == rebuilt
    return bool(source == rebuilt)


_MOMENTS = frozenset({"created_at", "updated_at", "timestamp", "paid_at", "current_period_end"})


async def _assert_rebuilt(target: Dsn, folder: Path) -> int:
    """Every migrated document of the dump comes back from its rows; returns how many there were."""
    count = 0
    connection = await asyncpg.connect(target.reveal())
    try:
        for collection in builtin_mapping().mapped():
            path = folder / DATABASE / f"{collection.name}.bson"
            if not path.exists():
                continue
            assert collection.key is not None
            sources = {repr(d["_id"]): d for d in _readable(path)}
            rows = await _select(connection, collection.table, "WHERE $1::text <> ''", "all")
            for row in rows:
                rebuilt = await _document(connection, collection, row)
                assert _same(sources[repr(rebuilt["_id"])], rebuilt, "", _MOMENTS) == []
                count += 1
    finally:
        await connection.close()
    return count


def _readable(path: Path) -> list[dict[str, Any]]:
    found, position, data = [], 0, path.read_bytes()
    options = _PLAIN.with_options(unicode_decode_error_handler="surrogateescape")
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "little")
        found.append(bson.decode(data[position : position + length], options))
        position += length
    return found


@pytest.mark.parametrize("seed", [1, pytest.param(7, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)])
async def test_the_generated_source_comes_back(seed: int, target: Dsn, folder: Path) -> None:
    truth = write_dump(folder, DATABASE, Scale.SMALL, seed, hostile=True)
    await execute(target, folder, batch_bytes=500_000)
    migrated = sum(each.fates["migrated"] for each in truth.collections.values())
    assert await _assert_rebuilt(target, folder) == migrated


async def test_odd_documents_come_back(target: Dsn, folder: Path) -> None:
    """Everything the conventions beside a row are for, at once."""
    everything: dict[str, Any] = {
        "$where": {"$gt": 1, "deep": [{"": ""}]},
        "a.b": {"c/d~e": "\x00 and \ud83d".encode("utf-8", "replace").decode()},
        "": None,
        "big": Int64(5),
        "small": 5,
        "half": 0.5,
        "minus": -0.0,
        "nan": float("nan"),
        "bytes": b"\x00\xff",
        "uuid": Binary(UUID(uid("x")).bytes, 4),
        "legacy": Binary(b"x" * 16, 3),
        "regex": Regex("a|b", "im"),
        "code": Code("return 1", {"x": Int64(1)}),
        "ref": DBRef("users", oid(1), "other"),
        "stamp": Timestamp(1, 2),
        "ends": [MinKey(), MaxKey()],
        "decimal": Decimal128("1.10"),
        "far": DatetimeMS(10**15),
        "nul": "a\x00b",
        "$missing": ["not ours"],
        "$original": {"/name": "not ours"},
    }
    world = World.of(6)
    world.collections["users"] = [
        user(0, extra=everything, **everything),
        user(1, id=uid("user 1").upper(), email="nul\x00@example.org", subscription_status="unpaid"),
        user(
            2,
            created_at=datetime(2024, 1, 1, 1, 1, 1, 1000, tzinfo=UTC),
            updated_at="2024-05-01 10:00:00.1234567+02:00",
        ),
        user(3, id=Binary(UUID(uid("user 3")).bytes, 4), _id={"b": 1, "a": [Int64(2)]}),
        user(4, _id={"a": [Int64(2)], "b": 1}),
        user(5, _id="l'identité\x00"),
    ]
    for name in ("is_admin", "full_name", "updated_at", "stripe_customer_id"):
        del world.get("users", 4)[name]
    doubled = message(0, 0)
    world.collections["conversations"] = [
        conversation(0, user_id=uid("user 0"), project_id=None, messages=[doubled, doubled, {**doubled, "id": 7}]),
        conversation(
            1,
            messages=[
                message(0, 0),
                message(1, 1, id=uid("message 1/1").upper()),
                {"role": "user", "content": "\x00", "timestamp": "2024-05-01T10:00:00Z", "tokens_used": 5.0},
            ],
        ),
        conversation(2, messages=None, user_id=None),
        conversation(
            3,
            project_id=uid("project 4"),
            messages=[
                message(3, 0, id=str(uuid5(UUID(uid("conversation 3")), "/messages/0"))),
                message(3, 1, id=str(uuid5(UUID(uid("conversation 3")), "/messages/2"))),
                message(3, 2, id=None),
            ],
        ),
        conversation(4, messages=[message(4, 0, **everything, model_used=None)]),
        conversation(5, user_id=uid("user 5").upper(), project_id=uid("nowhere").upper()),
    ]
    world.collections["projects"] = [
        project(0, 0, files={"name": "one", "content": None}),
        project(1, 1, user_id=uid("user 1").upper(), conversation_id=uid("conversation 1").upper()),
        project(2, 2, conversation_id=uid("nowhere").upper(), files=None),
        project(3, 3, user_id=Binary(UUID(uid("user 3")).bytes, 4)),
        project(4, 4, files=[{"name": "a", "content": "b", "id": uid("file"), "$set": 1}] * 2),
        project(5, 5, conversation_id=uid("conversation 2")),
    ]
    del world.get("projects", 5)["files"]
    world.collections["invoices"] = [
        {**world.get("invoices", n), "amount": amount}
        for n, amount in enumerate((Decimal128("9.9"), 0.1 + 0.2, "12,5".replace(",", "."), 7, Int64(8), -0.0))
    ]
    world.write(folder)
    done = await execute(target, folder)
    assert done.quarantine_rules == {}
    assert await _assert_rebuilt(target, folder) == 24

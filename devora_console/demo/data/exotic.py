"""Documents that no live server of the demo accepts: they exist in dump folders only.

Decimal128, NaN, dates beyond what Python's datetime holds, invalid UTF-8, duplicate keys, ``_id``s of mixed
types. Each is made as raw BSON and comes with its fate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bson
from bson import json_util
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.demo.data import ids
from devora_console.demo.data.accounts import invoice, user
from devora_console.demo.data.anomalies import MIGRATED, QUARANTINED, Fate
from devora_console.demo.data.plan import ADMIN, Plan
from devora_console.demo.data.workspaces import project

_YEAR_0 = -62_150_000_000_000  # milliseconds since 1970: in the summer of the year 0, 1 BC
_YEAR_20000 = 569_000_000_000_000
_BROKEN = b"Andr\xe9 \xff\xfe\xc3("


@dataclass(frozen=True, slots=True)
class Exotic:
    """One such document as raw BSON, with what must become of it.

    ``leads``: its ``_id`` sorts before every ObjectId, so it comes first in a dump. ``files`` and ``history``
    are the numbers of elements of a project's arrays.
    """

    name: str
    collection: str
    fate: Fate
    rule: str
    source_id: str
    raw: bytes
    leads: bool = False
    files: int = 0
    history: int = 0


def source_id(value: object) -> str:
    """An ``_id`` as text: hexadecimal for an ObjectId, canonical Extended JSON for anything else."""
    if isinstance(value, ObjectId):
        return str(value)
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def exotic_documents(plan: Plan) -> Iterator[Exotic]:
    """The exotic documents of a hostile dump, in ``_id`` order within each collection."""
    yield from _users(plan)
    yield from _projects(plan)
    yield from _invoices(plan)


def _users(plan: Plan) -> Iterator[Exotic]:
    odd_ids: tuple[object, ...] = (-7, Int64(2**40), "compte-importé-1", "\u202ecompte\x1b[31m")
    for nth, odd in enumerate(odd_ids):
        document = _spare(plan, "users", nth, user) | {"_id": odd}
        yield _plain("id_not_objectid", "users", "plain", document)
    dates = (("created_at_year_0", _YEAR_0), ("created_at_year_20000", _YEAR_20000))
    for nth, (name, milliseconds) in enumerate(dates, start=4):
        document = _spare(plan, "users", nth, user) | {"created_at": DatetimeMS(milliseconds)}
        yield _plain(name, "users", "plain", document)
    extra = {
        "filtre": Regex("^caf[eé]", "i"),
        "position_oplog": Timestamp(1_733_000_000, 7),
        "bornes": [MinKey(), MaxKey()],
        "solde": Decimal128("-0E-6176"),
        "score": float("nan"),
        "plafond": float("inf"),
    }
    yield _plain("extra_types", "users", "extra_kept", _spare(plan, "users", 6, user) | extra)
    document = _spare(plan, "users", 7, user)
    good = {key: _element(key, value) for key, value in document.items()}
    raw = _join((good | {"full_name": _string("full_name", _BROKEN)}).values())
    yield Exotic("invalid_utf8", "users", QUARANTINED, "invalid_utf8", source_id(document["_id"]), raw)


def _projects(plan: Plan) -> Iterator[Exotic]:
    document = _spare(plan, "projects", 0, project)
    document |= {"user_id": plan.entity_id("users", ADMIN), "conversation_id": None}
    raw = _join([*(_element(key, value) for key, value in document.items()), _element("name", "Second nom")])
    yield Exotic(
        "duplicate_keys",
        "projects",
        QUARANTINED,
        "duplicate_keys",
        source_id(document["_id"]),
        raw,
        files=len(document["files"]),
        history=len(document["conversation_history"]),
    )


def _invoices(plan: Plan) -> Iterator[Exotic]:
    amounts: tuple[tuple[str, str, Fate, str], ...] = (
        ("amount_decimal128", "9.90", MIGRATED, "plain"),
        ("amount_decimal128", "1.2E+3", MIGRATED, "plain"),
        ("amount_decimal128", "0.0", MIGRATED, "plain"),
        ("amount_nan", "NaN", QUARANTINED, "bad_number"),
        ("amount_34_digits", "1234567890123456789012345678901234", QUARANTINED, "bad_number"),
    )
    for nth, (name, amount, fate, rule) in enumerate(amounts):
        document = _spare(plan, "invoices", nth, invoice) | {"amount": Decimal128(amount)}
        document["user_id"] = plan.entity_id("users", ADMIN)
        yield Exotic(name, "invoices", fate, rule, source_id(document["_id"]), bson.encode(document))


def _spare(plan: Plan, collection: str, nth: int, make: Any) -> dict[str, Any]:
    """An ordinary document after the last of its collection, with an identity and unique keys of its own."""
    count = plan.sizes.of(collection)
    index = count + nth
    document: dict[str, Any] = make(plan, index)
    # Later than everything else in the collection, and still inside the period.
    at = plan.later + ids.LAST_DAY.replace(hour=1, minute=nth)
    document["_id"] = ids.object_id(plan.seed, collection, index, at)
    document["created_at"] = ids.iso_text(at)
    if "updated_at" in document:
        document["updated_at"] = ids.iso_text(at)
    return document


def _plain(name: str, collection: str, rule: str, document: dict[str, Any]) -> Exotic:
    leads = not isinstance(document["_id"], ObjectId)
    return Exotic(name, collection, MIGRATED, rule, source_id(document["_id"]), bson.encode(document), leads)


def _element(key: str, value: object) -> bytes:
    return bson.encode({key: value})[4:-1]


def _string(key: str, value: bytes) -> bytes:
    """A string element of any bytes, valid UTF-8 or not."""
    return b"\x02" + key.encode() + b"\x00" + struct.pack("<i", len(value) + 1) + value + b"\x00"


def _join(elements: Any) -> bytes:
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\x00"

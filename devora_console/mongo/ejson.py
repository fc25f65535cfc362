"""Extended JSON: a decoded BSON value as plain JSON types and back, without loss, and ``_id``s as text.

Canonical Extended JSON (v2) with two additions, because jsonb cannot hold what BSON can: see :func:`ejson`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import bson
from bson import json_util
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.mongo.codec import CODEC

_SURROGATE = re.compile("[\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=CODEC.datetime_conversion,
)
# Behind the text of an _id: the second, third ... document that has it.
_NUMBERED = re.compile(r" #\d+$", re.ASCII)
# PostgreSQL indexes source ids in a btree, whose entries end at 2,704 bytes.
_LONGEST_ID = 1000


def milliseconds(moment: datetime | DatetimeMS) -> int:
    """A BSON date as milliseconds since 1970, whatever its year."""
    if isinstance(moment, DatetimeMS):
        return int(moment)
    delta = moment - _EPOCH
    return (delta.days * 86_400_000) + delta.seconds * 1000 + delta.microseconds // 1000


def ejson(value: Any) -> Any:
    """Canonical Extended JSON (v2) of a decoded value, as plain JSON types.

    Two additions, because jsonb cannot hold what BSON can: a string with NUL or without valid UTF-8 becomes
    ``{"$string": base64 of its bytes}``; a document with a key that starts with ``$`` (and could be mistaken for
    Extended JSON), holds NUL or is not UTF-8 becomes ``{"$bson": base64 of the document}``.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and not isinstance(value, Code):
        if "\x00" in value or (not value.isascii() and _SURROGATE.search(value)):
            return {"$string": _base64(value.encode("utf-8", "surrogateescape"))}
        return value
    if isinstance(value, dict):
        return _document(value)
    if isinstance(value, list):
        return [ejson(item) for item in value]
    if isinstance(value, Int64):
        return {"$numberLong": str(int(value))}
    if isinstance(value, int):
        return {"$numberInt" if -(2**31) <= value < 2**31 else "$numberLong": str(value)}
    if isinstance(value, float):
        return {"$numberDouble": _double(value)}
    return _special(value)


def _special(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return {"$oid": str(value)}
    if isinstance(value, datetime | DatetimeMS):
        return {"$date": {"$numberLong": str(milliseconds(value))}}
    if isinstance(value, Decimal128):
        return {"$numberDecimal": str(value)}
    if isinstance(value, Binary | bytes):
        subtype = value.subtype if isinstance(value, Binary) else 0
        return {"$binary": {"base64": _base64(bytes(value)), "subType": f"{subtype:02x}"}}
    if isinstance(value, Timestamp):
        return {"$timestamp": {"t": value.time, "i": value.inc}}
    if isinstance(value, MinKey | MaxKey):
        return {"$minKey": 1} if isinstance(value, MinKey) else {"$maxKey": 1}
    # Regex, Code, DBRef and what a later driver may bring: the bytes say it exactly, without rebuilding flags by hand.
    if isinstance(value, Regex | Code | DBRef):
        return {"$bson": _base64(bson.encode({"": value}, codec_options=CODEC))}
    raise TypeError(f"no Extended JSON for a {type(value).__name__}")


def _document(value: dict[str, Any]) -> Any:
    if any(key.startswith("$") or "\x00" in key or _SURROGATE.search(key) for key in value):
        # As a field of another document: PyMongo moves _id to the front of a whole one.
        return {"$bson": _base64(bson.encode({"": value}, codec_options=CODEC)[6:-1])}
    return {key: ejson(item) for key, item in value.items()}


def _double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def unejson(value: Any) -> Any:
    """The value that :func:`ejson` was given. Raises ValueError for what it never makes."""
    if isinstance(value, list):
        return [unejson(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key == "$string":
            return base64.b64decode(inner).decode("utf-8", "surrogateescape")
        if key == "$bson":
            found = bson.decode(base64.b64decode(inner), CODEC)
            return found[""] if set(found) == {""} and isinstance(found[""], Regex | Code | DBRef) else found
        if key == "$numberInt":
            return int(inner)
        if key.startswith("$"):
            return json_util.object_hook({key: unejson(inner)}, _OPTIONS)
    return {key: unejson(item) for key, item in value.items()}


def source_id(value: Any) -> str:
    """The text form of an ``_id``: 24 hexadecimal digits for an ObjectId, else canonical Extended JSON.

    The two cannot be confused: a string ``_id`` is written with its quotes. A text too long for an index becomes
    ``long`` and its digest; such documents do not migrate (see :func:`is_readable_id`).
    """
    if isinstance(value, ObjectId):
        return str(value)
    try:
        text = json.dumps(ejson(value), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        text = "\x00" * (_LONGEST_ID + 1)
    if len(text.encode("utf-8")) > _LONGEST_ID:
        return f"long {hashlib.md5(text.encode('utf-8'), usedforsecurity=False).hexdigest()}"
    return text


def is_readable_id(text: str) -> bool:
    """Whether the ``_id`` can be had back from its text form."""
    return not text.startswith(("long ", "md5 ")) and not _NUMBERED.search(text)


def object_of(text: str) -> Any:
    """The ``_id`` that a text of :func:`source_id` stands for. ValueError unless :func:`is_readable_id`."""
    if len(text) == 24 and ObjectId.is_valid(text):
        return ObjectId(text)
    return unejson(json.loads(text))

"""Raw BSON: cut blocks into documents, decode one document honestly, write a value as Extended JSON.

Decoding never guesses: dates outside Python's range stay 64-bit milliseconds, UUIDs stay binary, strings that are
not UTF-8 keep their bytes as surrogates and are reported by :func:`defects`.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
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

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="surrogateescape",
)
MAX_DOCUMENT = 48 * 1024 * 1024
_LENGTH = struct.Struct("<i")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Damaged(ValueError):
    """Bytes that are not a BSON document; ``offset`` is where in the block."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


def split(block: bytes) -> Iterator[bytes]:
    """The documents of a block of concatenated BSON, by length prefix, undecoded. Raises :class:`Damaged`."""
    position, end = 0, len(block)
    while position < end:
        if position + 5 > end:
            raise Damaged(f"{end - position} stray bytes after the last document", position)
        (length,) = _LENGTH.unpack_from(block, position)
        if length < 5 or length > MAX_DOCUMENT or position + length > end:
            raise Damaged(f"a document claims {length} bytes, {end - position} remain", position)
        yield block[position : position + length]
        position += length


def decode(raw: bytes) -> dict[str, Any]:
    """One document. Raises :class:`Damaged` when the bytes are not BSON."""
    try:
        return bson.decode(raw, CODEC)
    except (bson.errors.InvalidBSON, ValueError, OverflowError, struct.error) as error:
        raise Damaged(f"not readable as BSON ({error})") from None


def document_id(raw: bytes) -> Any:
    """The ``_id`` of a raw document, or None when even that cannot be read."""
    try:
        return bson.decode(raw, CODEC).get("_id")
    except (bson.errors.InvalidBSON, ValueError, OverflowError, struct.error):
        return _first_object_id(raw)


def _first_object_id(raw: bytes) -> ObjectId | None:
    # mongod always stores _id first: type 0x07, name "_id\0", twelve bytes.
    return ObjectId(raw[9:21]) if raw[4:9] == b"\x07_id\x00" and len(raw) >= 21 else None


def source_id(value: Any) -> str:
    """The text form of an ``_id``: 24 hexadecimal digits for an ObjectId, else canonical Extended JSON.

    The two cannot be confused: a string ``_id`` is written with its quotes.
    """
    if isinstance(value, ObjectId):
        return str(value)
    return json.dumps(ejson(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def defects(raw: bytes, document: dict[str, Any]) -> str | None:
    """Why a decoded document does not say all that its bytes say, or None when it does.

    ``duplicate_keys``: a field name occurs twice in one (sub)document and decoding kept one of them.
    ``invalid_utf8``: a string or key is not UTF-8. ``deprecated_type``: symbol, undefined or DBPointer, which
    decoding turns into something else.
    """
    try:
        if bson.encode(document, codec_options=CODEC) == raw:
            return None
    except UnicodeEncodeError:
        return "invalid_utf8"
    except (bson.errors.InvalidDocument, bson.errors.InvalidStringData, OverflowError, ValueError):
        pass  # something else is odd: the walk below says what
    return _walk_raw(raw)


def _walk_raw(raw: bytes) -> str | None:
    seen: set[str] = set()
    for name, kind, value in _elements(raw):
        if kind in (0x06, 0x0C, 0x0E):
            return "deprecated_type"
        if name in seen:
            return "duplicate_keys"
        seen.add(name)
        if kind in (0x03, 0x04):
            found = _walk_raw(value)
            if found:
                return found
    return None


_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}


def _elements(raw: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(name, type, value bytes) of each element of one document, without decoding."""
    position, end = 4, len(raw) - 1
    while position < end:
        kind = raw[position]
        stop = raw.index(b"\x00", position + 1)
        name = raw[position + 1 : stop].decode("utf-8", "surrogateescape")
        start = stop + 1
        size = _size(raw, kind, start)
        yield name, kind, raw[start : start + size]
        position = start + size


def _size(raw: bytes, kind: int, start: int) -> int:
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == 0x0B:  # regex: two C strings
        first = raw.index(b"\x00", start)
        return raw.index(b"\x00", first + 1) + 1 - start
    length = int(_LENGTH.unpack_from(raw, start)[0])
    if kind in (0x03, 0x04, 0x0F):
        return length
    if kind == 0x05:
        return length + 5
    if kind == 0x0C:
        return length + 16
    return length + 4  # 0x02 string, 0x0D code, 0x0E symbol


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
        return {"$bson": _base64(bson.encode(value, codec_options=CODEC))}
    return {key: ejson(item) for key, item in value.items()}


def _double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

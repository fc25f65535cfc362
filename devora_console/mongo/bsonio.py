"""Raw BSON: cut blocks into documents, decode one document honestly, say what decoding would have changed.

Decoding never guesses: dates outside Python's range stay 64-bit milliseconds, UUIDs stay binary, strings that are
not UTF-8 keep their bytes as surrogates and are reported by :func:`defects`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import bson
from bson.objectid import ObjectId

from devora_console.mongo.codec import CODEC
from devora_console.mongo.ejson import ejson, milliseconds, source_id

__all__ = [
    "CODEC",
    "MAX_DOCUMENT",
    "UNREADABLE",
    "Damaged",
    "decode",
    "defects",
    "document_id",
    "ejson",
    "id_element",
    "milliseconds",
    "source_id",
    "split",
]

MAX_DOCUMENT = 48 * 1024 * 1024
_LENGTH = struct.Struct("<i")
_OBJECT_ID_FIRST = b"\x07_id\x00"
# What PyMongo raises for bytes that are no BSON; TypeError and AttributeError come from values of the wrong kind
# inside DBRefs, RecursionError from documents nested thousands deep.
UNREADABLE = (
    bson.errors.BSONError,
    ValueError,
    OverflowError,
    struct.error,
    TypeError,
    AttributeError,
    RecursionError,
)


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
    except UNREADABLE as error:
        raise Damaged(f"not readable as BSON ({error})") from None


def document_id(raw: bytes) -> Any:
    """The ``_id`` of a raw document, or None when even that cannot be read."""
    if raw[4:9] == _OBJECT_ID_FIRST and len(raw) >= 21:  # as mongod stores nearly every document
        return ObjectId(raw[9:21])
    try:
        return bson.decode(raw, CODEC).get("_id")
    except UNREADABLE:
        return None


def id_element(raw: bytes) -> bytes:
    """The type and bytes of a document's ``_id``, undecoded; empty where it has none. Raises ValueError, IndexError,
    KeyError or struct.error for bytes that are no BSON.

    >>> id_element(bson.encode({"_id": 1}))
    b'\\x10\\x01\\x00\\x00\\x00'
    """
    if raw[4:9] == _OBJECT_ID_FIRST:
        return b"\x07" + raw[9:21]
    if raw[5:9] == b"_id\x00":
        return raw[4:5] + raw[9 : 9 + _size(raw, raw[4], 9)]
    return next((bytes([kind]) + value for name, kind, value in _elements(raw) if name == "_id"), b"")


def defects(raw: bytes, document: dict[str, Any]) -> str | None:
    """Why a decoded document does not say all that its bytes say, or None when it does.

    ``duplicate_keys``: a field name occurs twice in one (sub)document and decoding kept one of them.
    ``invalid_utf8``: a string or key is not UTF-8. ``deprecated_type``: symbol, undefined or DBPointer, which
    decoding turns into something else. ``not_exact``: any other value that does not survive being read.
    """
    try:
        again = bson.encode(document, codec_options=CODEC)
    except UnicodeEncodeError:
        return "invalid_utf8"
    except UNREADABLE:
        again = b""  # something else is odd: the walk below says what
    if again == raw:
        return None
    found = _walk(raw)
    if found is None and not (again and _same(raw, again)):
        return "not_exact"
    return found


def _walk(raw: bytes, *, array: bool = False) -> str | None:
    seen: set[str] = set()
    for name, kind, value in _elements(raw):
        if kind in (0x06, 0x0C, 0x0E):
            return "deprecated_type"
        if name in seen and not array:
            return "duplicate_keys"
        seen.add(name)
        if kind in (0x03, 0x04):
            found = _walk(value, array=kind == 0x04)
            if found:
                return found
    return None


def _same(one: bytes, other: bytes, *, array: bool = False) -> bool:
    """Whether two documents hold the same fields. Their order (drivers put ``_id`` first) and the names of array
    elements ("0", "1", ...) do not count."""
    ours, theirs = list(_elements(one)), list(_elements(other))
    if not array:
        ours.sort(key=lambda element: element[0])
        theirs.sort(key=lambda element: element[0])
    if len(ours) != len(theirs):
        return False
    for (name, kind, value), (name2, kind2, value2) in zip(ours, theirs, strict=True):
        if kind != kind2 or (name != name2 and not array):
            return False
        if kind in (0x03, 0x04):
            if not _same(value, value2, array=kind == 0x04):
                return False
        elif value != value2:
            return False
    return True


_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}


def _elements(raw: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(name, type, value bytes) of each element of one document that decoded well."""
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

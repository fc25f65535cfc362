"""Documents that the driver reads as something else: symbol, undefined and DBPointer, kept apart by type.

PyMongo turns a symbol into text and undefined into None, and a histogram of types must not. Slow, and used only for
documents that :func:`~devora_console.mongo.bsonio.defects` calls ``deprecated_type``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import bson

from devora_console.mongo.codec import CODEC

_LENGTH = struct.Struct("<i")
_DEEPEST = 200
_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}


class Undefined:
    """A BSON value of type undefined."""


class Symbol:
    """A BSON value of type symbol."""


class DBPointer:
    """A BSON value of type dbPointer."""


_DEPRECATED: dict[int, type] = {0x06: Undefined, 0x0C: DBPointer, 0x0E: Symbol}


def distinguish(raw: bytes, depth: int = 0) -> dict[str, Any]:
    """The document with the deprecated types as classes of their own. It must have decoded well before.

    Raises RecursionError for documents nested too deeply.
    """
    if depth > _DEEPEST:
        raise RecursionError
    return {name: _value(kind, value, depth) for name, kind, value in _elements(raw)}


def _value(kind: int, value: bytes, depth: int) -> Any:
    if kind in _DEPRECATED:
        return _DEPRECATED[kind]()
    if kind == 0x03:
        return distinguish(value, depth + 1)
    if kind == 0x04:
        return list(distinguish(value, depth + 1).values())
    document = _LENGTH.pack(len(value) + 7) + bytes([kind]) + b"\x00" + value + b"\x00"
    return bson.decode(document, CODEC)[""]


def _elements(raw: bytes) -> Iterator[tuple[str, int, bytes]]:
    position, end = 4, len(raw) - 1
    while position < end:
        kind = raw[position]
        stop = raw.index(b"\x00", position + 1)
        start = stop + 1
        size = _size(raw, kind, start)
        yield raw[position + 1 : stop].decode("utf-8", "surrogateescape"), kind, raw[start : start + size]
        position = start + size


def _size(raw: bytes, kind: int, start: int) -> int:
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == 0x0B:  # a regular expression: two C strings
        first = raw.index(b"\x00", start)
        return raw.index(b"\x00", first + 1) + 1 - start
    length = int(_LENGTH.unpack_from(raw, start)[0])
    if kind in (0x03, 0x04, 0x0F):
        return length
    if kind == 0x05:
        return length + 5
    return length + (16 if kind == 0x0C else 4)

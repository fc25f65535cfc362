"""PostgreSQL's binary forms: the bytes that COPY BINARY carries and that ``*_send`` functions return."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

INT32 = struct.Struct(">i")
INT64 = struct.Struct(">q")
NULL = b"\xff\xff\xff\xff"
PG_EPOCH_US = 946_684_800_000_000
# Microseconds since 1970: timestamptz spans 4714-11-24 BC (Julian day 0) up to, not including, 294277-01-01.
_PG_MIN_US = -210_866_803_200_000_000
_PG_MAX_US = 9_224_318_016_000_000_000


def wire(cell: bytes | None) -> bytes:
    """A field as COPY BINARY carries it, a *wire cell*: its length as int32 (-1 for null), then its bytes."""
    return NULL if cell is None else INT32.pack(len(cell)) + cell


def cells_of(body: bytes) -> list[bytes | None]:
    """The fields of a row as COPY BINARY carries them."""
    cells: list[bytes | None] = []
    at = 0
    while at < len(body):
        (size,) = INT32.unpack_from(body, at)
        at += 4
        cells.append(None if size < 0 else body[at : at + size])
        at += max(size, 0)
    return cells


def encode_numeric(number: Decimal, scale: int | None = None) -> bytes:
    """``numeric_send``: base-10000 digits with weight, sign and display scale (PostgreSQL's utils/adt/numeric.c)."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    dscale = max(0, -exponent) if scale is None else scale
    text = "".join(map(str, digits)) + "0" * max(0, exponent)
    fraction_length = max(0, -exponent)
    text = text.rjust(fraction_length + 1, "0")
    whole, fraction = text[: len(text) - fraction_length], text[len(text) - fraction_length :]
    whole = whole.lstrip("0")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole) + len(fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        weight, sign = 0, 0
    head = struct.pack(">hhHh", len(groups), weight, 0x4000 if sign else 0, dscale)
    return head + struct.pack(f">{len(groups)}h", *groups)


def encode_moment(us: int) -> bytes | None:
    """``timestamptz_send`` of microseconds since 1970; None beyond PostgreSQL's range."""
    if not _PG_MIN_US <= us < _PG_MAX_US:
        return None
    return INT64.pack(us - PG_EPOCH_US)


def decode_moment(cell: bytes) -> int:
    """Microseconds since 1970 of a ``timestamptz_send``."""
    return int(INT64.unpack(cell)[0]) + PG_EPOCH_US


def uuid_text(cell: bytes) -> str:
    """The canonical text of a ``uuid_send``; many times as fast as by way of UUID."""
    digits = cell.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def encode_jsonb(value: Any) -> bytes:
    """``jsonb_send``: version 1, then jsonb's own text of a JSON value without numbers from floats."""
    return b"\x01" + _jsonb_text(value).encode("utf-8")


def _jsonb_text(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        keys = sorted(value, key=_key_order)
        return "{" + ", ".join([f"{_string(key)}: {_jsonb_text(value[key])}" for key in keys]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([_jsonb_text(item) for item in value]) + "]"
    return json.dumps(value)


def _key_order(key: str) -> tuple[int, bytes]:
    """jsonb sorts keys by their length in bytes, then by their bytes."""
    raw = key.encode("utf-8")
    return len(raw), raw


_string = json.JSONEncoder(ensure_ascii=False).encode

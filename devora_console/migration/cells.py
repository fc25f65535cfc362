"""Binary fields of a row for people, on one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from struct import unpack
from uuid import UUID

from devora_console.core.safetext import one_line


def show(kind: str, cell: bytes | None) -> str:
    """A binary field for people, on one line."""
    if cell is None:
        return "null"
    if kind == "uuid":
        return str(UUID(bytes=cell))
    if kind == "bool":
        return "true" if cell == b"\x01" else "false"
    if kind in ("int4", "int8"):
        return str(int.from_bytes(cell, "big", signed=True))
    if kind == "timestamptz":
        return _moment(int.from_bytes(cell, "big", signed=True))
    if kind == "numeric":
        return str(decode_numeric(cell))
    text = cell[1:] if kind == "jsonb" else cell
    return one_line(text.decode("utf-8", "replace"), 120)


def _moment(microseconds: int) -> str:
    try:
        return (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:
        return f"{microseconds} µs from 2000-01-01"


def decode_numeric(cell: bytes) -> Decimal:
    """A finite numeric from its binary form."""
    count, weight, sign, scale = unpack(">hhHh", cell[:8])
    digits = unpack(f">{count}h", cell[8:])
    number = sum((Decimal(d).scaleb(4 * (weight - at)) for at, d in enumerate(digits)), Decimal(0))
    return (-number if sign else number).quantize(Decimal(1).scaleb(-scale))

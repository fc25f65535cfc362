"""Rows as COPY BINARY carries them, what a converted document is made of, and the decisions put into it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from devora_console.migration.encode import INT32, encode_jsonb, uuid_text
from devora_console.migration.plan import CollectionPlan, ColumnPlan, TablePlan

Row = list[bytes | None]
_NULL = b"\xff\xff\xff\xff"


@dataclass(slots=True)
class Element:
    """One row of an embedded array, before decisions. ``own_id`` is its own key as text, if it has one."""

    row: Row
    extra: dict[str, Any]
    own_id: str | None


@dataclass(slots=True)
class Converted:
    """A document's rows before decisions.

    ``references`` are (column, key named) pairs of the root row; ``rank`` is microseconds since 1970 of the
    column that decides between contenders; ``counts`` are the rules applied so far.
    """

    source_id: str
    pk: str
    root: Row
    extra: dict[str, Any]
    children: list[list[Element]]
    references: list[tuple[str, str]]
    owner_columns: list[str]
    rank: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rest of the source decides about a document: columns set (None: null), and keys to be derived."""

    columns: AbstractMapping[str, str | None] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()  # reference columns set to null because they lead nowhere
    derive: frozenset[tuple[int, int]] = frozenset()  # (child plan, ordinal) whose own id is another row's


NO_DECISION = Decision()


def finish(converted: Converted, plan: CollectionPlan, decision: Decision) -> list[list[Row]]:
    """The rows of each table (root first), with the decisions of the rest of the source put in."""
    root = list(converted.root)
    extra = _settle(converted, plan, decision, root)
    if plan.root.extra_index is not None and extra:
        root[plan.root.extra_index] = encode_jsonb(extra)
    tables: list[list[Row]] = [[root]]
    for number, (child, elements) in enumerate(zip(plan.children, converted.children, strict=True)):
        rows = []
        for ordinal, element in enumerate(elements):
            row, element_extra = list(element.row), element.extra
            if (number, ordinal) in decision.derive:
                row[child.table.key_index] = derived_key(converted.pk, child.path, ordinal)
                element_extra = {"$key": element.own_id, **element_extra}
            if child.table.extra_index is not None and element_extra:
                row[child.table.extra_index] = encode_jsonb(element_extra)
            rows.append(row)
        tables.append(rows)
    return tables


def _settle(converted: Converted, plan: CollectionPlan, decision: Decision, root: Row) -> dict[str, Any]:
    """Put decided columns into ``root``; returns the extra with the originals of what was dropped."""
    if not decision.columns and not decision.dropped:
        return converted.extra
    extra = dict(converted.extra)
    for column in plan.references:
        cell = root[column.index]
        if column.column.name in decision.dropped and cell is not None:
            original = {column.rules.path: key_text(column.column.type, cell)}
            extra["$original"] = original | extra.get("$original", {})
            root[column.index] = None
    for name, value in decision.columns.items():
        at = plan.root.index(name)
        root[at] = None if value is None else _encode(plan.root.types[at], value)
    return extra


def body(row: Row) -> bytes:
    """A row as COPY BINARY carries its fields: for each, its length (-1 for null) and its bytes."""
    parts = []
    for cell in row:
        if cell is None:
            parts.append(_NULL)
        else:
            parts.append(INT32.pack(len(cell)))
            parts.append(cell)
    return b"".join(parts)


def digest(tables: list[list[Row]]) -> bytes:
    """16 bytes that change when any field of any row of the document does."""
    state = hashlib.md5(usedforsecurity=False)
    for rows in tables:
        state.update(INT32.pack(len(rows)))
        for row in rows:
            state.update(body(row))
    return state.digest()


def derived_key(pk: str, path: str, ordinal: int) -> bytes:
    """The key of an array element without one: uuid5 of its parent's key, the array's path and its position."""
    name = f"{path}/{ordinal}".encode()
    cell = bytearray(hashlib.sha1(_namespace(pk) + name, usedforsecurity=False).digest()[:16])
    cell[6] = cell[6] & 0x0F | 0x50  # version 5
    cell[8] = cell[8] & 0x3F | 0x80  # the variant of RFC 4122
    return bytes(cell)


@lru_cache(maxsize=4)
def _namespace(pk: str) -> bytes:
    try:
        return UUID(pk).bytes
    except ValueError:
        return uuid5(NAMESPACE_URL, pk).bytes


def key_text(kind: str, cell: bytes) -> str:
    """A key (uuid or text) as PostgreSQL writes it."""
    return uuid_text(cell) if kind == "uuid" else cell.decode("utf-8")


def octets(row: Row, table: TablePlan, column: ColumnPlan) -> bytes | None:
    """The number of bytes of the stored text that ``column`` measures."""
    index = next(c.index for c in table.columns if c.column.path == column.column.of)
    cell = row[index]
    return None if cell is None else INT32.pack(len(cell))


def _encode(kind: str, value: str) -> bytes:
    return bytes.fromhex(value.replace("-", "")) if kind == "uuid" else value.encode("utf-8")

"""Rows as COPY BINARY carries them, what a converted document is made of, and the decisions put into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from devora_console.migration.encode import INT32, NULL, cells_of, encode_jsonb, uuid_text, wire
from devora_console.migration.plan import ChildPlan, CollectionPlan, ColumnPlan, TablePlan

Row = list[bytes | None]
# A row as COPY BINARY carries its fields: the wire cells one after the other.
Body = bytes


@dataclass(slots=True)
class Element:
    """One row of an embedded array that is not packed yet. ``own_id`` is its own key as text, if it has one."""

    row: Row
    extra: dict[str, Any]
    own_id: str | None


@dataclass(slots=True)
class Packed:
    """The rows of an embedded array, packed already, none with an ``extra`` that decisions would change.

    ``own``: the keys, a UUID in front of each row, are the elements' own; else they are derived.
    """

    bodies: list[Body]
    own: bool

    def own_ids(self) -> list[bytes]:
        """The elements' own ids, 16 bytes each; none when the keys are derived."""
        return [each[4:20] for each in self.bodies] if self.own else []


@dataclass(slots=True)
class Converted:
    """A document's rows before decisions. ``root`` holds wire cells.

    ``references`` are (column, key named) pairs of the root row; ``rank`` is microseconds since 1970 of the
    column that decides between contenders; ``counts`` are the rules applied so far.
    """

    source_id: str
    pk: str
    root: list[bytes]
    extra: dict[str, Any]
    children: Sequence[list[Element] | Packed]
    references: list[tuple[str, str]]
    owner_columns: list[str]
    rank: int | None
    counts: dict[str, int]
    judged: bool = False  # it is certain that the tables take every row, keys and references apart


class Decision(NamedTuple):
    """What the rest of the source decides about a document: columns set (None: null), and keys to be derived."""

    columns: AbstractMapping[str, str | None] = {}
    dropped: tuple[str, ...] = ()  # reference columns set to null because they lead nowhere
    derive: frozenset[tuple[int, int]] = frozenset()  # (child plan, ordinal) whose own id is another row's


NO_DECISION = Decision()


def finish(converted: Converted, plan: CollectionPlan, decision: Decision) -> list[list[Body]]:
    """The rows of each table (root first), with the decisions of the rest of the source put in."""
    root = list(converted.root)
    extra = _settle(converted, plan, decision, root)
    if plan.root.extra_index is not None and extra:
        root[plan.root.extra_index] = wire(encode_jsonb(extra))
    tables: list[list[Body]] = [[b"".join(root)]]
    for number, (child, elements) in enumerate(zip(plan.children, converted.children, strict=True)):
        derive = {ordinal for at, ordinal in decision.derive if at == number}
        if isinstance(elements, Packed):
            tables.append(_rekeyed(elements, child, converted.pk, derive) if derive else elements.bodies)
        else:
            tables.append([_finished(e, child, converted.pk, at, at in derive) for at, e in enumerate(elements)])
    return tables


def _finished(element: Element, child: ChildPlan, pk: str, ordinal: int, derive: bool) -> Body:
    row, extra = list(element.row), element.extra
    if derive:
        row[child.table.key_index] = derived_key(pk, child.path, ordinal)
        extra = {"$key": element.own_id, **extra}
    if child.table.extra_index is not None and extra:
        row[child.table.extra_index] = encode_jsonb(extra)
    return body(row)


def _rekeyed(packed: Packed, child: ChildPlan, pk: str, derive: set[int]) -> list[Body]:
    """Rows whose own id is another row's get the key of their place; the id is kept beside them."""
    bodies = list(packed.bodies)
    for ordinal in derive:
        row = cells_of(bodies[ordinal])
        row[child.table.key_index] = derived_key(pk, child.path, ordinal)
        at = child.table.extra_index
        if at is not None:
            kept = json.loads((row[at] or b"\x01{}")[1:])
            row[at] = encode_jsonb({"$key": uuid_text(packed.own_ids()[ordinal]), **kept})
        bodies[ordinal] = body(row)
    return bodies


def _settle(converted: Converted, plan: CollectionPlan, decision: Decision, root: list[bytes]) -> dict[str, Any]:
    """Put decided columns into ``root``; returns the extra with the originals of what was dropped."""
    if not decision.columns and not decision.dropped:
        return converted.extra
    extra = dict(converted.extra)
    for column in plan.references:
        cell = root[column.index]
        if column.column.name in decision.dropped and cell != NULL:
            original = {column.rules.path: key_text(column.column.type, cell[4:])}
            extra["$original"] = original | extra.get("$original", {})
            root[column.index] = NULL
    for name, value in decision.columns.items():
        at = plan.root.index(name)
        root[at] = NULL if value is None else wire(_encode(plan.root.types[at], value))
    return extra


def body(row: Row) -> Body:
    """A row as COPY BINARY carries its fields."""
    return b"".join(map(wire, row))


def digest(tables: list[list[Body]]) -> bytes:
    """16 bytes that change when any field of any row of the document does."""
    state = hashlib.md5(usedforsecurity=False)
    for rows in tables:
        state.update(INT32.pack(len(rows)))
        state.update(b"".join(rows))
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

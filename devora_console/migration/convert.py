"""One document to its rows, whole or not at all.

Conversion has two steps. :func:`convert` looks at the document alone. What depends on other documents (whose a
conversation is, whether a reference leads anywhere, whose key it is when two claim it) is decided for the whole
source in between, and :func:`finish` puts those decisions in. Dry run, execution and verification all use both.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from bson.objectid import ObjectId

from devora_console.migration.mapping import Absent, Key
from devora_console.migration.plan import ChildPlan, CollectionPlan, ColumnPlan, TablePlan
from devora_console.migration.rules import Notes, Refusal, encode_jsonb, encode_moment, moment_us, to_text, to_uuid
from devora_console.mongo.bsonio import Damaged, decode, defects, document_id, ejson, source_id

Row = list[bytes | None]
_MISSING = object()
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")
_PG_EPOCH_US = 946_684_800_000_000
_NULL = b"\xff\xff\xff\xff"
_DEFECTS = {
    "duplicate_keys": "a field name occurs twice in one document",
    "invalid_utf8": "text is not valid UTF-8",
    "deprecated_type": "holds a symbol, undefined or DBPointer value",
}


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


def identify(raw: bytes) -> str:
    """The source id of a raw document; for bytes without a readable ``_id`` a digest of them."""
    found = document_id(raw)
    return source_id(found) if found is not None else "md5 " + hashlib.md5(raw, usedforsecurity=False).hexdigest()


def outline(raw: bytes, plan: CollectionPlan) -> tuple[str | None, tuple[int, ...]]:
    """What can be said of a document that is refused: its own key as text, and how many rows it would have had."""
    try:
        document = decode(raw)
    except Damaged:
        return None, (1, *(0 for _ in plan.children))
    try:
        pk: str | None = _key_text(plan.root.key, _key(document, plan.root))
    except Refusal:
        pk = None
    arrays = (_at(document, child.child.path) for child in plan.children)
    return pk, (1, *(len(a) if isinstance(a, list) else 1 if isinstance(a, dict) else 0 for a in arrays))


def convert(raw: bytes, plan: CollectionPlan) -> Converted:
    """The rows of one raw document. Raises :class:`Refusal` when it must go to quarantine whole."""
    try:
        document = decode(raw)
    except Damaged as damage:
        raise Refusal("not_bson", "", str(damage)) from None
    defect = defects(raw, document)
    if defect is not None:
        raise Refusal(defect, "", _DEFECTS[defect])
    if document.get("_id") is None:
        raise Refusal("id_missing", "/_id", "the document has no _id")
    return _Conversion(document, plan).run()


class _Conversion:
    """The state of converting one document."""

    def __init__(self, document: dict[str, Any], plan: CollectionPlan) -> None:
        self.document = document
        self.plan = plan
        self.notes = Notes()
        self.owner_columns: list[str] = []

    def run(self) -> Converted:
        plan, notes = self.plan, self.notes
        root: Row = [None] * len(plan.root.names)
        key = _key(self.document, plan.root)
        root[plan.root.key_index] = key
        identity = source_id(self.document["_id"])
        if plan.root.source_id_index is not None:
            root[plan.root.source_id_index] = identity.encode()
        for column in plan.root.columns:
            if column.column.path is not None:
                root[column.index] = self._field(self.document, column, notes)
            elif column.column.has_constant:
                root[column.index] = column.constant
        extra = _leftover(self.document, (*plan.root.consumed, ("_id",)))
        pk = _key_text(plan.root.key, key)
        children = [self._children(child, pk, root, extra) for child in plan.children]
        self._compute(root, children)
        counts = dict(notes.counts)
        if extra:
            counts["extra_kept"] = counts.get("extra_kept", 0) + 1
        _annotate(extra, notes)
        return Converted(
            source_id=identity,
            pk=pk,
            root=root,
            extra=extra,
            children=children,
            references=self._references(root),
            owner_columns=self.owner_columns,
            rank=_moment(root[plan.rank_index]) if plan.rank_index is not None else None,
            counts=counts,
        )

    def _field(self, document: dict[str, Any], plan: ColumnPlan, notes: Notes) -> bytes | None:
        assert plan.column.path is not None
        value = _at(document, plan.column.path)
        if value is not _MISSING and value is not None:
            return plan.convert(value, plan.rules, notes)
        missing = value is _MISSING
        when = plan.column.missing if missing else plan.column.null
        if when.how is Absent.ERROR:
            raise _absent(plan, missing)
        if when.how is Absent.OWNER:
            self.owner_columns.append(plan.column.name)
        if when.how in (Absent.NULL, Absent.OWNER):
            if missing and plan.column.usual == "null":
                notes.count("missing_as_null")
                notes.missing.append(plan.rules.path)
            elif not missing and plan.column.usual == "missing":
                notes.originals[plan.rules.path] = None
        elif missing:
            notes.missing.append(plan.rules.path)
        elif when.how in (Absent.VALUE, Absent.FROM, Absent.OBJECTID):
            notes.originals[plan.rules.path] = None
        return self._substitute(document, plan, when.how, missing, notes)

    def _substitute(
        self, document: dict[str, Any], plan: ColumnPlan, how: Absent, missing: bool, notes: Notes
    ) -> bytes | None:
        if how is Absent.VALUE:
            notes.count("default")
            return plan.default if missing else plan.null_default
        if how is Absent.OBJECTID:
            identity = self.document["_id"]
            if not isinstance(identity, ObjectId):
                raise _absent(plan, missing)
            notes.count("objectid_time")
            return encode_moment(moment_us(identity.generation_time, plan.rules, notes), plan.rules.path)
        if how is Absent.FROM:
            when = plan.column.missing if missing else plan.column.null
            other = next((c for c in self.plan.root.columns if c.column.path == when.value), None)
            notes.count("from_field")
            source = other if other is not None else plan
            value = _at(document, when.value)
            if value is _MISSING or value is None:
                if other is None or other is plan:
                    raise _absent(plan, missing)
                return self._field(document, source, Notes())
            return plan.convert(value, plan.rules, notes)
        return None

    def _children(self, plan: ChildPlan, pk: str, root: Row, extra: dict[str, Any]) -> list[Element]:
        value = _at(self.document, plan.child.path)
        if value is _MISSING:
            self.notes.count("array_missing")
            self.notes.missing.append(plan.path)
            return []
        if value is None:
            self.notes.count("array_null")
            extra.setdefault("$null", []).append(plan.path)
            return []
        if isinstance(value, dict):
            self.notes.count("array_wrapped")
            extra.setdefault("$wrapped", []).append(plan.path)
            value = [value]
        if not isinstance(value, list):
            raise Refusal("wrong_type", plan.path, "expected an array")
        seen: set[str] = set()
        return [self._element(plan, item, ordinal, pk, root, seen) for ordinal, item in enumerate(value)]

    def _element(self, plan: ChildPlan, item: Any, ordinal: int, pk: str, root: Row, seen: set[str]) -> Element:
        where = f"{plan.path}/{ordinal}"
        if not isinstance(item, dict):
            raise Refusal("wrong_type", where, "expected a document in the array")
        table, notes = plan.table, Notes()
        row: Row = [None] * len(table.names)
        try:
            own = _own_id(item, table, seen, notes)
            for column in table.columns:
                spec = column.column
                if spec.path is not None:
                    row[column.index] = self._field(item, column, notes)
                elif spec.has_constant:
                    row[column.index] = column.constant
                elif spec.parent is not None:
                    row[column.index] = root[self.plan.root.index(spec.parent)]
                    notes.count("from_parent")
        except Refusal as refusal:
            refusal.path = where + refusal.path
            raise
        for column in table.columns:
            if column.column.compute == "octets":
                row[column.index] = _octets(row, table, column)
        assert table.parent_index is not None
        assert table.ordinal_index is not None
        row[table.parent_index] = root[self.plan.root.key_index]
        row[table.ordinal_index] = _INT32.pack(ordinal)
        row[table.key_index] = UUID(own).bytes if own else derived_key(pk, plan.path, ordinal)
        consumed = table.consumed
        if own is None and table.key.path is not None:
            consumed = tuple(path for path in consumed if path != table.key.path)
        extra = _leftover(item, consumed)
        for rule, count in notes.counts.items():
            self.notes.counts[rule] = self.notes.counts.get(rule, 0) + count
        if extra:
            self.notes.count("extra_kept")
        _annotate(extra, notes)
        return Element(row, extra, own)

    def _compute(self, root: Row, children: list[list[Element]]) -> None:
        for column in self.plan.root.columns:
            spec = column.column
            if spec.compute == "octets":
                root[column.index] = _octets(root, self.plan.root, column)
            elif spec.compute == "latest":
                at = next(n for n, child in enumerate(self.plan.children) if child.child.path == spec.of)
                table = self.plan.children[at].table
                index = next(c.index for c in table.columns if c.column.path == spec.field)
                moments = [cell for element in children[at] if (cell := element.row[index]) is not None]
                root[column.index] = max(moments, key=_INT64.unpack, default=None)

    def _references(self, root: Row) -> list[tuple[str, str]]:
        found = []
        for column in self.plan.references:
            cell = root[column.index]
            if cell is not None:
                found.append((column.column.name, _text(column.column.type, cell)))
        return found


def finish(converted: Converted, plan: CollectionPlan, decision: Decision) -> list[list[Row]]:
    """The rows of each table (root first), with the decisions of the rest of the source put in."""
    root = list(converted.root)
    extra = dict(converted.extra)
    for column in plan.references:
        name = column.column.name
        if name in decision.dropped:
            cell = root[column.index]
            originals = dict(extra.get("$original", {}))
            originals[column.rules.path] = _text(column.column.type, cell) if cell is not None else None
            extra["$original"] = originals
            root[column.index] = None
    for name, value in decision.columns.items():
        at = plan.root.index(name)
        root[at] = None if value is None else _encode(plan.root.types[at], value)
    if plan.root.extra_index is not None and extra:
        root[plan.root.extra_index] = encode_jsonb(extra)
    tables: list[list[Row]] = [[root]]
    for number, (child, elements) in enumerate(zip(plan.children, converted.children, strict=True)):
        rows = []
        for ordinal, element in enumerate(elements):
            row, element_extra = list(element.row), element.extra
            if (number, ordinal) in decision.derive:
                row[child.table.key_index] = derived_key(converted.pk, child.path, ordinal)
                element_extra = {**element_extra, "id": element.own_id}
            if child.table.extra_index is not None and element_extra:
                row[child.table.extra_index] = encode_jsonb(element_extra)
            rows.append(row)
        tables.append(rows)
    return tables


def body(row: Row) -> bytes:
    """A row as COPY BINARY carries its fields: for each, its length (-1 for null) and its bytes."""
    parts = []
    for cell in row:
        if cell is None:
            parts.append(_NULL)
        else:
            parts.append(_INT32.pack(len(cell)))
            parts.append(cell)
    return b"".join(parts)


def digest(tables: list[list[Row]]) -> bytes:
    """16 bytes that change when any field of any row of the document does."""
    state = hashlib.md5(usedforsecurity=False)
    for rows in tables:
        state.update(_INT32.pack(len(rows)))
        for row in rows:
            state.update(body(row))
    return state.digest()


def derived_key(pk: str, path: str, ordinal: int) -> bytes:
    """The key of an array element without one: uuid5 of its parent's key, the array's path and its position."""
    try:
        namespace = UUID(pk)
    except ValueError:
        namespace = uuid5(NAMESPACE_URL, pk)
    return uuid5(namespace, f"{path}/{ordinal}").bytes


def _own_id(item: dict[str, Any], table: TablePlan, seen: set[str], notes: Notes) -> str | None:
    if table.key.path is None:
        notes.count("id_derived")
        return None
    value = _at(item, table.key.path)
    try:
        own = str(UUID(bytes=to_uuid(value, table.key_rules, notes)))
    except Refusal:
        notes.count("id_derived")
        return None
    if own in seen:
        notes.count("id_duplicate")
        return None
    seen.add(own)
    return own


def _key(document: dict[str, Any], table: TablePlan) -> bytes:
    assert table.key.path is not None
    value = _at(document, table.key.path)
    if value is _MISSING or value is None:
        raise Refusal("id_missing", table.key_rules.path, "the document has no id of its own")
    convert_key = to_uuid if table.key.type == "uuid" else to_text
    return convert_key(value, table.key_rules, Notes())


def _key_text(key: Key, cell: bytes) -> str:
    return _text(key.type, cell)


def _text(kind: str, cell: bytes) -> str:
    return str(UUID(bytes=cell)) if kind == "uuid" else cell.decode("utf-8")


def _encode(kind: str, value: str) -> bytes:
    return UUID(value).bytes if kind == "uuid" else value.encode("utf-8")


def _moment(cell: bytes | None) -> int | None:
    return None if cell is None else int(_INT64.unpack(cell)[0]) + _PG_EPOCH_US


def _octets(row: Row, table: TablePlan, column: ColumnPlan) -> bytes | None:
    index = next(c.index for c in table.columns if c.column.path == column.column.of)
    cell = row[index]
    return None if cell is None else _INT32.pack(len(cell))


def _absent(plan: ColumnPlan, missing: bool) -> Refusal:
    state = "is missing" if missing else "is null"
    if plan.column.reference is not None:
        return Refusal(
            "reference_missing", plan.rules.path, f"the reference to {plan.column.reference.collection} {state}"
        )
    return Refusal("not_null", plan.rules.path, f"{plan.column.name} {state}")


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return _MISSING
        document = document[part]
    return document


def _leftover(document: dict[str, Any], consumed: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """What no column takes, as Extended JSON."""
    whole = {path[0] for path in consumed if len(path) == 1}
    rest = {key: value for key, value in document.items() if key not in whole}
    for path in consumed:
        if len(path) > 1 and path[0] in rest:
            rest[path[0]] = _without(rest[path[0]], path[1:])
    extended = ejson(rest)
    assert isinstance(extended, dict)
    # A field name that starts with "$" makes ejson wrap the whole; the wrapper is itself an object, so it stays.
    return extended


def _without(value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}


def _annotate(extra: dict[str, Any], notes: Notes) -> None:
    if notes.originals:
        extra["$original"] = {**extra.get("$original", {}), **notes.originals}
    if notes.missing:
        extra["$missing"] = [*extra.get("$missing", []), *notes.missing]

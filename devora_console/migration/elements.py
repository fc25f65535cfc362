"""Elements of an embedded array: each a row of its own, under its own id or a key derived from its position.

A derived key is the uuid5 of parent key and array pointer with position: ``uuid5(parent, "/messages/3")``. A row that
has that key came from an element without a usable id, unless ``$key`` beside it says which id it had.
"""

from __future__ import annotations

from typing import Any

from devora_console.migration.encode import INT32, uuid_text
from devora_console.migration.fields import MISSING, Whole, annotate, at, leftover, value_of
from devora_console.migration.plan import ChildPlan, TablePlan
from devora_console.migration.rows import Element, Row, derived_key, octets
from devora_console.migration.rules import Notes, Refusal, to_uuid


def elements_of(
    document: dict[str, Any],
    plan: ChildPlan,
    parent: TablePlan,
    pk: str,
    root: Row,
    whole: Whole,
    notes: Notes,
    extra: dict[str, Any],
) -> list[Element]:
    """The rows of one array of a document. An array missing, null or a single document is noted in ``extra``."""
    value = at(document, plan.child.path)
    if value is MISSING:
        notes.count("array_missing")
        notes.missing.append(plan.path)
        return []
    if value is None:
        notes.count("array_null")
        extra.setdefault("$null", []).append(plan.path)
        return []
    if isinstance(value, dict):
        notes.count("array_wrapped")
        extra.setdefault("$wrapped", []).append(plan.path)
        value = [value]
    if not isinstance(value, list):
        raise Refusal("wrong_type", plan.path, "expected an array")
    own_ids = _own_ids(value, plan, pk, notes)
    return [
        _element(plan, item, ordinal, own, parent, pk, root, whole, notes)
        for ordinal, (item, own) in enumerate(zip(value, own_ids, strict=True))
    ]


def _own_ids(items: list[Any], plan: ChildPlan, pk: str, notes: Notes) -> list[str | None]:
    """For each element its own id as text, or None where the key is derived: no id, no UUID, or one seen before."""
    table = plan.table
    if table.key.path is None:
        for _ in items:
            notes.count("id_derived")
        return [None] * len(items)
    found: list[str | None] = []
    seen: set[str] = set()
    for ordinal, item in enumerate(items):
        own = _own_id(item, table)
        if own is not None and own[14] == "5" and own == _derived(pk, plan, ordinal):
            own = None  # the very key that would be derived: the row must not look as if it had an id
        if own is None and not table.key.derive:
            raise Refusal("id_missing", f"{plan.path}/{ordinal}{table.key_rules.path}", "the element has no id")
        if own is None:
            notes.count("id_derived")
        elif own in seen:
            notes.count("id_duplicate")
            own = None
        else:
            seen.add(own)
        found.append(own)
    return _apart(found, plan, pk, notes) if None in found else found


def _apart(found: list[str | None], plan: ChildPlan, pk: str, notes: Notes) -> list[str | None]:
    """An id that equals a key derived for a sibling gives way: two rows must not have one key."""
    while True:
        derived = {_derived(pk, plan, ordinal) for ordinal, own in enumerate(found) if own is None}
        clashing = [ordinal for ordinal, own in enumerate(found) if own in derived]
        if not clashing:
            return found
        for ordinal in clashing:
            notes.count("id_duplicate")
            found[ordinal] = None


def _derived(pk: str, plan: ChildPlan, ordinal: int) -> str:
    return uuid_text(derived_key(pk, plan.path, ordinal))


def _own_id(item: Any, table: TablePlan) -> str | None:
    value = at(item, table.key.path or ())
    try:
        return uuid_text(to_uuid(value, table.key_rules, Notes()))
    except Refusal:
        return None


def _element(
    plan: ChildPlan,
    item: Any,
    ordinal: int,
    own: str | None,
    parent: TablePlan,
    pk: str,
    root: Row,
    whole: Whole,
    notes: Notes,
) -> Element:
    if not isinstance(item, dict):
        raise Refusal("wrong_type", f"{plan.path}/{ordinal}", "expected a document in the array")
    table, mine = plan.table, Notes()
    row: Row = [None] * len(table.names)
    try:
        if own is not None and at(item, table.key.path or ()) != own:
            to_uuid(at(item, table.key.path or ()), table.key_rules, mine)  # notes what it changes
        for column in table.columns:
            spec = column.column
            if spec.path is not None:
                row[column.index] = value_of(item, column, table, whole, mine)
            elif spec.has_constant:
                row[column.index] = column.constant
            elif spec.parent is not None:
                row[column.index] = root[parent.index(spec.parent)]
                mine.count("from_parent")
    except Refusal as refusal:
        refusal.path = f"{plan.path}/{ordinal}{refusal.path}"
        raise
    for column in table.columns:
        if column.column.compute == "octets":
            row[column.index] = octets(row, table, column)
    assert table.parent_index is not None
    assert table.ordinal_index is not None
    row[table.parent_index] = root[parent.key_index]
    row[table.ordinal_index] = INT32.pack(ordinal)
    row[table.key_index] = bytes.fromhex(own.replace("-", "")) if own else derived_key(pk, plan.path, ordinal)
    consumed = table.consumed if own is not None else table.consumed_but_key
    extra = leftover(item, consumed)
    for rule, count in mine.counts.items():
        notes.counts[rule] = notes.counts.get(rule, 0) + count
    if extra:
        notes.count("extra_kept")
    annotate(extra, mine)
    return Element(row, extra, own)

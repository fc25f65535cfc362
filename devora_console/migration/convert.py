"""One document to its rows, whole or not at all.

Conversion has two steps. :func:`convert` looks at the document alone. What depends on other documents (whose a
conversation is, whether a reference leads anywhere, whose key it is when two claim it) is decided for the whole
source in between, and :func:`~devora_console.migration.rows.finish` puts those decisions in. Dry run, execution and
verification all use both.

Nothing is lost between the document and its rows: what they do not say is in ``source_extra``, the fields that no
column takes under their own names and, beside them,

``$original``  pointer to original value (as Extended JSON), where a rule changed it or could not tell it apart
``$missing``   pointers of fields that were not there although the column holds something, or holds null
``$null``      pointers of arrays that were null; ``$wrapped``: of arrays that were a single document
``$key``       the own id of an array element whose row has a derived key because another row has that id
"""

from __future__ import annotations

import hashlib
from typing import Any

from devora_console.migration.elements import elements_of
from devora_console.migration.encode import INT64, decode_moment, wire
from devora_console.migration.fields import MISSING, Whole, annotate, at, key_of, leftover, value_of
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.rows import (
    NO_DECISION,
    Converted,
    Decision,
    Element,
    Row,
    body,
    digest,
    finish,
    key_text,
    octets,
)
from devora_console.migration.rules import Notes, Refusal
from devora_console.mongo.bsonio import Damaged, decode, defects, document_id
from devora_console.mongo.ejson import is_readable_id, source_id

__all__ = ["NO_DECISION", "Converted", "Decision", "Row", "body", "convert", "digest", "finish", "identify", "outline"]

_DEFECTS = {
    "duplicate_keys": "a field name occurs twice in one document",
    "invalid_utf8": "text is not valid UTF-8",
    "deprecated_type": "holds a symbol, undefined or DBPointer value",
    "not_exact": "holds a value that does not survive being read (an unknown regex flag, for instance)",
}


def identify(raw: bytes) -> str:
    """The source id of a raw document; for bytes without a readable ``_id`` a digest of them."""
    found = document_id(raw)
    return source_id(found) if found is not None else "md5 " + hashlib.md5(raw, usedforsecurity=False).hexdigest()


def outline(raw: bytes, plan: CollectionPlan) -> tuple[str | None, tuple[int, ...], list[tuple[str, str]]]:
    """What can be said of a document that is refused: (own key as text, rows it would have had, its references)."""
    try:
        document = decode(raw)
    except Damaged:
        return None, (1, *(0 for _ in plan.children)), []
    try:
        pk: str | None = key_text(plan.root.key.type, key_of(document, plan.root, Notes()))
    except Refusal:
        pk = None
    references = []
    for column in plan.references:
        value = at(document, column.column.path or ())
        if value is not MISSING and value is not None:
            try:
                cell = column.convert(value, column.rules, Notes())
            except Refusal:
                continue
            references.append((column.column.name, key_text(column.column.type, cell)))
    arrays = (at(document, child.child.path) for child in plan.children)
    rows = (1, *(len(a) if isinstance(a, list) else 1 if isinstance(a, dict) else 0 for a in arrays))
    return pk, rows, references


def convert(raw: bytes, plan: CollectionPlan) -> Converted:
    """The rows of one raw document. Raises :class:`Refusal` when it must go to quarantine whole."""
    try:
        document = decode(raw)
    except Damaged as damage:
        raise Refusal("not_bson", "", str(damage)) from None
    try:
        defect = defects(raw, document)
        if defect is not None:
            raise Refusal(defect, "", _DEFECTS[defect])
        return _convert(document, plan)
    except RecursionError:
        raise Refusal("too_deep", "", "documents are nested too deeply") from None
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - a slip of ours over one odd document must not end a whole migration
        raise Refusal("unexpected", "", f"the conversion failed with {type(error).__name__}") from None


def _convert(document: dict[str, Any], plan: CollectionPlan) -> Converted:
    if document.get("_id") is None:
        raise Refusal("id_missing", "/_id", "the document has no _id")
    identity = source_id(document["_id"])
    if not is_readable_id(identity):
        raise Refusal("id_too_long", "/_id", "the _id is too long for an index")
    notes, whole = Notes(), Whole(document["_id"])
    root: Row = [None] * len(plan.root.names)
    key = key_of(document, plan.root, notes)
    root[plan.root.key_index] = key
    if plan.root.source_id_index is not None:
        root[plan.root.source_id_index] = identity.encode()
    for column in plan.root.columns:
        if column.column.path is not None:
            root[column.index] = value_of(document, column, plan.root, whole, notes)
        elif column.column.has_constant:
            root[column.index] = column.constant
    extra = leftover(document, (*plan.root.consumed, ("_id",)))
    kept = bool(extra)
    pk = key_text(plan.root.key.type, key)
    children = [elements_of(document, child, plan.root, pk, root, whole, notes, extra) for child in plan.children]
    _compute(plan, root, children)
    if kept:
        notes.count("extra_kept")
    annotate(extra, notes)
    rank = root[plan.rank_index] if plan.rank_index is not None else None
    return Converted(
        source_id=identity,
        pk=pk,
        root=[wire(cell) for cell in root],
        extra=extra,
        children=children,
        references=_references(plan, root),
        owner_columns=whole.owner_columns,
        rank=decode_moment(rank) if rank is not None else None,
        counts=notes.counts,
    )


def _compute(plan: CollectionPlan, root: Row, children: list[list[Element]]) -> None:
    for column in plan.root.columns:
        spec = column.column
        if spec.compute == "octets":
            root[column.index] = octets(root, plan.root, column)
        elif spec.compute == "latest":
            number = next(n for n, child in enumerate(plan.children) if child.child.path == spec.of)
            table = plan.children[number].table
            index = next(c.index for c in table.columns if c.column.path == spec.field)
            moments = [cell for element in children[number] if (cell := element.row[index]) is not None]
            root[column.index] = max(moments, key=INT64.unpack, default=None)


def _references(plan: CollectionPlan, root: Row) -> list[tuple[str, str]]:
    found = []
    for column in plan.references:
        cell = root[column.index]
        if cell is not None:
            found.append((column.column.name, key_text(column.column.type, cell)))
    return found

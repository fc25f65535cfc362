"""Fields of a document: where they are, what stands in for one that is absent, and what no column takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bson.objectid import ObjectId

from devora_console.migration.mapping import Absent
from devora_console.migration.plan import ColumnPlan, TablePlan
from devora_console.migration.rules import Notes, Refusal, moment_us, timestamptz, to_text, to_uuid
from devora_console.mongo.ejson import ejson

MISSING = object()


@dataclass(slots=True)
class Whole:
    """What the fields of one document share: its ``_id``, and the columns that wait for an owner (collected here)."""

    identity: Any
    owner_columns: list[str] = field(default_factory=list)


def at(document: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, or :data:`MISSING`. Arrays are not entered."""
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return MISSING
        document = document[part]
    return document


def value_of(document: dict[str, Any], plan: ColumnPlan, table: TablePlan, whole: Whole, notes: Notes) -> bytes | None:
    """The column's binary value, or what its mapping puts in place of a missing or null one."""
    assert plan.column.path is not None
    value = at(document, plan.column.path)
    if value is not MISSING and value is not None:
        if plan.decided:
            # The row alone does not tell a value of its own from one that was derived.
            notes.originals[plan.rules.path] = ejson(value)
        return plan.convert(value, plan.rules, notes)
    missing = value is MISSING
    when = plan.column.missing if missing else plan.column.null
    if when.how is Absent.ERROR:
        raise _absent(plan, missing)
    if when.how is Absent.OWNER:
        whole.owner_columns.append(plan.column.name)
    _note_absence(plan, when.how, missing, notes)
    return _substitute(document, plan, table, missing, whole, notes)


def _note_absence(plan: ColumnPlan, how: Absent, missing: bool, notes: Notes) -> None:
    """Keep beside the row what its stored value does not say: that the field was missing, or null."""
    if how in (Absent.NULL, Absent.OWNER):
        if missing and plan.column.usual == "null":
            notes.count("missing_as_null")
            notes.missing.append(plan.rules.path)
        elif not missing and plan.column.usual == "missing":
            notes.originals[plan.rules.path] = None
    elif missing:
        notes.missing.append(plan.rules.path)
    else:
        notes.originals[plan.rules.path] = None


def _substitute(
    document: dict[str, Any], plan: ColumnPlan, table: TablePlan, missing: bool, whole: Whole, notes: Notes
) -> bytes | None:
    when = plan.column.missing if missing else plan.column.null
    if when.how is Absent.VALUE:
        notes.count("default")
        return plan.default if missing else plan.null_default
    if when.how is Absent.OBJECTID:
        if not isinstance(whole.identity, ObjectId):
            raise _absent(plan, missing)
        notes.count("objectid_time")
        return timestamptz(moment_us(whole.identity.generation_time, plan.rules, notes), plan.rules.path)
    if when.how is Absent.FROM:
        notes.count("from_field")
        value = at(document, when.value)
        if value is not MISSING and value is not None:
            return plan.convert(value, plan.rules, Notes())
        other = next((c for c in table.columns if c.column.path == when.value), None)
        if other is None:
            raise _absent(plan, missing)
        return value_of(document, other, table, whole, Notes())  # counted where the other column is converted
    return None


def key_of(document: dict[str, Any], table: TablePlan, notes: Notes) -> bytes:
    """The document's own key. Refusal ``id_missing`` or ``bad_uuid``."""
    assert table.key.path is not None
    value = at(document, table.key.path)
    if value is MISSING or value is None:
        raise Refusal("id_missing", table.key_rules.path, "the document has no id of its own")
    return (to_uuid if table.key.type == "uuid" else to_text)(value, table.key_rules, notes)


def leftover(document: dict[str, Any], consumed: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """What no column takes, as Extended JSON; ``{"$bson": ...}`` when a field name starts with ``$``."""
    whole, nested = _consumed(consumed)
    rest = {key: value for key, value in document.items() if key not in whole}
    if not rest:
        return rest
    for path in nested:
        if path[0] in rest:
            rest[path[0]] = _without(rest[path[0]], path[1:])
    extended = ejson(rest)
    assert isinstance(extended, dict)
    return extended


@lru_cache(maxsize=64)
def _consumed(paths: tuple[tuple[str, ...], ...]) -> tuple[frozenset[str], tuple[tuple[str, ...], ...]]:
    """The names of whole fields, and the paths into others."""
    return frozenset(path[0] for path in paths if len(path) == 1), tuple(path for path in paths if len(path) > 1)


def _without(value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}


def annotate(extra: dict[str, Any], notes: Notes) -> None:
    """Put the originals and absences of ``notes`` beside what no column takes."""
    if notes.originals:
        extra["$original"] = notes.originals
    if notes.missing:
        extra["$missing"] = [*extra.get("$missing", []), *notes.missing]


def _absent(plan: ColumnPlan, missing: bool) -> Refusal:
    state = "is missing" if missing else "is null"
    if plan.column.reference is not None:
        return Refusal(
            "reference_missing", plan.rules.path, f"the reference to {plan.column.reference.collection} {state}"
        )
    return Refusal("not_null", plan.rules.path, f"{plan.column.name} {state}")

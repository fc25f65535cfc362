"""Mapping and catalogue put together: for each table the columns in the order rows carry them, and their rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from devora_console.migration.mapping import Absent, Child, Collection, Column, Key, pointer
from devora_console.migration.rules import CONVERTERS, ColumnRules, Converter, Notes
from devora_console.migration.target import Target, TargetTable


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One mapped column with its converter and place in the row. ``default`` is encoded already."""

    column: Column
    index: int
    rules: ColumnRules
    convert: Converter
    default: bytes | None
    null_default: bytes | None
    constant: bytes | None
    decided: bool  # may be derived from other documents


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table's row: ``names`` in order; the indexes say where the special columns stand (None: not there)."""

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    columns: tuple[ColumnPlan, ...]
    key: Key
    key_rules: ColumnRules
    key_index: int
    parent_index: int | None
    ordinal_index: int | None
    source_id_index: int | None
    extra_index: int | None
    consumed: tuple[tuple[str, ...], ...]
    consumed_but_key: tuple[tuple[str, ...], ...]
    checks: tuple[str | None, ...] = ()
    required: tuple[int, ...] = ()  # columns that must not be null, but for those decided later
    claims: bool = False  # whether it has unique keys beside the primary one

    def index(self, name: str) -> int:
        """Where the column stands."""
        return self.names.index(name)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """An embedded array and the table of its elements."""

    child: Child
    path: str
    table: TablePlan


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """Everything needed to convert the documents of one mapped collection."""

    collection: Collection
    root: TablePlan
    children: tuple[ChildPlan, ...]
    rank_index: int | None
    references: tuple[ColumnPlan, ...]

    def tables(self) -> tuple[TablePlan, ...]:
        """Root first, then the children in mapping order."""
        return (self.root, *(child.table for child in self.children))


def plan_collection(collection: Collection, target: Target) -> CollectionPlan:
    """The plan of a mapped collection; the mapping has been checked against the target already."""
    assert collection.key is not None
    table = target.tables[collection.table]
    root = _table(
        table, collection.key, collection.columns, None, None, collection.source_id_column, collection.extra_column
    )
    root = _consume(root, tuple(child.path for child in collection.children))
    children = tuple(
        ChildPlan(
            child,
            pointer(child.path),
            _table(
                target.tables[child.table],
                child.key,
                child.columns,
                child.parent_column,
                child.ordinal_column,
                None,
                child.extra_column,
            ),
        )
        for child in collection.children
    )
    return CollectionPlan(
        collection,
        root,
        children,
        root.index(collection.rank_column) if collection.rank_column else None,
        tuple(plan for plan in root.columns if plan.column.reference is not None),
    )


def _consume(plan: TablePlan, paths: tuple[tuple[str, ...], ...]) -> TablePlan:
    return replace(plan, consumed=plan.consumed + paths)


def _table(
    table: TargetTable,
    key: Key,
    columns: tuple[Column, ...],
    parent: str | None,
    ordinal: str | None,
    source_id: str | None,
    extra: str | None,
) -> TablePlan:
    special = [name for name in (key.column, parent, ordinal, source_id, extra) if name is not None]
    names = (*special, *(column.name for column in columns))
    consumed = tuple(column.path for column in columns if column.path is not None)
    return TablePlan(
        table=table.name,
        names=names,
        types=tuple(table.columns[name].type for name in names),
        columns=tuple(_column(column, len(special) + at, table) for at, column in enumerate(columns)),
        key=key,
        key_rules=ColumnRules(pointer(key.path or ())),
        key_index=0,
        parent_index=names.index(parent) if parent else None,
        ordinal_index=names.index(ordinal) if ordinal else None,
        source_id_index=names.index(source_id) if source_id else None,
        extra_index=names.index(extra) if extra else None,
        consumed=consumed + ((key.path,) if key.path else ()),
        consumed_but_key=consumed,
        checks=table.checks,
        required=tuple(
            at
            for at, name in enumerate(names)
            if table.columns[name].not_null and not any(c.name == name and _is_decided(c) for c in columns)
        ),
        claims=any(not key.primary for key in table.uniques),
    )


def _is_decided(column: Column) -> bool:
    return Absent.OWNER in (column.missing.how, column.null.how)


def _column(column: Column, index: int, table: TargetTable) -> ColumnPlan:
    found = table.columns[column.name]
    rules = ColumnRules(
        path=pointer(column.path or ()),
        naive_is_utc=column.naive_is_utc,
        nul=column.nul,
        max_length=found.max_length,
        scale=found.scale,
        precision=found.precision,
        values=column.values,
        values_rule=column.values_rule,
    )
    convert = CONVERTERS[column.type]

    def encoded(value: Any) -> bytes | None:
        return None if value is None else convert(value, rules, Notes())

    return ColumnPlan(
        column=column,
        index=index,
        rules=rules,
        convert=convert,
        default=encoded(column.missing.value) if column.missing.how == "value" else None,
        null_default=encoded(column.null.value) if column.null.how == "value" else None,
        constant=encoded(column.constant) if column.has_constant else None,
        decided=_is_decided(column),
    )

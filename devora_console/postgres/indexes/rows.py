"""From the rows of the questions about indexes to facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import (
    BloatInputs,
    ForeignKey,
    IndexFacts,
    KeyColumn,
    OperatorClass,
    Situation,
    TableFacts,
    Work,
)

_LOCKED = Unknown("locked by another session", "See: locks")
_LEFT_OUT = Unknown("not asked for, as a lock came in between", "Ask again")


def made_at(row: Any) -> datetime | Unknown:
    """When the database was made."""
    if isinstance(row, Unknown):
        return row
    return row["made"] or Unknown("the database is in a tablespace of its own")


_TUPLES = ("columns", "opclasses", "collations", "options", "storage")


def indexes_of(rows: Sequence[Any], use: Mapping[int, Any], block_size: int) -> dict[int, IndexFacts]:
    """Facts of indexes by OID, from index_facts and the rows of index_use by OID; sizes in bytes."""
    found: dict[int, IndexFacts] = {}
    for row in rows:
        used = use.get(row["oid"])
        if used is None:
            continue  # it was made or dropped between the two questions
        size: int | Unknown | None = row["size_bytes"]
        estimated = size is None and not row["partitioned"]
        if estimated:
            size = row["pages"] * block_size if row["pages"] else _LOCKED
        given = dict(row)
        for name in _TUPLES:
            given[name] = tuple(given[name] or ())
        if given["expressions"] is not None:
            given["expressions"] = tuple(given["expressions"])
        given["size_bytes"] = 0 if size is None else size
        found[row["oid"]] = IndexFacts(
            **given,
            size_estimated=estimated,
            scans=used["scans"],
            last_scan=used["last_scan"],
            nulls_not_distinct=used["nulls_not_distinct"],
            definition=None,
            shape=row["name"],
        )
    return _with_partitions(found)


def shape_behind(index: IndexFacts, definition: str, table: str) -> str:
    """The definition behind its head, which holds names that may be anything."""
    only = "ONLY " if index.partitioned else ""
    unique = "UNIQUE " if index.is_unique else ""
    head = f"CREATE {unique}INDEX {index.quoted_name} ON {only}{table} USING "
    return definition.removeprefix(head) if definition.startswith(head) else index.title


def _with_partitions(indexes: dict[int, IndexFacts]) -> dict[int, IndexFacts]:
    """Partitioned indexes with the sums of what is below them."""
    below: dict[int, list[IndexFacts]] = {}
    for index in indexes.values():
        if index.parent_oid is not None:
            below.setdefault(index.parent_oid, []).append(index)

    def summed(index: IndexFacts) -> IndexFacts:
        parts = [summed(each) for each in below.get(index.oid, ())]
        if not index.partitioned:
            return index
        sizes = [each.size_bytes for each in parts]
        known = [each for each in sizes if not isinstance(each, Unknown)]
        return replace(
            index,
            size_bytes=sum(known) if len(known) == len(sizes) else _LOCKED,
            size_estimated=any(each.size_estimated for each in parts),
            scans=sum(each.scans for each in parts),
            last_scan=max((each.last_scan for each in parts if each.last_scan is not None), default=None),
        )

    return {oid: summed(index) if index.partitioned else index for oid, index in indexes.items()}


_SUMMED = ("inserted", "updated", "hot_updated", "deleted", "whole_scans", "rows_read", "live", "changed_since_analyze")


def tables_of(rows: Sequence[Any]) -> dict[int, TableFacts]:
    """Facts of tables by OID; those of a partitioned one with the sums of what is below it."""
    found: dict[int, TableFacts] = {}
    below: dict[int, list[int]] = {}
    for row in rows:
        size: int | Unknown = _LOCKED if row["locked"] else _LEFT_OUT
        if row["partitioned"]:
            size = 0
        elif row["size_bytes"] is not None:
            size = row["size_bytes"]
        found[row["oid"]] = TableFacts(**(dict(row) | {"size_bytes": size}))
        if row["parent_oid"] is not None:
            below.setdefault(row["parent_oid"], []).append(row["oid"])

    def summed(oid: int) -> TableFacts:
        parts = [summed(each) for each in below.get(oid, ())]
        table = found[oid]
        sums = {name: getattr(table, name) + sum(getattr(each, name) for each in parts) for name in _SUMMED}
        return replace(table, **sums)

    return {oid: summed(oid) if table.partitioned else table for oid, table in found.items()}


def foreign_keys_of(rows: Sequence[Any] | Unknown) -> tuple[ForeignKey, ...] | Unknown:
    """Foreign keys with their columns, of which there is a row each."""
    if isinstance(rows, Unknown):
        return rows
    keys: dict[int, ForeignKey] = {}
    for row in rows:
        column = KeyColumn(
            row["attnum"],
            row["column"],
            row["quoted"],
            row["collation"],
            frozenset(row["families"] or ()),
            row["converted"],
        )
        before = keys.get(row["oid"])
        keys[row["oid"]] = ForeignKey(
            row["oid"],
            row["name"],
            row["table_oid"],
            row["referenced_oid"],
            row["enforced"],
            row["period"],
            (*(before.columns if before else ()), column),
        )
    return tuple(keys.values())


def partition_columns_of(rows: Sequence[Any] | Unknown) -> dict[tuple[int, str], int] | Unknown:
    """Numbers of columns by table and name."""
    return rows if isinstance(rows, Unknown) else {(row["table_oid"], row["column"]): row["attnum"] for row in rows}


def opclasses_of(rows: Sequence[Any] | Unknown) -> dict[int, OperatorClass] | Unknown:
    """Operator classes by OID."""
    if isinstance(rows, Unknown):
        return rows
    return {row["oid"]: OperatorClass(row["family"], row["deduplicable"]) for row in rows}


_WORK = ("index", "reindex", "lock", "hidden")


def work_of(rows: Sequence[Any] | Unknown) -> Work | Unknown:
    """Who works on indexes just now."""
    if isinstance(rows, Unknown):
        return rows
    found = {kind: frozenset(row["oid"] for row in rows if row["found"] == kind) for kind in _WORK}
    return Work(*(found[kind] for kind in _WORK))


def situation_of(row: Any) -> Situation | Unknown:
    """What the server is, for the caveats."""
    return row if isinstance(row, Unknown) else Situation(**dict(row))


def bloat_inputs_of(rows: Sequence[Any] | Unknown) -> dict[int, BloatInputs] | Unknown:
    """What an estimate of bloat is made from, by index."""
    if isinstance(rows, Unknown):
        return rows
    return {row["oid"]: BloatInputs(**{k: v for k, v in dict(row).items() if k != "oid"}) for row in rows}

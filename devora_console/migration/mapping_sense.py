"""What the shape of a mapping file cannot say: names that must exist, parents before children, nothing twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from devora_console.core.problems import ConsoleError, usage_error
from devora_console.migration.mapping import Absent, Child, Collection, Column, Mapping, Policy, pointer
from devora_console.migration.rules import CONVERTERS, ColumnRules, Notes, Refusal


def check_sense(mapping: Mapping, origin: str) -> None:
    """Raise ConsoleError (exit 2) naming file, collection and column of the first thing that makes no sense."""
    seen: list[str] = []
    tables: set[str] = set()
    for collection in mapping.collections:
        where = f"{origin}: collection {collection.name!r}"
        if collection.name in seen:
            raise usage_error("mapping_duplicate", f"{where} stands twice", "Keep one of the two")
        if collection.policy is Policy.MAP:
            for table in collection.tables():
                if table and table in tables:
                    raise usage_error(
                        "mapping_table", f"{where}: table {table!r} has rows of another array or collection", ""
                    )
                tables.add(table)
            _Checks(mapping, collection, where, seen).run()
        seen.append(collection.name)


class _Checks:
    """The checks of one mapped collection; ``before`` are the collections that stand before it."""

    def __init__(self, mapping: Mapping, collection: Collection, where: str, before: Sequence[str]) -> None:
        self._mapping = mapping
        self._collection = collection
        self._where = where
        self._before = before

    def run(self) -> None:
        collection = self._collection
        if not collection.table or collection.key is None:
            raise self._error("mapping_incomplete", "policy 'map' needs 'table' and 'key'")
        if collection.key.path is None or collection.key.derive:
            raise self._error("mapping_key", "the key of a document needs a 'path' and cannot be derived")
        rank = next((c for c in collection.columns if c.name == collection.rank_column), None)
        if collection.rank_column is not None and (rank is None or rank.type != "timestamptz"):
            raise self._error("mapping_rank", f"rank column {collection.rank_column!r} is no mapped timestamptz")
        self._once(
            collection.columns, (collection.key.column, collection.source_id_column, collection.extra_column), "it"
        )
        for column in collection.columns:
            self._column(column, collection.columns, None)
        for child in collection.children:
            self._child(child)
        if collection.owner is not None:
            self._owner()

    def _child(self, child: Child) -> None:
        name = f"array {pointer(child.path)}"
        if child.key.path is None and not child.key.derive:
            raise self._error("mapping_key", f"{name}: the key needs a 'path', or derive = true")
        if child.key.type != "uuid":
            raise self._error("mapping_key", f"{name}: the key must be a uuid")
        self._once(
            child.columns, (child.key.column, child.parent_column, child.ordinal_column, child.extra_column), name
        )
        for column in child.columns:
            self._column(column, child.columns, child)

    def _once(self, columns: Sequence[Column], special: Iterable[str | None], name: str) -> None:
        names = [each for each in special if each is not None]
        for column in (*names, *(column.name for column in columns)):
            if [*names, *(each.name for each in columns)].count(column) > 1:
                raise self._error("mapping_column", f"{name} gives column {column!r} twice")

    def _column(self, column: Column, beside: Sequence[Column], child: Child | None) -> None:
        what = f"column {column.name!r}"
        sources = [column.path is not None, column.compute is not None, column.has_constant, column.parent is not None]
        if sum(sources) != 1:
            raise self._error("mapping_column", f"{what} needs exactly one of path, compute, constant, parent")
        self._absent(column, what, beside, child)
        if column.parent is not None:
            names = [each.name for each in self._collection.columns]
            if child is None or column.parent not in names:
                raise self._error(
                    "mapping_parent", f"{what}: no column {column.parent!r} in the parent", _near(column.parent, names)
                )
        if column.compute is not None:
            self._compute(column, what, beside, child)
        for value in (column.constant, column.missing.value, column.null.value):
            if value is not None and not isinstance(value, tuple):
                self._fits(column, what, value)
        if column.reference is not None:
            self._reference(column, what, child)

    def _absent(self, column: Column, what: str, beside: Sequence[Column], child: Child | None) -> None:
        for when in (column.missing, column.null):
            if when.how is Absent.OWNER and (self._collection.owner is None or child is not None):
                raise self._error("mapping_owner", f"{what} says 'owner' but there is no owner")
            if when.how is Absent.OBJECTID and column.type != "timestamptz":
                raise self._error("mapping_default", f"{what}: 'objectid_time' is for timestamptz columns")
            if when.how is Absent.FROM:
                other = next((each for each in beside if each.path == when.value), None)
                if other is column or (other is not None and Absent.FROM in (other.missing.how, other.null.how)):
                    raise self._error(
                        "mapping_default", f"{what}: 'from' leads to a field that is itself taken from one"
                    )

    def _compute(self, column: Column, what: str, beside: Sequence[Column], child: Child | None) -> None:
        if column.compute == "octets":
            if column.type != "int4" or not any(each.path == column.of and each.type == "text" for each in beside):
                raise self._error("mapping_compute", f"{what}: 'octets' is an int4 of a text column beside it")
            return
        array = next((each for each in self._collection.children if each.path == column.of), None)
        moments = [each.path for each in array.columns if each.type == "timestamptz"] if array else []
        if child is not None or column.type != "timestamptz" or column.field not in moments:
            raise self._error("mapping_compute", f"{what}: 'latest' is a timestamptz, of an array's timestamptz field")

    def _fits(self, column: Column, what: str, value: object) -> None:
        try:
            CONVERTERS[column.type](value, ColumnRules(""), Notes())
        except Refusal as why:
            raise self._error("mapping_default", f"{what}: {value!r} is no {column.type} ({why.message})") from None

    def _reference(self, column: Column, what: str, child: Child | None) -> None:
        assert column.reference is not None
        name = column.reference.collection
        target = self._mapping.by_name.get(name)
        if target is None or target.policy is not Policy.MAP or target.key is None:
            names = [each.name for each in self._mapping.mapped()]
            raise self._error(
                "mapping_reference", f"{what} refers to {name!r}, which is not mapped", _near(name, names)
            )
        if child is not None:
            raise self._error("mapping_reference", f"{what}: elements of an array cannot refer to other documents")
        if target.key.type != column.type:
            raise self._error("mapping_reference", f"{what} is {column.type}, the key of {name!r} {target.key.type}")
        if column.reference.dangling == "quarantine" and name not in (*self._before, self._collection.name):
            raise self._error(
                "mapping_order",
                f"{name!r} must stand before it, parents come before children",
                "Move the collection up",
            )

    def _owner(self) -> None:
        owner = self._collection.owner
        assert owner is not None
        if owner.collection not in self._before:
            raise self._error("mapping_owner", f"its owner {owner.collection!r} must stand before it")
        referrer = self._mapping.by_name[owner.collection]
        names = {column.name: column for column in referrer.columns if column.reference is not None}
        reference = names.get(owner.reference)
        if reference is None or reference.reference is None or reference.reference.collection != self._collection.name:
            raise self._error(
                "mapping_owner",
                f"{owner.collection}.{owner.reference} is no reference to it",
                _near(owner.reference, names),
            )
        mine = [c.name for c in self._collection.columns if Absent.OWNER in (c.missing.how, c.null.how)]
        for ours, theirs in (*owner.take, *owner.sole):
            if ours not in mine:
                raise self._error("mapping_owner", f'column {ours!r} does not say missing = "owner"', _near(ours, mine))
            if theirs not in names and (referrer.key is None or theirs != referrer.key.column):
                raise self._error(
                    "mapping_owner",
                    f"{owner.collection}.{theirs} is neither its key nor a reference",
                    _near(theirs, names),
                )

    def _error(self, code: str, message: str, remedy: str = "") -> ConsoleError:
        return usage_error(code, f"{self._where}: {message}", remedy)


def _near(word: str, words: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(words), 1)
    return f"Did you mean {found[0]!r}?" if found else ""

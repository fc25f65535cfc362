"""Foreign keys without an index that serves them, by the rules the planner follows.

For each deleted row, or changed key, of the referenced table, PostgreSQL looks for referencing rows. It can use any
valid index whose first keys are the key's columns in whatever order, with the column's own collation and an operator
class that knows the operator, and without a predicate other than that those columns are not NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import (
    Catalogue,
    ForeignKey,
    IndexFacts,
    KeyColumn,
    OperatorClass,
    TableFacts,
)
from devora_console.postgres.indexes.snapshot import LIKELY, YES, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import Names, create_missing

_METHODS = frozenset({"btree", "hash", "gist", "spgist", "gin"})  # a BRIN is not used for one row's sake
_CONVERTED = (
    "The column's type differs from the key's and is converted row by row: no index on the column can serve. Give it"
    " the type of the column it refers to, then index it."
)

Indexes = dict[int, list[IndexFacts]]


def serves(
    index: IndexFacts, numbered: Sequence[tuple[int, KeyColumn]], classes: dict[int, OperatorClass] | None
) -> bool | None:
    """Whether the index finds the rows that refer to one value. ``numbered``: the key's columns as the index's table
    numbers them. None: it might, but its predicate is not known because of a lock.
    """
    count = len(numbered)
    first = index.columns[: min(count, index.key_count)]
    wanted = dict(numbered)
    if not index.usable or index.method not in _METHODS or len(first) < count or set(first) != set(wanted):
        return False
    for place, attnum in enumerate(first):
        column = wanted[attnum]
        family = classes[index.opclasses[place]].family if classes and index.opclasses[place] in classes else None
        if column.converted or (family is not None and family not in column.families):
            return False
        if index.collations[place] not in (0, column.collation):
            return False
    if not index.has_predicate:
        return True
    return None if index.predicate is None else only_not_null(index.predicate, [each.quoted for _, each in numbered])


def only_not_null(predicate: str, quoted: Sequence[str]) -> bool:
    """Whether a predicate says no more than that some of these columns are not NULL, which the key implies.

    >>> only_not_null('(a IS NOT NULL)', ['a']), only_not_null('(b IS NOT NULL)', ['a'])
    (True, False)
    >>> only_not_null('((a IS NOT NULL) AND ("B" IS NOT NULL))', ['a', '"B"'])
    True
    """
    one = rf"\((?:{'|'.join(re.escape(name) for name in quoted)}) IS NOT NULL\)"
    return re.fullmatch(rf"{one}|\({one}(?: AND {one})+\)", predicate) is not None


class ForeignKeys:
    """The foreign keys of a catalogue and the indexes that serve them."""

    def __init__(self, catalogue: Catalogue, settings: IndexesSettings, names: Names) -> None:
        self._catalogue = catalogue
        self._names = names
        self._settings = settings
        self._indexes: Indexes = catalogue.indexes_of()
        self._partitions = catalogue.partitions_of()
        classes = catalogue.opclasses
        self._classes = None if isinstance(classes, Unknown) else dict(classes)
        self._keys = () if isinstance(catalogue.foreign_keys, Unknown) else catalogue.foreign_keys

    def serving(self) -> dict[int, str]:
        """Indexes that serve a foreign key, partitions' own included, with the words to keep them by."""
        found: dict[int, str] = {}
        for key in self._keys:
            for table_oid in self._with_partitions(key.table_oid):
                for index in self._indexes.get(table_oid, ()):
                    if self._serves(key, index) is not False:
                        found.setdefault(index.oid, f"it serves foreign key {key.name}")
        for key in self._keys:
            part = self._part(key)
            if part is not None and self._served(key, key.table_oid) is False:
                words = f"it finds part of the way for foreign key {key.name}, which no index serves whole"
                found.setdefault(part.oid, words)
        return found

    def findings(self) -> tuple[list[Finding], list[str]]:
        """Missing indexes, the dearest first, and notes about what is left out."""
        found: list[tuple[float, Finding]] = []
        small: list[str] = []
        unsure: list[str] = []
        unsized: list[str] = []
        temporal = sum(key.period for key in self._keys)
        for key in self._keys:
            table = self._catalogue.tables.get(key.table_oid)
            if table is None or key.period or not key.enforced:
                continue
            served = self._served(key, key.table_oid)
            if served is None:
                unsure.append(key.name)
            elif served is False:
                if self._unsized(table):
                    unsized.append(f"{key.name} of {table.title}")
                elif self._size(table) < self._settings.table_mb * 1e6:
                    small.append(f"{key.name} of {table.title}")
                else:
                    cost, finding = self._missing(key, table)
                    found.append((cost, finding))
        found.sort(key=lambda pair: -pair[0])
        return [finding for _, finding in found], list(self._left_out(small, unsure, unsized, temporal))

    def _left_out(self, small: list[str], unsure: list[str], unsized: list[str], temporal: int) -> Iterator[str]:
        if small:
            names = ", ".join(small[:5]) + (" and more" if len(small) > 5 else "")
            yield (
                f"Foreign keys without an index on tables below indexes.table_mb = {self._settings.table_mb:g} MB,"
                f" which are quick to read whole: {len(small)} ({names})."
            )
        if unsure:
            yield f"Not known because of a lock, whether a partial index serves: {', '.join(unsure[:5])}."
        if unsized:
            yield (
                "Foreign keys without an index on tables whose size is not known just now, because of a lock:"
                f" {len(unsized)} ({', '.join(unsized[:5])})."
            )
        if temporal:
            yield f"Temporal foreign keys (PERIOD) are not judged: {temporal}."

    def _serves(self, key: ForeignKey, index: IndexFacts) -> bool | None:
        numbered = self._numbered(key, index.table_oid)
        return False if numbered is None else serves(index, numbered, self._classes)

    def _numbered(self, key: ForeignKey, table_oid: int) -> list[tuple[int, KeyColumn]] | None:
        """The key's columns as ``table_oid`` numbers them; partitions may number them differently."""
        if table_oid == key.table_oid:
            return [(column.attnum, column) for column in key.columns]
        known = self._catalogue.partition_columns
        if isinstance(known, Unknown):
            return None
        numbers = [known.get((table_oid, column.name)) for column in key.columns]
        if any(number is None for number in numbers):
            return None
        return [(number or 0, column) for number, column in zip(numbers, key.columns, strict=True)]

    def _served(self, key: ForeignKey, table_oid: int) -> bool | None:
        """By an index of the table, or in each of its partitions by one of theirs."""
        answers = [self._serves(key, index) for index in self._indexes.get(table_oid, ())]
        if True in answers:
            return True
        below = [self._served(key, each.oid) for each in self._partitions.get(table_oid, ())]
        if below and all(below):
            return True
        return None if None in answers or (None in below and False not in below) else False

    def _with_partitions(self, table_oid: int) -> Iterator[int]:
        yield table_oid
        for each in self._partitions.get(table_oid, ()):
            yield from self._with_partitions(each.oid)

    def _size(self, table: TableFacts) -> int:
        own = table.pages * self._catalogue.block_size if isinstance(table.size_bytes, Unknown) else table.size_bytes
        return own + sum(self._size(each) for each in self._partitions.get(table.oid, ()))

    def _unsized(self, table: TableFacts) -> bool:
        """Whether it, or a partition, is locked and its pages were never counted: that is no small table."""
        unknown = isinstance(table.size_bytes, Unknown) and not table.pages
        return unknown or any(self._unsized(each) for each in self._partitions.get(table.oid, ()))

    def _missing(self, key: ForeignKey, table: TableFacts) -> tuple[float, Finding]:
        parent = self._catalogue.tables.get(key.referenced_oid)
        name = parent.title if parent else "the referenced table"
        deletes = parent.deleted if parent else 0
        updates = max(0, parent.updated - parent.hot_updated) if parent else 0
        columns = ", ".join(column.quoted for column in key.columns)
        size = self._size(table)
        finding = Finding(
            kind=Kind.MISSING_FK,
            verdict=Verdict.WARN,
            schema=table.schema,
            index="",
            table=table.title,
            oid=None,
            key=key.name,
            size_bytes=size,
            size_estimated=isinstance(table.size_bytes, Unknown),
            reason=f"{key.name} ({columns}): the table is read whole for each row deleted from {name}",
            confidence=YES,
            remedy_sql=self._remedy(key, table),
            notes=(
                f"Since the statistics began {name} had {deletes} deletes and {updates} updates other than HOT, which"
                " include all that changed its key.",
                f"threshold: indexes.table_mb = {self._settings.table_mb:g}",
            ),
        )
        return size * (1.0 + deletes + updates), self._qualified(finding, key, table)

    def _qualified(self, finding: Finding, key: ForeignKey, table: TableFacts) -> Finding:
        """The finding with what takes from it: an index that helps in part, types that no index can bridge."""
        notes, confidence = list(finding.notes), finding.confidence
        remedy = finding.remedy_sql
        part = self._part(key)
        if any(column.converted for column in key.columns):
            notes.append(_CONVERTED)
            remedy = ""
            if any(each.has_expressions for each in self._indexes.get(table.oid, ())):
                confidence = no("an index on the converted expression may serve it")
        elif part is not None:
            confidence = no(f"{part.title} finds part of the way, which may be enough")
        elif isinstance(self._catalogue.opclasses, Unknown):
            confidence = LIKELY
        return replace(finding, notes=tuple(notes), confidence=confidence, remedy_sql=remedy)

    def _part(self, key: ForeignKey) -> IndexFacts | None:
        """An index that finds rows by one of the several columns of a key."""
        for index in self._indexes.get(key.table_oid, ()) if len(key.columns) > 1 else ():
            if any(serves(index, [(column.attnum, column)], self._classes) for column in key.columns):
                return index
        return None

    def _remedy(self, key: ForeignKey, table: TableFacts) -> str:
        columns = [(column.name, column.quoted) for column in key.columns]
        return create_missing(table, self._partitions.get(table.oid, ()), columns, self._names)

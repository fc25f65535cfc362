"""Documents against the mapping, by the converters that migrate them: what is refused, what is changed, by which rule.

Nothing is known here of the target's tables: lengths, decimals, CHECKs and unique constraints are judged by the dry
run, and so is what depends on them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from bson.objectid import ObjectId

from devora_console.migration.fields import MISSING, at
from devora_console.migration.mapping import Child, Collection, Column, Key, pointer
from devora_console.migration.profile_paths import STAR
from devora_console.migration.profile_snapshot import ColumnVerdict
from devora_console.migration.profile_tally import Counts, Tally, cells, judge_column, judge_key, silent
from devora_console.migration.profile_values import type_name
from devora_console.migration.rules import Refusal
from devora_console.mongo.ejson import ejson, is_readable_id, source_id


@dataclass(frozen=True, slots=True)
class Judged:
    """What one document says of itself: whether it is refused, its key, the keys it names and its values that look
    unique (each by its number), and whether it waits for an owner."""

    refused: bool
    key: bytes | None
    references: tuple[tuple[int, bytes], ...]
    unique: tuple[tuple[int, bytes], ...]
    waits: bool


class Judge:
    """Judges the documents of one mapped collection."""

    def __init__(self, collection: Collection) -> None:
        assert collection.key is not None
        self._collection = collection
        self.refused = 0
        self.whole: Counter[str] = Counter()  # documents refused for what they are, by rule
        key = collection.key
        self.key = _key_tally(collection.table, key, ())
        self.columns = [
            Tally.of_column(collection.table, column, column.path, ())
            for column in collection.columns
            if column.path is not None
        ]
        self.references = [tally for tally in self.columns if tally.column.reference is not None]
        self.unique = [tally for tally in self.columns if looks_unique(tally.column)]
        self.arrays = [_Array(child) for child in collection.children]

    def verdicts(self) -> tuple[ColumnVerdict, ...]:
        """Every column's, root first."""
        own = [tally.verdict() for tally in (self.key, *self.columns)]
        return (*own, *(verdict for array in self.arrays for verdict in array.verdicts()))

    def look(self, document: dict[str, Any], defect: str | None, *, deep: bool = False) -> Judged:
        """Judge one document. ``defect``: what it says less than its bytes; ``deep``: nesting is to be tried."""
        waits: list[bool] = []
        if defect is None:
            defect = _own_fault(document, deep=deep)
        if defect is not None:
            # Refused whole and for one reason; what it refers to still counts, as it does when it is in quarantine.
            self.whole[defect] += 1
            before = None
        else:
            before = self._columns(document, waits)
        refused = defect is not None or bool(before)
        self.refused += refused
        return Judged(
            refused=refused,
            key=silent(self.key, document),
            references=cells(self.references, document),
            unique=cells(self.unique, document),
            waits=bool(waits),
        )

    def _columns(self, document: dict[str, Any], waits: list[bool]) -> bool:
        """Judge every column and element; whether any is refused."""
        identity = document["_id"]
        refused = not judge_key(self.key, document)
        for tally in self.columns:
            refused |= not judge_column(tally, document, self.columns, identity, waits)
        for array in self.arrays:
            refused |= not array.look(document, identity)
        return refused


class _Array:
    """An embedded array whose elements become rows."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._of = self._missing = self._null = 0
        self._refused: Counts = {}
        self._rules: Counter[str] = Counter()
        self._key = _key_tally(child.table, child.key, (*child.path, STAR))
        self._columns = [
            Tally.of_column(child.table, column, column.path, (*child.path, STAR))
            for column in child.columns
            if column.path is not None
        ]

    def verdicts(self) -> list[ColumnVerdict]:
        """The array's own (column ``*``), its elements' key's and their columns'."""
        own = ColumnVerdict(
            table=self._child.table,
            column="*",
            path=pointer(self._child.path),
            type="array",
            of=self._of,
            present=self._of - self._missing - self._null,
            missing=self._missing,
            null=self._null,
            refused={rule: dict(kinds) for rule, kinds in sorted(self._refused.items())},
            converted=dict(sorted(self._rules.items())),
        )
        keys = [self._key.verdict()] if self._child.key.path is not None else []
        return [own, *keys, *(tally.verdict() for tally in self._columns)]

    def look(self, document: dict[str, Any], identity: Any) -> bool:
        """Whether every element can become a row."""
        self._of += 1
        value = at(document, self._child.path)
        if value is MISSING or value is None:
            self._missing += value is MISSING
            self._null += value is None
            self._rules["array_missing" if value is MISSING else "array_null"] += 1
            return True
        if isinstance(value, dict):
            self._rules["array_wrapped"] += 1
            value = [value]
        if not isinstance(value, list):
            return self._refuse(type_name(value))
        fine = True
        for item in value:
            fine &= self._element(item, identity)
        return fine

    def _refuse(self, kind: str) -> bool:
        self._refused.setdefault("wrong_type", Counter())[kind] += 1
        return False

    def _element(self, item: Any, identity: Any) -> bool:
        if not isinstance(item, dict):
            return self._refuse(f"element {type_name(item)}")
        fine = self._identify(item)
        for tally in self._columns:
            fine &= judge_column(tally, item, self._columns, identity, [])
        return fine

    def _identify(self, item: dict[str, Any]) -> bool:
        """Whether the element has a key: its own, or one that may be derived."""
        key, tally = self._child.key, self._key
        if key.path is None:
            self._rules["id_derived"] += 1
            return True
        if not key.derive:
            return judge_key(tally, item)
        tally.of += 1
        value = at(item, key.path)
        tally.missing += value is MISSING
        tally.null += value is None
        if value is not MISSING and value is not None:
            tally.present += 1
            try:
                tally.convert(value, tally.rules, tally.notes)
            except Refusal:
                pass  # an id that is none: the key is derived, as for elements without one
            else:
                return True
        tally.notes.count("id_derived")
        return True


def looks_unique(column: Column) -> bool:
    """Whether a column looks like a key of its own: text whose field is named as an id, or as an address."""
    if column.type != "text" or column.reference is not None or column.secret or not column.path:
        return False
    name = column.path[-1]
    return name in ("email", "username", "slug") or name.endswith(("_id", "Id"))


def _key_tally(table: str, key: Key, prefix: tuple[str, ...]) -> Tally:
    return Tally.of_column(table, Column(key.column, key.type, key.path), key.path or (), prefix)


def _own_fault(document: dict[str, Any], *, deep: bool) -> str | None:
    identity = document.get("_id")
    if identity is None:
        return "id_missing"
    if type(identity) is not ObjectId and not is_readable_id(source_id(identity)):
        return "id_too_long"
    if deep:
        try:
            ejson(document)
        except RecursionError:
            return "too_deep"
    return None

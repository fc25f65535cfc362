"""One column of the mapping and what the values of its path came to, by the converter that migrates them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bson.objectid import ObjectId

from devora_console.migration.fields import MISSING, at
from devora_console.migration.mapping import Absent, Column, WhenAbsent, pointer
from devora_console.migration.profile_snapshot import ColumnVerdict
from devora_console.migration.profile_values import type_name
from devora_console.migration.rules import CONVERTERS, ColumnRules, Converter, Notes, Refusal

Counts = dict[str, Counter[str]]


@dataclass(slots=True)
class Tally:
    """One column of the mapping and what its values came to."""

    table: str
    column: Column
    path: str
    convert: Converter
    rules: ColumnRules
    name: str | None  # the field's name where the path is one name: the quick way to it
    plain: bool  # text without a map of values: nearly every value goes through as it is
    present: int = 0
    missing: int = 0
    null: int = 0
    of: int = 0
    refused: Counts = field(default_factory=dict)  # rule to BSON type to count
    notes: Notes = field(default_factory=Notes)

    @classmethod
    def of_column(cls, table: str, column: Column, path: tuple[str, ...], prefix: tuple[str, ...]) -> Tally:
        """An empty tally for a column that takes ``path`` of each document or element."""
        rules = ColumnRules(
            path=pointer(path),
            naive_is_utc=column.naive_is_utc,
            nul=column.nul,
            values=column.values,
            values_rule=column.values_rule,
        )
        return cls(
            table=table,
            column=column,
            path=pointer((*prefix, *path)),
            convert=CONVERTERS[column.type],
            rules=rules,
            name=path[0] if len(path) == 1 else None,
            plain=column.type == "text" and not column.values,
        )

    def refuse(self, rule: str, kind: str) -> None:
        """One value more is refused by this rule."""
        self.refused.setdefault(rule, Counter())[kind] += 1

    def value(self, item: Any) -> Any:
        """The column's value in a document or element; MISSING without."""
        if self.name is not None:
            return item.get(self.name, MISSING)
        return at(item, self.column.path or ())

    def judge(self, value: Any) -> bytes | None:
        """Convert a value that is present and not null; None when it is refused."""
        self.present += 1
        if self.plain and type(value) is str and "\x00" not in value:
            return b""
        return self.cell(value)

    def cell(self, value: Any) -> bytes | None:
        """The converted value; None, counted, when it is refused."""
        try:
            return self.convert(value, self.rules, self.notes)
        except Refusal as refusal:
            self.refuse(refusal.rule, type_name(value))
        except RecursionError:
            self.refuse("too_deep", type_name(value))
        return None

    def verdict(self) -> ColumnVerdict:
        """What came of it."""
        return ColumnVerdict(
            table=self.table,
            column=self.column.name,
            path=self.path,
            type=self.column.type,
            of=self.of,
            present=self.present,
            missing=self.missing,
            null=self.null,
            refused={rule: dict(kinds) for rule, kinds in sorted(self.refused.items())},
            converted=dict(sorted(self.notes.counts.items())),
        )


def judge_key(tally: Tally, document: dict[str, Any]) -> bool:
    """Whether the document has a key of its own that the column takes."""
    tally.of += 1
    value = tally.value(document)
    if value is MISSING or value is None:
        tally.missing += value is MISSING
        tally.null += value is None
        tally.refuse("id_missing", "missing" if value is MISSING else "null")
        return False
    tally.present += 1
    return tally.cell(value) is not None


def judge_column(tally: Tally, item: dict[str, Any], beside: list[Tally], identity: Any, waits: list[bool]) -> bool:
    """Whether the column can be filled; counts what it takes."""
    tally.of += 1
    value = tally.value(item)
    if value is not MISSING and value is not None:
        return tally.judge(value) is not None
    missing = value is MISSING
    tally.missing += missing
    tally.null += not missing
    when = tally.column.missing if missing else tally.column.null
    if when.how is Absent.OWNER:
        waits.append(True)
        return True
    rule = _substitute(when, tally, item, beside, identity, missing=missing)
    if rule is not None:
        tally.refuse(rule, "missing" if missing else "null")
    return rule is None


def _substitute(
    when: WhenAbsent, tally: Tally, item: dict[str, Any], beside: list[Tally], identity: Any, *, missing: bool
) -> str | None:
    """Count the rule by which something takes the place of an absent value; without one, the rule that refuses."""
    absent = "reference_missing" if tally.column.reference is not None else "not_null"
    if when.how is Absent.ERROR or (when.how is Absent.OBJECTID and not isinstance(identity, ObjectId)):
        return absent
    if when.how is Absent.FROM:
        return _from(when, tally, item, beside, identity, absent)
    if when.how is Absent.VALUE:
        tally.notes.count("default")
    elif when.how is Absent.OBJECTID:
        tally.notes.count("objectid_time")
    elif missing and tally.column.usual == "null":
        tally.notes.count("missing_as_null")
    return None


def _from(
    when: WhenAbsent, tally: Tally, item: dict[str, Any], beside: list[Tally], identity: Any, absent: str
) -> str | None:
    """The value of another field instead, or what stands in for that one."""
    value = at(item, when.value)
    if value is MISSING or value is None:
        other = next((each for each in beside if each.column.path == when.value), None)
        if other is None:
            return absent
        theirs = other.column.missing if value is MISSING else other.column.null
        if theirs.how is Absent.ERROR or (theirs.how is Absent.OBJECTID and not isinstance(identity, ObjectId)):
            return absent
    else:
        try:
            tally.convert(value, tally.rules, Notes())
        except Refusal as refusal:
            return refusal.rule
    tally.notes.count("from_field")
    return None


def silent(tally: Tally, document: dict[str, Any]) -> bytes | None:
    """The converted value without a trace in the tally: None when there is none, or it is refused."""
    value = tally.value(document)
    if value is MISSING or value is None:
        return None
    try:
        return tally.convert(value, tally.rules, Notes())
    except (Refusal, RecursionError):
        return None


def cells(tallies: list[Tally], document: dict[str, Any]) -> tuple[tuple[int, bytes], ...]:
    """The converted values that there are, each with its tally's number."""
    found = ((number, silent(tally, document)) for number, tally in enumerate(tallies))
    return tuple((number, cell) for number, cell in found if cell is not None)

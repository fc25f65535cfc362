"""The mapping from documents to rows, as data: what a mapping file says once it has been read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Policy(StrEnum):
    """What becomes of a collection."""

    MAP = "map"
    ARCHIVE = "archive"
    IGNORE = "ignore"
    REFUSE = "refuse"


class Absent(StrEnum):
    """What a column becomes when its value is missing, or null, in the document."""

    ERROR = "error"  # the document is refused: rule not_null or missing
    NULL = "null"
    VALUE = "value"  # a default the team chose: rule default
    FROM = "from"  # another field of the same document: rule from_field
    OBJECTID = "objectid_time"  # the creation time inside the document's ObjectId
    OWNER = "owner"  # decided from the documents that refer to this one: see Owner


@dataclass(frozen=True, slots=True)
class WhenAbsent:
    """An :class:`Absent` with what it needs: the default value, or the pointer of the other field."""

    how: Absent
    value: Any = None


@dataclass(frozen=True, slots=True)
class Reference:
    """The column names a document of another collection; ``dangling`` is "quarantine" or "null"."""

    collection: str
    dangling: str = "quarantine"


@dataclass(frozen=True, slots=True)
class Column:
    """One target column and where its value comes from: exactly one of path, compute, constant, parent, position."""

    name: str
    type: str  # a key of rules.CONVERTERS
    path: tuple[str, ...] | None = None
    missing: WhenAbsent = WhenAbsent(Absent.ERROR)
    null: WhenAbsent = WhenAbsent(Absent.ERROR)
    usual: str = "null"  # which of the two a stored NULL stands for; the other is noted beside the row
    compute: str | None = None  # "octets" of a field, or "latest" of an array's field
    of: tuple[str, ...] = ()
    field: tuple[str, ...] = ()
    constant: Any = None
    has_constant: bool = False
    parent: str | None = None  # a column of the parent row
    reference: Reference | None = None
    naive_is_utc: bool = True
    nul: str = "replace"
    values: tuple[tuple[str, str], ...] = ()
    values_rule: str = "value_mapped"
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """The primary key: the document's own, or for array elements derived from parent, path and position."""

    column: str
    type: str
    path: tuple[str, ...] | None
    derive: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Columns decided from documents of another collection that refer to this one.

    ``reference`` is the referring collection's column; ``take`` maps our column to a column of its row and must
    agree among all who refer; ``sole`` maps likewise but stays null when several refer (rule project_ambiguous).
    """

    collection: str
    reference: str
    take: tuple[tuple[str, str], ...]
    sole: tuple[tuple[str, str], ...] = ()
    sole_rule: str = "ambiguous"


@dataclass(frozen=True, slots=True)
class Child:
    """An embedded array that becomes rows of its own."""

    table: str
    path: tuple[str, ...]
    parent_column: str
    ordinal_column: str
    key: Key
    columns: tuple[Column, ...]
    extra_column: str | None


@dataclass(frozen=True, slots=True)
class Collection:
    """One source collection."""

    name: str
    policy: Policy
    required: bool = False
    table: str = ""
    key: Key | None = None
    columns: tuple[Column, ...] = ()
    children: tuple[Child, ...] = ()
    source_id_column: str | None = None
    extra_column: str | None = None
    rank_column: str | None = None  # contenders for one key: the oldest by this column, then by _id, is kept
    owner: Owner | None = None
    secret_paths: tuple[tuple[str, ...], ...] = ()

    def tables(self) -> Iterator[str]:
        """The root table and then the children's."""
        if self.policy is Policy.MAP:
            yield self.table
            yield from (child.table for child in self.children)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A whole mapping. ``collections`` are in dependency order: parents before children."""

    name: str
    unmapped: Policy
    collections: tuple[Collection, ...]
    hash: str
    origin: str
    by_name: dict[str, Collection] = field(default_factory=dict)

    def collection(self, name: str) -> Collection:
        """The collection's mapping; for one not named, the policy for unmapped collections."""
        return self.by_name.get(name) or Collection(name, self.unmapped)

    def mapped(self) -> tuple[Collection, ...]:
        """The collections that become rows."""
        return tuple(each for each in self.collections if each.policy is Policy.MAP)

    def secret_paths(self, collection: str) -> tuple[tuple[str, ...], ...]:
        """Paths whose values are shown as redacted wherever a document is displayed."""
        return self.collection(collection).secret_paths


def pointer(path: tuple[str, ...]) -> str:
    """The JSON Pointer (RFC 6901) of a path.

    >>> pointer(('a/b', '0', 'c~d'))
    '/a~1b/0/c~0d'
    """
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def parse_pointer(text: str) -> tuple[str, ...]:
    """The path of a JSON Pointer. ValueError when it does not start with ``/``."""
    if not text.startswith("/"):
        raise ValueError("a JSON Pointer starts with '/'")
    if re.search("~(?![01])", text):
        raise ValueError("in a JSON Pointer '~' stands before 0 or 1 only (~0 is '~', ~1 is '/')")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))

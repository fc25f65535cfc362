"""What a profile of the source says: frozen, and the same for both doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from devora_console.core.unknown import Unknown
from devora_console.mongo.sampling import SampleKind

Number = int | float | Decimal


class Level(StrEnum):
    """How much a finding matters."""

    BLOCKS = "blocks"  # documents would go to quarantine, or the migration would not begin
    WARNS = "warns"  # migrates, and somebody should know
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: ``count`` of ``of``, in ``message``'s words. ``code`` is stable: a rule's name where
    the migration would apply or refuse by one. ``path`` is a JSON Pointer, empty for whole documents."""

    level: Level
    code: str
    path: str
    count: int
    of: int
    message: str


@dataclass(frozen=True, slots=True)
class Strings:
    """Strings at a path; lengths in characters. ``iso_zoned + iso_naive + iso_not == count``."""

    count: int
    shortest: int
    longest: int
    iso_zoned: int
    iso_naive: int
    iso_not: int
    uuids: int
    with_nul: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """int, long, double and decimal together. ``low`` and ``high`` are None where they are not to be shown, or where
    no number is finite. ``integral``: every double is whole (None: no doubles); ``fractions``: so many are not."""

    count: int
    low: Number | None
    high: Number | None
    integral: bool | None
    fractions: int
    not_finite: int


@dataclass(frozen=True, slots=True)
class Dates:
    """BSON dates. ``beyond``: before the year 1 or after 9999, outside ``first`` to ``last``."""

    count: int
    first: datetime | None
    last: datetime | None
    beyond: int


@dataclass(frozen=True, slots=True)
class Arrays:
    """Lengths of the arrays at a path."""

    count: int
    shortest: int
    longest: int
    mean: float


@dataclass(frozen=True, slots=True)
class PathProfile:
    """What stands at one path. ``of`` are the documents, subdocuments or elements that could have the field (None for
    ``*``: elements of an array, or the fields of a document used as a map)."""

    path: str
    of: int | None
    present: int
    missing: int | None
    null: int
    types: Mapping[str, int]  # by the names of MongoDB's $type; binData with its subtype
    strings: Strings | None
    numbers: Numbers | None
    dates: Dates | None
    arrays: Arrays | None
    distinct: int | str | None  # different strings, "many" beyond 20, None without strings
    values: Mapping[str, int] | None  # only of enum-like fields, never of what may be secret or personal
    hidden: bool  # the name or the mapping says that values are not to be shown
    map_keys: int | None  # so many different names were folded into "*", because they look like data
    column: str | None  # table.column (or table, for an array) that takes it
    loose: bool  # no column takes it, and none takes what it is a part of


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """A column of the mapping, judged by the converters that migrate: rule to how often. ``refused`` names the BSON
    type too (``bad_date: {string: 12}``); ``of`` are the documents or elements that become rows. The column ``*`` of
    type ``array`` is an embedded array itself."""

    table: str
    column: str
    path: str
    type: str
    of: int
    present: int
    missing: int
    null: int
    refused: Mapping[str, Mapping[str, int]]
    converted: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReferenceVerdict:
    """A column that names documents of another collection: so many ``documents`` name one, ``orphans`` of them one
    that does not exist."""

    column: str
    path: str
    collection: str
    dangling: str
    documents: int
    orphans: int | Unknown
    to_refused: int | Unknown  # name a document that exists and would itself go to quarantine


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """A path whose values look like keys; ``repeated`` documents have a value that another one has too."""

    path: str
    column: str
    key: bool
    documents: int
    repeated: int | Unknown


@dataclass(frozen=True, slots=True)
class OwnerVerdict:
    """Documents whose owner the documents of ``collection`` that refer to them decide: ``unowned`` have none that
    refers to them, ``ambiguous`` have some that name different owners."""

    path: str
    collection: str
    unowned: int | Unknown
    ambiguous: int | Unknown


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change to the mapping file that somebody may make: ``toml`` to copy, ``reason`` with the count behind it."""

    collection: str
    reason: str
    toml: str


@dataclass(frozen=True, slots=True)
class CollectionProfile:
    """One collection. ``documents`` were looked at, out of ``total``; ``refused`` of them hold something that sends
    them to quarantine whatever the rest of the source and the tables say."""

    name: str
    policy: str
    named: bool  # by the mapping; else ``policy`` is the one for unmapped collections
    tables: tuple[str, ...]
    documents: int
    total: int | Unknown
    sample: SampleKind
    refused: int
    paths: tuple[PathProfile, ...]
    findings: tuple[Finding, ...]
    columns: tuple[ColumnVerdict, ...]
    references: tuple[ReferenceVerdict, ...]
    unique: tuple[Uniqueness, ...]
    owner: OwnerVerdict | None
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """The source, as it is before anything is migrated."""

    source: str
    mapping: str
    mapping_hash: str
    collections: tuple[CollectionProfile, ...]
    absent: tuple[Finding, ...]  # collections that the mapping requires and the source does not have
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, in any collection."""
        return (*self.absent, *(finding for each in self.collections for finding in each.findings))

    @property
    def blocked(self) -> bool:
        """Whether anything found would send documents to quarantine or keep the migration from beginning."""
        return any(finding.level is Level.BLOCKS for finding in self.findings)

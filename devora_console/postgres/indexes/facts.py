"""What the catalogue and the statistics say about indexes, before anybody judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.window import StatsWindow


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index. ``columns`` are attribute numbers, 0 for an expression; the first ``key_count`` are keys, the rest
    INCLUDE. ``expressions`` are the texts of the zeros among the keys; None where there are none or they are unknown.

    ``free``: nothing holds or awaits an AccessExclusiveLock on it or its table; otherwise definition, expressions and
    predicate are unknown. ``size_bytes`` of a partitioned index is the sum of its partitions; ``size_estimated``: from
    pages counted by the last VACUUM or ANALYZE. ``scans`` since the statistics began. ``shape`` is the definition from
    the method on, as ``btree (a, b)``; the title where that is unknown.
    """

    oid: int
    table_oid: int
    schema: str
    name: str
    quoted: str
    quoted_name: str
    partitioned: bool
    parent_oid: int | None
    method: str
    columns: tuple[int, ...]
    key_count: int
    opclasses: tuple[int, ...]
    collations: tuple[int, ...]
    options: tuple[int, ...]
    storage: tuple[str, ...]
    opclass_options: str | None
    is_unique: bool
    is_primary: bool
    is_exclusion: bool
    immediate: bool
    replica_identity: bool
    clustered: bool
    valid: bool
    ready: bool
    live: bool
    constraint_name: str | None
    referenced_by: int
    has_expressions: bool
    has_predicate: bool
    free: bool
    expressions: tuple[str, ...] | None
    predicate: str | None
    definition: str | None
    size_bytes: int | Unknown
    size_estimated: bool
    pages: int
    tuples: float
    scans: int
    last_scan: datetime | None
    nulls_not_distinct: bool
    shape: str

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def usable(self) -> bool:
        """Whether queries may use it."""
        return self.valid and self.ready and self.live


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table. Counters since the statistics began; of a partitioned table they are the sum of its partitions.

    ``size_bytes`` is the main file without indexes and TOAST.
    """

    oid: int
    schema: str
    name: str
    quoted: str
    partitioned: bool
    parent_oid: int | None
    locked: bool
    size_bytes: int | Unknown
    pages: int
    tuples: float
    inserted: int
    updated: int
    hot_updated: int
    deleted: int
    whole_scans: int
    rows_read: int
    live: int
    changed_since_analyze: int
    analyzed: datetime | None

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def index_writes(self) -> int:
        """Row writes that every index pays for, now or at the next VACUUM: inserts, updates other than HOT, deletes."""
        return self.inserted + max(0, self.updated - self.hot_updated) + self.deleted


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One referencing column: the collation it is compared with, and the operator families that know the operator.

    ``converted``: its type is converted before it is compared, so that no index on the column can help.
    """

    attnum: int
    name: str
    quoted: str
    collation: int
    families: frozenset[int]
    converted: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One foreign key; that of a partitioned table once. ``period``: temporal (18), compared by ranges."""

    oid: int
    name: str
    table_oid: int
    referenced_oid: int
    enforced: bool
    period: bool
    columns: tuple[KeyColumn, ...]


@dataclass(frozen=True, slots=True)
class OperatorClass:
    """Its family, and whether a btree of it can be deduplicated."""

    family: int
    deduplicable: bool


@dataclass(frozen=True, slots=True)
class Work:
    """Who works on indexes now: index oids being built, tables whose indexes are being rebuilt, index oids locked by
    such work, and tables where a build goes on that we may not see.
    """

    built: frozenset[int] = frozenset()
    rebuilt: frozenset[int] = frozenset()
    locked: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether the scans counted here are all there are."""

    in_recovery: bool
    replicas: int
    absent_replicas: int


@dataclass(frozen=True, slots=True)
class BloatInputs:
    """What the estimate of a btree's size is made of; ``width`` in bytes, ``known`` of ``columns`` have statistics.
    ``outside``: values may be stored outside the table, so that their width is not known.
    """

    columns: int
    known: int
    has_name: bool
    most_nulls: float
    width: float
    distinct_column: bool
    readable: bool
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything read at one moment. ``database_made`` limits how old counters can be, and where
    it is unknown ``database_seen``, its oldest trace in the statistics, does so on the safe side; ``unread``: why there
    are no indexes here.
    """

    as_of: datetime
    window: StatsWindow | Unknown
    database_made: datetime | Unknown
    block_size: int
    indexes: Mapping[int, IndexFacts]
    tables: Mapping[int, TableFacts]
    foreign_keys: tuple[ForeignKey, ...] | Unknown
    partition_columns: Mapping[tuple[int, str], int] | Unknown
    opclasses: Mapping[int, OperatorClass] | Unknown
    work: Work | Unknown
    situation: Situation | Unknown
    bloat: Mapping[int, BloatInputs] | Unknown
    notes: tuple[str, ...] = ()
    unread: Unknown | None = None
    database_seen: datetime | None = None

    def indexes_of(self) -> dict[int, list[IndexFacts]]:
        """Indexes by table, in the order they were made."""
        found: dict[int, list[IndexFacts]] = {}
        for index in sorted(self.indexes.values(), key=lambda each: each.oid):
            found.setdefault(index.table_oid, []).append(index)
        return found

    def partitions_of(self) -> dict[int, list[TableFacts]]:
        """Partitions by the table they belong to."""
        found: dict[int, list[TableFacts]] = {}
        for table in sorted(self.tables.values(), key=lambda each: each.oid):
            if table.parent_oid is not None:
                found.setdefault(table.parent_oid, []).append(table)
        return found

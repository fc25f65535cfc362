"""Duplicate indexes, and indexes that are a prefix of another: which one to keep, and never none of them.

Two indexes do the same work when method, keys with their operator classes, collations and options, expressions,
predicate and INCLUDE columns agree. Expressions and predicates are compared as the server writes them out: the stored
trees of equal ones differ until 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts
from devora_console.postgres.indexes.snapshot import LIKELY, YES, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import create, drop
from devora_console.postgres.indexes.usage import must_stay

_HARMLESS = frozenset(
    {"fillfactor", "deduplicate_items", "fastupdate", "gin_pending_list_limit", "buffering", "autosummarize"}
)
"""Storage options that change cost, not what an index can answer."""

Key = tuple[int | str, int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an index decides which queries it can serve. ``keys``: (column or expression, class, collation)."""

    table_oid: int
    method: str
    keys: tuple[Key, ...]
    options: tuple[int, ...]
    include: frozenset[int]
    predicate: str | None
    storage: tuple[str, ...]
    opclass_options: str | None


def shape_of(index: IndexFacts) -> Shape | None:
    """The shape, or None where part of it is not known because of a lock."""
    if (index.has_predicate and index.predicate is None) or (index.has_expressions and index.expressions is None):
        return None
    expressions = iter(index.expressions or ())
    keys = tuple(
        (column or next(expressions), opclass, collation)
        for column, opclass, collation in zip(
            index.columns[: index.key_count], index.opclasses, index.collations, strict=True
        )
    )
    return Shape(
        table_oid=index.table_oid,
        method=index.method,
        keys=keys,
        options=_forward(index.options) if index.method == "btree" else index.options,
        include=frozenset(index.columns[index.key_count :]),
        predicate=index.predicate,
        storage=tuple(sorted(each for each in index.storage if each.partition("=")[0] not in _HARMLESS)),
        opclass_options=index.opclass_options,
    )


def _forward(options: tuple[int, ...]) -> tuple[int, ...]:
    """A btree is read in both directions: all options turned round (DESC 1, NULLS FIRST 2) are the same index."""
    return min(options, tuple(option ^ 3 for option in options))


def covers(keeper: Shape, short: Shape) -> bool:
    """Whether the keys of ``short`` are the first of ``keeper``, which has more of keys or INCLUDE columns."""
    count = len(short.keys)
    return (
        keeper.method == short.method == "btree"
        and keeper.table_oid == short.table_oid
        and keeper.keys[:count] == short.keys
        and _forward(keeper.options[:count]) == short.options
        and keeper.predicate == short.predicate
        and keeper.storage == short.storage
        and not short.opclass_options
        and not keeper.opclass_options
        and short.include <= keeper.include
        and (len(keeper.keys) > count or keeper.include > short.include)
    )


def replaces(keeper: IndexFacts, other: IndexFacts) -> bool:
    """Whether ``keeper``, of the same shape, also enforces what ``other`` enforces."""
    if not other.is_unique:
        return True
    same_nulls = keeper.is_primary or keeper.nulls_not_distinct == other.nulls_not_distinct
    return keeper.is_unique and keeper.immediate and same_nulls


def droppable(index: IndexFacts) -> bool:
    """Whether nothing but queries needs it. A plain unique index can go where another enforces the same."""
    if index.is_unique and index.constraint_name is None and not (index.referenced_by or index.replica_identity):
        return not index.clustered and index.parent_oid is None
    return not must_stay(index)


def _rank(index: IndexFacts) -> tuple[bool | int, ...]:
    """Which of several equal ones to keep: the lowest."""
    return (
        not index.is_primary,
        index.constraint_name is None,
        not index.referenced_by,
        not index.replica_identity,
        not index.is_unique,
        droppable(index),
        -index.scans,
        index.oid,
    )


def overlap_findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Duplicates first, then prefixes among what would remain."""
    for table_oid, indexes in catalogue.indexes_of().items():
        known = [(each, shape) for each in indexes if each.usable and (shape := shape_of(each)) is not None]
        if len(known) < 2:
            continue
        table = catalogue.tables[table_oid].title if table_oid in catalogue.tables else ""
        pairs = duplicates(known)
        redundant = dict(prefixes([pair for pair in known if pair[0].oid not in {gone.oid for gone, _ in pairs}]))
        for gone, keeper in pairs:
            yield _duplicate(gone, keeper, table, redundant.get(keeper.oid))
        by_oid = {each.oid: each for each, _ in known}
        for oid, keeper in redundant.items():
            yield _prefix(by_oid[oid], keeper, table)


def duplicates(known: Iterable[tuple[IndexFacts, Shape]]) -> list[tuple[IndexFacts, IndexFacts]]:
    """(what can go, what does the same and stays), for indexes of one table."""
    groups: dict[Shape, list[IndexFacts]] = {}
    for index, shape in known:
        groups.setdefault(shape, []).append(index)
    found = []
    for group in groups.values():
        staying: list[IndexFacts] = []
        for index in sorted(group, key=_rank):
            keeper = next((each for each in staying if replaces(each, index)), None)
            if keeper is not None and droppable(index):
                found.append((index, keeper))
            else:
                staying.append(index)
    return found


def prefixes(known: Sequence[tuple[IndexFacts, Shape]]) -> Iterator[tuple[int, IndexFacts]]:
    """(oid of what can go, what covers it and stays): the longest decide first, so that a keeper never goes."""
    staying: list[tuple[IndexFacts, Shape]] = []
    for index, shape in sorted(known, key=lambda pair: (-len(pair[1].keys), -len(pair[1].include), pair[0].oid)):
        covering = [each for each, longer in staying if covers(longer, shape)]
        if covering and not index.is_unique and droppable(index):
            yield index.oid, min(covering, key=lambda each: (droppable(each), _bytes(each), each.oid))
        else:
            staying.append((index, shape))


def _bytes(index: IndexFacts) -> int:
    return 0 if isinstance(index.size_bytes, Unknown) else index.size_bytes


def _duplicate(gone: IndexFacts, keeper: IndexFacts, table: str, covered_by: IndexFacts | None) -> Finding:
    notes = [f"Keep {keeper.title}: {_why_keep(keeper, gone)}.", _compared(gone, keeper)]
    fill = sorted({_fill_factor(gone), _fill_factor(keeper)})
    if len(fill) == 2:
        notes.append(f"Their fill factors differ: {_fill_factor(gone)} here, {_fill_factor(keeper)} there.")
    if covered_by is not None:
        notes.append(f"{keeper.title} itself is a prefix of {covered_by.title}, which stays.")
    return _finding(Kind.DUPLICATE, gone, keeper, table, f"same as {keeper.title}", YES, notes)


def _why_keep(keeper: IndexFacts, gone: IndexFacts) -> str:
    if keeper.is_primary or keeper.constraint_name is not None or keeper.referenced_by or keeper.replica_identity:
        return must_stay(keeper)
    if keeper.is_unique and not gone.is_unique:
        return "it also enforces uniqueness"
    if keeper.clustered or keeper.parent_oid is not None:
        return must_stay(keeper)
    if keeper.scans > gone.scans:
        return "it is the one that is scanned more"
    return "it is the older one"


def _prefix(gone: IndexFacts, keeper: IndexFacts, table: str) -> Finding:
    if gone.definition is None or keeper.definition is None:
        reason = f"its keys are the first of those of {keeper.title}, or the same with less included"
    elif len(keeper.options) > len(gone.options):
        reason = f"{gone.shape} is a prefix of {keeper.title}: {keeper.shape}"
    else:
        reason = f"{keeper.title} has the same keys and includes more columns: {keeper.shape}"
    notes = [f"Keep {keeper.title}: it answers the same conditions, and more.", _compared(gone, keeper)]
    confidence = LIKELY
    if isinstance(keeper.size_bytes, Unknown) or isinstance(gone.size_bytes, Unknown):
        confidence = no("the longer index may be far larger: a size is not known")
    elif keeper.size_bytes > 2 * max(1, gone.size_bytes):
        confidence = no("the longer index is more than twice as large, so queries would read more of it")
    return _finding(Kind.PREFIX, gone, keeper, table, reason, confidence, notes)


def _compared(gone: IndexFacts, keeper: IndexFacts) -> str:
    return (
        f"{gone.title}: {_size(gone)}, {gone.scans} scans; {keeper.title}: {_size(keeper)}, {keeper.scans} scans"
        " since the statistics began, on this server."
    )


def _size(index: IndexFacts) -> str:
    return (
        f"size unknown ({index.size_bytes.reason})"
        if isinstance(index.size_bytes, Unknown)
        else (f"{index.size_bytes / 1e6:.2f} MB")
    )


def _fill_factor(index: IndexFacts) -> str:
    return next((each.partition("=")[2] for each in index.storage if each.startswith("fillfactor=")), "the default")


def _finding(
    kind: Kind, gone: IndexFacts, keeper: IndexFacts, table: str, reason: str, confidence: str, notes: list[str]
) -> Finding:
    if gone.partitioned:
        notes.append("DROP INDEX of a partitioned index locks the table and all its partitions for a moment.")
    return Finding(
        kind=kind,
        verdict=Verdict.WARN,
        schema=gone.schema,
        index=gone.name,
        table=table,
        oid=gone.oid,
        size_bytes=gone.size_bytes,
        size_estimated=gone.size_estimated,
        reason=reason,
        confidence=confidence,
        remedy_sql=drop(gone),
        notes=tuple(notes),
        keep=keeper.title,
        definition=create(gone),
    )

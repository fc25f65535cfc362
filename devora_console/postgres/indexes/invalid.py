"""Indexes that no query can use: being built, left by a build that failed, or waiting for their partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts, TableFacts, Work
from devora_console.postgres.indexes.overlap import shape_of
from devora_console.postgres.indexes.snapshot import YES, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import Names, create, drop, rebuild
from devora_console.postgres.names import quoted

_LEFT = re.compile(r"_cc(new|old)\d*$")


def invalid_findings(catalogue: Catalogue, names: Names) -> Iterator[Finding]:
    """One finding per index that is not valid, each with the remedy of its own kind."""
    for index in catalogue.indexes.values():
        if index.usable:
            continue
        if index.partitioned:
            yield _parent(catalogue, index, names)
        elif (at_work := _at_work(index, catalogue.work)) is not None:
            yield _finding(catalogue, index, *at_work)
        else:
            yield _left_over(catalogue, index)


def _at_work(index: IndexFacts, work: Work | Unknown) -> tuple[Kind, Verdict, str, str, str, tuple[str, ...]] | None:
    """Kind, verdict, reason, confidence, remedy and notes while somebody works on it, or may."""
    if isinstance(work, Unknown):
        return Kind.INVALID, Verdict.UNKNOWN, f"not valid; {work.reason}", no("it may be being built"), "", ()
    if index.oid in work.built:
        return Kind.BUILDING, Verdict.RUNNING, "being built now", YES, "", ("Nothing to do; wait for the build.",)
    if index.oid in work.locked:
        reason = "a session is building, rebuilding or dropping it now"
        return Kind.BUILDING, Verdict.RUNNING, reason, YES, "", ("Nothing to do; wait for it.",)
    if index.table_oid in work.rebuilt and _LEFT.search(index.name):
        return Kind.BUILDING, Verdict.RUNNING, "part of a REINDEX of its table that runs now", YES, "", ()
    if index.table_oid in work.hidden:
        notes = ("Which index a session builds needs pg_read_all_stats: GRANT pg_monitor to this user.",)
        reason = "not valid; a build on its table runs now, and may be of this index"
        return Kind.INVALID, Verdict.UNKNOWN, reason, no("the build's progress is hidden from this user"), "", notes
    return None


def _left_over(catalogue: Catalogue, index: IndexFacts) -> Finding:
    left = _LEFT.search(index.name)
    reason, remedy = "", drop(index)
    notes: list[str] = []
    if index.constraint_name is not None:
        reason = f"not valid, though constraint {index.constraint_name} depends on it"
        remedy = rebuild(index)
    elif index.parent_oid is not None:
        reason = "not valid, part of a partitioned index"
        remedy = rebuild(index)
        notes.append("Attach it again afterwards (ALTER INDEX ... ATTACH PARTITION) if the parent stays not valid.")
    elif not index.live:
        reason = "left by a DROP INDEX CONCURRENTLY that did not end"
    elif left and left[1] == "old":
        reason = "the old copy of a REINDEX CONCURRENTLY that succeeded and could not remove it; the new one is in use"
    elif left:
        reason = "the new copy of a REINDEX CONCURRENTLY that failed; the index it was to replace is untouched"
        notes.append("Then run the REINDEX INDEX CONCURRENTLY again.")
    elif (twin := _twin(catalogue, index)) is not None:
        reason = f"left by a CREATE INDEX CONCURRENTLY that failed; {twin.title} is the same and valid"
    else:
        reason = "left by a CREATE INDEX CONCURRENTLY, or ATTACH, that failed"
        made = create(index)
        remedy = f"{drop(index)}\n{made}" if made else rebuild(index)
        notes.append(f"In one statement: {rebuild(index)}")
        if index.is_unique:
            notes.append("If it failed because values are there twice, it will again until those rows are mended.")
    return _finding(catalogue, index, Kind.INVALID, Verdict.FAIL, f"{reason}; {_costs(index)}", YES, remedy, (*notes,))


def _costs(index: IndexFacts) -> str:
    if not index.ready:
        return "no query uses it and no write keeps it: it only takes space"
    words = "no query uses it, yet every write pays for it"
    return f"{words}, and it already refuses duplicate values" if index.is_unique else words


def _twin(catalogue: Catalogue, index: IndexFacts) -> IndexFacts | None:
    """A valid index that does what this one was to do."""
    shape = shape_of(index)
    for other in catalogue.indexes.values() if shape is not None else ():
        same_table = other.table_oid == index.table_oid and other.usable
        if same_table and other.is_unique >= index.is_unique and shape_of(other) == shape:
            return other
    return None


def _parent(catalogue: Catalogue, index: IndexFacts, names: Names) -> Finding:
    """A partitioned index, made ON ONLY, that some partitions have no part in yet."""
    children = [each for each in catalogue.indexes.values() if each.parent_oid == index.oid]
    covered = {each.table_oid for each in children}
    partitions = catalogue.partitions_of().get(index.table_oid, [])
    missing = [each for each in partitions if each.oid not in covered]
    notes = ["A partitioned index takes no space and serves nothing itself; the partitions' own indexes do."]
    if missing:
        named = ", ".join(each.title for each in missing[:3]) + (" and more" if len(missing) > 3 else "")
        reason = f"partitioned index made ON ONLY its table; without a part in {len(missing)} of {len(partitions)}"
        reason += f" partitions ({named})"
        there = {each.oid: _same(catalogue, index, each) for each in missing}
        remedy = "\n".join(line for each in missing for line in _attach(index, each, there[each.oid], names))
        if same := [each.title for each in there.values() if each is not None]:
            notes.append(f"The same and valid there already, so that they are attached: {', '.join(same[:5])}.")
    elif broken := [each for each in children if not each.usable]:
        reason = f"partitioned index with parts that are not valid: {', '.join(each.title for each in broken[:3])}"
        remedy = "\n".join(
            line
            for each in broken
            if not each.partitioned
            for line in (rebuild(each), f"ALTER INDEX {index.quoted} ATTACH PARTITION {each.quoted};")
        )
    else:
        reason = "partitioned index, not valid though each partition has its part"
        remedy = "\n".join(f"ALTER INDEX {index.quoted} ATTACH PARTITION {each.quoted};" for each in children[:1])
        notes.append("Attaching a part again makes PostgreSQL look once more.")
    return _finding(catalogue, index, Kind.INVALID, Verdict.FAIL, reason, YES, remedy, tuple(notes))


def _same(catalogue: Catalogue, index: IndexFacts, partition: TableFacts) -> IndexFacts | None:
    """An index of the partition that can be its part as it is."""
    for each in catalogue.indexes.values():
        mine = each.table_oid == partition.oid and each.usable and each.parent_oid is None
        plain = mine and each.constraint_name is None and each.is_unique == index.is_unique
        if plain and each.definition is not None and index.definition is not None and each.shape == index.shape:
            return each
    return None


def _attach(index: IndexFacts, partition: TableFacts, same: IndexFacts | None, names: Names) -> Iterator[str]:
    """Build a partition's part without blocking its writers unless it is there, then attach it."""
    if index.definition is None:
        return
    if same is not None:
        yield f"ALTER INDEX {index.quoted} ATTACH PARTITION {same.quoted};"
        return
    name = quoted(names.fresh(partition.schema, f"{partition.name}_{index.name}", ""))
    unique = "UNIQUE " if index.is_unique else ""
    word, after = ("", "  -- blocks writes to it meanwhile") if partition.partitioned else ("CONCURRENTLY ", "")
    yield f"CREATE {unique}INDEX {word}{name} ON {partition.quoted} USING {index.shape};{after}"
    yield f"ALTER INDEX {index.quoted} ATTACH PARTITION {quoted(partition.schema)}.{name};"


def _finding(
    catalogue: Catalogue,
    index: IndexFacts,
    kind: Kind,
    verdict: Verdict,
    reason: str,
    confidence: str,
    remedy: str,
    notes: tuple[str, ...],
) -> Finding:
    table = catalogue.tables.get(index.table_oid)
    return Finding(
        kind=kind,
        verdict=verdict,
        schema=index.schema,
        index=index.name,
        table=table.title if table else "",
        oid=index.oid,
        size_bytes=index.size_bytes,
        size_estimated=index.size_estimated,
        reason=reason,
        confidence=confidence,
        remedy_sql=remedy,
        notes=notes,
        definition=create(index),
    )

"""Ask the server about its indexes: a handful of questions over whole sets, none of which waits for a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.bloat import worth_estimating
from devora_console.postgres.indexes.facts import (
    BloatInputs,
    Catalogue,
    ForeignKey,
    IndexFacts,
    KeyColumn,
    OperatorClass,
    Situation,
    TableFacts,
    Work,
)
from devora_console.postgres.indexes.judge import judge
from devora_console.postgres.indexes.serving import still
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Kind
from devora_console.postgres.indexes.usage import counted_since, doubt
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, OTHER_ENCODING, Guest
from devora_console.postgres.watch.window import read_window

_SECONDS = 20.0
_LOCKED = Unknown("locked by another session", "See: locks")
_LEFT_OUT = Unknown("not asked for, as a lock came in between", "Ask again")


async def read(
    guest: Guest,
    settings: IndexesSettings | None = None,
    *,
    kept: bool = False,
    advice: Advice | Unknown | None = None,
) -> IndexesSnapshot:
    """The indexes of this database and what is wrong with them; with ``kept`` also those that must stay though hardly
    scanned, which may be many; with the ``advice`` given before. Raises ConsoleError when the line is lost.
    """
    settings = settings or IndexesSettings()
    return await judged(guest, await read_catalogue(guest, settings), settings, kept=kept, advice=advice)


async def judged(
    guest: Guest,
    catalogue: Catalogue,
    settings: IndexesSettings,
    *,
    kept: bool = False,
    advice: Advice | Unknown | None = None,
) -> IndexesSnapshot:
    """What the catalogue says; definitions are asked for where they are needed."""
    if isinstance(advice, Advice):
        advice = still(advice, catalogue)
    findings, notes = judge(catalogue, settings, kept=kept, advice=advice)
    # Definitions are half the cost of everything, so they are asked for only where something is said.
    tables = {catalogue.indexes[each.oid].table_oid for each in findings if each.oid and each.kind is not Kind.KEPT}
    incomplete = {each.table_oid for each in catalogue.indexes.values() if each.partitioned and not each.usable}
    tables |= {each.oid for each in catalogue.tables.values() if each.parent_oid in incomplete}
    if tables:
        catalogue = await _with_definitions(guest, catalogue, tables)
        findings, notes = judge(catalogue, settings, kept=kept, advice=advice)
    sizes = [
        each.size_bytes
        for each in catalogue.indexes.values()
        if not each.partitioned and not isinstance(each.size_bytes, Unknown)
    ]
    return IndexesSnapshot(
        as_of=catalogue.as_of,
        database=guest.host.database,
        stats_window=catalogue.window,
        counted_since=counted_since(catalogue),
        count=catalogue.unread or sum(not each.partitioned for each in catalogue.indexes.values()),
        unused_unknown=doubt(catalogue, settings),
        size_bytes=sum(sizes),
        findings=findings,
        notes=notes,
        thresholds={name: float(value) for name, value in settings.model_dump().items()},
        advice=advice,
        not_compared=sum(not each.free for each in catalogue.indexes.values()),
    )


async def _with_definitions(guest: Guest, catalogue: Catalogue, tables: set[int]) -> Catalogue:
    """The catalogue with the definitions of the indexes of these tables."""
    oids = [each.oid for each in catalogue.indexes.values() if each.table_oid in tables and each.free]
    rows = await guest.query(sql(HERE, "index_definitions"), oids, seconds=_SECONDS)
    if isinstance(rows, Unknown):
        return replace(catalogue, notes=(*catalogue.notes, f"Not known: definitions: {rows.reason}."))
    indexes = dict(catalogue.indexes)
    for row in rows:
        index, table = indexes[row["oid"]], catalogue.tables.get(indexes[row["oid"]].table_oid)
        shape = _shape(index, row["definition"], table.quoted if table else "")
        indexes[index.oid] = replace(index, definition=row["definition"], shape=shape)
    return replace(catalogue, indexes=indexes)


async def read_catalogue(guest: Guest, settings: IndexesSettings) -> Catalogue:
    """Everything the judges need."""
    window = await read_window(guest)
    made = _made(await guest.one("index_database_made"))
    seen = await guest.one("index_database_seen") if isinstance(made, Unknown) else None
    notes: list[str] = []
    index_rows = await _without_waiting(guest, "index_facts", notes)
    table_rows = await _without_waiting(guest, "index_tables", notes)
    use = await guest.ask("index_use", seconds=_SECONDS)
    tables = {} if isinstance(table_rows, Unknown) else _tables(table_rows)
    block_size = guest.host.block_size
    indexes: dict[int, IndexFacts] = {}
    if not isinstance(index_rows, Unknown) and not isinstance(use, Unknown):
        indexes = _indexes(index_rows, {row["oid"]: row for row in use}, block_size)
    for name, answer in (("indexes", index_rows), ("their use", use), ("tables", table_rows)):
        if isinstance(answer, Unknown):
            notes.append(f"Not known: {name}: {answer.reason}.")
    work = _work(await guest.ask("index_work"))
    indexes = await _still(guest, indexes)
    worth = [oid for oid, index in indexes.items() if worth_estimating(index, block_size, settings)]
    return Catalogue(
        as_of=utc_now() if isinstance(window, Unknown) else window.now,
        window=window,
        database_made=made,
        database_seen=None if seen is None or isinstance(seen, Unknown) else seen["seen"],
        block_size=block_size,
        indexes=indexes,
        tables=tables,
        foreign_keys=_foreign_keys(await guest.ask("index_foreign_keys", seconds=_SECONDS)),
        partition_columns=_partition_columns(await guest.ask("index_partition_columns", seconds=_SECONDS)),
        opclasses=_opclasses(await guest.ask("index_opclasses")),
        work=work,
        situation=_situation(await guest.one("index_situation")),
        bloat=_bloat(await guest.ask("index_bloat", worth, seconds=_SECONDS)),
        notes=tuple(dict.fromkeys(notes)),
        unread=next((each for each in (index_rows, use) if isinstance(each, Unknown)), None),
    )


async def _without_waiting(guest: Guest, name: str, notes: list[str]) -> Sequence[Any] | Unknown:
    """The answer; without sizes and expressions where a lock was taken, or something dropped, after we looked."""
    text, whole = sql(HERE, name, guest.host.version), f"{name}, whole"
    rows: Sequence[Any] | Unknown | None = guest.refused(whole)
    if rows is None:
        rows = await guest.query(text, True, seconds=_SECONDS)  # not remembered: what fails now, works the next time
    if rows == OTHER_ENCODING:
        guest.remember(whole, OTHER_ENCODING)  # but names and expressions do not change by themselves
    if isinstance(rows, Unknown):
        notes.append(f"Sizes, expressions and predicates were left out: {rows.reason}.")
        rows = await guest.query(text, False, seconds=_SECONDS, remember=name if rows == OTHER_ENCODING else None)
    return rows


async def _still(guest: Guest, indexes: dict[int, IndexFacts]) -> dict[int, IndexFacts]:
    """The indexes, those that were not valid as they are now: a build that ended before we asked who builds would
    look like one that nobody is at.
    """
    broken = [oid for oid, index in indexes.items() if not index.usable]
    rows = await guest.query(sql(HERE, "index_still"), broken) if broken else []
    if isinstance(rows, Unknown) or not broken:
        return indexes
    now = {row["oid"]: row for row in rows}
    return {
        oid: replace(index, **{k: v for k, v in now[oid].items() if k != "oid"}) if oid in now else index
        for oid, index in indexes.items()
        if oid in now or index.usable
    }


def _made(row: Any) -> datetime | Unknown:
    if isinstance(row, Unknown):
        return row
    return row["made"] or Unknown("the database is in a tablespace of its own")


_TUPLES = ("columns", "opclasses", "collations", "options", "storage")


def _indexes(rows: Sequence[Any], use: Mapping[int, Any], block_size: int) -> dict[int, IndexFacts]:
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


def _shape(index: IndexFacts, definition: str, table: str) -> str:
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


def _tables(rows: Sequence[Any]) -> dict[int, TableFacts]:
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


def _foreign_keys(rows: Sequence[Any] | Unknown) -> tuple[ForeignKey, ...] | Unknown:
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


def _partition_columns(rows: Sequence[Any] | Unknown) -> dict[tuple[int, str], int] | Unknown:
    return rows if isinstance(rows, Unknown) else {(row["table_oid"], row["column"]): row["attnum"] for row in rows}


def _opclasses(rows: Sequence[Any] | Unknown) -> dict[int, OperatorClass] | Unknown:
    if isinstance(rows, Unknown):
        return rows
    return {row["oid"]: OperatorClass(row["family"], row["deduplicable"]) for row in rows}


def _work(rows: Sequence[Any] | Unknown) -> Work | Unknown:
    if isinstance(rows, Unknown):
        return rows
    found = {kind: frozenset(row["oid"] for row in rows if row["found"] == kind) for kind in _WORK}
    return Work(*(found[kind] for kind in _WORK))


_WORK = ("index", "reindex", "lock", "hidden")


def _situation(row: Any) -> Situation | Unknown:
    return row if isinstance(row, Unknown) else Situation(**dict(row))


def _bloat(rows: Sequence[Any] | Unknown) -> dict[int, BloatInputs] | Unknown:
    if isinstance(rows, Unknown):
        return rows
    return {row["oid"]: BloatInputs(**{k: v for k, v in dict(row).items() if k != "oid"}) for row in rows}

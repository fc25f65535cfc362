"""Ask the server about its indexes: a handful of questions over whole sets, none of which waits for a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.bloat import worth_estimating
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts
from devora_console.postgres.indexes.judge import judge
from devora_console.postgres.indexes.rows import (
    bloat_inputs_of,
    foreign_keys_of,
    indexes_of,
    made_at,
    opclasses_of,
    partition_columns_of,
    shape_behind,
    situation_of,
    tables_of,
    work_of,
)
from devora_console.postgres.indexes.serving import still
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Kind
from devora_console.postgres.indexes.usage import counted_since, doubt
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, OTHER_ENCODING, Guest
from devora_console.postgres.watch.window import read_window

_SECONDS = 20.0


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
        shape = shape_behind(index, row["definition"], table.quoted if table else "")
        indexes[index.oid] = replace(index, definition=row["definition"], shape=shape)
    return replace(catalogue, indexes=indexes)


async def read_catalogue(guest: Guest, settings: IndexesSettings) -> Catalogue:
    """Everything the judges need."""
    window = await read_window(guest)
    made = made_at(await guest.one("index_database_made"))
    seen = await guest.one("index_database_seen") if isinstance(made, Unknown) else None
    notes: list[str] = []
    index_rows = await _without_waiting(guest, "index_facts", notes)
    table_rows = await _without_waiting(guest, "index_tables", notes)
    use = await guest.ask("index_use", seconds=_SECONDS)
    tables = {} if isinstance(table_rows, Unknown) else tables_of(table_rows)
    block_size = guest.host.block_size
    indexes: dict[int, IndexFacts] = {}
    if not isinstance(index_rows, Unknown) and not isinstance(use, Unknown):
        indexes = indexes_of(index_rows, {row["oid"]: row for row in use}, block_size)
    for name, answer in (("indexes", index_rows), ("their use", use), ("tables", table_rows)):
        if isinstance(answer, Unknown):
            notes.append(f"Not known: {name}: {answer.reason}.")
    work = work_of(await guest.ask("index_work"))
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
        foreign_keys=foreign_keys_of(await guest.ask("index_foreign_keys", seconds=_SECONDS)),
        partition_columns=partition_columns_of(await guest.ask("index_partition_columns", seconds=_SECONDS)),
        opclasses=opclasses_of(await guest.ask("index_opclasses")),
        work=work,
        situation=situation_of(await guest.one("index_situation")),
        bloat=bloat_inputs_of(await guest.ask("index_bloat", worth, seconds=_SECONDS)),
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

"""The tables of plans, and the suggestions of many statements as one for each index. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.choose import Wanted, rows_of
from devora_console.postgres.advice.columns import Columns
from devora_console.postgres.advice.costs import size_of, writes_per_day
from devora_console.postgres.advice.scans import Read, Scan
from devora_console.postgres.indexes.advised import Gain, Refusal, Suggestion
from devora_console.postgres.indexes.facts import Catalogue, TableFacts


@dataclass(frozen=True, slots=True)
class Place:
    """A table whose rows are read in vain. ``judged`` is the table itself, or the largest partition that is read of it;
    ``percent``: what reading takes of the statement's cost.
    """

    table: TableFacts
    judged: TableFacts
    scan: Scan
    percent: float


class Refusals:
    """Statements by the reason that was given for them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], list[str]] = {}

    def add(self, queryid: int, why: Unknown) -> None:
        """One more."""
        self._held.setdefault((why.reason, why.remedy), []).append(str(queryid))

    def refusals(self) -> tuple[Refusal, ...]:
        """Those of most statements first."""
        ranked = sorted(self._held.items(), key=lambda pair: -len(pair[1]))
        return tuple(Refusal(words, tuple(statements), remedy) for (words, remedy), statements in ranked)


def places(read: Read, catalogue: Catalogue, settings: IndexesSettings) -> tuple[Place, ...] | str | Unknown:
    """The tables that make the statement dear by what is thrown away of them, or why there are none."""
    if read.cost < settings.suggest_cost:
        return (
            f"the planner expects little work: cost {read.cost:.0f} (indexes.suggest_cost = {settings.suggest_cost:g})"
        )
    known = {(table.schema, table.name): table for table in catalogue.tables.values()}
    scans = [(known[scan.schema, scan.table], scan) for scan in read.scans if (scan.schema, scan.table) in known]
    strange = next((scan for scan in read.scans if (scan.schema, scan.table) not in known), None)
    if not scans:
        if strange is not None:
            return f"what it reads is no table of a user schema here: {strange.schema}.{strange.table}"
        if read.later:
            return Unknown("which partitions it reads depends on its parameters", "Give values: explain --sql TEXT")
        return "no condition of it throws rows of a table away: nothing that an index on a column would find"
    groups: dict[int, list[tuple[TableFacts, Scan]]] = {}
    for table, scan in scans:
        groups.setdefault(_top(table, scans, catalogue).oid, []).append((table, scan))
    found, light = [], []
    for oid, members in groups.items():
        judged, scan = max(members, key=lambda pair: (pair[1].cost, rows_of(pair[0])))
        percent = min(100.0, 100 * sum(each.cost for _, each in members) / read.cost)
        table = catalogue.tables[oid]
        if percent >= settings.suggest_saving_percent:
            found.append(Place(table, judged, scan, percent))
        else:
            light.append(f"reading {table.title} is only {percent:.0f} % of its cost")
    if not found:
        return f"{'; '.join(light)} (indexes.suggest_saving_percent = {settings.suggest_saving_percent:g})"
    return tuple(found)


def _top(table: TableFacts, scans: list[tuple[TableFacts, Scan]], catalogue: Catalogue) -> TableFacts:
    """The partitioned table that several scanned partitions belong to; otherwise the table itself."""

    def above(each: TableFacts) -> TableFacts:
        while each.parent_oid is not None and each.parent_oid in catalogue.tables:
            each = catalogue.tables[each.parent_oid]
        return each

    root = above(table)
    return root if len({each.oid for each, _ in scans if above(each).oid == root.oid}) > 1 else table


def _now(scan: Scan) -> str:
    """What is read as things are."""
    if scan.by:
        return f"those that {scan.index or 'the indexes it uses'} finds"
    return f"all in the order of {scan.index}, until there are enough" if scan.index else "all"


class Gathered:
    """What was found so far."""

    def __init__(self, catalogue: Catalogue, settings: IndexesSettings, block_size: int) -> None:
        self.catalogue = catalogue
        self.settings = settings
        self.unknown = Refusals()
        self.declined = Refusals()
        self._block_size = block_size
        self._held: dict[tuple[int, tuple[str, ...]], Suggestion] = {}

    def add(self, place: Place, wanted: Wanted, columns: Columns, gain: Gain) -> None:
        """One more statement that would gain by an index on ``wanted``."""
        table = place.table
        names = tuple(each.key.name for each in wanted.columns)
        there = self._held.get((table.oid, names))
        if there is not None:
            self._held[table.oid, names] = replace(there, gains=(*there.gains, gain))
            return
        rows, notes = wanted.rows, list(wanted.notes)
        if place.judged.oid != table.oid:
            rows = self._rows(table)
            notes.append(f"Judged by the statistics of {place.judged.title}, one of its partitions.")
        size = size_of(wanted, rows, self._block_size)
        self._held[table.oid, names] = Suggestion(
            table_oid=table.oid,
            columns=names,
            rows=rows,
            rows_left=wanted.left * rows / wanted.rows,
            size_bytes=size.size,
            entry_bytes=size.entry,
            rows_per_entry=size.shared,
            writes_per_day=writes_per_day(table, self.catalogue),
            gains=(gain,),
            instead_of=_now(place.scan),
            keys=tuple(columns[table.oid, name].key for name in names),
            nulls=wanted.nulls,
            notes=tuple(notes),
        )

    def _rows(self, table: TableFacts) -> float:
        parts = self.catalogue.partitions_of().get(table.oid, ())
        return sum(self._rows(each) for each in parts) if table.partitioned else rows_of(table)

    def suggestions(self) -> tuple[Suggestion, ...]:
        """One for each index, those that would save most first; what a longer one serves too is part of it."""
        found = dict(self._held)
        for (oid, names), short in self._held.items():
            longer = next(
                (key for key in found if key[0] == oid and len(key[1]) > len(names) and key[1][: len(names)] == names),
                None,
            )
            if longer is not None:
                found[longer] = replace(found[longer], gains=(*found[longer].gains, *short.gains))
                del found[oid, names]
        ranked = [
            replace(each, gains=tuple(sorted(each.gains, key=lambda gain: -gain.statement.total_ms)))
            for each in found.values()
        ]
        ranked.sort(key=lambda each: -sum(gain.statement.total_ms for gain in each.gains))
        return tuple(ranked)

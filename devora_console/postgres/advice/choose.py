"""Which columns of a scan's condition an index should have. Pure.

The rules are those that have kept others from advising noise: a table worth it, columns that leave little, no more than
two, and no second one where the first leaves next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.columns import Column, Columns
from devora_console.postgres.advice.condition import ANY, EQUAL, NULL, RANGE, Compared, Unread
from devora_console.postgres.advice.scans import Scan
from devora_console.postgres.indexes.facts import Catalogue, TableFacts
from devora_console.postgres.indexes.serving import serving

MOST_COLUMNS = 2
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Text:
    """What a plan does not show of its statement. ``listed``: the text was shortened, so that one value may stand for
    many; ``collated``: it names a collation, which conditions leave out.
    """

    listed: bool = False
    collated: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns in the order of the index, each with the part of the rows it leaves; ``rows`` of the table by statistics,
    ``left`` of them behind the index. ``notes``: what else the condition says.
    """

    columns: tuple[Column, ...]
    leaves: tuple[float, ...]
    rows: float
    nulls: bool
    notes: tuple[str, ...]

    @property
    def left(self) -> float:
        """Rows that the index leaves, if its columns have nothing to do with each other."""
        found = self.rows
        for each in self.leaves:
            found *= each
        return found

    def first(self, count: int) -> Wanted:
        """With the first columns only."""
        return Wanted(self.columns[:count], self.leaves[:count], self.rows, self.nulls, self.notes)


@dataclass(frozen=True, slots=True)
class _Weighed:
    compared: Compared
    column: Column
    leaves: float


def rows_of(table: TableFacts) -> float:
    """Rows of a table, as the last ANALYZE or VACUUM found them, or else as they are counted."""
    return table.tuples if table.tuples > 0 else float(table.live)


def choose(
    scan: Scan, table: TableFacts, columns: Columns, catalogue: Catalogue, settings: IndexesSettings, text: Text
) -> Wanted | str | Unknown:
    """The columns, or why there are none."""
    rows = rows_of(table)
    uncounted = table.tuples < 0 and not table.live  # never analysed, and its first writes may not be counted yet
    if rows < settings.suggest_rows and not uncounted:
        return f"{table.title} is small: {rows:.0f} rows (indexes.suggest_rows = {settings.suggest_rows:g})"
    said = _weigh(scan, table, columns, rows, text)
    good, poor = _sorted_out(said.weighed.values(), settings)
    bounds = ", ".join(dict.fromkeys(said.ranged))
    if not good:
        if said.unknown is not None:
            return said.unknown
        if bounds:
            poor.append(f"{bounds} is bounded by values that are not known, so nor is what they leave")
        return f"{table.title}: {'; '.join(dict.fromkeys([*poor, *said.against])) or 'nothing compares a column'}"
    chosen = good[:1]
    if rows * chosen[0].leaves >= settings.suggest_enough_rows:
        chosen += [each for each in good[1:MOST_COLUMNS] if each.leaves <= _HALF]
    wanted = Wanted(
        columns=tuple(each.column for each in chosen),
        leaves=tuple(each.leaves for each in chosen),
        rows=rows,
        nulls=any(each.compared.how == NULL for each in chosen),
        notes=(f"The condition also bounds {bounds}.",) if bounds else (),
    )
    against = _existing(wanted, scan, table, catalogue)
    if not against and scan.by and not _reads_all(scan, table, columns, catalogue):
        against = _by_index(wanted, scan, table, said.weighed, settings)
    return against or wanted


@dataclass(slots=True)
class _Said:
    """What a condition says: columns ``weighed``, columns bounded by a ``range``, what speaks ``against`` others."""

    weighed: dict[str, _Weighed]
    ranged: list[str]
    against: list[str]
    unknown: Unknown | None = None


def _weigh(scan: Scan, table: TableFacts, columns: Columns, rows: float, text: Text) -> _Said:
    every = [*scan.by, *scan.condition]
    said = _Said({}, [], [each.words for each in every if isinstance(each, Unread)])
    for each in every:
        column = columns.get((table.oid, each.column)) if isinstance(each, Compared) else None
        if column is None or not isinstance(each, Compared):
            continue
        if why := column.unfit(each):
            said.against.append(why)
        elif text.collated and column.category == "S":
            said.against.append(f"{each.column} may be compared under another collation (COLLATE)")
        elif each.how == RANGE:
            said.ranged.append(each.column)
        elif (hidden := column.unknown(table.quoted)) is not None:
            said.unknown = said.unknown or hidden
        else:
            many = text.listed and each.how == EQUAL and each.literal is None
            compared = Compared(each.column, ANY, 10) if many else each
            found = _Weighed(compared, column, column.leaves(compared, rows))
            before = said.weighed.get(each.column)
            if before is None or found.leaves < before.leaves:
                said.weighed[each.column] = found
    return said


def _sorted_out(weighed: Iterable[_Weighed], settings: IndexesSettings) -> tuple[list[_Weighed], list[str]]:
    """Those that leave little, the least first, and words about the others."""
    good, poor = [], []
    for each in weighed:
        percent = 100 * each.leaves
        if percent <= settings.suggest_percent:
            good.append(each)
        else:
            poor.append(
                f"{each.column.key.name} leaves about {percent:.0f} % of the rows"
                f" (indexes.suggest_percent = {settings.suggest_percent:g})"
            )
    good.sort(key=lambda each: (each.leaves, each.compared.how != EQUAL))
    return good, poor


def _existing(wanted: Wanted, scan: Scan, table: TableFacts, catalogue: Catalogue) -> str:
    """Why an index there is, or one that is not valid, makes another one pointless."""
    keys = [each.key for each in wanted.columns]
    for oid in (table.oid, table.parent_oid):
        if oid is None:
            continue
        if (there := serving(catalogue, oid, keys, nulls=wanted.nulls)) is not None:
            used = "and is used" if there.name == scan.index else "but the planner prefers the scan"
            return f"{there.title} on {table.title} has these columns already, {used}"
        if (broken := serving(catalogue, oid, keys, nulls=wanted.nulls, usable=False)) is not None:
            built = not isinstance(catalogue.work, Unknown) and broken.oid in catalogue.work.built
            state = "is being built" if built else "is not valid"
            return f"{broken.title} on {table.title} has these columns, but {state}"
    for count in range(1, len(keys)):
        there = serving(catalogue, table.oid, keys[:count])
        if there is not None and wanted.left > _HALF * wanted.first(count).left:
            return f"{there.title} on {table.title} leaves hardly more rows"
    return ""


def _reads_all(scan: Scan, table: TableFacts, columns: Columns, catalogue: Catalogue) -> bool:
    """Whether the scan reads an index from end to end, as nothing is known of its first column."""
    numbers = {
        columns[table.oid, each.column].key.attnum
        for each in scan.by
        if isinstance(each, Compared) and (table.oid, each.column) in columns
    }
    index = next(
        (each for each in catalogue.indexes.values() if each.table_oid == table.oid and each.name == scan.index), None
    )
    return index is not None and index.method == "btree" and index.columns[0] not in numbers


def _by_index(
    wanted: Wanted, scan: Scan, table: TableFacts, weighed: dict[str, _Weighed], settings: IndexesSettings
) -> str:
    """Why it is no gain over the index the scan uses."""
    read = wanted.rows
    for each in scan.by:
        if not isinstance(each, Compared) or each.column not in weighed:
            return f"{table.title}: how many rows {scan.index or 'the index it uses'} finds is not known"
        read *= weighed[each.column].leaves
    if read < settings.suggest_rows or wanted.left > _HALF * read:
        return f"{table.title}: {scan.index or 'the index it uses'} leaves few rows already"
    return ""

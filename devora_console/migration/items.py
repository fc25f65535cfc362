"""The mapped columns of many decoded (sub)documents at once, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devora_console.migration.checks import understood
from devora_console.migration.columns import Cells, Counts, encoder
from devora_console.migration.encode import INT32, NULL, wire
from devora_console.migration.fields import MISSING, leftover
from devora_console.migration.plan import TablePlan


@dataclass(slots=True)
class Table:
    """The cells of one table for many items: a column of wire cells per name, and what was counted."""

    columns: list[list[bytes | None]]
    counts: list[Counts | None]  # None: as ``usual`` says
    usual: Counts
    extras: dict[int, dict[str, Any]]
    bad: set[int]


class Judge:
    """Knows for certain of some rows that their table takes them; of the others PostgreSQL is asked."""

    def __init__(self, plan: TablePlan) -> None:
        found = [understood(expression) for expression in plan.checks]
        known = {name: at for at, name in enumerate(plan.names)}
        self._checks = [(known[name], judge) for name, judge in filter(None, found) if name in known]
        self.able = len(self._checks) == len(plan.checks)  # a column that is not mapped has its default
        self._required = plan.required

    def doubtful(self, columns: list[list[bytes | None]]) -> set[int]:
        """The positions of rows that might be refused."""
        found: set[int] = set()
        for at, judge in self._checks:
            found.update(judge(columns[at]))
        for at in self._required:
            if NULL in columns[at]:
                found.update(position for position, cell in enumerate(columns[at]) if cell == NULL)
        return found


class Reader:
    """Reads the mapped columns of one table from decoded (sub)documents."""

    def __init__(self, plan: TablePlan, also: Iterable[str] = ()) -> None:
        self.plan = plan
        self.paths = [(column, column.column.path[0], encoder(column)) for column in plan.columns if column.column.path]
        self.known = frozenset(path[0] for path in plan.consumed) | frozenset(also)
        self.also = tuple((name,) for name in also)

    def read(self, items: list[dict[str, Any]]) -> Table:
        """Columns from paths, constants and what no column takes; keys and parents are the caller's."""
        found = Table([repeat_null(len(items))] * len(self.plan.names), [], {}, {}, set())
        odd: dict[int, list[tuple[str | None, Counts]]] = {}
        for column, name, encode in self.paths:
            cells = encode([item.get(name, MISSING) for item in items])
            found.columns[column.index] = cells.cells
            if None in cells.cells:
                found.bad.update(at for at, cell in enumerate(cells.cells) if cell is None)
            _count(cells, found.usual, odd)
        for column in self.plan.columns:
            if column.column.has_constant:
                found.columns[column.index] = [wire(column.constant)] * len(items)
        found.counts = [None] * len(items)
        for at, changes in odd.items():
            found.counts[at] = _apart(found.usual, changes)
        self._extras(items, found)
        return found

    def _extras(self, items: list[dict[str, Any]], found: Table) -> None:
        """What no column takes, where there is any."""
        known = self.known
        for at, item in enumerate(items):
            if not known.issuperset(item) and at not in found.bad:
                extra = leftover(item, (*self.plan.consumed, *self.also))
                if extra:
                    found.extras[at] = extra
                    counts = found.counts[at]
                    counts = dict(found.usual) if counts is None else counts
                    counts["extra_kept"] = 1
                    found.counts[at] = counts


def repeat_null(count: int) -> list[bytes | None]:
    """A column without values."""
    return [NULL] * count


def _count(cells: Cells, usual: Counts, odd: dict[int, list[tuple[str | None, Counts]]]) -> None:
    if cells.rule is not None:
        usual[cells.rule] = usual.get(cells.rule, 0) + 1
    for at, counts in cells.odd.items():
        odd.setdefault(at, []).append((cells.rule, counts))


def _apart(usual: Counts, changes: list[tuple[str | None, Counts]]) -> Counts:
    """The usual counts, with some columns' rules replaced by others."""
    counts = dict(usual)
    for rule, instead in changes:
        if rule is not None:
            counts[rule] -= 1
        for name, times in instead.items():
            counts[name] = counts.get(name, 0) + times
    return {name: times for name, times in counts.items() if times}


def octets(plan: TablePlan, columns: list[list[bytes | None]]) -> None:
    """Fill the columns that measure a text column beside them."""
    for column in plan.columns:
        if column.column.compute == "octets":
            of = next(c.index for c in plan.columns if c.column.path == column.column.of)
            columns[column.index] = [
                NULL if cell is None or cell == NULL else wire(INT32.pack(len(cell) - 4)) for cell in columns[of]
            ]


def add(counts: Counts, more: Counts, times: int) -> None:
    """Count ``more`` as often as ``times`` says."""
    for rule, count in more.items():
        counts[rule] = counts.get(rule, 0) + count * times

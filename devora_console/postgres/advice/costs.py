"""What a suggested index would take: bytes on disk, and rows written to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.choose import Wanted
from devora_console.postgres.indexes.facts import Catalogue, TableFacts

_TUPLE, _POINTER, _LISTED, _ALIGNED, _PAGE_HEAD, _FILL = 8, 4, 6, 8, 40, 0.9
_MOST_LISTED = 130  # rows that one entry holds at most, roughly: it has to fit a sixth of a page
_NEVER_SHARED = frozenset({"numeric", "float4", "float8", "interval"})  # equal values may look different
_DAY = 86_400.0
_FAR, _ROW = 4.0, 0.01  # random_page_cost, cpu_tuple_cost


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of an index. An entry of ``entry`` bytes stands for ``shared`` rows, 1 where values are not stored once."""

    size: int
    entry: int
    shared: float


def size_of(wanted: Wanted, rows: float, block_size: int) -> Size:
    """Leaf pages filled to 90 %: an entry is head, values, padding and pointer; where values repeat, one entry for many
    rows, and 6 bytes for each of them.
    """
    nulls = any(each.nulls for each in wanted.columns)
    values = sum(each.width for each in wanted.columns)
    entry = -(-(_TUPLE + (_TUPLE if nulls else 0) + values) // _ALIGNED) * _ALIGNED + _POINTER
    distinct = 1.0
    for column in wanted.columns:
        number = column.distinct or -1.0
        distinct *= max(1.0, number if number > 0 else -number * wanted.rows)
    shared = min(float(_MOST_LISTED), wanted.rows / min(distinct, wanted.rows))
    if shared < 2 or any(each.base in _NEVER_SHARED for each in wanted.columns):
        shared = 1.0
    each_row = float(entry) if shared == 1 else _LISTED + entry / shared
    return Size(round(rows * each_row / (_FILL * (block_size - _PAGE_HEAD))) * block_size, entry, shared)


def fetch_cost(wanted: Wanted, pages: int) -> float:
    """What the planner would reckon, at its default prices, for fetching the rows that the index leaves: from pages far
    apart, unless the table is in the order of the first column.
    """
    every, left = max(1.0, float(pages)), wanted.left
    touched = min(every, 2 * every * left / (2 * every + left))
    bitmap = touched * (_FAR - (_FAR - 1) * sqrt(touched / every))
    together = _FAR + max(0.0, ceil(left / max(1.0, wanted.rows) * every) - 1)
    ordered = wanted.columns[0].correlation ** 2
    return min(bitmap, touched * _FAR + ordered * (together - touched * _FAR)) + left * _ROW


def writes_per_day(table: TableFacts, catalogue: Catalogue) -> float | Unknown:
    """Rows that an index of the table would have written, by the counters and the time they have counted."""
    if not isinstance(catalogue.situation, Unknown) and catalogue.situation.in_recovery:
        return Unknown("this is a standby, which counts no writes")
    if isinstance(catalogue.window, Unknown):
        return catalogue.window
    seconds = catalogue.window.seconds
    if isinstance(seconds, Unknown):
        return seconds
    if seconds < _DAY:  # what a load wrote in a minute says nothing about a day
        return Unknown("rows have been counted for less than a day")
    return table.index_writes * _DAY / seconds

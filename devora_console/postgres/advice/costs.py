"""What a suggested index would take: bytes on disk, and rows written to it. Pure."""

from __future__ import annotations

from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.choose import Wanted
from devora_console.postgres.indexes.facts import Catalogue, TableFacts

_TUPLE, _POINTER, _ALIGNED, _PAGE_HEAD, _FILL = 8, 4, 8, 40, 0.9
_DAY = 86_400.0


def row_bytes(wanted: Wanted) -> int:
    """What one row takes in a btree: head, values, padding, pointer."""
    head = _TUPLE + (_TUPLE if any(each.nulls for each in wanted.columns) else 0)
    values = sum(each.width for each in wanted.columns)
    return -(-(head + values) // _ALIGNED) * _ALIGNED + _POINTER


def index_bytes(rows: float, each: int, block_size: int) -> int:
    """Leaf pages, filled to 90 %."""
    return round(rows * each / (_FILL * (block_size - _PAGE_HEAD))) * block_size


def writes_per_day(table: TableFacts, catalogue: Catalogue) -> float | Unknown:
    """Rows that an index of the table would have written, by the counters and the time they have counted."""
    if isinstance(catalogue.window, Unknown):
        return catalogue.window
    seconds = catalogue.window.seconds
    if isinstance(seconds, Unknown):
        return seconds
    return table.index_writes * _DAY / max(1.0, seconds)

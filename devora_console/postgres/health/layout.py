"""How many rows of a table fit a page, from the layout PostgreSQL gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PAGE_HEADER = 24
_LINE_POINTER = 4
_ROW_HEADER = 23
_MAXALIGN = 8
_ALIGN = {"c": 1, "s": 2, "i": 4, "d": 8}
_SHORT = 127  # a varlena up to this size, header included, is stored with a one-byte header and without padding


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """One column in the order of the table: declared length (-1: varies), alignment (c, s, i, d), and what ANALYZE
    saw: the mean stored width of values that are not null, in bytes, and the share of nulls (0 to 1).
    """

    length: int
    align: str
    width: int
    null_share: float


def row_bytes(columns: Sequence[ColumnStats]) -> int:
    """Bytes of a mean row with its header, padded as it is on a page.

    >>> row_bytes((ColumnStats(1, 'c', 1, 0), ColumnStats(8, 'd', 8, 0))), row_bytes((ColumnStats(8, 'd', 8, 0),))
    (40, 32)
    """
    bitmap = (len(columns) + 7) // 8 if any(column.null_share > 0 for column in columns) else 0
    at = 0.0
    for column in columns:
        held = 1 - column.null_share
        short = column.length == -1 and column.width <= _SHORT
        step = 1 if short else _ALIGN.get(column.align, _MAXALIGN)
        width = column.length if column.length > 0 else column.width
        padding = (-at) % step if at == int(at) else (step - 1) / 2
        at += held * (padding + width)
    return _padded(_ROW_HEADER + bitmap) + _padded(round(at))


def rows_per_page(row: int, block_size: int, fillfactor: int) -> int:
    """How many rows of so many bytes INSERT puts on a page: at least one, whatever the fill factor.

    >>> rows_per_page(32, 8192, 100), rows_per_page(32, 8192, 50), rows_per_page(4300, 8192, 100)
    (226, 113, 1)
    """
    kept_free = block_size * (100 - fillfactor) // 100
    return max(1, (block_size - PAGE_HEADER - kept_free) // (row + _LINE_POINTER))


def pages_needed(rows: float, row: int, block_size: int, fillfactor: int) -> int:
    """Pages that so many rows fill."""
    return -int(-rows // rows_per_page(row, block_size, fillfactor))


def _padded(length: int) -> int:
    return -(-length // _MAXALIGN) * _MAXALIGN

"""Columns of a table, declared once, and which of them fit a width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

GAP = 2
MARGIN = 1

Cell = tuple[str, str]
"""Words already safe for display, and a style."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``width`` in cells; of several, the highest ``rank`` is left out first where room is short.

    A column that ``grows`` takes what is left, ``width`` being its least.
    """

    key: str
    title: str
    width: int
    right: bool = False
    rank: int = 0
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; ``key`` stays the same while its cells change.

    With ``span`` the line has no cells: our own words (one cell per character) stand in a rule across all columns.
    """

    key: str
    cells: Mapping[str, Cell]
    span: Cell | None = None


def fit_columns(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """The columns that fit ``width`` cells with a margin at the left and gaps between, the growing one
    widened.

    >>> [c.width for c in fit_columns((Column('a', 'a', 4, grows=True), Column('b', 'b', 6, rank=1)), 21)]
    [12, 6]
    >>> [c.key for c in fit_columns((Column('a', 'a', 4, grows=True), Column('b', 'b', 6, rank=1)), 11)]
    ['a']
    """
    kept = list(columns)
    while len(kept) > 1 and _needed(kept) > width:
        kept.remove(max(kept, key=lambda column: column.rank))
    spare = max(0, width - _needed(kept))
    growing = sum(column.grows for column in kept)
    out: list[Column] = []
    for column in kept:
        if not column.grows:
            out.append(column)
            continue
        extra = spare // growing
        spare, growing = spare - extra, growing - 1
        out.append(replace(column, width=column.width + extra))
    return tuple(out)


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1) + MARGIN

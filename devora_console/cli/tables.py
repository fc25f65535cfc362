"""Plain tables for people: no boxes, numbers to the right, text that came from data made safe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from devora_console.core.safetext import one_line


def plain_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> Table:
    """A table of these rows; ``right`` are the columns that hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, header in enumerate(headers):
        table.add_column(header, justify="right" if at in right else "left", no_wrap=at in right)
    for row in rows:
        table.add_row(*(Text(one_line(cell, 300)) for cell in row))
    return table


def number(value: int) -> str:
    """A number with thin spaces between thousands: 1 912 004."""
    return f"{value:,}".replace(",", "\u202f")

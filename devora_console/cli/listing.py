"""Tables of the terminal door on the command line: the same rows, in as many columns as the line is wide."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from devora_console.tui.render.columns import GAP, Column, Row, fit_columns
from devora_console.tui.render.look import Look


def print_rows(out: Console, columns: Sequence[Column], rows: Sequence[Row], look: Look) -> None:
    """A heading and the rows, each cut to the width of ``out``."""
    fitting = fit_columns(columns, out.width)
    titles = [look.pad(each.title, each.width, "bold", each.right) for each in fitting]
    for cells in (titles, *([look.pad(*_cell(row, each), right=each.right) for each in fitting] for row in rows)):
        line = Text(" " * GAP).join(cells)
        line.rstrip()
        out.print(line)


def _cell(row: Row, column: Column) -> tuple[str, int, str]:
    words, style = row.cells.get(column.key, ("", ""))
    return words, column.width, style

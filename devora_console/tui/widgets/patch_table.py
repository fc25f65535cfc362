"""A table that repaints the cells that changed, and nothing when none did.

``DataTable.update_cell`` repaints the whole table, about 19 kB at 120x40. Here a cell is compared first and
then refreshed alone, about 300 bytes. This touches two private attributes of DataTable; the version of
Textual is pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rich.text import Text
from textual.coordinate import Coordinate
from textual.events import Resize
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey, RowKey

from devora_console.tui.render.columns import GAP, MARGIN, Cell, Column, Row, fit_columns
from devora_console.tui.render.look import Look


class PatchTable(DataTable[Text]):
    """Rows of safe text under declared columns; the cursor is a row and stays with its key."""

    def __init__(
        self,
        columns: Sequence[Column],
        look: Look,
        *,
        id: str,  # noqa: A002
        titles: bool = True,
    ) -> None:
        super().__init__(id=id, cursor_type="row", show_header=titles, cell_padding=0, header_height=1 if titles else 0)
        self._declared, self._look, self._titles = tuple(columns), look, titles
        self._fitted: tuple[Column, ...] = ()
        self._latest: tuple[Row, ...] = ()
        self._wished: str | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Show ``rows``: patch the cells that differ, or build anew when rows came, went or moved."""
        rows = tuple(rows)
        self.show_header = self._titles and bool(rows)
        if [row.key for row in rows] == [row.key for row in self._latest] and self.columns:
            for row, before in zip(rows, self._latest, strict=True):
                if row != before:
                    self._patch_row(row)
            self._latest = rows
            return
        self._latest = rows
        self._build()

    @property
    def current_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._latest[self.cursor_row].key if 0 <= self.cursor_row < len(self._latest) else None

    def patch(self, row_key: str, column_key: str, value: Text) -> bool:
        """Put ``value`` into one cell; gives whether it differed and was repainted."""
        row, column = RowKey(row_key), ColumnKey(column_key)
        before = self._data[row][column]
        if before == value and before.style == value.style:
            return False
        self._data[row][column] = value
        self._update_count += 1
        self.refresh_coordinate(Coordinate(self.get_row_index(row), self.get_column_index(column)))
        return True

    def go_to(self, key: str) -> None:
        """Put the cursor on a row, if it is there; in a table that has no room yet, once it has."""
        self._wished = None if self.row_count else key
        at = next((index for index, row in enumerate(self._latest) if row.key == key), None)
        if at is not None and at != self.cursor_row and at < self.row_count:
            self.move_cursor(row=at, animate=False)

    def _patch_row(self, row: Row) -> None:
        for column, cell in zip(self._fitted, self._cells(row), strict=True):
            self.patch(row.key, column.key, cell)

    def _cells(self, row: Row) -> list[Text]:
        if row.span is None:
            return [self._cell(row.cells[column.key], column, index) for index, column in enumerate(self._fitted)]
        widths = [self._cell(("", ""), column, index).cell_len for index, column in enumerate(self._fitted)]
        rule = f" {row.span[0]} ".center(sum(widths) - 2 * MARGIN, "═")
        words = self._look.pad(" " * MARGIN + rule, sum(widths)).plain
        ends = list(accumulate(widths))
        pieces = (words[end - width : end] for end, width in zip(ends, widths, strict=True))
        return [Text(piece, style=row.span[1], no_wrap=True, end="") for piece in pieces]

    def _cell(self, cell: Cell, column: Column, index: int) -> Text:
        words, style = cell
        text = self._look.pad(words, column.width, style, right=column.right)
        lead = " " * MARGIN if index == 0 else ""
        tail = " " * GAP if index < len(self._fitted) - 1 else ""
        return Text.assemble(lead, (text.plain, style), tail, no_wrap=True, end="")

    def _build(self) -> None:
        width = self.size.width
        if width <= 0:
            return
        room = self.size.height - self.header_height
        scrolls = 0 < room < len(self._latest)
        before = self._key_at_cursor() or self._wished
        self._wished = None
        self.clear(columns=True)
        self._fitted = fit_columns(self._declared, width - scrolls)
        for index, column in enumerate(self._fitted):
            title = self._cell((column.title, ""), column, index)
            self.add_column(title, key=column.key, width=title.cell_len)
        for row in self._latest:
            self.add_row(*self._cells(row), key=row.key)
        keys = [row.key for row in self._latest]
        if before in keys:
            self.move_cursor(row=keys.index(before), animate=False)

    def _key_at_cursor(self) -> str | None:
        rows = self.ordered_rows
        return rows[self.cursor_row].key.value if 0 <= self.cursor_row < len(rows) else None

    def on_resize(self, event: Resize) -> None:
        """Fit the columns to the new width."""
        room = self.size.height - self.header_height
        scrolls = 0 < room < len(self._latest)
        if fit_columns(self._declared, self.size.width - scrolls) != self._fitted:
            self._build()

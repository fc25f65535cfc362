"""Quarantine: the documents that could not be converted, why, and each of them whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable

from devora_console.core.problems import ConsoleError
from devora_console.migration.progress import QuarantineItem
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.detail import quarantine_detail
from devora_console.tui.render.headline import quarantined
from devora_console.tui.render.quarantine import (
    COLUMNS,
    ORDERS,
    document_lines,
    item_key,
    quarantine_headline,
    quarantine_rows,
)
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.sorting import SortedScreen
from devora_console.tui.widgets.filter import FilterLine
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

LIMIT = 500


class QuarantineScreen(SortedScreen):
    """The list. It is read when opened and on request, not by itself: a list that moves cannot be read."""

    name_of = "quarantine"
    place_of = "migration"
    BINDINGS = screen_bindings("quarantine")
    AUTO_FOCUS = "#items"

    def __init__(self) -> None:
        super().__init__()
        self._items: tuple[QuarantineItem, ...] = ()
        self._loaded = False
        self._failed = ""

    @property
    def orders(self) -> Iterable[str]:
        """Those of the quarantine."""
        return ORDERS

    def body(self) -> ComposeResult:
        """Headline, list, detail pane, filter."""
        yield Headline(self.look)
        with Horizontal(id="columns"):
            yield PatchTable(COLUMNS, self.look, id="items")
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)
        yield FilterLine()

    def on_mount(self) -> None:
        """Read the list."""
        self.action_reload()

    @work(exit_on_error=False, group="quarantine", exclusive=True, description="read the quarantine")
    async def action_reload(self) -> None:
        """Read the list again."""
        self._failed = ""
        try:
            self._items = await self.host.bridge.ask(self.host.services.quarantine(LIMIT), "read the quarantine")
            self._loaded = True
        except ConsoleError as error:
            self._failed = f"The quarantine could not be read: {error.problem}"
        self.catch_up()

    def draw(self) -> None:
        """Draw the list as it was read."""
        rows = quarantine_rows(self._items, self.look, self.order, self.keep)
        snapshot = self.host.services.migration()
        if self._failed:
            words = self.look.text(self._failed, 500)
        elif not self._loaded:
            words = "Reading the quarantine."
        else:
            total, rules = quarantined(snapshot), snapshot.quarantine_rules
            words = quarantine_headline(total, len(rows), len(self._items), LIMIT, rules)
        self.query_one("#headline", Line).show(self.look.text(words, 600))
        self.query_one(PatchTable).show(rows)
        self._draw_detail()

    def stale_since(self, now: datetime) -> datetime | None:
        """The list is as of its reading and says nothing about now."""
        return None

    def explain(self) -> Text | None:
        """The item under the cursor."""
        item = self._current()
        return quarantine_detail(item, self.look) if item else None

    def can(self, verb: str) -> bool:
        """A document is opened when there is one."""
        return self._current() is not None if verb in ("open", "copy") else True

    def _current(self) -> QuarantineItem | None:
        key = self.query_one(PatchTable).current_key
        return next((item for item in self._items if item_key(item) == key), None)

    def _draw_detail(self) -> None:
        self.query_one("#detail", Line).show(self.explain() or "")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self._draw_detail()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter."""
        self.action_open()

    def action_open(self) -> None:
        """Show the whole document."""
        item = self._current()
        if item is not None:
            self.app.push_screen(DocumentScreen(item))

    def action_copy(self) -> None:
        """Copy the item's place and message, exactly."""
        item = self._current()
        if item is not None:
            self.host.copy(f"{item.collection} {item.source_id} {item.rule} {item.path}: {item.message}", "line")

    def action_copy_command(self) -> None:
        """Copy the command line that lists the same."""
        self.host.copy(self.host.services.as_command("quarantine"), "command")

    def action_export(self) -> None:
        """Write the list as it was read to a file."""
        self.host.export("quarantine", self._items)


class DocumentScreen(ConsoleScreen):
    """One quarantined document, whole, with the reason above it."""

    name_of = "document"
    place_of = "migration"
    BINDINGS = screen_bindings("document")
    AUTO_FOCUS = "#document"

    def __init__(self, item: QuarantineItem) -> None:
        super().__init__()
        self._item = item
        self._text: str | None = None
        self._failed = ""

    def body(self) -> ComposeResult:
        """The reason, then the document."""
        yield Headline(self.look)
        with VerticalScroll(id="document"):
            yield Line(id="document-text", fixed=False)

    def on_mount(self) -> None:
        """Read the document."""
        self._read()

    @work(exit_on_error=False, group="document", description="read a quarantined document")
    async def _read(self) -> None:
        item = self._item
        try:
            reading = self.host.services.quarantine_document(item.collection, item.source_id)
            self._text = await self.host.bridge.ask(reading, "read the document")
        except ConsoleError as error:
            self._failed = str(error.problem)
        self.catch_up()

    def draw(self) -> None:
        """Draw the reason and what was read."""
        item, look = self._item, self.look
        words = Text(f"{look.text(item.collection, 60)} {look.text(item.source_id, 80)}: ", end="")
        words.append(look.text(item.message, 400))
        if item.path:
            words.append(f" (at {look.text(item.path, 80)})", style=look.muted)
        self.query_one("#headline", Line).show(words)
        if self._failed:
            shown = f"The document could not be read: {look.text(self._failed, 500)}"
        elif self._text is None:
            shown = "Reading the document."
        else:
            shown = document_lines(self._text, look, self.app.size.width - 6)
        self.query_one("#document-text", Line).show(shown)

    def stale_since(self, now: datetime) -> datetime | None:
        """A document is as of its reading."""
        return None

    def on_resize(self, event: Resize) -> None:
        """Fold anew."""
        self.call_after_refresh(self.catch_up)

    def action_copy(self) -> None:
        """Copy the whole document, exactly."""
        if self._text is not None:
            self.host.copy(self._text, "document")

    def action_export(self) -> None:
        """Write the whole document to a file."""
        if self._text is not None:
            self.host.export("document", self._text)

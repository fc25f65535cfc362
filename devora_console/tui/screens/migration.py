"""Migration: dry run, copy and verification as they go, and the keys that start and stop them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable

from devora_console.migration.progress import Kind, MigrationSnapshot, State
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.detail import collection_detail, shortened, table_detail
from devora_console.tui.render.headline import headline
from devora_console.tui.render.look import Look
from devora_console.tui.render.migration import (
    COLLECTION_COLUMNS,
    ORDERS,
    TABLE_COLUMNS,
    collection_rows,
    conversions_line,
    table_rows,
    verification_line,
)
from devora_console.tui.render.phases import in_steps, phases_line
from devora_console.tui.render.run import run_detail, trend_line, trend_plot, workers_detail, workers_line
from devora_console.tui.screens.quarantine import QuarantineScreen
from devora_console.tui.screens.running import RunScreen
from devora_console.tui.screens.sorting import SortedScreen
from devora_console.tui.widgets.filter import FilterLine
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

_LINES: Mapping[str, Callable[[MigrationSnapshot, int, Look], str | Text]] = {
    "phases": phases_line,
    "workers": workers_line,
    "trend": trend_line,
    "conversions": conversions_line,
    "verification": verification_line,
}
"""The lines under the tables, from top to bottom; one with nothing to say takes no room."""
_TALL = 36
_PANE_FROM = 112
_LEAST = 8  # lines of the detail in the pane, whatever else is there
_HUNG = timedelta(seconds=10)


class MigrationScreen(SortedScreen, RunScreen):
    """The migration from the latest snapshot."""

    name_of = "migration"
    place_of = "migration"
    BINDINGS = screen_bindings("migration")
    AUTO_FOCUS = "#collections"

    def __init__(self) -> None:
        super().__init__()
        self._tables_only = False
        self._pane_height = 0

    @property
    def orders(self) -> Iterable[str]:
        """Those of collections."""
        return ORDERS

    def body(self) -> ComposeResult:
        """Headline, collections and verification with a detail pane, lines of figures, filter."""
        yield Headline(self.look)
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield PatchTable(COLLECTION_COLUMNS, self.look, id="collections")
                yield PatchTable(TABLE_COLUMNS, self.look, id="tables")
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)
                yield Line(id="each-worker", fixed=False)
                yield Line(id="plot", fixed=False)
        for name in _LINES:
            yield Line(id=name)
        yield FilterLine()

    # --- drawing ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw from the latest snapshot."""
        snapshot, look, width = self.snapshot, self.look, self.app.size.width
        self.query_one("#headline", Line).show(headline(snapshot, look))
        collections = self.query_one("#collections", PatchTable)
        tables = self.query_one("#tables", PatchTable)
        verdicts = table_rows(snapshot, look, self.keep)
        has_tables = snapshot.verification is not None
        tall = self.app.size.height >= _TALL
        tables.display = has_tables and (tall or self._tables_only)
        collections.display = not tables.display or tall
        tables.set_class(tall, "below")
        collections.show(collection_rows(snapshot, look, self.order, self.keep))
        tables.show(verdicts)
        for name, render in _LINES.items():
            words = render(snapshot, width, look)
            line = self.query_one(f"#{name}", Line)
            line.show(words)
            line.display = bool(line.words)
        self._draw_pane(snapshot)
        self.call_after_refresh(self._fit_pane)

    def _fit_pane(self) -> None:
        """Lines that came or went have left the pane another height."""
        if self.query_one("#pane").size.height != self._pane_height and not self.frozen:
            self._draw_pane(self.snapshot)

    def _draw_pane(self, snapshot: MigrationSnapshot) -> None:
        if self.app.size.width < _PANE_FROM:
            return
        inner = self.query_one("#pane").scrollable_content_region.width or 36
        working = workers_detail(snapshot, inner, self.look)
        high = self._pane_height = self.query_one("#pane").size.height
        drawn = trend_plot(snapshot, inner, min(12, self.app.size.height // (6 if working.plain else 4)), self.look)
        left = high - len(drawn) - (working.plain.count("\n") + 2 if working.plain else 0)
        detail = self._detail(snapshot, inner)
        self.query_one("#detail", Line).show(shortened(detail, max(left, _LEAST), self.look) if detail else "")
        each_worker = self.query_one("#each-worker", Line)
        each_worker.show(Text("\n", end="").append_text(working))
        each_worker.display = bool(working.plain)
        self.query_one("#plot", Line).show("\n".join(drawn))

    def _detail(self, snapshot: MigrationSnapshot, width: int = 60) -> Text | None:
        tables = self.query_one("#tables", PatchTable)
        if tables.display and (self._tables_only or tables.has_focus) and snapshot.verification:
            key = tables.current_key
            table = next((t for t in snapshot.verification.tables if t.name == key), None)
            return table_detail(table, snapshot, self.look, width) if table else None
        key = self.query_one("#collections", PatchTable).current_key
        found = next((c for c in snapshot.collections if c.name == key), None)
        return collection_detail(found, snapshot, self.look, width) if found else None

    def stale_since(self, now: datetime) -> datetime | None:
        """Where rows are counted something is said every second: silence means that the run hangs."""
        snapshot = self.snapshot
        hung = snapshot.state is State.RUNNING and now - snapshot.as_of > _HUNG and not in_steps(snapshot)
        return snapshot.as_of if hung else None

    def explain(self) -> Text | None:
        """The collection or table under the cursor, then the run."""
        detail, run = self._detail(self.snapshot), run_detail(self.snapshot, self.look)
        parts = [part for part in (detail, run) if part is not None and part.plain]
        return Text("\n\n", end="").join(parts) if parts else None

    def words(self) -> dict[str, str]:
        """P pauses or resumes, t names the other view."""
        return super().words() | ({"migration.tables": "collections"} if self._tables_only else {})

    def can(self, verb: str) -> bool:
        """What makes sense in the present state of the run."""
        return self.snapshot.verification is not None if verb == "tables" else super().can(verb)

    def go_back(self) -> bool:
        """Take the filter away, then the tables."""
        if super().go_back():
            return True
        if self._tables_only:
            self.action_tables()
            return True
        return False

    def on_resize(self, event: Resize) -> None:
        """Fit the new size."""
        self.call_after_refresh(self.catch_up)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self._draw_pane(self.snapshot)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: in depth, as the pane does on a wide terminal."""
        self.app.call_later(self.run_action, "app.help")

    # --- looking ----------------------------------------------------------------------------------

    def action_tables(self) -> None:
        """Switch between collections and the verification table."""
        self._tables_only = not self._tables_only
        self.catch_up()
        self.query_one("#tables" if self._tables_only else "#collections").focus()

    def action_quarantine(self) -> None:
        """Open the list of documents that could not be converted."""
        self.app.push_screen(QuarantineScreen())

    def action_copy(self) -> None:
        """Copy the detail of the line under the cursor."""
        detail = self._detail(self.snapshot)
        if detail is not None:
            self.host.copy(detail.plain, "line")

    def action_copy_command(self) -> None:
        """Copy the command line that does what is shown."""
        names = {Kind.EXECUTE: "execute", Kind.VERIFY: "verify"}
        kind = self.snapshot.kind
        self.host.copy(self.host.services.as_command(names.get(kind, "dry_run") if kind else "dry_run"), "command")

    def action_export(self) -> None:
        """Write the snapshot to a file."""
        self.host.export("migration", self.snapshot)

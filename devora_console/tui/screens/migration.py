"""Migration: dry run, copy and verification as they go, and the keys that start and stop them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle, dropwhile, islice

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable, Input

from devora_console.core.console import Preview
from devora_console.core.problems import ConsoleError
from devora_console.migration.progress import Kind, MigrationSnapshot, State
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.detail import collection_detail, table_detail
from devora_console.tui.render.headline import NAMES, headline, progress
from devora_console.tui.render.migration import (
    COLLECTION_COLUMNS,
    ORDERS,
    TABLE_COLUMNS,
    collection_rows,
    conversions_line,
    table_rows,
    trend_line,
    verification_line,
)
from devora_console.tui.render.trend import plot
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.quarantine import QuarantineScreen
from devora_console.tui.widgets.filter import FilterLine
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

ACTIVE = frozenset({State.RUNNING, State.PAUSED, State.STOPPING})
_TALL = 36
_PANE_FROM = 112
_HUNG = timedelta(seconds=10)


def is_active(snapshot: MigrationSnapshot) -> bool:
    """Whether a run is under way, going or paused."""
    return snapshot.kind is not None and snapshot.state in ACTIVE


class MigrationScreen(ConsoleScreen):
    """The migration from the latest snapshot."""

    name_of = "migration"
    place_of = "migration"
    BINDINGS = screen_bindings("migration")
    AUTO_FOCUS = "#collections"

    def __init__(self) -> None:
        super().__init__()
        self._order = next(iter(ORDERS))
        self._keep = ""
        self._tables_only = False

    def body(self) -> ComposeResult:
        """Headline, collections and verification with a detail pane, lines of figures, filter."""
        yield Line(id="headline", fixed=False)
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield PatchTable(COLLECTION_COLUMNS, self.look, id="collections")
                yield PatchTable(TABLE_COLUMNS, self.look, id="tables")
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)
                yield Line(id="plot", fixed=False)
        yield Line(id="trend")
        yield Line(id="conversions")
        yield Line(id="verification")
        yield FilterLine()

    # --- drawing ----------------------------------------------------------------------------------

    @property
    def snapshot(self) -> MigrationSnapshot:
        """The latest snapshot."""
        return self.host.services.migration()

    def draw(self) -> None:
        """Draw from the latest snapshot."""
        snapshot, look, width = self.snapshot, self.look, self.app.size.width
        self.query_one("#headline", Line).show(headline(snapshot, look))
        collections = self.query_one("#collections", PatchTable)
        tables = self.query_one("#tables", PatchTable)
        verdicts = table_rows(snapshot, look, self._keep)
        has_tables = snapshot.verification is not None
        tall = self.app.size.height >= _TALL
        tables.display = has_tables and (tall or self._tables_only)
        collections.display = not tables.display or tall
        tables.set_class(tall, "below")
        collections.show(collection_rows(snapshot, look, self._order, self._keep))
        tables.show(verdicts)
        self.query_one("#trend", Line).show(trend_line(snapshot, width, look))
        self.query_one("#conversions", Line).show(conversions_line(snapshot, width, look))
        self.query_one("#verification", Line).show(verification_line(snapshot, width, look))
        self._draw_pane(snapshot)

    def _draw_pane(self, snapshot: MigrationSnapshot) -> None:
        if self.app.size.width < _PANE_FROM:
            return
        inner = self.query_one("#pane").scrollable_content_region.width or 36
        self.query_one("#detail", Line).show(self._detail(snapshot, inner) or "")
        room = min(12, self.app.size.height // 4)
        drawn = plot(snapshot.rates, inner, room, self.look)
        if drawn:
            drawn = ["", "rows/s over the run", *drawn]
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
        """A running migration says something every second; silence means that it hangs."""
        snapshot = self.snapshot
        hung = snapshot.state is State.RUNNING and now - snapshot.as_of > _HUNG
        return snapshot.as_of if hung else None

    def explain(self) -> Text | None:
        """The collection or table under the cursor."""
        return self._detail(self.snapshot)

    def words(self) -> dict[str, str]:
        """P pauses or resumes, t names the other view."""
        found: dict[str, str] = {}
        if self.snapshot.state is State.PAUSED:
            found["migration.pause_run"] = "resume"
        if self._tables_only:
            found["migration.tables"] = "collections"
        return found

    def can(self, verb: str) -> bool:
        """What makes sense in the present state of the run."""
        active = is_active(self.snapshot)
        match verb:
            case "dry_run" | "execute" | "verify":
                return not active
            case "pause_run":
                return self.snapshot.state in (State.RUNNING, State.PAUSED) and active
            case "stop_run":
                return active and self.snapshot.state is not State.STOPPING
            case "tables":
                return self.snapshot.verification is not None
            case _:
                return True

    def go_back(self) -> bool:
        """Take the filter away, then the tables."""
        if self._keep or self.query_one(FilterLine).display:
            self.query_one(FilterLine).close()
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

    def action_filter(self) -> None:
        """Ask for the text that lines must hold."""
        self.query_one(FilterLine).open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as typed."""
        self._keep = event.value
        self.draw()

    def action_sort(self) -> None:
        """Sort by the next order."""
        self._order = next(islice(dropwhile(lambda name: name != self._order, cycle(ORDERS)), 1, None))
        self.draw()
        self.notify(f"sorted by {self._order}", markup=False, timeout=2)

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
        detail = self.explain()
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

    # --- acting -----------------------------------------------------------------------------------

    def action_dry_run(self) -> None:
        """Convert every document, write nothing."""
        self.host.act("dry run", self.host.services.dry_run)

    def action_verify(self) -> None:
        """Compare source and target."""
        self.host.act("verify", self.host.services.verify)

    def action_pause_run(self) -> None:
        """Pause, or resume."""
        services = self.host.services
        paused = self.snapshot.state is State.PAUSED
        self.host.act("resume" if paused else "pause", services.resume if paused else services.pause)

    @work(exit_on_error=False, group="confirm", exclusive=True, description="confirm execute")
    async def action_execute(self) -> None:
        """Preview the copy, have its name typed, start it."""
        services = self.host.services
        try:
            preview = services.execute_preview()
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        typed = await self.app.push_screen_wait(ConfirmScreen(preview, self.look, "Execute"))
        if typed is not None:
            self.host.act("execute", lambda: services.execute(typed))

    @work(exit_on_error=False, group="confirm", exclusive=True, description="confirm stop")
    async def action_stop_run(self) -> None:
        """Ask, then stop the run."""
        snapshot = self.snapshot
        name = NAMES[snapshot.kind].lower() if snapshot.kind else "run"
        where = f" at {progress(snapshot)}" if progress(snapshot) else ""
        preview = Preview(
            title=f"Stop the {name}",
            consequence=f"The {name} ends{where}, after the batches in flight. What is written stays.",
            locks="",
            sql="",
            command="",
            type_name="",
        )
        if await self.app.push_screen_wait(ConfirmScreen(preview, self.look, "Stop")) is not None:
            self.host.act("stop", self.host.services.stop_migration)

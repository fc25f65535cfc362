"""Overview: a headline and every verdict in one line each; each line is a door."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable

from devora_console.core.actions import PLACES
from devora_console.core.console import OverviewLine
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.detail import overview_detail
from devora_console.tui.render.look import Look
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

_COLUMNS = (
    Column("title", "what", 14, rank=1),
    Column("verdict", "state", 9, rank=0),
    Column("text", "finding", 30, grows=True, rank=2),
)
_OLD = timedelta(seconds=15)


def overview_row(line: OverviewLine, look: Look) -> Row:
    """One line of the list."""
    cells = {
        "title": (look.text(line.title), ""),
        "verdict": (look.state(line.verdict), look.style(line.verdict)),
        "text": (look.text(line.text, 400), ""),
    }
    return Row(line.id, cells)


class OverviewScreen(ConsoleScreen):
    """Both servers and every verdict at a glance."""

    name_of = "overview"
    place_of = "overview"
    BINDINGS = screen_bindings("overview")
    AUTO_FOCUS = "#lines"

    def body(self) -> ComposeResult:
        """Headline, list, detail pane."""
        yield Headline(self.look)
        with Horizontal(id="columns"):
            yield PatchTable(_COLUMNS, self.look, id="lines", titles=False)
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)

    def draw(self) -> None:
        """Draw from the latest snapshot."""
        snapshot = self.host.services.overview()
        self.query_one("#headline", Line).show(self.look.text(snapshot.headline, 500))
        self.query_one(PatchTable).show([overview_row(line, self.look) for line in snapshot.lines])
        self._draw_detail()

    def stale_since(self, now: datetime) -> datetime | None:
        """The overview is sampled all the time: an old one means that sampling hangs."""
        as_of = self.host.services.overview().as_of
        return as_of if now - as_of > _OLD else None

    def explain(self) -> Text | None:
        """How the verdict under the cursor was reached."""
        line = self._current()
        return overview_detail(line, self.look) if line else None

    def can(self, verb: str) -> bool:
        """Only lines that have a screen open."""
        if verb == "open":
            line = self._current()
            return line is not None and line.screen in {place.id for place in PLACES}
        return True

    def _current(self) -> OverviewLine | None:
        key = self.query_one(PatchTable).current_key
        return next((line for line in self.host.services.overview().lines if line.id == key), None)

    def _draw_detail(self) -> None:
        line = self._current()
        self.query_one("#detail", Line).show(overview_detail(line, self.look) if line else "")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self._draw_detail()
        self.draw_frame()

    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter."""
        await self.action_open()

    async def action_open(self) -> None:
        """Go to the screen that explains the line."""
        line = self._current()
        if line is not None and self.can("open"):
            await self.run_action(f"app.go('{line.screen}')")

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        line = self._current()
        if line is not None:
            self.host.copy(f"{line.title}: {line.verdict.value}: {line.text}", "line")

    def action_export(self) -> None:
        """Write the overview to a file."""
        self.host.export("overview", self.host.services.overview())

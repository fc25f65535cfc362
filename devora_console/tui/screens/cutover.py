"""Cutover: the walk step by step, the checklist of gates, the timeline; what it waits for, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable

from devora_console.cutover.gating import GateLine
from devora_console.cutover.headline import headline
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine
from devora_console.cutover.state import RunState
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.cutover import STEP_COLUMNS, now_line, step_of, step_rows
from devora_console.tui.render.cutover_depth import step_brief
from devora_console.tui.render.cutover_lines import back_line, driver_name, output_lines, waits_line, window_line
from devora_console.tui.render.cutover_lists import EVENT_COLUMNS, GATE_COLUMNS, event_rows, gate_rows
from devora_console.tui.screens.cutover_acting import CutoverActing
from devora_console.tui.screens.cutover_depth import CutoverDepthScreen, depth_of
from devora_console.tui.widgets.follow_table import FollowTable
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line

VIEWS = ("steps", "checklist", "timeline")
_PANE_FROM = 112
_OLD = timedelta(seconds=10)
_NAME = 14


class CutoverScreen(CutoverActing):
    """The cutover from the latest snapshot."""

    name_of = "cutover"
    place_of = "cutover"
    BINDINGS = screen_bindings("cutover")
    AUTO_FOCUS = "#steps"

    def __init__(self) -> None:
        super().__init__()
        self._chosen: str | None = None

    @property
    def view(self) -> str:
        """What is listed: as chosen, else the checklist until GO was given, then the steps."""
        run = self.snapshot.run
        return self._chosen or ("checklist" if run is None or run.state is RunState.DRAFT else "steps")

    def body(self) -> ComposeResult:
        """Headline, where it stands, one of three lists with a pane, the lines that are always there."""
        yield Headline(self.look)
        yield Line(id="now")
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield FollowTable(STEP_COLUMNS, self.look, id="steps")
                yield FollowTable(GATE_COLUMNS, self.look, id="checklist")
                yield FollowTable(EVENT_COLUMNS, self.look, id="timeline")
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)
        yield Line(id="waits", fixed=False)
        yield Line(id="output", fixed=False)
        yield Line(id="way-back")
        yield Line(id="window")

    # --- drawing ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw from the latest snapshot."""
        seen, look, width = self.snapshot, self.look, self.app.size.width
        keys = {action.verb: action.key for action in self.host.actions if action.id.startswith("cutover.")}
        words = headline(seen, keys)
        if self.view == "timeline" and not seen.events and seen.problem is None:
            words += " Nothing has happened yet: no run is open."
        self.query_one("#headline", Line).show(look.text(words, 600))
        self._draw_list(seen)
        self.query_one("#now", Line).show(now_line(seen, self.suggestions(), self.busy, width, look))
        wide = width >= _PANE_FROM
        window, style = window_line(seen, width, look)
        for name, shown in (
            ("waits", waits_line(seen, keys["object"], width, look)),
            ("output", "" if wide else output_lines(seen.output, 2, width, look)),
            ("way-back", back_line(seen, width, look)),
            ("window", Text(window, style=style)),
        ):
            line = self.query_one(f"#{name}", Line)
            line.show(shown)
            line.display = bool(line.words)
        self._draw_pane()

    def _draw_list(self, seen: CutoverSnapshot) -> None:
        look, view = self.look, self.view
        tables = {name: self.query_one(f"#{name}", FollowTable) for name in VIEWS}
        moved = not tables[view].display
        had = any(table.has_focus for table in tables.values()) or self.focused is None
        for name, table in tables.items():
            table.display = name == view
        if view == "steps":
            tables[view].show_at(step_rows(seen, look), seen.current)
        elif view == "checklist":
            tables[view].show_at(gate_rows(seen, look), None)
        else:
            tables[view].show_at(event_rows(seen, look), str(seen.events[-1].seq) if seen.events else None)
        if had and (moved or not tables[view].has_focus):
            tables[view].focus()

    def _draw_pane(self) -> None:
        if self.app.size.width < _PANE_FROM:
            return
        pane = self.query_one("#pane")
        inner, high = pane.scrollable_content_region.width or 40, pane.size.height or 20
        line = self.step()
        shown = step_brief(self.snapshot, line, high, self.look, inner) if line is not None else self.explain()
        self.query_one("#detail", Line).show(shown or "")

    @property
    def _key(self) -> str | None:
        key = self.query_one(f"#{self.view}", FollowTable).current_key
        return step_of(key) if self.view == "steps" else key

    def gate(self) -> GateLine | None:
        """The gate under the cursor of the checklist."""
        if not self.is_mounted or self.view != "checklist":
            return None
        return next((each for each in self.snapshot.gates if each.id == self._key), None)

    def step(self) -> StepLine | None:
        """The step under the cursor."""
        key = self._key if self.is_mounted and self.view == "steps" else None
        return self.snapshot.step(key) if key is not None else None

    def note(self) -> str:
        """Whose run this is, where another console drives it."""
        words = super().note()
        if words or not self.here.watching:
            return words
        return f"watching, driven by {self.look.fit(self.look.text(driver_name(self.snapshot), 60), _NAME)}"

    def stale_since(self, now: datetime) -> datetime | None:
        """A run is read twice a second: silence means that its journal cannot be read."""
        as_of = self.snapshot.as_of
        return as_of if now - as_of > _OLD else None

    def explain(self) -> Text | None:
        """What is under the cursor."""
        key = self._key
        output = self.snapshot.output if key == self.snapshot.current else ()
        return depth_of(self.snapshot, self.view, key, output, self.look) if key is not None else None

    def words(self) -> dict[str, str]:
        """What t shows next; what C and A mean now."""
        following = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        found = {"cutover.views": following}
        if self.gate() is None and self.here.manual:
            found["cutover.attest"] = "done"
        return found

    def can(self, verb: str) -> bool:
        """What concerns one line needs one."""
        if verb in ("open", "copy"):
            return self._key is not None
        return super().can(verb)

    def go_back(self) -> bool:
        """Back to the list that fits the state."""
        if self._chosen is None:
            return False
        self._chosen = None
        self.catch_up()
        return True

    def on_resize(self, event: Resize) -> None:
        """Fit the new size."""
        self.call_after_refresh(self.catch_up)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved: the pane, and what can be done, follow it."""
        self._draw_pane()
        keys = self.suggestions()
        self.query_one("#now", Line).show(now_line(self.snapshot, keys, self.busy, self.app.size.width, self.look))
        self.draw_frame()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: in depth."""
        self.action_open()

    # --- looking ----------------------------------------------------------------------------------

    def action_views(self) -> None:
        """The next list."""
        self._chosen = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.catch_up()

    def action_open(self) -> None:
        """In depth."""
        key = self._key
        if key is not None:
            self.app.push_screen(CutoverDepthScreen(self.view, key))

    def action_copy(self) -> None:
        """Copy what stands in depth about the line under the cursor."""
        shown = self.explain()
        if shown is not None:
            self.host.copy(shown.plain, "line")

    def action_copy_command(self) -> None:
        """Copy the command line of what leads on."""
        self.host.copy(self.command(), "command")

    def action_export(self) -> None:
        """Write the snapshot to a file."""
        self.host.export("cutover", self.snapshot)

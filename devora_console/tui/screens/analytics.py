"""Analytics: figures, trends, events on their way, before and after, and the first day after the switch."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable

from devora_console.bench.seen import Benched
from devora_console.core.problems import ConsoleError
from devora_console.tui.keys import key_of, screen_bindings
from devora_console.tui.ports_analytics import VIEWS, AnalyticsPort, View
from devora_console.tui.render.analytics import COLUMNS, COMMANDS, NAMES, Shown
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

_PLOT, _TALL_PLOT, _TALL = 8, 13, 36
_NOTE_FROM = 112
_WATCH_EVERY = 600.0  # seconds after which a watch that is shown counts as old, whatever it is set to


class AnalyticsScreen(ConsoleScreen):
    """Five views, turned by a key; each is looked at only while it is shown."""

    name_of = "analytics"
    place_of = "analytics"
    BINDINGS = screen_bindings("analytics")
    AUTO_FOCUS = "#figures"

    def __init__(self) -> None:
        super().__init__()
        self.view: View = VIEWS[0]
        self._begun: set[View] = set()

    def body(self) -> ComposeResult:
        """Headline, the list of the view with what is drawn below it, a pane."""
        yield Headline(self.look)
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                for view in VIEWS:
                    yield PatchTable(COLUMNS[view], self.look, id=view)
                yield Line(id="below", fixed=False)
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)

    @property
    def port(self) -> AnalyticsPort:
        """The services of this screen."""
        return self.host.services.analytics

    @property
    def shown(self) -> Shown:
        """All that is drawn from."""
        keys = (key_of(self.host.actions, "analytics.begin_watch"), key_of(self.host.actions, "analytics.keep_before"))
        return Shown.of(self.view, self.port, keys)

    @property
    def table(self) -> PatchTable:
        """The list of the view."""
        return self.query_one(f"#{self.view}", PatchTable)

    def on_screen_resume(self) -> None:
        """Back in view: look at what is shown."""
        self.host.bridge.start(self.port.show(self.view))
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Out of view: nothing here is looked at any more."""
        self.host.bridge.start(self.port.show(None))

    # --- drawing ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw from the latest."""
        shown, look = self.shown, self.look
        words = shown.headline(look)
        if self.size.width < _NOTE_FROM:
            words = f"{NAMES[self.view].capitalize()}: {words}"
        self.query_one("#headline", Line).show(look.text(words, 600))
        had = self.focused is None or isinstance(self.focused, PatchTable)
        for view in VIEWS:
            self.query_one(f"#{view}", PatchTable).display = view == self.view
        self.table.show(shown.rows(look))
        if self.view not in self._begun and (key := shown.first(look)) is not None:
            self._begun.add(self.view)
            self.table.go_to(key)
        if had and not self.table.has_focus:
            self.table.focus()
        self._draw_rest()

    def _draw_rest(self) -> None:
        """What follows the cursor."""
        shown, key, look = self.shown, self.table.current_key, self.look
        room = _TALL_PLOT if self.size.height >= _TALL else _PLOT
        drawn = shown.below(key, max(0, self.query_one("#left").size.width - 1), room, look)
        below = self.query_one("#below", Line)
        below.show("\n".join(drawn))
        below.display = bool(drawn)
        self.query_one("#detail", Line).show(shown.detail(key, look) or "")

    def note(self) -> str:
        """Which view it is, where there is room beside the names of the screens."""
        place = f"{NAMES[self.view]} ({VIEWS.index(self.view) + 1} of {len(VIEWS)})"
        return super().note() or (place if self.size.width >= _NOTE_FROM else "")

    def stale_since(self, now: datetime) -> datetime | None:
        """When looking hangs or fails, what stands here is old."""
        return self.shown.stale_since(now, _WATCH_EVERY)

    def explain(self) -> Text | None:
        """What is under the cursor."""
        return self.shown.detail(self.table.current_key, self.look)

    def words(self) -> dict[str, str]:
        """What t shows next."""
        following = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        return {"analytics.views": NAMES[following]}

    def can(self, verb: str) -> bool:
        """What belongs to one view, or to one line, needs it."""
        if verb in ("older", "newer"):
            return self._beside(verb) is not None
        if verb in ("begin_watch", "keep_before"):
            return self.view == "watch" and not (verb == "begin_watch" and self.port.watching)
        if verb == "copy":
            return self.is_mounted and self.table.current_key is not None
        return self.shown.known if verb == "export" else True

    def on_resize(self, event: Resize) -> None:
        """Fit the new size."""
        self.call_after_refresh(self.catch_up)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self._draw_rest()
        self.draw_frame()

    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: in depth, which a narrow terminal has no pane for."""
        await self.run_action("app.help")

    # --- acting -----------------------------------------------------------------------------------

    def action_views(self) -> None:
        """The next view."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.host.bridge.start(self.port.show(self.view))
        self.catch_up()

    def go_back(self) -> bool:
        """Back to the figures."""
        if self.view == VIEWS[0]:
            return False
        self.view = VIEWS[0]
        self.host.bridge.start(self.port.show(self.view))
        self.catch_up()
        return True

    def action_look(self) -> None:
        """Look now."""
        self.host.act("look now", self.port.look)

    def _beside(self, verb: str) -> str | None:
        """The id of the result before or after the one that is shown."""
        found = self.port.bench
        if self.view != "bench" or not isinstance(found, Benched) or found.shown is None:
            return None
        ids = [each.id for each in found.results]
        at = ids.index(found.shown.id) + (1 if verb == "newer" else -1)
        return ids[at] if 0 <= at < len(ids) else None

    def action_older(self) -> None:
        """The result before this one."""
        self._choose("older")

    def action_newer(self) -> None:
        """The result after this one."""
        self._choose("newer")

    def _choose(self, verb: str) -> None:
        wanted = self._beside(verb)
        if wanted is not None:
            self.host.bridge.start(self.port.choose(wanted))

    def action_begin_watch(self) -> None:
        """Begin a watch."""
        self.host.act("begin the watch", self.port.begin_watch)

    @work(exit_on_error=False, group="keep", exclusive=True, description="keep the values before")
    async def action_keep_before(self) -> None:
        """Keep the values before the switch, and say where."""
        try:
            path = await self.host.bridge.ask(self.port.keep_before(), "keep the values before", within=60)
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        self.notify(f"kept: {self.look.text(path, 300)}", markup=False, timeout=8)

    def action_copy(self) -> None:
        """Copy what stands in depth about the line under the cursor."""
        found = self.explain()
        if found is not None:
            self.host.copy(found.plain, "line")

    def action_copy_command(self) -> None:
        """Copy the command line that tells the same."""
        self.host.copy(self.host.services.as_command(COMMANDS[self.view]), "command")

    def action_export(self) -> None:
        """Write what is shown to a file."""
        if self.shown.known:
            self.host.export(f"analytics-{self.view}", self.shown.found)

"""A list of what a server was seen to have: headline, table, one thing in depth; renewed as it is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable

from devora_console.core.clock import span, utc_now
from devora_console.core.console import Link, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.ring import Dated
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.screens.sorting import SortedScreen
from devora_console.tui.widgets.filter import FilterLine
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable


class Renderer(Protocol):
    """A module of ``tui/render``: pure functions of one kind of snapshot."""

    COLUMNS: tuple[Column, ...]
    ORDERS: Mapping[str, Callable[[Any], Any]]

    def rows(self, snapshot: Any, look: Look, order: str, keep: str) -> list[Row]:
        """The lines that hold ``keep``, in this order."""

    def headline(self, snapshot: Any) -> str:
        """The worst first, in plain words."""

    def detail(self, snapshot: Any, key: str, look: Look) -> Text | None:
        """One line in depth."""


class ListScreen(SortedScreen):
    """Subclasses name the place, the renderer, and where their snapshot comes from."""

    render_of: ClassVar[Any]
    """The :class:`Renderer`."""
    fresh_for: ClassVar[timedelta] = timedelta(seconds=20)
    """How old a sample may be before the screen says that it is stale."""
    notes_first: ClassVar[bool] = False
    """Whether the explanation begins with what concerns all lines, as one line may take pages."""
    AUTO_FOCUS = "#items"

    def __init__(self) -> None:
        super().__init__()
        self.at: datetime | None = None
        """The moment of the last hour that is shown; None for now."""

    @property
    def orders(self) -> Iterable[str]:
        """Those of the renderer."""
        return cast("Renderer", self.render_of).ORDERS

    def latest(self) -> Dated | Unknown | Problem | None:
        """The sample to show, why it cannot be known, the problem in the way, or None before the first look."""
        return self.host.services.seen(self.name_of, self.at)

    def body(self) -> ComposeResult:
        """Headline, list, detail pane, filter."""
        yield Headline(self.look)
        yield Line(id="acting", fixed=False)
        with Horizontal(id="columns"):
            yield from self.listed()
            with VerticalScroll(id="pane", can_focus=False):
                yield Line(id="detail", fixed=False)
        yield FilterLine()

    def listed(self) -> ComposeResult:
        """The list, and what stands below it."""
        yield PatchTable(self.render_of.COLUMNS, self.look, id="items")

    def snapshot(self) -> Any:
        """The newest sample, None while there is none."""
        found = self.latest()
        return None if found is None or isinstance(found, Problem | Unknown) else found

    def draw(self) -> None:
        """Draw the newest sample."""
        found, look = self.latest(), self.look
        rows: Sequence[Row] = ()
        if found is None:
            words = "Looking for the first time." if self.at is None else "This is not kept any more. Esc: back to now."
        elif isinstance(found, Problem):
            words = f"Nothing was seen yet: {found}"
        elif isinstance(found, Unknown):
            words = f"Not known: {found.reason}. {found.remedy}".rstrip(" .") + "."
        else:
            rows = self.render_of.rows(found, look, self.order, self.keep)
            # Why a list is empty comes first: what follows may not fit.
            said = (self._when(found), "" if rows else self.nothing(found), self.say(found))
            words = " ".join(each.strip() for each in said if each)
        self.query_one("#headline", Line).show(look.text(words, 600))
        acting = self.host.services.act_progress()
        self.query_one("#acting", Line).show(look.text(acting, 200))
        self.query_one("#acting", Line).display = bool(acting)
        self.query_one(PatchTable).show(rows)
        self.draw_detail()

    def say(self, found: Any) -> str:
        """The headline of a sample."""
        said: str = self.render_of.headline(found)
        return said

    def notes(self, found: Any) -> Sequence[str]:
        """What is to be known of all the lines of a sample."""
        return ()

    def nothing(self, found: Any) -> str:
        """What to say and to press when the list is empty."""
        return f'No line holds "{self.keep}"; Esc shows all.' if self.keep else ""

    def _when(self, found: Dated) -> str:
        """Words before a headline that is not about now."""
        if self.at is None and self.host.services.header().postgres.link is Link.OK:
            return ""
        return f"At {found.as_of:%H:%M:%SZ}, {span(max(0.0, (utc_now() - found.as_of).total_seconds()))} ago: "

    def note(self) -> str:
        """That this is not now."""
        return super().note() or ("" if self.at is None else f"{self.look.sign(Verdict.PAUSED)} {self.at:%H:%M:%SZ}")

    def stale_since(self, now: datetime) -> datetime | None:
        """When sampling hangs or the server is away, or somebody looks back, what stands here is old."""
        found = self.snapshot()
        if self.at is not None:
            return self.at
        return found.as_of if found is not None and now - found.as_of > self.fresh_for else None

    def explain(self) -> Text | None:
        """What is under the cursor, and what is to be known of all the lines."""
        return self._with_notes(first=self.notes_first)

    def _with_notes(self, *, first: bool) -> Text | None:
        found, shown = self.snapshot(), self.line()
        notes = self.notes(found) if found is not None else ()
        if not notes:
            return shown
        about = Text("about the whole list\n", style="bold", end="")
        about.append("\n".join(self.look.lines(note, 1_000) for note in notes), style="not bold")
        if shown is None:
            return about
        one, other = (about, shown) if first else (shown, about)
        return Text("\n\n", end="").join((one, other))

    def line(self) -> Text | None:
        """The line under the cursor in depth."""
        found, key = self.snapshot(), self.current
        if found is None or key is None:
            return None
        shown: Text | None = self.render_of.detail(found, key, self.look)
        return shown

    @property
    def current(self) -> str | None:
        """The key under the cursor."""
        return self.query_one(PatchTable).current_key

    def can(self, verb: str) -> bool:
        """What concerns one line needs one."""
        if verb in ("earlier", "later"):
            return self._moment(verb) is not None or (verb == "later" and self.at is not None)
        return self.current is not None if verb in ("copy", "open") else True

    def go_back(self) -> bool:
        """Back to now, then take the filter away."""
        if self.at is not None:
            self._show_at(None)
            return True
        return super().go_back()

    def draw_detail(self) -> None:
        """The line under the cursor, in the pane."""
        self.query_one("#detail", Line).show(self._with_notes(first=False) or "")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved."""
        self.draw_detail()
        self.draw_frame()

    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: in depth, which a narrow terminal has no pane for."""
        await self.run_action("open" if hasattr(self, "action_open") else "app.help")

    def action_look(self) -> None:
        """Look now."""
        self.host.act("look now", lambda: self.host.services.look(self.name_of))

    def action_earlier(self) -> None:
        """Show the sample that was kept before this one."""
        moment = self._moment("earlier")
        if moment is not None:
            self._show_at(moment)

    def action_later(self) -> None:
        """Show the sample after this one, in the end what is seen now."""
        self._show_at(self._moment("later"))

    def _moment(self, verb: str) -> datetime | None:
        found = self.snapshot()
        shown = self.at or (found.as_of if found is not None else None)
        moments = self.host.services.moments(self.name_of)
        if shown is None:
            return None
        if verb == "earlier":
            return max((each for each in moments if each < shown), default=None)
        return min((each for each in moments if each > shown), default=None) if self.at is not None else None

    def _show_at(self, moment: datetime | None) -> None:
        self.at = moment
        self.draw()
        self.draw_frame()

    def action_copy(self) -> None:
        """Copy what stands in depth about the line under the cursor."""
        shown = self.line()
        if shown is not None:
            self.host.copy(shown.plain, "line")

    def action_copy_command(self) -> None:
        """Copy the command line that prints the same."""
        self.host.copy(self.host.services.as_command(self.name_of), "command")

    def action_export(self) -> None:
        """Write the sample to a file."""
        found = self.snapshot()
        if found is not None:
            self.host.export(self.name_of, found)

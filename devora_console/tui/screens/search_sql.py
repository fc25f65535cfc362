"""The exact statement of a method: shown, copied, edited, and run read-only as the one who asked."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import TextArea

from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.search.model import LEGS, Method, SearchSnapshot
from devora_console.search.trying import Tried
from devora_console.tui.keys import screen_bindings
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.search_closer import pasted, statement_text, tried_text
from devora_console.tui.render.search_words import NAMES
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line

_PATIENCE = 40.0


class Editor(TextArea, inherit_bindings=True):
    """The statement while it is edited; Esc leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "screen.run", show=False)]


class SqlScreen(ConsoleScreen):
    """One method's statement. It is as of the ask; edited, it is this screen's own."""

    name_of = "search_sql"
    place_of = "search"
    BINDINGS = screen_bindings("search_sql")
    AUTO_FOCUS = "#document"

    def __init__(self, port: SearchPort, snapshot: SearchSnapshot, method: Method) -> None:
        super().__init__()
        self._port, self._snapshot = port, snapshot
        with_sql = [each for each in LEGS if (answer := snapshot.methods.get(each)) is not None and answer.sql]
        self._methods = tuple(with_sql)
        self._method = method if method in with_sql else (with_sql[0] if with_sql else method)
        self._edited: dict[Method, str] = {}
        self._found: Tried | Unknown | None = None
        self._under_way = False

    def body(self) -> ComposeResult:
        """A headline; the statement; the same to edit; what it gave."""
        yield Headline(self.look)
        with VerticalScroll(id="document"):
            yield Line(id="document-text", fixed=False)
        yield Editor(id="editor", show_line_numbers=False, compact=True)

    def on_mount(self) -> None:
        """Not edited at first."""
        self.query_one(Editor).display = False

    @property
    def _sql(self) -> str:
        answer = self._snapshot.methods.get(self._method)
        return self._edited.get(self._method, answer.sql if answer else "")

    def draw(self) -> None:
        """Draw what is known."""
        look, width = self.look, max(20, self.size.width - 6)
        words = f"The statement of {NAMES[self._method]}"
        if not self._methods:
            words = "No method has run a statement."
        elif self._method in self._edited and not self._editing:
            words += ", edited. r runs it, read-only; u is as it was."
        elif self._editing:
            words = "Editing: F2 runs it, read-only and with the same parameters; Esc leaves the editor."
        else:
            words += ". r runs it, i edits it, m is the next method's."
        self.query_one("#headline", Line).show(look.text(words, 300))
        out = Text(end="")
        if self._under_way:
            out.append("Running.\n\n")
        elif self._found is not None:
            out.append_text(tried_text(self._found, look, width))
            out.append("\n\n")
        answer = self._snapshot.methods.get(self._method)
        if answer is not None and self._methods:
            out.append_text(statement_text(answer, self._sql, look))
        self.query_one("#document-text", Line).show(out)

    @property
    def _editing(self) -> bool:
        return bool(self.query_one(Editor).display)

    def stale_since(self, now: datetime) -> datetime | None:
        """As of the ask."""
        return None

    def can(self, verb: str) -> bool:
        """What needs a statement needs one."""
        if verb == "undo":
            return self._method in self._edited
        return bool(self._methods)

    def go_back(self) -> bool:
        """Out of the editor; what was edited stays."""
        if not self._editing:
            return False
        self._keep()
        self.query_one(Editor).display = False
        self.query_one("#document").focus()
        self.catch_up()
        return True

    def _keep(self) -> None:
        answer = self._snapshot.methods.get(self._method)
        text = self.query_one(Editor).text
        if answer is not None and text.strip() and text != answer.sql:
            self._edited[self._method] = text

    def action_edit(self) -> None:
        """Edit it."""
        editor = self.query_one(Editor)
        editor.load_text(self._sql)
        editor.display = True
        editor.focus()
        self.catch_up()

    def action_undo(self) -> None:
        """As it was."""
        self._edited.pop(self._method, None)
        self._found = None
        self.catch_up()

    def action_method(self) -> None:
        """The next method's statement."""
        if self._methods:
            self._method = self._methods[(self._methods.index(self._method) + 1) % len(self._methods)]
            self._found = None
            self.catch_up()

    @work(exit_on_error=False, group="try", exclusive=True, description="run a statement")
    async def action_run(self) -> None:
        """Run it, as the one who asked, in a read-only transaction that is rolled back."""
        if self._editing:
            self._keep()
        answer = self._snapshot.methods.get(self._method)
        if answer is None:
            return
        self._under_way, self._found = True, None
        self.catch_up()
        try:
            work = self._port.try_sql(self._snapshot.asked, self._sql, answer.parameters)
            self._found = await self.host.bridge.ask(work, "run the statement", within=_PATIENCE)
        except ConsoleError as error:
            self.host.complain(error.problem)
        self._under_way = False
        self.query_one("#document").scroll_home(animate=False)
        self.catch_up()

    def action_copy(self) -> None:
        """Copy the whole transaction, to be pasted into psql."""
        answer = self._snapshot.methods.get(self._method)
        if answer is not None and self._sql:
            self.host.copy(pasted(answer, self._sql), "transaction")

    def action_export(self) -> None:
        """Write it to a file."""
        answer = self._snapshot.methods.get(self._method)
        if answer is not None:
            self.host.export("search-sql", {"sql": self._sql, "opening": answer.opening, "rows": self._found})

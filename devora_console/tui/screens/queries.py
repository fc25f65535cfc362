"""Queries: the statements that cost most; behind each its text, its figures and its plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.events import Resize

from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import QueriesSnapshot, Statement
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render import queries
from devora_console.tui.render.plan import plan_lines
from devora_console.tui.render.queries_detail import notes
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.listing import ListScreen
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line


class QueriesScreen(ListScreen):
    """The statements of the last minutes, and what runs now."""

    name_of = "queries"
    place_of = "queries"
    render_of: ClassVar[Any] = queries
    notes_first = True
    BINDINGS = screen_bindings("queries")

    def action_slow(self) -> None:
        """Slow statements only, or all."""
        self.order = next(iter(queries.ORDERS)) if self.order == "slow" else "slow"
        self.draw()
        found = self.snapshot()
        slow = "slow statements" if found is None else queries.slow_words(found)
        self.notify(f"listed: {slow if self.order == 'slow' else 'all'}", markup=False, timeout=3)

    def notes(self, found: Any) -> Sequence[str]:
        """Caveats of the statistics, and what is hidden."""
        return notes(found)

    def nothing(self, found: Any) -> str:
        """Slow statements only may be none."""
        known = isinstance(found, QueriesSnapshot) and not isinstance(found.statements, Unknown)
        listed = "Slow statements only are listed, and there is none; l lists all."
        return super().nothing(found) or (listed if known and self.order == "slow" else "")

    def _current(self) -> Statement | None:
        found, key = self.snapshot(), self.current
        each = queries.find(found, key) if found is not None and key is not None else None
        return each if isinstance(each, Statement) else None

    def can(self, verb: str) -> bool:
        """Only what the statistics hold is opened."""
        return self._current() is not None if verb == "open" else super().can(verb)

    def action_open(self) -> None:
        """The statement in depth."""
        statement = self._current()
        if statement is not None:
            self.app.push_screen(StatementScreen(statement, self.line()))

    def action_copy(self) -> None:
        """Copy the exact text of the statement."""
        found, key = self.snapshot(), self.current
        text = queries.original(found, key) if found is not None and key is not None else None
        if text is not None:
            self.host.copy(text, "statement")


class StatementScreen(ConsoleScreen):
    """One statement: figures, text, plan. It is as of its opening, for what moves cannot be read."""

    name_of = "statement"
    place_of = "queries"
    BINDINGS = screen_bindings("statement")
    AUTO_FOCUS = "#document"

    def __init__(self, statement: Statement, figures: Text | None) -> None:
        super().__init__()
        self._statement, self._figures = statement, figures
        self._plan: Plan | Unknown | None = None
        self._asking = False

    def body(self) -> ComposeResult:
        """A headline, then everything below each other."""
        yield Headline(self.look)
        with VerticalScroll(id="document"):
            yield Line(id="document-text", fixed=False)

    def draw(self) -> None:
        """Draw what is known."""
        look, width = self.look, max(20, self.size.width - 6)
        key = self._statement.key
        self.query_one("#headline", Line).show(
            f"Statement {key.queryid} of {look.text(str(self._statement.user), 60)}."
        )
        out = Text(end="")
        if self._plan is not None:
            if isinstance(self._plan, Unknown):
                out.append(
                    look.text(f"No plan: {self._plan.reason}. {self._plan.remedy}", 600) + "\n\n", style=look.warn
                )
            else:
                out.append_text(plan_lines(self._plan, look, width))
                out.append("\n\n")
        elif self._asking:
            out.append("Asking for the plan.\n\n")
        if self._figures is not None:
            out.append_text(self._figures)
        self.query_one("#document-text", Line).show(out)

    def stale_since(self, now: datetime) -> datetime | None:
        """As of its opening."""
        return None

    def on_resize(self, event: Resize) -> None:
        """Fold anew."""
        self.call_after_refresh(self.catch_up)

    @work(exit_on_error=False, group="plan", exclusive=True, description="ask for a plan")
    async def action_plan(self) -> None:
        """Ask for the plan; nothing is run."""
        self._asking, self._plan = True, None
        self.catch_up()
        try:
            self._plan = await self.host.bridge.ask(
                self.host.services.plan(self._statement), "ask for the plan", within=40
            )
        except ConsoleError as error:
            self.host.complain(error.problem)
        self._asking = False
        self.catch_up()

    def action_copy(self) -> None:
        """Copy the exact text."""
        if isinstance(self._statement.text, str):
            self.host.copy(self._statement.text, "statement")

    def action_export(self) -> None:
        """Write statement and plan to a file."""
        self.host.export("statement", {"statement": self._statement, "plan": self._plan})

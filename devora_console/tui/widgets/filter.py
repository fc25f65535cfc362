"""The line a filter is typed into."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from devora_console.tui.widgets.line import Line


class FilterLine(Horizontal):
    """Hidden until opened; Enter keeps the filter and goes back to the list, Esc takes it away."""

    def compose(self) -> ComposeResult:
        """A slash and a field."""
        yield Line(id="filter-sign")
        yield Input(id="filter", select_on_focus=False, compact=True)

    def on_mount(self) -> None:
        """Hidden at first."""
        self.query_one("#filter-sign", Line).show(" /")
        self.display = False

    def open(self) -> None:
        """Show the field and type into it."""
        self.display = True
        self.query_one(Input).focus()

    def close(self) -> None:
        """Take the filter away."""
        self.query_one(Input).value = ""
        self.display = False
        self._to_list()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        event.stop()
        if not event.value:
            self.display = False
        self._to_list()

    def _to_list(self) -> None:
        selector = self.screen.AUTO_FOCUS
        if selector:
            self.screen.query(selector).first().focus()

"""Slowing a running copy down, or giving it more: three fields, Enter applies, Esc leaves everything as it is."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from devora_console.core.console import Verdict
from devora_console.migration.progress import Wishes
from devora_console.tui.render.look import Look
from devora_console.tui.render.wishes import FIELDS, typed, understood
from devora_console.tui.widgets.line import Line


class ThrottleScreen(ModalScreen[Wishes | None]):
    """Gives what is wanted from now on, None when cancelled. It begins with the present wishes."""

    AUTO_FOCUS = "#wish-rows"
    # With priority: what is typed right behind a Tab, as a slow line delivers it, must go to the next field.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        Binding("up,shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("down,tab", "app.focus_next", show=False, priority=True),
    ]

    def __init__(self, wishes: Wishes, look: Look) -> None:
        super().__init__()
        self._wishes, self._look = wishes, look

    def compose(self) -> ComposeResult:
        """Title, what it does, the fields, what is wrong with them, how to leave."""
        with Vertical(id="dialog"):
            yield Line(id="dialog-title")
            yield Line(id="dialog-text", fixed=False)
            for (name, _, empty), value in zip(FIELDS, typed(self._wishes), strict=True):
                with Horizontal(classes="field"):
                    yield Line(id=f"label-{name}")
                    yield Input(value, placeholder=empty, id=f"wish-{name}", max_length=20, compact=True)
            yield Line(id="wrong", fixed=False)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words."""
        self.query_one("#dialog-title", Line).show(Text("Throttle the copy", style="bold"))
        words = "It counts from the next batch on, until the run ends."
        self.query_one("#dialog-text", Line).show(words)
        for name, label, _ in FIELDS:
            self.query_one(f"#label-{name}", Line).show(label)
        closing = "Enter applies, Esc cancels, Tab goes to the next field"
        self.query_one("#dialog-ask", Line).show(Text(closing, style="dim"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong is being mended."""
        self.query_one("#wrong", Line).show("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in any field applies all three, once the others have taken what was typed into them."""
        self.call_after_refresh(self._apply)

    def _apply(self) -> None:
        rows, workers, batch = (self.query_one(f"#wish-{name}", Input).value for name, _, _ in FIELDS)
        found = understood(self._wishes, rows, workers, batch)
        if isinstance(found, Wishes):
            self.dismiss(found)
            return
        name, words = found
        sign = self._look.sign(Verdict.FAIL)
        self.query_one("#wrong", Line).show(Text(f"{sign} {words}", style=self._look.fail))
        self.query_one(f"#wish-{name}", Input).focus()

    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)

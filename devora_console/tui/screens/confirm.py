"""Asking before an act: what happens, what it locks, the same as a command; Cancel is focused."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from devora_console.core.console import Preview
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.line import Line


def preview_text(preview: Preview, look: Look) -> Text:
    """The preview in words."""
    out = Text(look.lines(preview.consequence, 2_000), end="")
    for title, words in (
        ("locks", preview.locks),
        ("sql", preview.sql),
        ("the same as a command", preview.command),
    ):
        if words:
            out.append(f"\n\n{title}\n", style="bold")
            out.append(look.lines(words, 8_000))
    return out


class ConfirmScreen(ModalScreen[str | None]):
    """Gives what was typed (empty when nothing had to be) once confirmed, None when cancelled."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
    ]

    def __init__(self, preview: Preview, look: Look, confirm: str) -> None:
        super().__init__()
        self._preview, self._look, self._confirm = preview, look, confirm

    def compose(self) -> ComposeResult:
        """Title, words, the name to type, Cancel and the act."""
        needs_name = bool(self._preview.type_name)
        with Vertical(id="dialog"):
            yield Line(id="dialog-title")
            with VerticalScroll(id="dialog-words", can_focus=False):
                yield Line(id="dialog-text", fixed=False)
            if needs_name:
                yield Line(id="dialog-ask", fixed=False)
                yield Input(id="typed", placeholder="the name", select_on_focus=False, compact=True)
            with Horizontal(id="dialog-buttons"):
                yield Button(Text("Cancel"), id="cancel", compact=True)
                yield Button(Text(self._confirm), id="confirm", compact=True, disabled=needs_name)

    def on_mount(self) -> None:
        """Fill in the words."""
        look = self._look
        self.query_one("#dialog-title", Line).show(Text(look.text(self._preview.title), style="bold"))
        self.query_one("#dialog-text", Line).show(preview_text(self._preview, look))
        if self._preview.type_name:
            name = look.text(self._preview.type_name, 80)
            ask = f"To confirm, type the name: {name}"
            self.query_one("#dialog-ask", Line).show(ask)

    def on_key(self, event: Key) -> None:
        """Letters go into the field wherever the focus is: keys typed ahead on a slow line are not lost."""
        fields = self.query("#typed").results(Input)
        field = next(iter(fields), None)
        if field is None or field.has_focus or not event.is_printable or event.character is None:
            return
        event.stop()
        field.value += event.character
        field.cursor_position = len(field.value)
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The act becomes possible with the exact name."""
        self.query_one("#confirm", Button).disabled = event.value != self._preview.type_name

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field goes on to the button; it does not act by itself."""
        if event.value == self._preview.type_name:
            self.query_one("#confirm", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Confirmed or cancelled."""
        if event.button.id != "confirm":
            self.dismiss(None)
        elif self._preview.type_name:
            self.dismiss(self.query_one("#typed", Input).value)
        else:
            self.dismiss("")

    def action_turn(self, pages: int) -> None:
        """Scroll the words where they do not fit."""
        words = self.query_one("#dialog-words")
        words.scroll_relative(y=pages * max(1, words.size.height - 1), animate=False)

    def action_cancel(self) -> None:
        """Leave without acting."""
        self.dismiss(None)

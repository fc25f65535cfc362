"""Asking before an act: what happens, what it locks, the same as a command, words to say; Cancel is focused."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key, Resize
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from devora_console.core.console import Preview
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.line import Line

_OTHER_LINES = 13  # title, name, buttons, the space between them, and what is to be seen of the screen below
_LINES_TO_SAY = 3
_LEAST_LINES = 5


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
    """Gives what was typed (empty when nothing had to be) once confirmed, None when cancelled.

    With ``say`` it also asks for words of ``least`` characters; they are in ``said`` afterwards.
    """

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
    ]

    def __init__(self, preview: Preview, look: Look, confirm: str, *, say: str = "", least: int = 0) -> None:
        super().__init__()
        self._preview, self._look, self._confirm = preview, look, confirm
        self._say, self._least = say, least
        self.said = ""

    def compose(self) -> ComposeResult:
        """Title, words, the name to type, Cancel and the act."""
        needs_name = bool(self._preview.type_name)
        with Vertical(id="dialog", classes="says" if self._say else ""):
            yield Line(id="dialog-title")
            with VerticalScroll(id="dialog-words", can_focus=False):
                yield Line(id="dialog-text", fixed=False)
            if self._say:
                yield Line(id="dialog-say", fixed=False)
                yield Input(id="say", select_on_focus=False, compact=True, max_length=500)
            if needs_name:
                yield Line(id="dialog-ask", fixed=False)
                yield Input(id="typed", placeholder="the name", select_on_focus=False, compact=True)
            with Horizontal(id="dialog-buttons"):
                yield Button(Text("Cancel"), id="cancel", compact=True)
                yield Button(Text(self._confirm), id="confirm", compact=True, disabled=needs_name or bool(self._say))

    def on_mount(self) -> None:
        """Fill in the words."""
        look = self._look
        self.query_one("#dialog-title", Line).show(Text(look.text(self._preview.title), style="bold"))
        self.query_one("#dialog-text", Line).show(preview_text(self._preview, look))
        if self._say:
            least = f", at least {self._least} characters" if self._least > 1 else ""
            self.query_one("#dialog-say", Line).show(f"{self._say}{least}:")
        if self._preview.type_name:
            name = look.text(self._preview.type_name, 80)
            ask = f"To confirm, type the name: {name}"
            self.query_one("#dialog-ask", Line).show(ask)

    def on_resize(self, event: Resize) -> None:
        """The words take the room that is left: where there is enough, nobody has to turn pages for the exact SQL."""
        others = _OTHER_LINES + (_LINES_TO_SAY if self._say else 0)
        self.query_one("#dialog-words").styles.max_height = max(_LEAST_LINES, event.size.height - others)

    def on_key(self, event: Key) -> None:
        """Letters go into the field wherever the focus is: keys typed ahead on a slow line are not lost."""
        fields = list(self.query("#say, #typed").results(Input))
        field = next(iter(fields), None)
        if field is None or any(each.has_focus for each in fields) or not event.is_printable or event.character is None:
            return
        event.stop()
        field.value += event.character
        field.cursor_position = len(field.value)
        field.focus()

    def _ready(self) -> bool:
        """Whether all that has to be said and typed is there."""
        values = {field.id: field.value for field in self.query(Input)}
        named = not self._preview.type_name or values.get("typed") == self._preview.type_name
        return named and (not self._say or len(values.get("say", "").strip()) >= self._least)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The act becomes possible with the exact name, and words enough."""
        self.query_one("#confirm", Button).disabled = not self._ready()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes on to the next one, then to the button; it does not act by itself."""
        if event.input.id == "say" and self._preview.type_name:
            self.query_one("#typed").focus()
        elif self._ready():
            self.query_one("#confirm", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Confirmed or cancelled."""
        if event.button.id != "confirm":
            self.dismiss(None)
            return
        self.said = self.query_one("#say", Input).value.strip() if self._say else ""
        self.dismiss(self.query_one("#typed", Input).value if self._preview.type_name else "")

    def action_turn(self, pages: int) -> None:
        """Scroll the words where they do not fit."""
        words = self.query_one("#dialog-words")
        words.scroll_relative(y=pages * max(1, words.size.height - 1), animate=False)

    def action_cancel(self) -> None:
        """Leave without acting."""
        self.dismiss(None)

"""Help: what is under the cursor, then every key of the screen, from the one declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen

from devora_console.core.actions import Action, Place
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.line import Line


def keys_text(own: Sequence[Action], places: Sequence[Place], usable: dict[str, bool], look: Look) -> Text:
    """The keys of a screen, of every screen, and of the places."""
    out = Text(end="")
    here = [action for action in own if action.screens]
    groups = (
        ("here", [action for action in here if usable.get(action.id, True)]),
        ("here, but not now", [action for action in here if not usable.get(action.id, True)]),
        ("everywhere", [action for action in own if not action.screens]),
    )
    for title, actions in groups:
        if not actions:
            continue
        out.append(f"{title}\n", style="bold")
        for action in actions:
            keys = " ".join(action.keys)
            out.append(f" {keys}{' ' * max(1, 12 - cell_len(keys))}", style="bold")
            out.append(f"{action.about}\n", style="" if usable.get(action.id, True) else look.muted)
        out.append("\n")
    out.append("screens\n", style="bold")
    for place in places:
        out.append(f" {place.key}{' ' * 11}", style="bold")
        out.append(f"{place.title}: {place.about}\n")
    out.append("\nsigns\n", style="bold")
    return out


class HelpScreen(ModalScreen[None]):
    """An explanation, scrolled with the arrows, closed with Esc."""

    AUTO_FOCUS = "#dialog-words"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,enter,ctrl+c", "close", "close", show=False)]

    def __init__(self, title: str, words: Text, closing: str = "Esc closes") -> None:
        super().__init__()
        self._heading, self._words, self._closing_words = title, words, closing

    def compose(self) -> ComposeResult:
        """Title, text, how to close."""
        with Vertical(id="dialog", classes="tall"):
            yield Line(id="dialog-title")
            with VerticalScroll(id="dialog-words"):
                yield Line(id="dialog-text", fixed=False)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words."""
        self.query_one("#dialog-title", Line).show(Text(self._heading, style="bold"))
        self.query_one("#dialog-text", Line).show(self._words)
        self.query_one("#dialog-ask", Line).show(Text(self._closing_words, style="dim"))

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)

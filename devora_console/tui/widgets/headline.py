"""The sentence above a screen: three lines at most, and a cut is shown."""

from __future__ import annotations

from rich.text import Text
from textual.events import Resize

from devora_console.tui.render.look import Look
from devora_console.tui.widgets.line import Line

_LINES = 3  # console.tcss gives it no more room


class Headline(Line):
    """What does not fit ends with an ellipsis, at every width."""

    def __init__(self, look: Look) -> None:
        super().__init__(id="headline", fixed=False)
        self._look = look
        self._whole: str | Text = ""

    def show(self, content: str | Text) -> None:
        """Put ``content``, already safe, in place of what is there."""
        self._whole = content
        super().show(self._fitted())

    def on_resize(self, event: Resize) -> None:
        """Another width has other lines."""
        super().show(self._fitted())

    def _fitted(self) -> Text:
        whole = self._whole if isinstance(self._whole, Text) else Text(self._whole)
        width = self.content_size.width
        if width < 2:
            return whole
        lines = whole.wrap(self.app.console, width)
        if len(lines) <= _LINES:
            return whole
        last = lines[_LINES - 1].copy()
        last.rstrip()
        sign = self._look.plain("…")
        last.truncate(width - len(sign))
        last.append(sign)
        return Text("\n").join([*lines[: _LINES - 1], last])

"""A piece of text that repaints only when it differs."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


class Line(Static):
    """Text without markup. Showing the same text again costs nothing.

    With ``fixed`` the widget's size never follows its text, so that a change repaints it and nothing else.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None, fixed: bool = True) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes, markup=False)
        self._shown = Text("")
        self._fixed = fixed

    def show(self, content: str | Text) -> None:
        """Put ``content``, already safe, in place of what is there."""
        text = content if isinstance(content, Text) else Text(content)
        if text == self._shown and text.style == self._shown.style:
            return
        self._shown = text
        self.update(text, layout=not self._fixed)

    @property
    def words(self) -> str:
        """What is shown, without styles."""
        return self._shown.plain

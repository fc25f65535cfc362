"""Lines of text of which only those that changed are repainted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Page(Widget):
    """Shows as many lines as it is high; what is not given is empty."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: tuple[Text, ...] = ()

    def show(self, lines: Sequence[Text]) -> None:
        """Put ``lines``, already safe, in place of what is there."""
        before, self._lines = self._lines, tuple(lines)
        changed = [
            Region(0, y, self.size.width, 1)
            for y, (old, new) in enumerate(zip_longest(before, self._lines))
            if old is None or new is None or old != new or old.style != new.style
        ]
        if changed:
            self.refresh(*changed)

    @property
    def words(self) -> str:
        """What is shown, without styles."""
        return "\n".join(line.plain for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """One line, as the terminal gets it."""
        width, style = self.size.width, self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, style)
        line = self._lines[y].copy()
        line.end, line.no_wrap = "", True
        line.truncate(width)
        strip = Strip(line.render(self.app.console), line.cell_len)
        return strip.apply_style(style).adjust_cell_length(width, style)

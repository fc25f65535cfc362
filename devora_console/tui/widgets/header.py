"""The three lines every screen begins with, and the footer line it ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize

from devora_console.core.actions import PLACES, Action
from devora_console.core.console import HeaderSnapshot
from devora_console.tui.render.header import footer_line, header_line, rule_line, strip_line
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.line import Line

_CLOCK_WIDTH = 10


class HeaderBar(Vertical):
    """Where we are, the strip of screens, the rule. The clock is apart: it alone changes every second."""

    def __init__(self, look: Look, current: str) -> None:
        super().__init__()
        self._look, self._current = look, current

    def compose(self) -> ComposeResult:
        """Lay the lines out."""
        with Horizontal():
            yield Line(id="where")
            yield Line(id="clock")
        yield Line(id="strip")
        yield Line(id="rule")

    def show(self, header: HeaderSnapshot, note: str, help_key: str, stale: str) -> None:
        """Draw all but the clock; ``note`` stands in the strip, ``stale`` in the rule."""
        width = self.app.size.width
        self.query_one("#where", Line).show(header_line(header, width - _CLOCK_WIDTH - 1, self._look))
        strip = strip_line(PLACES, self._current, width, self._look, note=note, help_key=help_key)
        self.query_one("#strip", Line).show(strip)
        self.query_one("#rule", Line).show(rule_line(width, self._look, stale))

    def tick(self, now: datetime) -> None:
        """Draw the clock."""
        self.query_one("#clock", Line).show(now.strftime("%H:%M:%SZ"))


class FooterBar(Line):
    """Keys and words of what can be done here."""

    def __init__(self, look: Look) -> None:
        super().__init__(id="footer")
        self._look = look
        self._latest: tuple[Sequence[Action], Mapping[str, bool], Mapping[str, str]] = ((), {}, {})

    def offer(self, actions: Sequence[Action], enabled: Mapping[str, bool], words: Mapping[str, str]) -> None:
        """Draw the actions, greyed where not ``enabled``, with other ``words`` where given."""
        self._latest = (actions, enabled, words)
        self.show(footer_line(actions, enabled, words, self.app.size.width, self._look))

    def on_resize(self, event: Resize) -> None:
        """Fit the new width."""
        self.offer(*self._latest)

"""What screens with a list have in common: the order of its lines, and the filter typed below it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, dropwhile, islice

from textual.widgets import Input

from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.widgets.filter import FilterLine


class SortedScreen(ConsoleScreen):
    """Subclasses yield a :class:`FilterLine` in their body, and draw in ``order`` what holds ``keep``."""

    def __init__(self) -> None:
        super().__init__()
        self.order = next(iter(self.orders))
        self.keep = ""

    @property
    def orders(self) -> Iterable[str]:
        """The names of the orders, the usual one first."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the list."""
        raise NotImplementedError

    def go_back(self) -> bool:
        """Take the filter away."""
        if self.keep or self.query_one(FilterLine).display:
            self.query_one(FilterLine).close()
            return True
        return False

    def action_filter(self) -> None:
        """Ask for the text that lines must hold."""
        self.query_one(FilterLine).open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as typed."""
        self.keep = event.value
        self.draw()

    def action_sort(self) -> None:
        """Sort by the next order."""
        self.order = next(islice(dropwhile(lambda name: name != self.order, cycle(self.orders)), 1, None))
        self.draw()
        self.notify(f"sorted by {self.order}", markup=False, timeout=2)

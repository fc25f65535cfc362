"""A table whose cursor stays with what is current until a person moves it, and again once they come back to it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Resize

from devora_console.tui.render.columns import Row
from devora_console.tui.widgets.patch_table import PatchTable


class FollowTable(PatchTable):
    """Show with :meth:`show_at`; any key that moves the cursor lets go of what is current."""

    _wanted: str | None = None
    _follows = True

    def show_at(self, rows: Sequence[Row], current: str | None) -> None:
        """Show ``rows``, the cursor on the row ``current`` as long as nobody moved it."""
        self.show(rows)
        self._wanted = current
        if self._follows and current is not None:
            self.go_to(current)

    def _build(self) -> None:
        super()._build()
        if self._follows and self._wanted is not None:
            self.go_to(self._wanted)

    def on_resize(self, event: Resize) -> None:
        """Fewer lines: the one under the cursor stays in sight."""
        self.call_after_refresh(self._scroll_cursor_into_view)

    def _moved(self) -> None:
        self._follows = self.current_key == self._wanted

    def action_cursor_up(self) -> None:
        """Up."""
        super().action_cursor_up()
        self._moved()

    def action_cursor_down(self) -> None:
        """Down."""
        super().action_cursor_down()
        self._moved()

    def action_page_up(self) -> None:
        """A page up."""
        super().action_page_up()
        self._moved()

    def action_page_down(self) -> None:
        """A page down."""
        super().action_page_down()
        self._moved()

    def action_scroll_top(self) -> None:
        """To the first line."""
        super().action_scroll_top()
        self._moved()

    def action_scroll_bottom(self) -> None:
        """To the last line."""
        super().action_scroll_bottom()
        self._moved()

    def action_scroll_home(self) -> None:
        """To the first line."""
        super().action_scroll_home()
        self._moved()

    def action_scroll_end(self) -> None:
        """To the last line."""
        super().action_scroll_end()
        self._moved()

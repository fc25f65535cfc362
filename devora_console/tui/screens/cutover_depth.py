"""One step, gate or event of a cutover in depth; it stays live."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from devora_console.core.problems import ConsoleError
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render.cutover_depth import event_depth, gate_depth, step_depth
from devora_console.tui.render.look import Look
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.widgets.line import Line


def depth_of(seen: CutoverSnapshot, view: str, key: str, output: tuple[str, ...], look: Look) -> Text | None:
    """One thing of a view in depth; None when it is not there any more."""
    if view == "steps":
        line = seen.step(key)
        return step_depth(seen, line, output, look) if line is not None else None
    if view == "checklist":
        gate = next((each for each in seen.gates if each.id == key), None)
        return gate_depth(gate, look) if gate is not None else None
    event = next((each for each in seen.events if str(each.seq) == key), None)
    return event_depth(event, look) if event is not None else None


class CutoverDepthScreen(ConsoleScreen):
    """The whole of it; a step with what its last attempt printed."""

    name_of = "cutover_depth"
    place_of = "cutover"
    BINDINGS = screen_bindings("cutover_depth")
    AUTO_FOCUS = "#document"

    def __init__(self, view: str, key: str) -> None:
        super().__init__()
        self._view, self._key = view, key
        self._output: tuple[str, ...] = ()
        self._last: object = None

    def body(self) -> ComposeResult:
        """The text, scrolled."""
        with VerticalScroll(id="document"):
            yield Line(id="document-text", fixed=False)

    def draw(self) -> None:
        """Draw from the latest snapshot; the output is read when the journal, or the current step's output, moved."""
        seen = self.host.services.cutover()
        if self._view == "steps":
            told = (seen.run.last_seq if seen.run else 0, seen.output if seen.current == self._key else ())
            if told != self._last:
                self._last = told
                self._read()
        shown = depth_of(seen, self._view, self._key, self._output, self.look)
        self.query_one("#document-text", Line).show(shown if shown is not None else "It is not there any more.")

    @work(exit_on_error=False, group="output", exclusive=True, description="read output")
    async def _read(self) -> None:
        try:
            reading = self.host.services.cutover_output(self._key)
            self._output = await self.host.bridge.ask(reading, "read the output")
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        if self.is_mounted and not self.frozen:
            self.draw()

    def stale_since(self, now: datetime) -> datetime | None:
        """It is as fresh as the list it was opened from."""
        return None

    def action_copy(self) -> None:
        """Copy all of it."""
        self.host.copy(self.query_one("#document-text", Line).words, self._view.rstrip("s"))

    def action_export(self) -> None:
        """Write all of it to a file."""
        self.host.export(f"cutover-{self._view}", self.query_one("#document-text", Line).words)

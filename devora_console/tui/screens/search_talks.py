"""Which conversation a RAG prompt goes on with: a small dialog of the latest ones."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable

from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.search.model import Asked
from devora_console.search.seen import Talk
from devora_console.tui.bridge import Bridge
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import whole
from devora_console.tui.render.search_words import why
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

NO_TALK = Talk("", "", None, 0)
"""The question stands alone."""
_TALKS = (
    Column("title", "conversation", 30, grows=True, rank=0),
    Column("at", "last", 10, rank=1),
    Column("messages", "messages", 8, right=True, rank=2),
)


class TalkScreen(ModalScreen[Talk | None]):
    """Gives the conversation, :data:`NO_TALK`, or None when cancelled."""

    AUTO_FOCUS = "#people"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "cancel", "cancel", show=False)]

    def __init__(self, port: SearchPort, asked: Asked, look: Look, bridge: Bridge) -> None:
        super().__init__()
        self._port, self._asked, self._look, self._bridge = port, asked, look, bridge
        self._found: tuple[Talk, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, the conversations, how to leave."""
        with Vertical(id="dialog", classes="tall"):
            yield Line(id="dialog-title")
            yield PatchTable(_TALKS, self._look, id="people")
            yield Line(id="wrong", fixed=False)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words; list the latest."""
        self.query_one("#dialog-title", Line).show(Text("Go on with which conversation", style="bold"))
        closing = "Enter takes its latest turns into the prompt, Esc cancels"
        self.query_one("#dialog-ask", Line).show(Text(closing, style="dim"))
        self.look_up()

    @work(exit_on_error=False, group="talks", exclusive=True, description="look conversations up")
    async def look_up(self) -> None:
        """List the latest."""
        try:
            found = await self._bridge.ask(self._port.talks(self._asked), "look conversations up")
        except ConsoleError as error:
            self._say(str(error.problem))
            return
        if isinstance(found, Unknown):
            self._say(why(found, self._look))
            return
        self._found = found
        whose = "This user has" if self._asked.user else "There is"
        self._say("" if found else f"{whose} no conversation.")
        alone = {"title": ("none: the question stands alone", "bold"), "at": ("", ""), "messages": ("", "")}
        self.query_one(PatchTable).show([Row("none", alone), *(self._row(each) for each in found)])

    def _row(self, each: Talk) -> Row:
        counted = whole(each.messages) + ("+" if each.more else "")
        return Row(
            each.id,
            {
                "title": (self._look.text(each.title, 120) or each.id, ""),
                "at": (f"{each.at:%Y-%m-%d}" if each.at else "?", self._look.muted),
                "messages": (self._look.plain(counted), ""),
            },
        )

    def _say(self, words: str) -> None:
        self.query_one("#wrong", Line).show(self._look.text(words, 400))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """This one."""
        key = self.query_one(PatchTable).current_key
        self.dismiss(next((each for each in self._found if each.id == key), NO_TALK))

    def action_cancel(self) -> None:
        """As it was."""
        self.dismiss(None)

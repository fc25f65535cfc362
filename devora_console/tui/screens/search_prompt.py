"""The RAG prompt a question becomes: looked at first. A model is asked only when that is confirmed."""

from __future__ import annotations

from datetime import datetime

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from devora_console.core.console import Preview
from devora_console.core.problems import ConsoleError
from devora_console.search.model import Asked
from devora_console.search.rag.model import Answer, AnswerState, RagResponse
from devora_console.tui.keys import screen_bindings
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.search_prompt import prompt_headline, prompt_text
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.search_talks import NO_TALK, TalkScreen
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line

_PATIENCE = 30.0


class PromptScreen(ConsoleScreen):
    """The prompt as it would be sent, and the answer once somebody wanted one."""

    name_of = "search_prompt"
    place_of = "search"
    BINDINGS = screen_bindings("search_prompt")
    AUTO_FOCUS = "#document"

    def __init__(self, port: SearchPort, asked: Asked) -> None:
        super().__init__()
        self._port, self._wanted = port, asked
        self._prompt = ""
        self._response: RagResponse | None = None
        self._sent = False
        self._talk = NO_TALK

    def body(self) -> ComposeResult:
        """A headline, then everything below each other."""
        yield Headline(self.look)
        with VerticalScroll(id="document"):
            yield Line(id="document-text", fixed=False)

    def on_mount(self) -> None:
        """Make the prompt."""
        self.make()

    @work(exit_on_error=False, group="prompt", exclusive=True, description="make the prompt")
    async def make(self) -> None:
        """Search, and pack what is found."""
        try:
            self._prompt, self._response = await self.host.bridge.ask(
                self._port.prompt(self._wanted, self._talk.id or None), "make the prompt", within=_PATIENCE
            )
        except ConsoleError as error:
            self.host.complain(error.problem)
        self.catch_up()

    @property
    def _answer(self) -> Answer | None:
        return self._port.seen.answer if self._sent else None

    def draw(self) -> None:
        """Draw the answer, if there is one, and the prompt."""
        answer, response = self._answer, self._response
        self.query_one("#headline", Line).show(self.look.text(prompt_headline(response, answer, self.look), 400))
        if response is not None:
            self.query_one("#document-text", Line).show(
                prompt_text(
                    self._prompt, response, answer, self.look, self.size.width, self._talk.title or self._talk.id
                )
            )

    def stale_since(self, now: datetime) -> datetime | None:
        """As of its making."""
        return None

    @property
    def _streams(self) -> bool:
        answer = self._answer
        return answer is not None and answer.state is AnswerState.RUNNING

    def can(self, verb: str) -> bool:
        """A prompt that is there can be sent, once at a time."""
        return self._response is not None and not (verb in ("ask_model", "conversation") and self._streams)

    def go_back(self) -> bool:
        """Stop the answer that streams; then leave."""
        if self._streams:
            self.host.act("stop the answer", self._port.stop_answer)
            return True
        return False

    @work(exit_on_error=False, group="talk", exclusive=True, description="choose a conversation")
    async def action_conversation(self) -> None:
        """Choose the conversation that the question goes on with, and make the prompt again."""
        chosen = await self.app.push_screen_wait(TalkScreen(self._port, self._wanted, self.look, self.host.bridge))
        if chosen is None or self._streams:
            return
        self._talk, self._sent = chosen, False
        self.make()

    @work(exit_on_error=False, group="confirm", exclusive=True, description="ask the model")
    async def action_ask_model(self) -> None:
        """Send the prompt, after it was said to whom and at what cost."""
        response = self._response
        if response is None or self._streams:
            return
        try:
            whom = await self.host.bridge.ask(self._port.whom(response.tokens.prompt), "see whom to ask")
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        preview = Preview(
            title="Ask the model",
            consequence=whom,
            locks="",
            sql="",
            command="",
            type_name="",
        )
        if await self.app.push_screen_wait(ConfirmScreen(preview, self.look, "Send")) is None:
            return
        try:
            await self.host.bridge.ask(self._port.ask_model(self._prompt, response), "ask the model")
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        self._sent = True
        self.query_one("#document").scroll_home(animate=False)
        self.catch_up()

    def action_copy(self) -> None:
        """Copy the prompt, exactly."""
        self.host.copy(self._prompt, "prompt")

    def action_export(self) -> None:
        """Write prompt, response and answer to a file."""
        if self._response is not None:
            content = {"prompt": self._prompt, "response": self._response, "answer": self._answer}
            self.host.export("rag", content)

"""The search screen's side of the service loop: one ask at a time, whatever is looked up for it, and its RAG prompt.

Nothing here waits for a screen, and no screen waits for a server: asks are started, and what they bring is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.search.knobs import asked_of
from devora_console.search.model import Asked, Method, SearchSnapshot
from devora_console.search.seen import Person, SearchSeen, Talk

if TYPE_CHECKING:
    from devora_console.search.meaning import LazyEmbedder
    from devora_console.search.playground import Playground
    from devora_console.search.rag.answer import Answering
    from devora_console.search.rag.model import RagResponse
    from devora_console.search.trying import Neighbours, Tried

MOST_PEOPLE = 50
_TELL_SECONDS = 0.1  # an answer that streams is told so often at most
_OPEN_SECONDS = 20.0


class Searching:
    """``looked`` is called whenever :attr:`seen` is newer. Coroutines run on the service loop."""

    def __init__(self, settings: Settings, looked: Callable[[], None]) -> None:
        self._settings = settings
        self._looked = looked
        self._seen = SearchSeen()
        self._asks = 0
        self._opening = asyncio.Lock()
        self._playground: Playground | None = None
        self._pool: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering: Answering | None = None
        self._told: datetime | None = None

    @property
    def seen(self) -> SearchSeen:
        """The latest; never blocks."""
        return self._seen

    @property
    def first(self) -> Asked:
        """What an ask begins with: the configured knobs, everybody's documents as the owner."""
        return asked_of(self._settings, "", as_owner=True)

    @property
    def suite(self) -> str:
        """The configured file of judged queries, empty where there is none."""
        return str(self._settings.search.suite or "")

    def _show(self, **changes: Any) -> None:
        self._seen = replace(self._seen, **changes)
        self._looked()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open(self) -> None:
        """Connect and load the embedder, so that the first ask need not; a failure is told by that."""
        self._spawn(self._try_to_open())

    async def _try_to_open(self) -> None:
        try:
            await self._ready()
        except ConsoleError as error:
            self._show(problem=error.problem)

    async def _ready(self) -> Playground:
        from devora_console.search.engine import Engine  # noqa: PLC0415
        from devora_console.search.meaning import LazyEmbedder  # noqa: PLC0415
        from devora_console.search.playground import Playground, connected  # noqa: PLC0415

        async with self._opening:
            if self._playground is None:
                self._pool = pool = await connected(self._settings)
                known = LazyEmbedder(self._settings)
                self._playground = Playground(pool, Engine(pool, self._settings.search, known))
                self._spawn(_load(known))
            return self._playground

    async def stop(self) -> None:
        """End what runs, and leave the server."""
        self._asks += 1
        self.cancel_answer()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        playground, self._playground = self._playground, None
        if playground is not None:
            await playground.close()

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, asked: Asked) -> None:
        """Start an ask; the one before it is ended, on the server too. What it brings is told."""
        self._asks += 1
        shown = self._seen.snapshot
        before = self._seen.before
        if shown is not None and shown.complete and shown.asked != asked:
            before = shown if shown.asked.text == asked.text else None
        self._show(asking=asked, since=utc_now(), before=before)
        self._spawn(self._ask(asked, self._asks))

    async def _ask(self, asked: Asked, mine: int) -> None:
        def tell(snapshot: SearchSnapshot) -> None:
            if mine == self._asks:
                self._show(snapshot=snapshot, problem=None)

        try:
            playground = await self._ready()
            if mine != self._asks:
                return
            found = await playground.ask(asked, tell)
        except ConsoleError as error:
            if mine == self._asks:
                self._show(problem=error.problem, asking=None, since=None)
            return
        if found is not None and mine == self._asks:
            self._show(snapshot=found, asking=None, since=None, problem=None)

    async def forget(self) -> None:
        """Nothing is typed any more: end the ask that runs, and show none."""
        self._asks += 1
        self._show(snapshot=None, before=None, asking=None, since=None)
        if self._playground is not None:
            await self._playground.cancel()

    async def end(self) -> None:
        """End the ask that runs; what it brought stays."""
        self._asks += 1
        self._show(asking=None, since=None)
        if self._playground is not None:
            await self._playground.cancel()

    # --- a closer look ----------------------------------------------------------------------------

    async def explain(self, snapshot: SearchSnapshot, method: Method) -> dict[Method, Plan | Unknown]:
        """The plans of a method's statements, run under EXPLAIN ANALYZE. Raises ConsoleError."""
        return await (await self._ready()).explain(snapshot, method)

    async def neighbours(self, snapshot: SearchSnapshot) -> Neighbours | Unknown:
        """Exact neighbours beside those of the index. Raises ConsoleError."""
        return await (await self._ready()).neighbours(snapshot)

    async def try_sql(self, asked: Asked, sql: str, parameters: Sequence[Any]) -> Tried | Unknown:
        """Run an edited statement, read-only. Raises ConsoleError."""
        return await (await self._ready()).try_sql(asked, sql, parameters)

    async def people(self, text: str) -> tuple[Person, ...] | Unknown:
        """Users whose id or address holds the text. Raises ConsoleError."""
        from devora_console.search.asking import FAILURES, Caller, asking, refusal  # noqa: PLC0415
        from devora_console.search.people import people  # noqa: PLC0415

        await self._ready()
        caller = Caller(None, None, self._settings.search.statement_seconds)
        try:
            async with asking(self._pool, caller) as connection:
                return await people(connection, caller, text, MOST_PEOPLE)
        except FAILURES as error:
            return refusal(error, caller.seconds)

    async def talks(self, asked: Asked) -> tuple[Talk, ...] | Unknown:
        """The latest conversations, read as whoever asks. Raises ConsoleError."""
        from devora_console.search.asking import FAILURES, asking, refusal  # noqa: PLC0415
        from devora_console.search.people import talks  # noqa: PLC0415

        caller = (await self._ready()).caller(asked)
        try:
            async with asking(self._pool, caller) as connection:
                return await talks(connection, caller, MOST_PEOPLE)
        except FAILURES as error:
            return refusal(error, caller.seconds)

    # --- the RAG prompt ---------------------------------------------------------------------------

    async def prompt(self, asked: Asked, conversation: str | None = None) -> tuple[str, RagResponse]:
        """The prompt that this question becomes, after the turns of a conversation. Raises ConsoleError."""
        from devora_console.search.rag.pipeline import get_rag_pipeline  # noqa: PLC0415 - loads numpy

        await self._ready()
        pipeline = get_rag_pipeline(self._pool, self._settings, record=False)
        self._show(answer=None)
        if asked.user is None:
            return await pipeline.augment_as_owner(asked.text, conversation)
        return await pipeline.augment_query(asked.text, asked.user, conversation)

    def asks_whom(self, prompt_tokens: int) -> str:
        """Who would be asked and what that may cost, in words. Raises ConsoleError when nobody can be."""
        from devora_console.search.rag.price import dollars, most_it_costs, price_of  # noqa: PLC0415
        from devora_console.search.rag.provider import endpoint_of  # noqa: PLC0415 - loads openai

        endpoint = endpoint_of(self._settings)
        price = price_of(self._settings.rag)
        most = most_it_costs(price, prompt_tokens, self._settings.rag)
        if isinstance(most, Unknown) or isinstance(price, Unknown):
            cost = f"What it costs is not known: the price of {endpoint.model} is not set."
        else:
            cost = f"It costs at most {dollars(most)} (price of {price.as_of})."
        spaced = f"{prompt_tokens:,}".replace(",", "\u202f")
        far = "goes to a program on this machine" if endpoint.here else "leaves this machine"
        where = f"What stands in the prompt {far}: {endpoint.name}, model {endpoint.model}."
        return f"{where} It is {spaced} tokens. {cost}"

    async def whom(self, prompt_tokens: int) -> str:
        """The same, on the service loop: the client of the provider takes a moment to load. Raises ConsoleError."""
        return await asyncio.to_thread(self.asks_whom, prompt_tokens)

    async def ask_model(self, prompt: str, response: RagResponse) -> None:
        """Send the prompt; the answer is told as it comes. Raises ConsoleError when nobody can be asked."""
        from devora_console.search.rag.answer import Answering  # noqa: PLC0415 - loads openai

        self.cancel_answer()
        self._answering = answering = Answering(prompt, response, self._settings, on_text=lambda _: self._told_more())
        self._spawn(self._answer(answering))

    async def _answer(self, answering: Answering) -> None:
        self._show(answer=answering.so_far())
        answer = await answering.run()
        if answering is self._answering:
            self._show(answer=answer)

    def _told_more(self) -> None:
        now = utc_now()
        if self._answering is None or (self._told and now - self._told < timedelta(seconds=_TELL_SECONDS)):
            return
        self._told = now
        self._show(answer=self._answering.so_far())

    async def stop_answer(self) -> None:
        """Stop the answer that streams; what came stays."""
        self.cancel_answer()

    def cancel_answer(self) -> None:
        """The same, on the service loop."""
        if self._answering is not None:
            self._answering.cancel()


async def _load(known: LazyEmbedder) -> None:
    """Load the embedder before it is needed. One that cannot be had is told by the semantic leg."""
    await known.get()

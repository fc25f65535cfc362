"""What the search screen needs from the services: a port of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.snapshot import Plan
from devora_console.search.model import Asked, Method, SearchSnapshot
from devora_console.search.rag.model import RagResponse
from devora_console.search.seen import Person, SearchSeen, Talk
from devora_console.search.trying import Neighbours, Tried


class SearchPort(Protocol):
    """Plain properties answer at once, from any thread; coroutines run on the service loop.

    :meth:`ask`, :meth:`forget`, :meth:`end` and :meth:`ask_model` start or end things and return; what comes of it is
    told by a wake-up of the kind ``search``. All raise ConsoleError when the server cannot be reached.
    """

    @property
    def seen(self) -> SearchSeen:
        """The newest answers, and what is being asked."""

    @property
    def first(self) -> Asked:
        """What an ask begins with: the configured knobs."""

    @property
    def suite(self) -> str:
        """The configured file of judged queries, empty where there is none."""

    async def open(self) -> None:
        """Get ready, so that the first ask need not."""

    async def ask(self, asked: Asked) -> None:
        """Start an ask; it ends the one before it, on the server too."""

    async def forget(self) -> None:
        """End the ask that runs, and show no answer."""

    async def end(self) -> None:
        """End the ask that runs; what came stays."""

    async def explain(self, snapshot: SearchSnapshot, method: Method) -> dict[Method, Plan | Unknown]:
        """The plans of a method's statements, by leg."""

    async def neighbours(self, snapshot: SearchSnapshot) -> Neighbours | Unknown:
        """The exact neighbours beside those of the index."""

    async def try_sql(self, asked: Asked, sql: str, parameters: Sequence[Any]) -> Tried | Unknown:
        """Run an edited statement, read-only, as the one who asked."""

    async def people(self, text: str) -> tuple[Person, ...] | Unknown:
        """Users whose id or address holds the text."""

    async def talks(self, asked: Asked) -> tuple[Talk, ...] | Unknown:
        """The latest conversations of whom the ask is made as."""

    async def prompt(self, asked: Asked, conversation: str | None = None) -> tuple[str, RagResponse]:
        """The RAG prompt this question becomes, with the latest turns of that conversation; no model is asked."""

    async def whom(self, prompt_tokens: int) -> str:
        """Who would be asked and where, and what that costs at most. ConsoleError when nobody can be asked."""

    async def ask_model(self, prompt: str, response: RagResponse) -> None:
        """Send the prompt; the answer comes with wake-ups."""

    async def stop_answer(self) -> None:
        """Stop the answer; what came stays."""

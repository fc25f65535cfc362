"""Searching without a server: answers as set, and what was asked kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.snapshot import Plan
from devora_console.search.model import (
    Analysed,
    Asked,
    Fate,
    Hit,
    Isolation,
    LegPart,
    Method,
    MethodAnswer,
    SearchSnapshot,
    Word,
)
from devora_console.search.rag.model import RagResponse
from devora_console.search.seen import Person, SearchSeen, Talk
from devora_console.search.trying import Neighbours, Tried

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER = "7f3e0c52-9f2c-5d1e-8a54-0c2b8d5c9f11"
EVIL = "[bold]\x1b[31mevil[/] \u202egnp.exe\x00 <b>"


def hit(name: str, rank: int, kind: str = "message", title: str | None = None, **more: Any) -> Hit:
    """A hit called so."""
    found = Hit(
        entity_type=kind,
        entity_id=f"00000000-0000-0000-0000-{sum(map(ord, name)):012d}",
        parent_id=None,
        title=f"Fuite mémoire {name}" if title is None else title,
        snippet=f"le \x02processus\x03 grossit, {name}",
        score=1 / rank,
        rank=rank,
        happened_at=AT - timedelta(days=3),
        owner=USER,
    )
    return replace(found, **more)


def ranked(*names: str, legs: bool = False) -> tuple[Hit, ...]:
    """Hits in this order."""
    parts = (LegPart(Method.FTS, 2, 0.61, 1 / 62), LegPart(Method.SEMANTIC, 1, 0.83, 1 / 61))
    return tuple(hit(name, rank, legs=parts if legs else ()) for rank, name in enumerate(names, 1))


def answers(asked: Asked, **methods: Any) -> SearchSnapshot:
    """Every method's answer: its hits as given by name, or its problem."""
    found = {}
    for method in Method:
        given = methods.get(method.value, ())
        hits = given if isinstance(given, tuple) else ()
        found[method] = MethodAnswer(
            method, hits, 4.2, asked.limit, sql="SELECT $1::text AS found", parameters=("fuite",),
            problem=None if isinstance(given, tuple) else given, opening="BEGIN READ ONLY;",
        )  # fmt: skip
    words = (Word("fuite", Fate.KEPT, "fuit", 9), Word("le", Fate.STOP))
    analysed = Analysed(
        asked.text, "'fuit'", "'fuit'", "fuite", asked.text, words=words, notes=("Left out as stop words: le.",)
    )
    return SearchSnapshot(
        asked, analysed, found, AT, "app_user", Isolation(6, ()), "offline: English, French", "wl256", 0.82, True
    )


class FakeSearching:
    """The port of searching."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.seen = SearchSeen()
        self.first = Asked("", as_owner=True)
        self.suite = ""
        self.asked: list[Asked] = []
        self._told = told

    async def open(self) -> None:
        """Ready."""

    async def ask(self, asked: Asked) -> None:
        """Answered at once, with the same for everybody."""
        self.asked.append(asked)
        hits = {"fts": ranked("a", "b"), "trigram": ranked("b"), "hybrid": ranked("b", "a", "c", legs=True)}
        missing = Unknown("there are no vectors", "devora-console embed run")
        self.seen = SearchSeen(answers(asked, semantic=missing, **hits), before=self.seen.snapshot)
        self._told()

    async def forget(self) -> None:
        """Nothing is shown."""
        self.seen = SearchSeen()
        self._told()

    async def end(self) -> None:
        """Nothing runs."""

    async def explain(self, snapshot: SearchSnapshot, method: Method) -> dict[Method, Plan | Unknown]:
        """Not known."""
        return {method: Unknown("there is no server", "Start one")}

    async def neighbours(self, snapshot: SearchSnapshot) -> Neighbours | Unknown:
        """One of two."""
        keys = [hit.key for hit in ranked("a", "b")]
        return Neighbours(tuple(keys), (keys[0], ("file", EVIL)), 0.5, 9.0, 1.5, True)

    async def try_sql(self, asked: Asked, sql: str, parameters: Sequence[Any]) -> Tried | Unknown:
        """A row."""
        return Tried(("found",), ((EVIL,),), 0.3, False)

    async def people(self, text: str) -> tuple[Person, ...] | Unknown:
        """One of that name."""
        return (Person(USER, f"{text}@devora.invalid", 12),)

    async def talks(self, asked: Asked) -> tuple[Talk, ...] | Unknown:
        """One."""
        return (Talk(USER, f"Fuite {EVIL}", AT, 3),)

    async def prompt(self, asked: Asked, conversation: str | None = None) -> tuple[str, RagResponse]:
        """There is none."""
        raise NotImplementedError

    async def whom(self, prompt_tokens: int) -> str:
        """Nobody."""
        raise NotImplementedError

    async def ask_model(self, prompt: str, response: RagResponse) -> None:
        """Nobody."""
        raise NotImplementedError

    async def stop_answer(self) -> None:
        """Nothing runs."""

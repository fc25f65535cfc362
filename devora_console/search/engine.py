"""The work of one ask: analyse, run the legs at the same time, fuse, describe. The playground and the API share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg

from devora_console.config.searching import SearchSettings
from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.asking import FAILURES, Caller, Pool, Question, asking, fetch, refusal
from devora_console.search.details import Standing, described
from devora_console.search.found import Found, alone, shared, wants_any_word
from devora_console.search.fusion import Ranked, fuse
from devora_console.search.ground import Ground, look
from devora_console.search.isolation import isolation
from devora_console.search.legs import fulltext, semantic, trigram
from devora_console.search.meaning import LazyEmbedder, Meaning, meaning_of, why_none
from devora_console.search.model import LEGS, Analysed, Asked, Hit, Method, MethodAnswer, SearchSnapshot
from devora_console.search.query import analyse, plainly_meant

Key = tuple[str, str]
Tell = Callable[[SearchSnapshot], None]
NOT_NEEDED = Problem("empty_query", "nothing was typed", "Type what to search for")


@dataclass(slots=True)
class Round:
    """One ask under way."""

    asked: Asked
    caller: Caller
    began: float
    tell: Tell | None
    ground: Ground | None = None
    analysed: Analysed = field(default_factory=lambda: Analysed("", "", "", "", ""))
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # it is analysed
    meaning: Meaning | Unknown | Problem = field(default_factory=lambda: Unknown("not asked"))
    answers: dict[Method, MethodAnswer] = field(default_factory=dict)
    strange: set[Key] = field(default_factory=set)
    any_word: bool = True

    def ms(self) -> float:
        """Since the ask."""
        return (time.perf_counter() - self.began) * 1000


class Engine:
    """Searches on a pool. Where there is no embedder the semantic leg says why. Use on one event loop."""

    def __init__(self, pool: Pool, settings: SearchSettings, embedder: LazyEmbedder) -> None:
        self.pool = pool
        self.settings = settings
        self.embedder = embedder
        self._ground: Ground | None = None

    def caller(self, asked: Asked) -> Caller:
        """As whom the server is asked."""
        return Caller(None if asked.as_owner else self.settings.role, asked.user, self.settings.statement_seconds)

    async def ground(self) -> Ground:
        """Looked at once. Raises what a statement can fail with (:data:`devora_console.search.asking.FAILURES`)."""
        if self._ground is None or not (self._ground.documents and self._ground.vectors):
            async with self.pool.acquire() as connection:
                self._ground = await look(connection, self.settings.role)
        return self._ground

    async def search(self, asked: Asked, tell: Tell | None = None) -> SearchSnapshot:
        """Answer. Never raises for what was typed or for what the server says; a cancellation goes through."""
        now = Round(asked, self.caller(asked), time.perf_counter(), tell, any_word=wants_any_word(asked))
        tasks: dict[Method, asyncio.Task[Found]] = {}
        try:
            stopped = await self._prepare(now, tasks)
            if stopped is not None:
                return self._refused(now, stopped)
            for leg in wanted_legs(asked):
                if leg not in tasks:
                    tasks[leg] = asyncio.ensure_future(self._leg(now, leg))
            for done in asyncio.as_completed(tasks.values()):
                self._keep(now, await done)
            if Method.HYBRID in asked.methods:
                self._keep(now, await self._hybrid(now, await self._again(now, tasks)))
        finally:
            for task in tasks.values():
                task.cancel()
            if tasks:
                await asyncio.wait(tasks.values())
        return self._snapshot(now, complete=True)

    def _refused(self, now: Round, why: Problem | Unknown) -> SearchSnapshot:
        now.answers = {each: self._nothing(now, each, why).answer for each in now.asked.methods}
        return self._snapshot(now, complete=True)

    async def _prepare(self, now: Round, tasks: dict[Method, asyncio.Task[Found]]) -> Problem | Unknown | None:
        """Everything the legs share; why there can be none. The leg that needs no analysis begins beside it."""
        try:
            if now.asked.user is not None and not _is_uuid(now.asked.user):
                return Problem("no_user", "that is not a user's id", "Give the UUID of a user")
            now.ground = await self.ground()
            if refused := now.ground.refuses(now.asked):
                return refused
            if Method.SEMANTIC in wanted_legs(now.asked) and (meant := plainly_meant(now.asked.text)):
                now.analysed = replace(now.analysed, meaning=meant)
                tasks[Method.SEMANTIC] = asyncio.ensure_future(self._leg(now, Method.SEMANTIC))
            async with asking(self.pool, now.caller) as connection:
                common = self.settings.common_percent if now.ground.words else None
                now.analysed = await analyse(connection, now.caller, now.asked.text, common_percent=common)
        except FAILURES as error:
            return refusal(error, now.caller.seconds)
        now.ready.set()
        return NOT_NEEDED if now.analysed.empty else None

    async def _again(self, now: Round, tasks: Mapping[Method, asyncio.Task[Found]]) -> dict[Method, Found]:
        """What the legs brought; where it turns out that nothing is known of the meaning, for any of the words."""
        legs = {leg: await task for leg, task in tasks.items()}
        if not now.any_word and alone(legs):
            now.any_word = True
            again = [leg for leg in (Method.FTS, Method.TRIGRAM) if leg in legs]
            legs |= zip(again, await asyncio.gather(*(self._leg(now, leg) for leg in again)), strict=True)
        return legs

    def _keep(self, now: Round, found: Found) -> None:
        now.strange.update(found.strange)
        if found.answer.method in now.asked.methods:
            now.answers[found.answer.method] = found.answer
            if now.tell is not None:
                now.tell(self._snapshot(now))

    def _snapshot(self, now: Round, *, complete: bool = False) -> SearchSnapshot:
        meaning = now.meaning if isinstance(now.meaning, Meaning) else None
        return SearchSnapshot(
            asked=now.asked,
            analysed=now.analysed,
            methods={method: now.answers[method] for method in Method if method in now.answers},
            at=utc_now(),
            role=now.caller.role or (now.ground.login if now.ground else "owner"),
            isolation=isolation(now.asked, now.answers.values(), now.strange),
            embedder=meaning.label if meaning else "",
            model=meaning.model if meaning else "",
            coverage=meaning.coverage if meaning else None,
            complete=complete,
        )

    # --- legs -------------------------------------------------------------------------------------

    async def _leg(self, now: Round, leg: Method) -> Found:
        most = max(now.asked.limit, now.asked.knobs.candidates if Method.HYBRID in now.asked.methods else 0)
        try:
            question = await self.question(now, leg, most)
            if not isinstance(question, Question):
                return self._nothing(now, leg, question)
            return await self._run(now, question, most)
        except FAILURES as error:
            late = isinstance(error, TimeoutError | asyncpg.QueryCanceledError)
            return self._nothing(now, leg, refusal(error, now.caller.seconds), ("timeout",) if late else ())

    def _nothing(self, now: Round, method: Method, problem: Problem | Unknown, flags: tuple[str, ...] = ()) -> Found:
        return Found([], MethodAnswer(method, (), now.ms(), now.asked.limit, flags=flags, problem=problem))

    async def question(self, now: Round, leg: Method, most: int) -> Question | Problem | Unknown:
        """The leg's statement, or why there is none."""
        assert now.ground is not None
        if leg is Method.FTS:
            return fulltext.question(now.analysed, now.asked, most, any_word=now.any_word)
        if leg is Method.TRIGRAM:
            return trigram.question(now.analysed, now.asked, most, now.ground, any_word=now.any_word)
        now.meaning = await meaning_of(await self.embedder.get(), now.analysed, self.settings.meaning_seconds)
        if not isinstance(now.meaning, Meaning):
            return now.meaning
        rows = self.settings.exact_rows
        vector, model, excluded = now.meaning.vector, now.meaning.model, now.analysed.excluded
        return semantic.question(vector, model, now.asked, most, now.ground, exact_rows=rows, excluded=excluded)

    async def _run(self, now: Round, question: Question, most: int) -> Found:
        asked = now.asked
        async with asking(self.pool, now.caller, question.settings) as connection:
            rows = await fetch(connection, now.caller, question.sql, *question.parameters)
            ranked = [Ranked((row["entity_type"], str(row["entity_id"])), float(row["score"])) for row in rows]
            shown = [Standing(each.key, each.score) for each in ranked]
            model = now.meaning.model if isinstance(now.meaning, Meaning) else ""
            # Of a leg that is only fused nothing is shown.
            wanted = shown[: asked.limit] if question.method in asked.methods else []
            told = None
            if not wanted or now.ready.is_set():
                told = await described(connection, now.caller, now.analysed, wanted, model)
        if told is None:
            await now.ready.wait()  # without a connection: the analysis may need that very one
            async with asking(self.pool, now.caller) as connection:
                told = await described(connection, now.caller, now.analysed, wanted, model)
        hits, missing = told
        notes, flags = self._remarks(now, question, rows, hits)
        problem = None
        if not rows and question.method is Method.SEMANTIC and isinstance(now.meaning, Meaning):
            async with asking(self.pool, now.caller) as connection:
                problem = await why_none(connection, now.caller, now.meaning.model)
        answer = MethodAnswer(
            question.method,
            hits,
            now.ms(),
            asked.limit,
            question.sql.strip(),
            question.parameters,
            notes,
            (*flags, *(("short",) if problem is None and len(hits) < asked.limit else ())),
            problem,
            now.caller.opening(question.settings),
        )
        tiers = tuple(row["tier"] for row in rows) if question.method is Method.FTS else ()
        return Found(ranked, answer, missing, tiers)

    def _remarks(
        self, now: Round, question: Question, rows: Sequence[Any], hits: Sequence[Hit]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if question.method is Method.FTS:
            return fulltext.remarks(rows, now.asked)
        if question.method is Method.TRIGRAM:
            return trigram.remarks(rows, now.asked, now.analysed)
        assert now.ground is not None
        assert isinstance(now.meaning, Meaning)
        notes, flags = semantic.remarks(rows, hits, now.asked, now.meaning.coverage)
        return (*notes, *now.ground.advice()), flags

    # --- fusion -----------------------------------------------------------------------------------

    async def _hybrid(self, now: Round, legs: Mapping[Method, Found]) -> Found:
        asked, knobs = now.asked, now.asked.knobs
        taking = {leg: found for leg, found in legs.items() if leg in knobs.legs and knobs.weights.get(leg, 0) > 0}
        known = {hit.key: hit for found in legs.values() for hit in found.answer.hits}
        fused = fuse({leg: shared(leg, found, legs, knobs) for leg, found in taking.items()}, knobs)
        shown = [Standing(each.key, each.score, each.parts) for each in fused[: asked.limit]]
        try:
            hits, missing = await fill(self.pool, now.caller, now.analysed, shown, known)
        except FAILURES as error:
            return self._nothing(now, Method.HYBRID, refusal(error, now.caller.seconds))
        out = [f"Without {leg}: {found.answer.problem}" for leg, found in taking.items() if found.answer.problem]
        without = [f"without_{leg}" for leg, found in taking.items() if found.answer.problem]
        without += ["timeout"] if any("timeout" in found.answer.flags for found in taking.values()) else []
        lost = all(found.answer.problem for found in taking.values())
        answer = MethodAnswer(
            Method.HYBRID,
            hits,
            now.ms(),
            asked.limit,
            notes=tuple(out),
            flags=(*without, *(("short",) if not lost and len(hits) < asked.limit else ())),
            problem=_why_lost([found.answer for found in taking.values()]) if lost else None,
        )
        return Found([], answer, missing)


async def fill(
    pool: Pool, caller: Caller, analysed: Analysed, shown: Sequence[Standing], known: Mapping[Key, Any]
) -> tuple[tuple[Any, ...], tuple[Key, ...]]:
    """Hits of a fused ranking: what the legs have described already is not read again."""
    unknown = [each for each in shown if each.key not in known]
    read: tuple[Any, ...] = ()
    missing: tuple[Key, ...] = ()
    if unknown:
        async with asking(pool, caller) as connection:
            read, missing = await described(connection, caller, analysed, unknown)
    every = {**known, **{hit.key: hit for hit in read}}
    there = [each for each in shown if each.key in every]
    return tuple(
        replace(every[each.key], score=each.score, rank=rank, legs=each.parts) for rank, each in enumerate(there, 1)
    ), missing


NOTHING = frozenset({"empty_query", "nothing_to_search", "nothing_to_embed", "no_documents_yet"})
"""Problems of what was typed, or by whom: nothing is wrong with the server, there is only nothing to find."""


def _why_lost(answers: Sequence[MethodAnswer]) -> Problem | Unknown:
    """Why no leg of the hybrid answered."""
    problems = [answer.problem for answer in answers]
    real = [each for each in problems if not (isinstance(each, Problem) and each.code in NOTHING)]
    if not answers:
        return Problem("no_leg", "every leg of the hybrid is switched off", "Give one of them a weight")
    if not real:
        return Problem("nothing_to_search", "no method finds anything in it to search for", "Type a word")
    words = "; ".join(f"{answer.method}: {answer.problem}" for answer in answers if answer.problem in real)
    return Unknown(f"no method of the hybrid could answer ({words})")


def wanted_legs(asked: Asked) -> list[Method]:
    """The legs that are shown, or that the hybrid is made of."""
    return [leg for leg in LEGS if leg in asked.methods or (Method.HYBRID in asked.methods and leg in asked.knobs.legs)]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

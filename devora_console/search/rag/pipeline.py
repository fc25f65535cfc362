"""The guide's RAG pipeline: a question goes in, the prompt to send comes out, and what was done to it.

It never fails the chat. Whatever goes wrong with the search or the database, the prompt is then the plain question (or
holds what could be read), and the response says why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TypeVar
from uuid import UUID

import asyncpg

from devora_console.config.load import load
from devora_console.config.rag import RagSettings
from devora_console.config.secret import scrub
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST
from devora_console.search.asking import Pool
from devora_console.search.embed.tokens import Counter, counter_for
from devora_console.search.rag.model import LeftOut, Material, Packed, RagResponse, Retrieved, Turn
from devora_console.search.rag.pack import Limits, pack
from devora_console.search.rag.reading import Reader
from devora_console.search.rag.retriever import Retriever
from devora_console.search.recording import RAG, Recorder

T = TypeVar("T")
Asker = str | UUID | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What could be read, and what went wrong with it. ``retrieved``: how much was found; None: no search ran."""

    materials: tuple[Material, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    turns: tuple[Turn, ...] = ()
    method: str = ""
    notes: tuple[str, ...] = ()
    problem: Problem | Unknown | None = None
    retrieved: int | None = None


class RagPipeline:
    """Make one for a pool and keep it; it holds no state of a question.

    A retrieval for a user is recorded in ``search_queries``, unless it was told not to (``recorder`` None).
    """

    def __init__(
        self, pool: Pool, settings: Settings, retriever: Retriever, note: str = "", recorder: Recorder | None = None
    ) -> None:
        self._all, self._settings, self._retriever = settings, settings.rag, retriever
        self._notes = (note,) if note else ()
        self._recorder = recorder
        self._reader = Reader(pool, settings.search.role, settings.search.statement_seconds)

    async def augment_query(
        self,
        query: str,
        user_id: str | UUID,
        conversation_id: Asker = None,
        max_context_tokens: int | None = None,
    ) -> tuple[str, RagResponse]:
        """The prompt to send for what a user asked, and what it was made of. Raises nothing.

        ``max_context_tokens``: how much may be added to the question (by default the settings say). Texts come from
        this user's documents only, and from this user's conversation.
        """
        return await self._augment(query, user_id, conversation_id, max_context_tokens, owner=False)

    async def augment_as_owner(
        self, query: str, conversation_id: Asker = None, max_context_tokens: int | None = None
    ) -> tuple[str, RagResponse]:
        """The same from everybody's documents: for a person who looks at the database, never for a user."""
        return await self._augment(query, None, conversation_id, max_context_tokens, owner=True)

    async def close(self) -> None:
        """Wait for what is still being recorded. The pool stays open: it is the application's."""
        if self._recorder is not None:
            await self._recorder.finish()

    async def _augment(
        self, query: str, user_id: Asker, conversation_id: Asker, most_tokens: int | None, *, owner: bool
    ) -> tuple[str, RagResponse]:
        began = time.monotonic()
        question = query.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair cannot be sent
        user = _uuid(user_id)
        if user is None and not owner:
            read = _Read(problem=Problem("rag_user", "the user's id is no UUID: nothing was searched for"))
        else:
            read = await self._read(question, user, conversation_id)
        took = round((time.monotonic() - began) * 1000, 1)
        if self._recorder is not None and user is not None and read.retrieved is not None:
            self._recorder.record(user, question, RAG, read.retrieved, round(took))
        limits = limits_of(self._settings, most_tokens)
        try:
            # Counting takes milliseconds, loading the counter half a second: neither on the application's loop.
            packed = await asyncio.to_thread(_pack, question, read, limits, self._settings.model)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not cost the user the answer
            problem = Problem("rag_packing", f"the prompt could not be packed ({type(error).__name__})")
            packed, read = _plain(question, limits), _Read(problem=problem)
        response = _response(packed, read, took, None if owner else str(user or user_id))
        return packed.prompt, replace(response, notes=(*self._notes, *packed.notes))

    async def _read(self, question: str, user: UUID | None, conversation_id: Asker) -> _Read:
        turns, found = await asyncio.gather(
            self._turns(user, conversation_id), self._attempt(self._retrieve(question, user))
        )
        if not isinstance(found, _Read):
            return _Read(turns=turns.turns, notes=turns.notes, problem=found)
        return _Read(
            found.materials,
            found.left_out,
            turns.turns,
            found.method,
            (*turns.notes, *found.notes),
            found.problem or turns.problem,
            found.retrieved,
        )

    async def _retrieve(self, question: str, user: UUID | None) -> _Read:
        if not question.strip("\0 \t\n"):
            return _Read(notes=("nothing was asked: nothing was searched for",))
        retrieved: Retrieved = await self._retriever.retrieve(question, user, self._settings.candidates)
        materials, out = await self._reader.materials(user, retrieved.found)
        notes = retrieved.notes
        if not retrieved.found and retrieved.problem is None:
            notes = (*notes, "nothing was found for this question")
        count = len(retrieved.found) if retrieved.problem is None else None
        return _Read(materials, out, (), retrieved.method, notes, retrieved.problem, count)

    async def _turns(self, user: UUID | None, conversation_id: Asker) -> _Read:
        if conversation_id is None or not self._settings.turns:
            return _Read()
        conversation = _uuid(conversation_id)
        if conversation is None:
            return _Read(notes=("the conversation's id is no UUID: its turns are left out",))
        turns = await self._attempt(self._reader.turns(user, conversation, self._settings.turns))
        if isinstance(turns, Problem):
            return _Read(problem=turns)
        if turns is None:
            return _Read(notes=("the conversation is not this user's, or is gone: its turns are left out",))
        return _Read(turns=turns)

    async def _attempt(self, work: Awaitable[T]) -> T | Problem:
        """What ``work`` brings within the time there is, or what stood in its way."""
        seconds = self._settings.retrieval_seconds
        try:
            async with asyncio.timeout(seconds):
                return await work
        except (TimeoutError, asyncpg.QueryCanceledError):
            remedy = "See: devora-console activity, or raise rag.retrieval_seconds"
            return Problem("rag_slow", f"the search took more than {seconds:g} s", remedy)
        except ConsoleError as error:
            return error.problem
        except (*LOST, asyncpg.PostgresError) as error:
            away = isinstance(error, LOST)
            said = one_line(scrub(str(error), *self._all.secrets()), 160) or type(error).__name__
            if away:
                return Problem("rag_database", f"the database is away ({said})", "Look at: devora-console doctor")
            return Problem(
                "rag_refused", f"the database refuses the search: {said}", "See: devora-console schema check"
            )
        except Exception as error:  # noqa: BLE001 - a retriever of anybody's: the chat goes on without it
            return Problem("rag_search", f"the search failed ({type(error).__name__})")


def limits_of(settings: RagSettings, most_tokens: int | None = None) -> Limits:
    """How the settings want prompts packed; ``most_tokens`` instead of their budget."""
    return Limits(
        budget=settings.max_context_tokens if most_tokens is None else max(0, most_tokens),
        context_tokens=settings.context_tokens,
        turns_share=settings.turns_share,
        threshold=settings.threshold,
    )


def _pack(question: str, read: _Read, limits: Limits, model: str) -> Packed:
    return pack(
        question,
        read.materials,
        read.turns,
        limits=limits,
        counter=counter_for(model),
        left_out=read.left_out,
        notes=read.notes,
    )


def _response(packed: Packed, read: _Read, took: float, user: str | None) -> RagResponse:
    return RagResponse(
        contexts=packed.contexts,
        left_out=packed.left_out,
        turns=packed.turns,
        tokens=packed.tokens,
        retrieval_time_ms=took,
        method=read.method,
        as_user=user,
        fence=packed.fence,
        notes=packed.notes,
        problem=read.problem,
    )


def unaided(
    query: str, settings: Settings, problem: Problem, user_id: str | None = None, most_tokens: int | None = None
) -> tuple[str, RagResponse]:
    """The plain question, when there is nothing to search in; ``problem`` says why."""
    read = _Read(problem=problem)
    question = query.encode("utf-8", "replace").decode("utf-8")
    packed = _pack(question, read, limits_of(settings.rag, most_tokens), settings.rag.model)
    return packed.prompt, _response(packed, read, 0.0, user_id)


def _plain(question: str, limits: Limits) -> Packed:
    """The question alone, counted by its bytes."""
    counter = Counter("UTF-8 bytes / 3", False, lambda text: -(-len(text.encode()) // 3))
    return pack(question, (), (), limits=limits, counter=counter)


def _uuid(value: Asker) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        return None


def get_rag_pipeline(
    pool: Pool, settings: Settings | None = None, *, retriever: Retriever | None = None, record: bool = True
) -> RagPipeline:
    """The pipeline of the guide, on an ``asyncpg`` pool. Call it for each request: a pool gets the same one.

    ``settings`` are by default what the console's configuration says where the program runs. ``retriever``: another
    search than the console's own. ``record``: keep what users asked in ``search_queries``, with the type ``rag``, how
    many things were found, and how long that took; a person who only looks at a prompt is no user.
    """
    if settings is None and retriever is None and record:
        return _pipeline_of(pool)
    settings, note = (settings, "") if settings is not None else _configured()
    recorder = Recorder(pool, settings.search.role) if record else None
    return RagPipeline(pool, settings, retriever or _search(pool, settings), note, recorder)


@lru_cache(maxsize=4)
def _pipeline_of(pool: Pool) -> RagPipeline:
    settings, note = _configured()
    return RagPipeline(pool, settings, _search(pool, settings), note, Recorder(pool, settings.search.role))


def _search(pool: Pool, settings: Settings) -> Retriever:
    from devora_console.search.rag.searching import SearchRetriever  # noqa: PLC0415 - the legs need numpy

    return SearchRetriever(pool, settings)


@cache
def _configured() -> tuple[Settings, str]:
    """Read once. A configuration that makes no sense must not fail the chat: then the defaults hold, and it is said."""
    try:
        return load().settings, ""
    except ConsoleError as error:
        return Settings(), f"the configuration cannot be used, the defaults hold: {error.problem.message}"

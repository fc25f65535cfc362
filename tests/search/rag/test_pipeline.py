"""The guide's pipeline on a real database: what a user gets, what nobody else's user gets, and what never fails."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import asyncpg
import pytest

from devora_console.config.rag import RagSettings
from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.search import get_rag_pipeline
from devora_console.search.asking import Pool
from devora_console.search.rag.model import Found, Reason, Retrieved
from devora_console.search.rag.pipeline import _configured, _pipeline_of
from tests.migration.world import uid
from tests.postgres.conftest import as_role, execute
from tests.search.rag.conftest import ANA, ATTACK, BEN, BENS, EMPTY, LEAK, LONG, TOKENS, Place

QUESTION = "Pourquoi le worker fuit ?"
SETTINGS = Settings()


class Fixed:
    """Finds what it was told, or fails as it was told."""

    def __init__(self, *found: Found, error: Exception | None = None, seconds: float = 0.0) -> None:
        self.found, self.error, self.seconds = found, error, seconds

    async def retrieve(self, question: str, user: UUID | None, most: int) -> Retrieved:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return Retrieved(self.found[:most], "fixed")


def message(number: int, score: float = 1.0) -> Found:
    return Found("message", uid(f"message {number}"), "", score)


async def test_a_user_gets_a_prompt_of_what_is_theirs(pool: Pool) -> None:
    prompt, response = await get_rag_pipeline(pool).augment_query(
        query=QUESTION, user_id=ANA, conversation_id=None, max_context_tokens=2000
    )
    assert response.problem is None
    assert response.total_contexts == len(response.contexts) > 2
    assert response.retrieval_time_ms > 0
    assert prompt.endswith(f"Question:\n{QUESTION}")
    kinds = {each.entity_type for each in response.contexts}
    assert {"message", "file"} <= kinds
    assert "hunter2" not in prompt
    assert "supprimé" not in prompt
    assert response.tokens.added <= 2000 - response.tokens.reserve
    long = next(each for each in response.contexts if each.citation.text in LONG and each.cut)
    assert "le tampon n'est jamais rendu" in long.text
    attack = next(each for each in response.contexts if "attaquant" in each.text)
    assert attack.citation.text == ATTACK
    assert "<|im_start|>" not in prompt
    assert "\x1b" not in prompt
    ben, other = await get_rag_pipeline(pool).augment_query(QUESTION, UUID(BEN))
    assert "hunter2" in ben
    assert {each.entity_id for each in other.contexts}.isdisjoint(each.entity_id for each in response.contexts)


async def test_the_conversation_stands_apart_and_must_be_the_users(pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool, SETTINGS)
    prompt, response = await pipeline.augment_query(QUESTION, ANA, TOKENS)
    assert [each.role for each in response.turns] == ["user", "assistant"]
    assert "The latest turns of this conversation" in prompt
    assert "Allongez la durée de vie" in prompt
    _, response = await pipeline.augment_query(QUESTION, ANA, LEAK)
    assert all(each.role != "system" for each in response.turns)
    turns = {each.message_id for each in response.turns}
    assert turns
    assert turns.isdisjoint(each.entity_id for each in response.contexts)
    for stranger in (BENS, uid("deleted"), uid("nowhere")):
        prompt, response = await pipeline.augment_query(QUESTION, ANA, stranger)
        assert response.turns == ()
        assert "not this user's, or is gone" in response.notes[0]
        assert response.total_contexts > 0
        assert "hunter2" not in prompt
    _, response = await pipeline.augment_query(QUESTION, ANA, EMPTY)
    assert (response.turns, response.problem) == ((), None)
    _, response = await pipeline.augment_query(QUESTION, ANA, "not a uuid")
    assert "no UUID" in response.notes[0]


async def test_a_search_that_finds_what_is_not_the_users_leaks_nothing(pool: Pool, owner_pool: Pool) -> None:
    for each in (pool, owner_pool):
        pipeline = get_rag_pipeline(each, SETTINGS, retriever=Fixed(message(7), message(8), message(6), message(99)))
        prompt, response = await pipeline.augment_query(QUESTION, ANA)
        assert [context.entity_id for context in response.contexts] == [uid("message 6")]
        assert {out.entity_id: out.reason for out in response.left_out} == {
            uid(f"message {number}"): Reason.GONE for number in (7, 8, 99)
        }
        assert "hunter2" not in prompt + str(response)


async def test_where_row_level_security_does_not_bind_the_users_name_does(place: Place) -> None:
    reader = await as_role(place.dsn)
    name = reader.reveal().partition("//")[2].partition(":")[0]
    await execute(place.dsn, f"ALTER ROLE {name} BYPASSRLS", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    async with asyncpg.create_pool(reader.reveal(), min_size=1) as pool:
        pipeline = get_rag_pipeline(pool, SETTINGS, retriever=Fixed(message(7), message(6)))
        _, response = await pipeline.augment_query(QUESTION, ANA, BENS)
        assert [each.reason for each in response.left_out] == [Reason.OTHER_USER]
        assert [each.entity_id for each in response.contexts] == [uid("message 6")]
        assert response.turns == ()
        prompt, response = await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, ANA)
        assert prompt == QUESTION
        assert isinstance(response.problem, Problem)
        assert "cannot take the role app_user" in response.problem.message


async def test_as_owner_everybodys_texts_are_used_and_it_is_said(owner_pool: Pool) -> None:
    prompt, response = await get_rag_pipeline(owner_pool, SETTINGS).augment_as_owner(QUESTION)
    assert response.as_user is None
    assert "hunter2" in prompt


ODD = (
    "c++",
    "'; drop table users; --",
    "a\0b",
    "x" * 10_000,
    "le la les",
    "-worker",
    "\ud800",
    "\u202e",
    "%s {0} {word}",
)


async def test_odd_questions(pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool, SETTINGS)
    for query in ODD:
        prompt, response = await pipeline.augment_query(query, ANA)
        assert prompt.endswith(query.encode("utf-8", "replace").decode())
        assert response.tokens.added <= 2000
        # Where no word is left to look for, meaning is: and no vectors have been made here.
        assert response.problem is None or "there are no vectors" in str(response.problem)
    for query in ("", "  \n", "\0"):
        prompt, response = await pipeline.augment_query(query, ANA)
        assert prompt == query
        assert response.problem is None
        assert "nothing was asked" in response.notes[0]


async def test_nothing_found_is_the_plain_question_and_says_why(pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool, SETTINGS, retriever=Fixed())
    prompt, response = await pipeline.augment_query(QUESTION, ANA)
    assert (prompt, response.problem) == (QUESTION, None)
    assert response.notes == ("nothing was found for this question",)
    assert response.tokens.prompt == response.tokens.question > 0


FAILURES: tuple[tuple[Fixed, str], ...] = (
    (Fixed(error=OSError("no route")), "rag_database"),
    (Fixed(error=asyncpg.InterfaceError("pool is closing")), "rag_database"),
    (Fixed(error=asyncpg.UndefinedTableError("search_documents")), "rag_refused"),
    (Fixed(error=asyncpg.QueryCanceledError("timeout")), "rag_slow"),
    (Fixed(error=KeyError("a defect")), "rag_search"),
    (Fixed(Found("message", "no uuid", "", 1.0)), "rag_search"),
    (Fixed(seconds=5), "rag_slow"),
)


async def test_a_search_that_fails_costs_its_texts_only(pool: Pool) -> None:
    settings = Settings(rag=RagSettings(retrieval_seconds=0.5))
    for retriever, code in FAILURES:
        pipeline = get_rag_pipeline(pool, settings, retriever=retriever)
        prompt, response = await pipeline.augment_query(QUESTION, ANA, TOKENS)
        assert isinstance(response.problem, Problem)
        assert response.problem.code == code
        assert response.total_contexts == 0
        assert len(response.turns) == 2  # these could be read
        assert prompt.endswith(QUESTION)


async def test_without_a_database_the_prompt_is_the_plain_question(place: Place) -> None:
    pool = asyncpg.create_pool("postgresql://nobody@127.0.0.1:1/nothing", min_size=0)
    await pool
    prompt, response = await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, ANA, LEAK)
    assert prompt == QUESTION
    assert response.problem is not None
    assert response.retrieval_time_ms >= 0
    pool.terminate()
    prompt, response = await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, ANA, LEAK)
    assert prompt == QUESTION
    assert response.problem is not None


async def test_every_connection_taken(pool: Pool) -> None:
    settings = Settings(rag=RagSettings(retrieval_seconds=0.3))
    held = [await pool.acquire() for _ in range(4)]
    prompt, response = await get_rag_pipeline(pool, settings).augment_query(QUESTION, ANA, LEAK)
    assert prompt == QUESTION
    assert isinstance(response.problem, Problem)
    assert response.problem.code == "rag_slow"
    for each in held:
        await pool.release(each)
    _, response = await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, ANA, LEAK)
    assert response.problem is None


async def test_one_connection_is_enough(place: Place) -> None:
    async with asyncpg.create_pool(place.application.reveal(), min_size=1, max_size=1) as pool:
        assert get_rag_pipeline(pool) is get_rag_pipeline(pool)
        asked = (get_rag_pipeline(pool).augment_query(QUESTION, ANA, TOKENS) for _ in range(3))
        for _, response in await asyncio.gather(*asked):
            assert response.problem is None
            assert response.total_contexts > 0
            assert len(response.turns) == 2


async def test_whoever_cancels_is_obeyed(pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool, SETTINGS, retriever=Fixed(seconds=30))
    task = asyncio.ensure_future(pipeline.augment_query(QUESTION, ANA, TOKENS))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await pool.fetchval("SELECT 1")) == 1


async def test_a_configuration_that_makes_no_sense_is_told(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVORA_CONSOLE__RAG__TURNS", "many")
    _configured.cache_clear()
    _pipeline_of.cache_clear()
    try:
        _, response = await get_rag_pipeline(pool).augment_query(QUESTION, ANA)
    finally:
        _configured.cache_clear()
        _pipeline_of.cache_clear()
    assert response.total_contexts > 0
    assert "rag.turns" in response.notes[0].lower()


async def test_an_odd_user_and_small_budgets(pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool, SETTINGS)
    prompt, response = await pipeline.augment_query(QUESTION, "'; drop")
    assert prompt == QUESTION
    assert isinstance(response.problem, Problem)
    assert response.problem.code == "rag_user"
    for budget in (-1, 0, 10, 150):
        prompt, response = await pipeline.augment_query(QUESTION, ANA, max_context_tokens=budget)
        assert response.tokens.added <= max(0, budget)
        assert prompt.endswith(QUESTION)


async def test_nothing_of_it_is_logged(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, ANA, LEAK)
    await get_rag_pipeline(pool, SETTINGS, retriever=Fixed(error=ValueError(QUESTION))).augment_query(QUESTION, ANA)
    assert "worker" not in caplog.text

"""What users asked is kept as searches of theirs; what nobody asked, or could not be answered, is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.search import get_rag_pipeline
from devora_console.search.asking import Pool
from devora_console.search.model import Asked
from devora_console.services.searching import Searching
from tests.postgres.conftest import execute
from tests.search.rag.conftest import ANA, TOKENS, Place
from tests.search.rag.test_pipeline import QUESTION, SETTINGS, Fixed, message
from tests.search.world import execute as rows_of


async def kept(dsn: Dsn) -> list[tuple[object, ...]]:
    rows = await rows_of(dsn, "SELECT * FROM public.search_queries ORDER BY timestamp")
    return [(row["user_id"], row["query_text"], row["search_type"], row["results_count"]) for row in rows]


async def test_a_retrieval_is_a_search_of_the_user(place: Place, pool: Pool) -> None:
    pipeline = get_rag_pipeline(pool)
    before = datetime.now(UTC)
    _, response = await pipeline.augment_query(QUESTION, ANA, TOKENS)
    after = datetime.now(UTC)
    await pipeline.close()
    [row] = await rows_of(place.dsn, "SELECT * FROM public.search_queries")
    assert (row["user_id"], row["query_text"], row["search_type"]) == (UUID(ANA), QUESTION, "rag")
    assert row["results_count"] == response.total_contexts + len(response.left_out)
    assert row["execution_time_ms"] == round(response.retrieval_time_ms)
    assert before - timedelta(seconds=1) <= row["timestamp"] <= after + timedelta(seconds=1)


async def test_what_is_nobodys_search_is_not_kept(place: Place, pool: Pool, owner_pool: Pool) -> None:
    console = Searching(Settings(postgres=PostgresSettings(dsn=place.dsn)), lambda: None)
    await console.prompt(Asked(QUESTION, user=ANA))
    await console.stop()
    pipelines = [
        get_rag_pipeline(pool, SETTINGS, record=False),
        get_rag_pipeline(pool, SETTINGS, retriever=Fixed(error=ValueError(QUESTION))),
    ]
    for pipeline in pipelines:
        await pipeline.augment_query(QUESTION, ANA)
    await get_rag_pipeline(pool, SETTINGS).augment_query(" ", ANA)
    await get_rag_pipeline(pool, SETTINGS).augment_query(QUESTION, "'; drop")
    pipelines.append(get_rag_pipeline(owner_pool, SETTINGS))
    await pipelines[-1].augment_as_owner(QUESTION)
    # Nothing found is an answer too, and comes after whatever else might have been kept.
    pipelines.append(get_rag_pipeline(pool, SETTINGS, retriever=Fixed()))
    await pipelines[-1].augment_query(f"{QUESTION}\0\ud800", ANA)
    for pipeline in pipelines:
        await pipeline.close()
    assert await kept(place.dsn) == [(UUID(ANA), f"{QUESTION}?", "rag", 0)]


async def test_what_cannot_be_recorded_is_answered(place: Place, pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    await execute(place.dsn, "REVOKE INSERT ON public.search_queries FROM app_user")
    pipeline = get_rag_pipeline(pool, SETTINGS, retriever=Fixed(message(1)))
    _, response = await pipeline.augment_query(QUESTION, ANA)
    await pipeline.close()
    assert (response.total_contexts, response.problem) == (1, None)
    assert await kept(place.dsn) == []
    assert "a search was not recorded: InsufficientPrivilegeError" in caplog.text
    assert "worker" not in caplog.text

"""The API that Devora's backend imports, and the guide's endpoint on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import Depends, FastAPI

from devora_console.search import SearchFailed, SearchType, get_search_service
from devora_console.search.service import SearchService
from tests.postgres.conftest import as_role
from tests.search.test_playground import ODD
from tests.search.world import ALICE, BOB, World, execute, name

Pool = Any


@pytest.fixture
async def pool(world: World) -> AsyncIterator[Pool]:
    """The application's pool: a login that may be app_user, and nothing else."""
    async with asyncpg.create_pool((await as_role(world.dsn, "app_user")).reveal(), min_size=1, max_size=4) as opened:
        yield opened


@dataclass(frozen=True)
class Person:
    id: UUID


def application(pool: Pool, user: Person) -> FastAPI:
    """The guide's section 5.3 as written, with the console's import path."""
    app = FastAPI()

    def get_current_user() -> Person:
        return user

    def get_db_pool() -> Pool:
        return pool

    @app.get("/api/search")
    async def search(
        q: str,
        type: SearchType = SearchType.ALL,  # noqa: A002 - the guide's name
        limit: int = 20,
        user: Any = Depends(get_current_user),  # noqa: B008 - FastAPI's way
        db_pool: Any = Depends(get_db_pool),  # noqa: B008
    ) -> Any:
        search_service = get_search_service(db_pool)

        results = await search_service.search(query=q, user_id=user.id, search_type=type, limit=limit)

        return {
            "results": [
                {
                    "type": r.entity_type,
                    "id": r.entity_id,
                    "title": r.title,
                    "snippet": r.snippet,
                    "score": r.score,
                    "metadata": r.metadata,
                }
                for r in results.results
            ],
            "total": results.total_count,
            "execution_time_ms": results.execution_time_ms,
        }

    return app


async def test_the_endpoint_of_the_guide(world: World, pool: Pool) -> None:
    transport = httpx.ASGITransport(app=application(pool, Person(ALICE)))
    async with httpx.AsyncClient(transport=transport, base_url="http://devora") as client:
        found = (await client.get("/api/search", params={"q": "fuite mémoire"})).json()
        assert found["results"][0]["id"] == str(name("leak"))
        assert found["total"] == len(found["results"]) > 1
        assert str(name("mail 1")) not in {each["id"] for each in found["results"]}
        assert isinstance(found["execution_time_ms"], int)
        files = (await client.get("/api/search", params={"q": "worker", "type": "files", "limit": 1})).json()
        assert [each["type"] for each in files["results"]] == ["file"]
        assert (await client.get("/api/search", params={"q": "x", "type": "people"})).status_code == 422
        assert (await client.get("/api/search", params={"q": "\0"})).json()["results"] == []
    await get_search_service(pool).close()
    rows = await execute(world.dsn, "SELECT * FROM public.search_queries ORDER BY timestamp")
    assert [(row["user_id"], row["query_text"], row["search_type"], row["results_count"]) for row in rows] == [
        (ALICE, "fuite mémoire", "all", found["total"]),
        (ALICE, "worker", "files", 1),
        (ALICE, "", "all", 0),
    ]


async def test_whatever_is_typed_gives_an_answer(world: World, pool: Pool) -> None:
    service = SearchService(pool, world.settings)
    for text in ODD:
        found = await service.search(text, str(BOB), limit=3)
        assert found.query == text
        assert all("\x02" not in each.snippet for each in found.results)
    await service.close()


async def test_a_search_that_cannot_be_recorded_is_answered(world: World, pool: Pool) -> None:
    await execute(world.dsn, "REVOKE INSERT ON public.search_queries FROM app_user")
    service = SearchService(pool, world.settings)
    assert (await service.search("fuite", ALICE)).results
    await service.close()


async def test_what_the_application_must_hear_of_is_raised(world: World) -> None:
    async with asyncpg.create_pool((await as_role(world.dsn)).reveal(), min_size=1, max_size=2) as stranger:
        with pytest.raises(SearchFailed) as raised:
            await SearchService(stranger, world.settings).search("fuite", ALICE)
    assert raised.value.problem.code == "not_member"

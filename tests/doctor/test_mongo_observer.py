"""The MongoDB observer against a real server that restarts, and things that are no MongoDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.core.console import Link
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.mongo.observe import MongoFacts, MongoObserver


@asynccontextmanager
async def observing(
    url: Dsn | None, database: str = "devora_db", *, seconds: float = 2.0
) -> AsyncIterator[MongoObserver]:
    observer = MongoObserver(url, database, timeout_seconds=seconds)
    try:
        yield observer
    finally:
        await observer.close()


async def seen(observer: MongoObserver) -> MongoFacts:
    facts = await observer.poll()
    assert isinstance(facts, MongoFacts), facts
    return facts


async def longest_gap(work: asyncio.Future[Any]) -> float:
    """The longest gap of a 10 ms heartbeat while ``work`` goes on."""
    gap, last = 0.0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        gap, last = max(gap, now - last), now
    return gap


async def test_what_the_source_holds(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    database = mongo_client[mongo_database]
    database["users"].insert_many([{"_id": number, "name": "x" * 50} for number in range(7)])
    database["projects"].insert_one({"_id": 1})
    async with observing(mongo_url, mongo_database) as observer:
        assert observer.state().link is Link.CONNECTING
        facts = await seen(observer)
        assert observer.state().link is Link.OK
        assert not isinstance(facts.collections, Unknown)
        assert {info.name: info.documents for info in facts.collections} == {"users": 7, "projects": 1}
        assert isinstance(facts.size_bytes, int)
        assert facts.size_bytes > 7 * 50
        assert facts.change_streams is True
        assert facts.server.topology == "standalone"
    assert set(database.list_collection_names()) == {"users", "projects"}


async def test_a_version_nobody_tells_is_unknown(servers: object, mongo_url: Dsn) -> None:
    async with observing(mongo_url) as observer:
        version = (await seen(observer)).server.version
        if isinstance(version, Unknown):
            assert "buildInfo" in version.reason
            assert observer.state().version == version
        else:
            assert version[0].isdigit()


async def test_an_empty_database_is_left_empty(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    async with observing(mongo_url, mongo_database) as observer:
        facts = await seen(observer)
    assert facts.collections == ()
    assert isinstance(facts.change_streams, Unknown)
    assert mongo_database not in mongo_client.list_database_names()


async def test_counting_is_not_repeated_at_every_look(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    async with observing(mongo_url, mongo_database) as observer:
        first = await seen(observer)
        mongo_client[mongo_database]["users"].insert_one({"_id": 1})
        second = await seen(observer)
    assert second.as_of > first.as_of
    assert (second.counted_at, second.collections) == (first.counted_at, first.collections)


async def test_nothing_configured() -> None:
    async with observing(None) as observer:
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        assert "MONGO_URL" in problem.remedy
        assert observer.state().link is Link.ABSENT


async def test_a_server_that_never_answers() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with observing(Dsn(f"mongodb://127.0.0.1:{port}"), seconds=0.5) as observer:
        began = time.monotonic()
        work = asyncio.ensure_future(observer.poll())
        assert await longest_gap(work) < 0.4
        assert time.monotonic() - began < 3
        problem = work.result()
        assert isinstance(problem, Problem)
        assert observer.state().link is Link.LOST
        assert observer.state().next_try is not None
        began = time.monotonic()
        assert await observer.poll() == problem
        assert time.monotonic() - began < 0.3
    listener.close()


async def test_a_login_the_server_cannot_answer_tells_no_secret(mongo_url: Dsn) -> None:
    url = Dsn(mongo_url.reveal().replace("://", "://root:tres-secret@"))
    async with observing(url) as observer:
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        assert problem.remedy
        assert observer.state().link in {Link.LOST, Link.REFUSED}
        assert "tres-secret" not in repr((problem, observer.state(), observer.__dict__))


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://",
        "mongodb://h:99999",
        "mongodb://h/?directConnection=true&replicaSet=r&loadBalanced=true",
        "http://h",
    ],
)
async def test_a_wrong_url_is_refused(text: str) -> None:
    async with observing(Dsn(text)) as observer:
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        assert problem.code == "mongo_url"
        assert observer.state().link is Link.REFUSED


@pytest.fixture(scope="module")
def own() -> Iterator[DemoServers]:
    """Servers that may be stopped."""
    with DemoServers(temporary_home()) as servers:
        yield servers


async def test_a_restart_is_survived(own: DemoServers) -> None:
    async with observing(own.mongo.url, seconds=0.5) as observer:
        await seen(observer)
        since = observer.state().since

        def stop() -> None:
            own.mongo.begin_stop()
            own.mongo.finish_stop()

        await asyncio.to_thread(stop)
        assert isinstance(await observer.poll(), Problem)
        lost = observer.state()
        assert (lost.link, lost.attempt) == (Link.LOST, 1)
        assert lost.since > since
        await asyncio.to_thread(own.start)
        deadline = time.monotonic() + 15
        while not isinstance(await observer.poll(), MongoFacts):
            assert time.monotonic() < deadline, observer.state()
            await asyncio.sleep(0.05)
        assert (observer.state().link, observer.state().attempt) == (Link.OK, 0)

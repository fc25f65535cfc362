"""The PostgreSQL observer against real servers that restart, hang, refuse and hide."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.backoff import backoff
from devora_console.core.clock import utc_now
from devora_console.core.console import Link
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.migration.lease import Lease
from devora_console.postgres.connect import connect
from devora_console.postgres.observe import ConsoleFacts, PostgresFacts, PostgresObserver
from devora_console.schema import LATEST, apply

TemplateDatabase = Callable[[str, Callable[[Dsn], Awaitable[None]]], Awaitable[str]]
DatabaseFrom = Callable[[str], Awaitable[Dsn]]


@asynccontextmanager
async def observing(dsn: Dsn | None, *, seconds: float = 5.0) -> AsyncIterator[PostgresObserver]:
    observer = PostgresObserver(dsn, connect_timeout_seconds=seconds)
    try:
        yield observer
    finally:
        await observer.close()


@asynccontextmanager
async def connected(dsn: Dsn) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def heartbeat() -> AsyncIterator[list[float]]:
    """The longest gap of a 10 ms heartbeat on this loop, in a list that fills."""
    gaps = [0.0]

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            gaps[0] = max(gaps[0], now - last)
            last = now

    task = asyncio.ensure_future(beat())
    try:
        yield gaps
    finally:
        task.cancel()


async def seen(observer: PostgresObserver) -> PostgresFacts:
    facts = await observer.poll()
    assert isinstance(facts, PostgresFacts), facts
    return facts


async def until_ok(observer: PostgresObserver, seconds: float) -> PostgresFacts:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        facts = await observer.poll()
        if isinstance(facts, PostgresFacts):
            return facts
        await asyncio.sleep(0.05)
    raise AssertionError(observer.state())


def with_login(dsn: Dsn, user: str, password: str) -> Dsn:
    parts = urlsplit(dsn.reveal())
    return Dsn(f"postgresql://{user}:{password}@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}")


@pytest.fixture
async def applied(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    async def prepare(dsn: Dsn) -> None:
        async with connected(dsn) as connection:
            await connection.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_stat_statements")
            await apply(connection)

    return await database_from(await template_database("observed", prepare))


async def test_an_empty_database(empty_database: Dsn) -> None:
    async with observing(empty_database) as observer:
        assert observer.state().link is Link.CONNECTING
        facts = await seen(observer)
        assert observer.state().link is Link.OK
        assert observer.state().version == facts.version
        assert facts.server_version_num >= 140000
        assert urlsplit(empty_database.reveal()).path == f"/{facts.database}"
        assert isinstance(facts.size_bytes, int)
        assert facts.size_bytes > 1_000_000
        assert facts.superuser
        assert facts.tables == 0
        assert facts.console == Unknown("the schema was never applied here", "devora-console schema apply")
        assert facts.uptime_seconds > 0


async def test_one_read_only_connection_that_says_who_it_is(empty_database: Dsn) -> None:
    async with observing(empty_database) as observer, connected(empty_database) as other:
        for _ in range(3):
            await seen(observer)
        rows = await other.fetch(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert [row["application_name"] for row in rows] == ["devora-console watch"]
        assert observer._connection is not None
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await observer._connection.execute("CREATE TABLE t ()")
        assert await observer._connection.fetchval("SHOW statement_timeout") == "2s"


async def test_what_the_console_recorded(applied: Dsn) -> None:
    run = uuid4()
    writer = await connect(applied, purpose="test", read_only=False)
    async with observing(applied) as observer:
        facts = await seen(observer)
        assert facts.console == ConsoleFacts(LATEST, LATEST, 0, None, None, None)
        assert facts.tables == 13
        assert isinstance(facts.extensions, dict)
        assert "vector" in facts.extensions
        await writer.execute(
            "INSERT INTO devora_console.run (run, kind, state, started_at, finished_at, summary) VALUES ($1, 'execute',"
            """ 'done', now() - interval '1 min', now(), '{"users": {"rows": {"users": 5, "user_settings": 4}},"""
            """ "projects": {"rows": {"projects": 7}}}')""",
            run,
        )
        await writer.execute(
            "INSERT INTO devora_console.quarantine (collection, source_id, rule, message, raw_bson)"
            " VALUES ('users', '1', 'email_taken', 'm', '')"
        )
        lease = Lease(writer)
        await lease.take(run)
        console = (await seen(observer)).console
        assert isinstance(console, ConsoleFacts)
        assert console.quarantine_open == 1
        assert console.lease_holder is not None
        assert console.lease_holder.endswith(f"pid {os.getpid()}")
        assert console.run is not None
        assert (console.run.run, console.run.state, console.run.rows) == (str(run), "done", 16)
        await lease.release()
        console = (await seen(observer)).console
        assert isinstance(console, ConsoleFacts)
        assert console.lease_holder is None
    await writer.close()


async def test_what_may_not_be_known_is_explained(applied: Dsn, postgres_admin: Dsn) -> None:
    name = f"stranger_{secrets.token_hex(4)}"
    async with connected(applied) as admin:
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'zehn-Zeichen'")
        await admin.execute("REVOKE EXECUTE ON FUNCTION pg_database_size(name) FROM PUBLIC")
    try:
        async with observing(with_login(applied, name, "zehn-Zeichen")) as observer:
            facts = await seen(observer)
        assert facts.user == name
        assert not facts.superuser
        assert not facts.database_owner
        assert facts.console == Unknown(
            "schema devora_console may not be read by this user", "Connect as its owner, postgres"
        )
        assert isinstance(facts.size_bytes, Unknown)
        assert "permission denied for function pg_database_size" in facts.size_bytes.reason
        assert facts.size_bytes.remedy
    finally:
        async with connected(postgres_admin) as admin:
            await admin.execute(f"DROP ROLE {name}")


async def test_a_closed_session_is_opened_again(empty_database: Dsn) -> None:
    async with observing(empty_database) as observer, connected(empty_database) as other:
        await seen(observer)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        state = observer.state()
        assert (state.link, state.attempt) == (Link.LOST, 1)
        assert state.next_try is not None
        assert not isinstance(state.version, Unknown)
        await until_ok(observer, 5)
        assert (observer.state().attempt, observer.state().next_try, observer.state().problem) == (0, None, None)


async def test_a_wrong_password_is_refused_and_rarely_tried(servers: object, postgres_admin: Dsn) -> None:
    async with observing(with_login(postgres_admin, "postgres", "falsches-Geheimnis")) as observer:
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        assert problem.code == "postgres_auth"
        state = observer.state()
        assert state.link is Link.REFUSED
        assert state.next_try is not None
        assert state.next_try - utc_now() > timedelta(seconds=10)
        began = time.monotonic()
        assert await observer.poll() == problem
        assert time.monotonic() - began < 0.3
        assert observer.state() == state
        assert "falsches-Geheimnis" not in repr((problem, state, observer, observer.__dict__))


async def test_nothing_configured() -> None:
    async with observing(None) as observer:
        problem = await observer.poll()
        assert isinstance(problem, Problem)
        assert "POSTGRES_DSN" in problem.remedy
        assert observer.state().link is Link.ABSENT


async def test_a_server_that_never_answers() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with observing(Dsn(f"postgresql://u:p@127.0.0.1:{port}/d"), seconds=0.5) as observer, heartbeat() as gaps:
        began = time.monotonic()
        problem = await observer.poll()
        assert 0.4 < time.monotonic() - began < 2
        assert isinstance(problem, Problem)
        assert problem.code == "postgres_timeout"
        assert observer.state().link is Link.LOST
        assert observer.state().label == f"d@127.0.0.1:{port}"
        assert gaps[0] < 0.4
    listener.close()


@pytest.fixture(scope="module")
def own() -> Iterator[DemoServers]:
    """Servers that may be stopped."""
    servers = DemoServers(temporary_home())
    servers.start()
    yield servers
    servers.stop()


async def test_a_restart_is_survived(own: DemoServers) -> None:
    async with observing(own.postgres.dsn) as observer, heartbeat() as gaps:
        before = await seen(observer)
        await asyncio.to_thread(own.postgres.stop, "immediate")
        attempts = []
        for _ in range(60):
            assert isinstance(await observer.poll(), Problem)
            attempts.append(observer.state().attempt)
            await asyncio.sleep(0.03)
        assert observer.state().link is Link.LOST
        assert 2 <= attempts[-1] <= 5, attempts
        since = observer.state().since
        await asyncio.to_thread(own.start)
        after = await until_ok(observer, 15)
        assert after.started_at > before.started_at
        assert observer.state().since > since
        assert gaps[0] < 0.5


@pytest.mark.slow
async def test_a_session_that_hangs_is_given_up(own: DemoServers) -> None:
    async with observing(own.postgres.dsn) as observer, connected(own.postgres.dsn) as other:
        await seen(observer)
        pid = await other.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = 'devora-console watch'")
        os.kill(pid, signal.SIGSTOP)
        try:
            async with heartbeat() as gaps:
                began = time.monotonic()
                problem = await observer.poll()
            assert time.monotonic() - began < 6
            assert isinstance(problem, Problem)
            assert problem.code == "postgres_timeout"
            assert gaps[0] < 1.0
            await until_ok(observer, 5)
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(("refused", "first", "most"), [(False, 0.5, 30.0), (True, 15.0, 120.0)])
def test_backoff_grows_to_a_limit(refused: bool, first: float, most: float) -> None:
    assert first * 0.75 <= backoff(1, refused=refused) <= first * 1.25
    assert len({backoff(1, refused=refused) for _ in range(5)}) > 1
    waits = [backoff(attempt, refused=refused) for attempt in range(1, 2000)]
    assert max(waits) <= most * 1.25
    assert min(waits[20:]) >= most * 0.75

"""Suites of judged queries, asked: live, or in a database that is made for their documents and dropped afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import asyncpg

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.config.settings import Settings
from devora_console.core.problems import refused, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, connection, explain, other_database
from devora_console.postgres.judging import comment, new_name, sweep
from devora_console.postgres.names import quoted
from devora_console.postgres.target import Target
from devora_console.schema.bootstrap import WANTED
from devora_console.search.asking import Pool
from devora_console.search.engine import Engine
from devora_console.search.judging.corpus import Corpus, embed, load
from devora_console.search.judging.run import SuiteRun, run_suite, versions_of
from devora_console.search.judging.suite import Suite
from devora_console.search.knobs import asked_of
from devora_console.search.meaning import LazyEmbedder
from devora_console.search.model import Asked, Knobs, Method
from devora_console.search.playground import connected

_WHOSE = "Give --as-user ID, or write user, or as_owner, into it"
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a suite is asked, and as whom (None: as owner). ``corpus``: the suite's own documents, if it has some."""

    engine: Engine
    pool: Pool
    user: str | None
    corpus: Corpus | None


async def judge(
    settings: Settings,
    suite: Suite,
    *,
    user: str | None = None,
    knobs: Knobs | None = None,
    methods: tuple[Method, ...] = tuple(Method),
    tell: Tell | None = None,
) -> SuiteRun:
    """Ask every query. ``user`` instead of the one the suite names, for a suite about the live documents.

    Raises ConsoleError: no user, no right to make a database, or the server's refusal.
    """
    async with _place(settings, suite, user) as place:
        asked: Asked = replace(asked_of(settings, "", user=place.user, as_owner=place.user is None), methods=methods)
        if knobs is not None:
            asked = replace(asked, knobs=knobs)
        async with place.pool.acquire() as opened:
            versions = await versions_of(opened)
        return await run_suite(place.engine, suite, asked, place.corpus, versions=versions, tell=tell)


@asynccontextmanager
async def _place(settings: Settings, suite: Suite, user: str | None) -> AsyncIterator[Place]:
    known = LazyEmbedder(settings)
    embedder = await known.get()
    if not suite.documents:
        whose = user or suite.user
        if whose is None and not suite.as_owner:
            raise usage_error("no_user", "the suite does not say as which user it is asked", _WHOSE)
        async with _pool(settings) as pool:
            yield Place(Engine(pool, settings.search, known), pool, whose, None)
        return
    async with _scratch(settings) as there:
        async with connection(_dsn(there), purpose="judging", read_only=False) as opened:
            corpus = await load(opened, suite)
            if not isinstance(embedder, Unknown):
                await embed(opened, embedder)
        async with _pool(there) as pool:
            yield Place(Engine(pool, there.search, known), pool, corpus.owner, corpus)


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = await connected(settings)
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def _scratch(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with a fresh database that holds the schema; dropped at the end, whatever happens."""
    name = new_name()
    admin = settings.postgres.superuser_dsn or Target(settings.postgres).dsn()
    if admin is None:
        raise usage_error("no_scratch", "a database of its own needs postgres.dsn: libpq's variables are not enough")
    there = settings.model_copy(
        update={"postgres": settings.postgres.model_copy(update={"dsn": other_database(admin, name)})}
    )
    try:
        async with connection(admin, purpose="judging", read_only=False) as opened:
            await sweep(opened)
            await opened.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE template0 ENCODING 'UTF8'")
            said = await opened.fetchval("SELECT quote_literal($1::text)", comment())
            await opened.execute(f"COMMENT ON DATABASE {quoted(name)} IS {said}")
        try:
            await _furnish(_dsn(there))
            yield there
        finally:
            async with connection(admin, purpose="judging", read_only=False) as opened:
                await opened.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError as error:
        raise refused(
            "no_scratch",
            f"a database for the suite's documents cannot be made: {error}",
            "Set postgres.superuser_dsn, or ALTER ROLE ... CREATEDB",
        ) from None
    except (*LOST, asyncpg.PostgresError) as error:
        raise explain(error, admin) from None


async def _furnish(dsn: Dsn) -> None:
    async with connection(dsn, purpose="judging", read_only=False, statement_timeout_seconds=0) as opened:
        rows = await opened.fetch(
            "SELECT name FROM pg_catalog.pg_available_extensions WHERE name = ANY($1)", list(WANTED)
        )
        for row in rows:
            await opened.execute(f"CREATE EXTENSION IF NOT EXISTS {quoted(row['name'])}")
        await schema.apply(opened)


def _dsn(settings: Settings) -> Dsn:
    found = settings.postgres.dsn
    assert found is not None
    return found

"""A database with the schema applied, and a folder for dumps.

===============  =================================================================
fixture          is
===============  =================================================================
``target``       Dsn of a database with the whole schema, without any row
``another``      makes one more such database
``folder``       an empty folder for a dump
``own_servers``  servers that a test may stop and kill; empty as it begins
===============  =================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.demo.servers import DemoServers, temporary_home
from tests.migration.world import DATABASE, do

Another = Callable[[], Awaitable[Dsn]]
TemplateDatabase = Callable[[str, Callable[[Dsn], Awaitable[None]]], Awaitable[str]]
DatabaseFrom = Callable[[str], Awaitable[Dsn]]


async def _apply(dsn: Dsn) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute("CREATE EXTENSION vector")
        await schema.apply(connection)
    finally:
        await connection.close()


@pytest.fixture
def another(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Another:
    """Makes databases with the whole schema."""

    async def make() -> Dsn:
        return await database_from(await template_database("migration", _apply))

    return make


@pytest.fixture
async def target(another: Another) -> Dsn:
    """A database with the whole schema."""
    return await another()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a dump."""
    path = tmp_path / "dump"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def _stopped_often() -> Iterator[DemoServers]:
    with DemoServers(temporary_home()) as servers:
        yield servers


@pytest.fixture
async def own_servers(_stopped_often: DemoServers) -> DemoServers:
    """Servers that nobody else uses meanwhile, to be stopped and killed; they write to the disk as they should.

    Making them takes seconds: the next test gets the same ones, running again and without what was put there.
    """
    _stopped_often.start()
    await do(_stopped_often.postgres.dsn, "DROP DATABASE IF EXISTS own WITH (FORCE)")
    client: MongoClient[dict[str, object]] = MongoClient(_stopped_often.mongo.url.reveal())
    client.drop_database(DATABASE)
    client.close()
    return _stopped_often

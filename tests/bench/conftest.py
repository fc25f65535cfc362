"""Both sides, filled with the same people."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from tests.bench.world import fill_mongo, prepare
from tests.cli.conftest import run
from tests.conftest import DatabaseFrom, TemplateDatabase

__all__ = ["run"]  # the fixture


@pytest.fixture
async def postgres(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """PostgreSQL's side, in a database of this test's own."""
    return await database_from(await template_database("bench", prepare))


@pytest.fixture
def both(
    postgres: Dsn, mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> dict[str, str]:
    """The environment that names both."""
    fill_mongo(mongo_client[mongo_database])
    return {"POSTGRES_DSN": postgres.reveal(), "MONGO_URL": mongo_url.reveal(), "DB_NAME": mongo_database}


async def execute(dsn: Dsn, statement: str) -> list[asyncpg.Record]:
    """The rows of a statement."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()

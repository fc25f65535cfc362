"""A database with the schema applied, and a folder for dumps.

===========  =================================================================
fixture      is
===========  =================================================================
``target``   Dsn of a database with the whole schema, without any row
``another``  makes one more such database
``folder``   an empty folder for a dump
===========  =================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from devora_console import schema
from devora_console.config.secret import Dsn

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

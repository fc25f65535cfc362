"""Small databases with something of everything, and the contexts that acts on backups work with."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.backup.context import Context
from devora_console.config.secret import Dsn
from devora_console.config.settings import MongoSettings, PostgresSettings, Settings
from devora_console.demo.servers import Endpoints
from tests.conftest import DatabaseFrom, TemplateDatabase

SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, made timestamptz DEFAULT '2024-03-01 10:00+02', data bytea);
CREATE TABLE app."Odd name" (id bigserial PRIMARY KEY, "user" int REFERENCES users, note text);
CREATE TABLE nothing (id int);
CREATE INDEX ON users (name);
CREATE VIEW names AS SELECT name FROM users;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
INSERT INTO users (id, name, data)
  SELECT i, 'user ' || i || E'\\n-- Data for Name: x; Type: TABLE DATA;\\n\\t\\\\.', '\\x00ff'
  FROM generate_series(1, 300) i;
INSERT INTO app."Odd name" ("user", note) SELECT i, md5(i::text) FROM generate_series(1, 200) i;
"""

Damage = Callable[[Path], None]


@pytest.fixture
async def database(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """A small PostgreSQL database of the test's own."""

    async def fill(dsn: Dsn) -> None:
        connection = await asyncpg.connect(dsn.reveal())
        await connection.execute(SCHEMA)
        await connection.close()

    return await database_from(await template_database("backup", fill))


@pytest.fixture
def context(database: Dsn, servers: Endpoints, tmp_path: Path) -> Context:
    """Works on the small PostgreSQL database."""
    settings = Settings(postgres=PostgresSettings(dsn=database))
    return Context(settings, tmp_path / "shelf", lambda: [servers.postgres_bin], environ=_environment())


@pytest.fixture
def source(mongo_client: MongoClient[dict[str, Any]], mongo_database: str) -> str:
    """A small MongoDB database: two collections with an index."""
    db = mongo_client[mongo_database]
    db["users"].insert_many([{"_id": i, "name": f"user {i}", "tags": ["a", {"b": i}]} for i in range(120)])
    db["users"].create_index([("name", 1)])
    db["other"].insert_many([{"n": i, "blob": b"\x00" * i} for i in range(30)])
    return mongo_database


@pytest.fixture
def mongo_context(source: str, mongo_url: Dsn, tmp_path: Path) -> Context:
    """Works on the small MongoDB database."""
    settings = Settings(mongo=MongoSettings(url=mongo_url, database=source))
    return Context(settings, tmp_path / "shelf", environ=_environment())


def listening(context: Context) -> tuple[Context, list[str]]:
    """The same context, and what it tells."""
    lines: list[str] = []
    return replace(context, narrate=lines.append), lines


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "POSTGRES", "MONGO"))}


def console(home: Path, *arguments: str, largest: int | None = None, **variables: str) -> subprocess.Popen[str]:
    """The console as a process of its own; ``largest`` bytes may a file have that it or its children write."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return subprocess.Popen(
        [sys.executable, "-m", "devora_console", *arguments],
        cwd=home,
        env={**_environment(), "HOME": str(home), "DEVORA_CONSOLE_HOME": str(home / "home"), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - one system call
    )

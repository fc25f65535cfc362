"""A site on the session's servers, with a small source made by hand.

============  ========  ==================================================================
fixture       scope     is
============  ========  ==================================================================
``stage``     function  :class:`Stage`: a site that runs, and what it stands on
``made``      function  the same before its first start
============  ========  ==================================================================
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console import schema
from devora_console.config.conninfo import parse, to_address
from devora_console.config.secret import Dsn, Secret
from devora_console.demo.site import script
from devora_console.demo.site.site import Site
from devora_console.postgres.connect import connection
from devora_console.schema.scram import scram_verifier
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.migration.world import World

LOGIN = "site_app"
PASSWORD = "an app's word"


@dataclass(frozen=True)
class Stage:
    """A site and its two databases; ``owner`` may do everything in PostgreSQL."""

    site: Site
    owner: Dsn
    mongo_url: Dsn
    mongo: MongoClient[dict[str, Any]]
    database: str

    def did(self, *words: str | Path) -> str:
        """Run the script; it has to succeed. Gives what it said."""
        return self.refused(*words, code=0)

    def refused(self, *words: str | Path, code: int = 1) -> str:
        """Run the script; it has to end with ``code``."""
        # In this process: a Python for each word would take most of the time.
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            ended = script.main(["--folder", str(self.site.place.folder), *map(str, words)])
        assert ended == code, f"{words}: {ended} {said.getvalue()}"
        return said.getvalue()

    def contents(self) -> list[str]:
        """Every message in MongoDB."""
        talks = self.mongo[self.database]["conversations"].find({}, {"messages": 1})
        return [message["content"] for each in talks for message in each["messages"]]

    def ids(self) -> set[str]:
        """The id of every message in MongoDB."""
        talks = self.mongo[self.database]["conversations"].find({}, {"messages": 1})
        return {message["id"] for each in talks for message in each["messages"]}


async def _prepare(dsn: Dsn) -> None:
    async with connection(dsn, purpose="test", read_only=False, statement_timeout_seconds=0) as conn:
        await conn.execute("CREATE EXTENSION vector")
        await schema.apply(conn)
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", LOGIN):
            verifier = scram_verifier(Secret(PASSWORD)).reveal()
            await conn.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{verifier}'; GRANT app_user TO {LOGIN}")


@pytest.fixture
async def target(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """The superuser's Dsn of a database with the whole schema, which the application's login may use."""
    return await database_from(await template_database("site", _prepare))


@pytest.fixture
def made(
    target: Dsn, mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str, open_folder: Path
) -> Iterator[Stage]:
    """A site that has been made, and not started."""
    for name, documents in World.of().collections.items():
        mongo_client[mongo_database][name].insert_many(documents)  # type: ignore[arg-type]  # no raw ones in this world
    app = Dsn(to_address({**parse(target.reveal()), "user": LOGIN, "password": PASSWORD}))
    site = Site(open_folder / "site", mongo_url, mongo_database, app)
    site.make()
    yield Stage(site, target, mongo_url, mongo_client, mongo_database)
    site.close()


@pytest.fixture
def stage(made: Stage) -> Stage:
    """A site that runs."""
    made.did("start")
    return made


async def fetch(dsn: Dsn, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL."""
    conn = await asyncpg.connect(dsn.reveal())
    try:
        return [tuple(row) for row in await conn.fetch(question, *values)]
    finally:
        await conn.close()

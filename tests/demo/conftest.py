"""A site on the session's servers, with a small source made by hand.

============  ========  ==================================================================
fixture       scope     is
============  ========  ==================================================================
``stage``     function  :class:`Stage`: a site that runs, and what it stands on
``made``      function  the same before its first start
``standing``  function  one site for all who ask, running on MongoDB as it was made
============  ========  ==================================================================
"""

from __future__ import annotations

import contextlib
import io
import secrets
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
from devora_console.core.loop import ServiceLoop
from devora_console.demo.servers import for_database
from devora_console.demo.site import script
from devora_console.demo.site.site import Site
from devora_console.postgres.connect import connection
from devora_console.schema.scram import scram_verifier
from tests.conftest import DatabaseFrom, TemplateDatabase, create_database
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


async def prepare(dsn: Dsn) -> None:
    """The schema, and the application's login."""
    async with connection(dsn, purpose="test", read_only=False, statement_timeout_seconds=0) as conn:
        await conn.execute("CREATE EXTENSION vector")
        await schema.apply(conn)
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", LOGIN):
            verifier = scram_verifier(Secret(PASSWORD)).reveal()
            await conn.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{verifier}'; GRANT app_user TO {LOGIN}")


@pytest.fixture
async def target(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """The superuser's Dsn of a database with the whole schema, which the application's login may use."""
    return await database_from(await template_database("site", prepare))


def make_stage(folder: Path, owner: Dsn, url: Dsn, client: MongoClient[dict[str, Any]], database: str) -> Stage:
    for name, documents in World.of().collections.items():
        client[database][name].insert_many(documents)  # type: ignore[arg-type]  # no raw ones in this world
    app = Dsn(to_address({**parse(owner.reveal()), "user": LOGIN, "password": PASSWORD}))
    site = Site(folder, url, database, app)
    site.make()
    return Stage(site, owner, url, client, database)


@pytest.fixture
def made(
    target: Dsn, mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str, open_folder: Path
) -> Iterator[Stage]:
    """A site that has been made, and not started."""
    stage = make_stage(open_folder / "site", target, mongo_url, mongo_client, mongo_database)
    yield stage
    stage.site.close()


@pytest.fixture(scope="session")
def _lasting(
    template_database: TemplateDatabase,
    postgres_admin: Dsn,
    mongo_url: Dsn,
    mongo_client: MongoClient[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    loop, name = ServiceLoop("test-site"), f"site_{secrets.token_hex(6)}"
    template: str = loop.call(template_database("site", prepare))  # type: ignore[arg-type]  # a coroutine in fact
    loop.call(create_database(postgres_admin, name, template))
    folder = tmp_path_factory.mktemp("site") / "site"
    stage = make_stage(folder, for_database(postgres_admin, name), mongo_url, mongo_client, name)
    yield stage
    stage.site.close()
    loop.call(execute(postgres_admin, f'DROP DATABASE "{name}" WITH (FORCE)'))
    loop.close()
    mongo_client.drop_database(name)


@pytest.fixture
def standing(_lasting: Stage) -> Stage:
    """The site that many tests use, as it was made; PostgreSQL holds no rows."""
    place = _lasting.site.place
    _lasting.did("start")
    secret = place.env("secrets.env")
    plain = {key: secret[key] for key in ("MONGO_URL", "DB_NAME", "APP_SECRET")}
    plain["APP_RELEASE"] = place.about().releases["mongo"]
    if not place.env("blue.env") == place.env("blue.made.env") == plain:
        place.write_env("blue.env", plain)
        _lasting.did("recreate")
    _lasting.did("maintenance", "off")
    return _lasting


@pytest.fixture
def stage(made: Stage) -> Stage:
    """A site that runs."""
    made.did("start")
    return made


async def execute(dsn: Dsn, statement: str) -> None:
    """Have PostgreSQL do something."""
    conn = await asyncpg.connect(dsn.reveal())
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


async def fetch(dsn: Dsn, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL."""
    conn = await asyncpg.connect(dsn.reveal())
    try:
        return [tuple(row) for row in await conn.fetch(question, *values)]
    finally:
        await conn.close()

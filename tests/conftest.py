"""Real servers for the tests: started once per session, a database of its own for each test that wants one.

Set DEVORA_TEST_POSTGRES_DSN (a superuser's) and DEVORA_TEST_MONGO_URL to run against servers of your own.

=====================  ========  ===========================================================================
fixture                scope     is
=====================  ========  ===========================================================================
``servers``            session   :class:`Endpoints` of the session's servers
``postgres_admin``     session   the superuser's Dsn, to the database ``postgres``
``empty_database``     function  Dsn of a fresh, empty database, dropped afterwards
``template_database``  session   ``await template_database("name", prepare)`` makes a template, once
``database_from``      function  ``await database_from(template)`` copies it; dropped afterwards
``mongo_url``          session   Dsn of the MongoDB-protocol server
``mongo_client``       session   a PyMongo client of it
``mongo_database``     function  the name of a fresh database there, dropped afterwards
``open_folder``        function  a short temporary folder that every account can enter
=====================  ========  ===========================================================================
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.core.loop import ServiceLoop
from devora_console.demo.account import server_account
from devora_console.demo.binaries import locate
from devora_console.demo.servers import DemoServers, Endpoints, for_database, temporary_home

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is made by mkdtemp
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 1024**3:
    # Databases are copied for nearly every test: in memory that takes 12 ms, on a disk up to half a second.
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

# What the factories are, for the signatures of tests: TemplateDatabase and DatabaseFrom.
Prepare = Callable[[Dsn], Awaitable[None]]
TemplateDatabase = Callable[[str, Prepare], Awaitable[str]]
DatabaseFrom = Callable[[str], Awaitable[Dsn]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--all``: every repetition marked slow, and every server version, instead of a few of each."""
    parser.addoption("--all", action="store_true", help="run every repetition and every server version")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many again as there are processors: for a third of their time tests wait for servers and for clocks."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_configure(config: pytest.Config) -> None:
    """Every server version is asked with ``--all``. What a shell has children in the background ignore is heard again:
    the consoles that tests start inherit it, and rightly leave ignored what they find ignored.
    """
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, default)
    if config.getoption("--all"):
        os.environ["DEVORA_TEST_MATRIX"] = "all"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The plain run leaves out what is marked slow."""
    if config.getoption("--all"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def servers() -> Iterator[Endpoints]:
    """The session's servers: embedded ones in a temporary home, or those the environment names."""
    postgres = os.environ.get("DEVORA_TEST_POSTGRES_DSN")
    mongo = os.environ.get("DEVORA_TEST_MONGO_URL")
    if postgres and mongo:
        yield Endpoints(Dsn(postgres), Dsn(mongo), locate(server_account(), lambda line: None).folder)
        return
    demo = DemoServers(temporary_home(), durable=False)  # nothing here outlives the machine
    try:
        own = demo.start()
        yield Endpoints(
            Dsn(postgres) if postgres else own.postgres, Dsn(mongo) if mongo else own.mongo, own.postgres_bin
        )
    finally:
        demo.stop()


@pytest.fixture(scope="session")
def postgres_admin(servers: Endpoints) -> Dsn:
    """The superuser's connection string, to the database ``postgres``."""
    return servers.postgres


@pytest.fixture
async def empty_database(postgres_admin: Dsn) -> AsyncIterator[Dsn]:
    """A fresh, empty database of the superuser's; dropped afterwards, whoever is still connected."""
    name = _fresh("test")
    await create_database(postgres_admin, name, "template0")
    yield for_database(postgres_admin, name)
    await _drop(postgres_admin, name)


class _Templates:
    """The session's template databases: made when first asked for, dropped at the end."""

    def __init__(self, admin: Dsn) -> None:
        self._admin = admin
        self._made: dict[str, str] = {}

    async def __call__(self, name: str, prepare: Prepare) -> str:
        if name in self._made:
            return self._made[name]
        database = _fresh(f"template_{name}")
        await create_database(self._admin, database, "template0")
        try:
            await prepare(for_database(self._admin, database))
            # Nobody may connect from here on: a database with sessions cannot be copied.
            await _execute(self._admin, f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        except BaseException:
            await _drop(self._admin, database)
            raise
        self._made[name] = database
        return database

    async def drop_all(self) -> None:
        """Drop every template that was made."""
        for database in self._made.values():
            await _drop(self._admin, database)


@pytest.fixture(scope="session")
def template_database(postgres_admin: Dsn) -> Iterator[TemplateDatabase]:
    """``await template_database("schema", prepare)`` names a database that ``prepare(dsn)`` has filled.

    It is prepared once per session for each name; ``prepare`` closes its connections before it returns.
    """
    templates = _Templates(postgres_admin)
    yield templates
    loop = ServiceLoop("test-templates")
    loop.call(templates.drop_all())
    loop.close()


@pytest.fixture
async def database_from(postgres_admin: Dsn) -> AsyncIterator[DatabaseFrom]:
    """``await database_from(template)`` is the Dsn of a copy of a template; dropped afterwards."""
    made: list[str] = []

    async def copy(template: str) -> Dsn:
        name = _fresh("copy")
        await create_database(postgres_admin, name, template)
        made.append(name)
        return for_database(postgres_admin, name)

    yield copy
    for name in made:
        await _drop(postgres_admin, name)


@pytest.fixture(scope="session")
def mongo_url(servers: Endpoints) -> Dsn:
    """The MongoDB-protocol server, without a database."""
    return servers.mongo


@pytest.fixture(scope="session")
def mongo_client(mongo_url: Dsn) -> Iterator[MongoClient[dict[str, Any]]]:
    """A PyMongo client of the MongoDB-protocol server."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url.reveal(), tz_aware=True)
    yield client
    client.close()


@pytest.fixture
def mongo_database(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a fresh database in the MongoDB-protocol server; dropped afterwards."""
    name = _fresh("test")
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder with a short path that every account can enter (pytest's own are closed)."""
    path = Path(tempfile.mkdtemp(prefix="devora-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _fresh(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(6)}"


async def create_database(admin: Dsn, name: str, template: str, options: str = "") -> None:
    """A copy of a template, by copying its files: that takes a third of the time of writing each page to the log."""
    connection = await asyncpg.connect(admin.reveal())
    try:
        by_files = " STRATEGY file_copy" if connection.get_server_version().major >= 15 else ""  # up to 14 the only way
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{by_files} {options}')
    finally:
        await connection.close()


async def _execute(dsn: Dsn, statement: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _drop(admin: Dsn, name: str) -> None:
    await _execute(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

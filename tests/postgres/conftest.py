"""Servers to be watched: the oldest and the newest in the plain run; with ``--all`` every version from 14 on, and those
of the distribution (see tests/schema/old_servers.py)."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.demo.servers import Endpoints, for_database
from devora_console.postgres.watch.guest import Guest
from tests.conftest import create_database
from tests.schema.old_servers import LOCALS, VERSIONS, WHEEL, Cluster, Which, cluster

NEWEST = WHEEL
ENDS: list[Which] = [min(VERSIONS), NEWEST]
ASKED: list[Which] = [*sorted(VERSIONS), NEWEST, *LOCALS] if os.environ.get("DEVORA_TEST_MATRIX") == "all" else ENDS
PRELOAD = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all", "track_io_timing=on")

Run = Callable[..., Awaitable[list[asyncpg.Record]]]
Enter = Callable[..., Awaitable[Guest]]


class Servers:
    """One server of each version, started when first asked for."""

    def __init__(self, newest: Dsn, stack: ExitStack) -> None:
        self._newest = newest
        self._made: dict[Which, Cluster] = {}
        self._stack = stack

    def admin(self, which: Which) -> Dsn:
        """The superuser's, to the database ``postgres``."""
        if which == NEWEST:
            return self._newest
        if which not in self._made:
            self._made[which] = self._stack.enter_context(cluster(which, *PRELOAD))
        return self._made[which].dsn


@pytest.fixture(scope="session")
def versions(servers: Endpoints) -> Iterator[Servers]:
    """Servers by major version; pg_stat_statements is preloaded in each."""
    with ExitStack() as stack:
        yield Servers(servers.postgres, stack)


@pytest.fixture(params=[pytest.param(major, marks=pytest.mark.matrix) for major in ASKED])
async def watched(request: pytest.FixtureRequest, versions: Servers) -> AsyncIterator[Dsn]:
    """A fresh database of each version that is asked, with a superuser's rights; dropped afterwards."""
    admin = versions.admin(request.param)
    name = f"watched_{secrets.token_hex(6)}"
    await create_database(admin, name, "template0", "ENCODING 'UTF8'")
    yield for_database(admin, name)
    await execute(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def enter() -> AsyncIterator[Enter]:
    """``await enter(dsn)`` is a guest there; it leaves afterwards."""
    guests: list[Guest] = []

    async def come(dsn: Dsn, **more: Any) -> Guest:
        guests.append(await Guest.enter(dsn, purpose="test", **more))
        return guests[-1]

    yield come
    for each in guests:
        await each.leave()


async def execute(dsn: Dsn, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def as_role(admin: Dsn, *grants: str, inherit: bool = True) -> Dsn:
    """The same database as a fresh login role that holds ``grants`` (role names), e.g. ``pg_monitor``; none: nobody."""
    name, word = f"role_{secrets.token_hex(6)}", secrets.token_hex(12)
    await execute(
        admin,
        f"CREATE ROLE {name} LOGIN PASSWORD '{word}' {'INHERIT' if inherit else 'NOINHERIT'}",
        *(f"GRANT {each} TO {name}" for each in grants),
    )
    head, _, tail = admin.reveal().partition("@")
    return Dsn(f"{head.partition('//')[0]}//{name}:{word}@{tail}")

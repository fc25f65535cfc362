"""A migrated and verified target, made once per session and copied for each test.

============  ==================================================================================
fixture       is
============  ==================================================================================
``dump``      the folder of the source; not to be changed
``place``     ``await place(...)`` makes a :class:`Scene` on a fresh copy of the migrated target
``untouched`` the same on a database with the schema only
============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from _pytest.mark.structures import ParameterSet

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.gates import Gate, Measurement
from devora_console.migration.gates import Scene
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.postgres.gates import identity
from devora_console.postgres.target import Target
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.migration.world import DATABASE, World, execute, user, verify

Place = Callable[..., Awaitable[Scene]]


def cases(table: Iterable[str], *plain: str) -> list[ParameterSet]:
    """The names of a table of cases: the plain run asks ``plain`` only, for each is a database of its own."""
    names = list(table)
    assert set(plain) <= set(names)
    return [pytest.param(name, marks=() if name in plain else (pytest.mark.slow,)) for name in names]


@pytest.fixture(scope="session")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of everything, and a user who names no address: one document for quarantine."""
    world = World.of()
    world.collections["users"].append(user(9, email=None))
    return world.write(tmp_path_factory.mktemp("gates") / "dump")


def scene_of(dsn: Dsn, source: Path | Dsn | None, folder: Path, **changes: Any) -> Scene:
    """What the gates are about, with the mapping that comes with the console."""
    given = Scene(
        target=Target(PostgresSettings(dsn=dsn)),
        source=str(source) if isinstance(source, Path) else source,
        database=DATABASE,
        mapping=builtin_mapping(),
        budget="30%",
        dry_runs=folder / "dry-runs",
        timeout_seconds=1.0,
    )
    return replace(given, **changes)


def dsn_of(scene: Scene) -> Dsn:
    """Where its target is."""
    dsn = scene.target.dsn()
    assert dsn is not None
    return dsn


async def do(scene: Scene, *statements: str) -> None:
    """Statements in its target, one after the other."""
    connection = await asyncpg.connect(dsn_of(scene).reveal())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def measured(gate: Gate) -> Measurement:
    """What it measures; it never raises."""
    return await gate.measure()


@pytest.fixture
def place(template_database: TemplateDatabase, database_from: DatabaseFrom, dump: Path, tmp_path: Path) -> Place:
    """Scenes on copies of the migrated target."""

    async def prepare(dsn: Dsn) -> None:
        await _apply(dsn)
        await execute(dsn, dump)
        await verify(dsn, dump, record=True)

    async def make(*, adopted: bool = True, **changes: Any) -> Scene:
        dsn = await database_from(await template_database("gates", prepare))
        if adopted:  # a copy is another database than the one that was verified
            await _adopt(dsn)
        return scene_of(dsn, **({"source": dump, "folder": tmp_path} | changes))

    return make


@pytest.fixture
def untouched(template_database: TemplateDatabase, database_from: DatabaseFrom, dump: Path, tmp_path: Path) -> Place:
    """Scenes on databases with the schema and no row."""

    async def make(**changes: Any) -> Scene:
        dsn = await database_from(await template_database("gates_schema", _apply))
        return scene_of(dsn, **({"source": dump, "folder": tmp_path} | changes))

    return make


async def _apply(dsn: Dsn) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await schema.apply(connection)
    finally:
        await connection.close()


async def _adopt(dsn: Dsn) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute(
            "UPDATE devora_console.run SET summary = jsonb_set(summary, '{target}', to_jsonb($1::text))"
            " WHERE kind = 'verify'",
            await identity(connection),
        )
    finally:
        await connection.close()

"""A small world to search in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from devora_console.search.playground import Playground
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.search.world import World, prepare


@pytest.fixture
async def world(template_database: TemplateDatabase, database_from: DatabaseFrom) -> World:
    """Alice and Bob, in a database of this test's own."""
    return World(await database_from(await template_database("search_world", prepare)))


@pytest.fixture
async def playground(world: World) -> AsyncIterator[Playground]:
    """Open on that world, as the superuser."""
    opened = await Playground.open(world.settings)
    yield opened
    await opened.close()

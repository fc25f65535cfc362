"""A database with the schema and two people, a PostHog on this machine, and a spool of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import pytest

from devora_console import schema
from devora_console.analytics import tracker
from devora_console.analytics.delivery import DeliverySnapshot, read
from devora_console.analytics.flush import Flushed, flush
from devora_console.analytics.setup import Setup
from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.secret import Dsn, Secret
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.postgres.target import Target
from tests.analytics.posthog_server import PostHog, serving
from tests.conftest import DatabaseFrom, TemplateDatabase

ANA, BOB = (uuid5(NAMESPACE_URL, name) for name in ("ana", "bob"))


@dataclass
class Place:
    """Where events go, as settings. ``more``: further settings of [analytics]."""

    dsn: Dsn
    posthog: PostHog
    spool: Path

    def settings(self, **more: Any) -> Settings:
        given: dict[str, Any] = {"posthog_api_key": Secret("phc_test_key_0123"), "posthog_host": self.posthog.url}
        return Settings(
            postgres=PostgresSettings(dsn=self.dsn),
            analytics=AnalyticsSettings(**{"spool": self.spool, **given, **more}),
        )

    def track(self, **more: Any) -> None:
        """Begin to keep events, on the disk only: ``flush`` brings them away."""
        tracker.configure(self.settings(**more), background=False)

    async def flush(self, seconds: float = 5, **more: Any) -> Flushed:
        if tracker._current is not None:
            tracker._current.leave()  # as if its process had ended
        return await flush(Setup.of(self.settings(**more)), seconds=seconds)

    async def look(self, **more: Any) -> DeliverySnapshot:
        settings = self.settings(**more)
        return await read(settings, partial(Target(settings.postgres).visit, purpose="events"))

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn.reveal())
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()


async def _prepare(dsn: Dsn) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    await schema.apply(connection)
    for who, mail in ((ANA, "ana"), (BOB, "bob")):
        await connection.execute(
            "INSERT INTO users (id, email, hashed_password) VALUES ($1, $2, '-')", who, f"{mail}@devora.invalid"
        )
    await connection.close()


@pytest.fixture
def posthog() -> Iterator[PostHog]:
    """Up."""
    with serving() as told:
        yield told


@pytest.fixture
async def place(
    template_database: TemplateDatabase, database_from: DatabaseFrom, posthog: PostHog, tmp_path: Path
) -> AsyncIterator[Place]:
    """Everything that an event needs."""
    yield Place(await database_from(await template_database("events", _prepare)), posthog, tmp_path / "spool")
    tracker.shutdown(0)
    tracker._use(None)

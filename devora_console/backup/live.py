"""The configured server as the thing a backup is compared with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devora_console.backup import postgres_server
from devora_console.backup.context import Context
from devora_console.backup.model import Content, Kind
from devora_console.backup.mongo_server import MongoServer, same_server
from devora_console.backup.stop import in_thread


@dataclass(frozen=True, slots=True)
class Live:
    """Which server and database is configured; ``contents`` counts every table or collection of it, exactly."""

    kind: Kind
    database: str
    server: str
    label: str
    contents: Callable[[Context], Awaitable[list[Content]]]

    def is_server(self, identity: str) -> bool:
        """Whether a manifest's server is this one."""
        return same_server(identity, self.server)


async def live_of(context: Context, kind: Kind) -> Live:
    """The configured server of this kind. Raises ConsoleError: exit 2 when there is none, exit 3 when it is away."""
    if kind is Kind.MONGO:
        return await in_thread(context.stop, _mongo, context)
    dsn = context.postgres()
    async with postgres_server.session(dsn, context.settings.postgres.connect_timeout_seconds) as conn:
        facts = await postgres_server.facts(conn, dsn)
    return Live(kind, facts.database, facts.server, facts.label, _postgres_contents)


async def _postgres_contents(context: Context) -> list[Content]:
    seconds = context.settings.postgres.connect_timeout_seconds
    async with (
        postgres_server.session(context.postgres(), seconds) as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),  # one moment for all tables
    ):
        return [Content(name, count) for name, count in (await postgres_server.counts(conn)).items()]


def _mongo(context: Context) -> Live:
    with _opened(context) as server:
        return Live(Kind.MONGO, server.database, server.server, server.label, _mongo_contents)


async def _mongo_contents(context: Context) -> list[Content]:
    return await in_thread(context.stop, _count_mongo, context)


def _count_mongo(context: Context) -> list[Content]:
    with _opened(context) as server:
        return server.contents(context.stop, digests=False)


def _opened(context: Context) -> MongoServer:
    mongo = context.settings.mongo
    return MongoServer(context.mongo(), mongo.database, mongo.server_selection_timeout_seconds, mongo.read_preference)

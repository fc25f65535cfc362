"""Watching MongoDB: one client whose pool finds the server again by itself, and what it sees."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devora_console.config.secret import Dsn
from devora_console.core.backoff import backoff
from devora_console.core.clock import utc_now
from devora_console.core.console import Link, ServerState
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.facts import (
    Client,
    MongoFacts,
    answered,
    open_client,
    read_change_streams,
    read_collections,
    read_server,
    read_size,
)
from devora_console.mongo.source import CollectionInfo

__all__ = ["NOT_CONFIGURED", "MongoFacts", "MongoObserver"]

_COUNTS_SECONDS = 30.0  # some servers count slowly, and a migration wants them for itself
_REFUSED = frozenset({"mongo_auth", "mongo_permission", "mongo_url"})

NOT_CONFIGURED = Problem(
    "mongo_not_configured",
    "MongoDB is not configured",
    "Set MONGO_URL, or mongo.url in the configuration file (devora-console config init)",
)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What is looked at less often."""

    collections: tuple[CollectionInfo, ...] | Unknown
    size_bytes: int | Unknown
    change_streams: bool | Unknown
    at: datetime


class MongoObserver:
    """Keeps one client, whose pool finds the server again by itself. Use it on one event loop.

    :meth:`poll` never raises but for cancellation. ``url`` None: nothing is configured.
    """

    def __init__(self, url: Dsn | None, database: str, *, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._database = database
        self._timeout = timeout_seconds
        self._client: Client | None = None
        self._counted: _Counted | None = None
        self._lock = asyncio.Lock()
        absent = url is None
        self._state = ServerState(
            engine="MongoDB",
            label="not configured" if absent else f"{one_line(database, 60)}@{_host(url)}",
            link=Link.ABSENT if absent else Link.CONNECTING,
            version=Unknown("not configured", NOT_CONFIGURED.remedy) if absent else Unknown("not connected yet"),
            since=utc_now(),
            problem=NOT_CONFIGURED if absent else None,
        )

    def state(self) -> ServerState:
        """Where the connection stands; never blocks. The version is the last one seen."""
        return self._state

    async def poll(self) -> MongoFacts | Problem:
        """Look at the server; the problem while that does not work, at once until the next try is due."""
        url = self._url
        if url is None:
            return NOT_CONFIGURED
        async with self._lock:
            due = self._state.next_try
            if self._state.problem is not None and due is not None and utc_now() < due:
                return self._state.problem
            try:
                if self._client is None:
                    self._client = await open_client(url, purpose="watch", timeout_seconds=self._timeout)
                facts = await self._look(url, self._client)
            except ConsoleError as error:
                return self._failed(error.problem)
            self._succeeded(facts)
            return facts

    async def close(self) -> None:
        """Give the connections back; polling again opens new ones."""
        async with self._lock:
            self._drop()

    async def _look(self, url: Dsn, client: Client) -> MongoFacts:
        server = await answered(url, read_server(client), self._timeout * 2 + 1)
        counted = self._counted
        if counted is None or (utc_now() - counted.at).total_seconds() >= _COUNTS_SECONDS:
            counted = self._counted = await self._counted_in_time(url, client)
        return MongoFacts(
            as_of=utc_now(),
            server=server,
            database=self._database,
            collections=counted.collections,
            size_bytes=counted.size_bytes,
            change_streams=counted.change_streams,
            counted_at=counted.at,
        )

    async def _counted_in_time(self, url: Dsn, client: Client) -> _Counted:
        """The server has just told who it is: that it counts slowly does not make it lost."""
        try:
            return await answered(url, self._count(client), self._timeout * 2 + 1)
        except ConsoleError as error:
            if error.problem.code != "mongo_timeout":
                raise
            slow = Unknown("the server did not count in time", "It is asked again after a while")
            return _Counted(slow, slow, slow, utc_now())

    async def _count(self, client: Client) -> _Counted:
        database = client[self._database]
        collections = await read_collections(client, self._database)
        if collections == ():
            nothing = Unknown("the database holds no collection", "Check DB_NAME")
            return _Counted((), nothing, nothing, utc_now())
        streams: bool | Unknown = Unknown("its collections are not known")
        known = self._counted.change_streams if self._counted is not None else None
        if isinstance(known, bool):
            streams = known
        elif not isinstance(collections, Unknown):
            streams = await read_change_streams(database, collections[0].name)
        return _Counted(collections, await read_size(database), streams, utc_now())

    def _succeeded(self, facts: MongoFacts) -> None:
        now = utc_now()
        self._state = replace(
            self._state,
            link=Link.OK,
            version=facts.server.version,
            since=self._state.since if self._state.link is Link.OK else now,
            problem=None,
            attempt=0,
            next_try=None,
        )

    def _failed(self, problem: Problem) -> Problem:
        self._counted = None  # after a pause it may be another server
        refused = problem.code in _REFUSED
        if refused:
            self._drop()
        link, now = Link.REFUSED if refused else Link.LOST, utc_now()
        attempt = self._state.attempt + 1
        self._state = replace(
            self._state,
            link=link,
            since=self._state.since if self._state.link is link else now,
            problem=problem,
            attempt=attempt,
            next_try=now + timedelta(seconds=backoff(attempt, refused=refused)),
        )
        return problem

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._counted = None


def _host(url: Dsn | None) -> str:
    rest = str(url).partition("://")[2]
    return one_line(rest.partition("?")[0].partition("/")[0].rpartition("@")[2], 60)

"""Watching MongoDB through Motor: what the server is, what the database holds, whether it can be followed.

Everything here reads. Change streams are tried on a collection that exists: on one that does not, some servers
create it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError

from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.console import Link, ServerState
from devora_console.core.problems import ConsoleError, Problem, connect_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.errors import translate
from devora_console.mongo.source import CollectionInfo

Client = AsyncIOMotorClient[dict[str, Any]]
T = TypeVar("T")

_COUNTS_SECONDS = 30.0  # some servers count slowly, and a migration wants them for itself
_REFUSED = frozenset({"mongo_auth", "mongo_permission", "mongo_url"})
_NO_CHANGE_STREAMS = frozenset({40573, 40415})  # not a replica set; too old to know the stage
_NOT_PERMITTED = 13

NOT_CONFIGURED = Problem(
    "mongo_not_configured",
    "MongoDB is not configured",
    "Set MONGO_URL, or mongo.url in the configuration file (devora-console config init)",
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server. ``topology`` in words; ``replica_set`` is its name, if it is a member of one."""

    version: str | Unknown
    topology: str
    replica_set: str | None
    server_time: datetime | Unknown


@dataclass(frozen=True, slots=True)
class MongoFacts:
    """The source as of ``as_of``. Documents are the server's estimates, sizes bytes of uncompressed data.

    ``counted_at`` is when collections, size and change streams were looked at: less often than the rest.
    """

    as_of: datetime
    server: ServerFacts
    database: str
    collections: tuple[CollectionInfo, ...] | Unknown
    size_bytes: int | Unknown
    change_streams: bool | Unknown
    counted_at: datetime


async def open_client(url: Dsn, *, purpose: str, timeout_seconds: float = 5.0) -> Client:
    """A client bound to the running loop. It connects when it is first asked. ConsoleError when ``url`` is wrong."""
    loop = asyncio.get_running_loop()
    milliseconds = int(timeout_seconds * 1000)

    def build() -> Client:
        return AsyncIOMotorClient(
            url.reveal(),
            io_loop=loop,
            appname=f"devora-console {purpose}",
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            tz_aware=True,
        )

    # mongodb+srv asks the name service while it is built, and that blocks.
    return await answered(url, asyncio.to_thread(build), timeout_seconds + 2)


async def answered(url: Dsn, asked: Awaitable[T], seconds: float) -> T:
    """What the server says within ``seconds``, or a ConsoleError in plain words."""
    try:
        return await asyncio.wait_for(asked, seconds)
    except PyMongoError as error:
        raise translate(error, url) from None
    except TimeoutError:
        where = one_line(str(url), 120)
        raise connect_error(
            "mongo_timeout", f"MongoDB at {where} does not answer in time", "Check host, port and firewall"
        ) from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        # PyMongo takes the server's word for what an answer holds: a login to a server without logins ends here.
        where, name = one_line(str(url), 120), type(error).__name__
        raise connect_error(
            "mongo_answer",
            f"what answers at {where} does not speak as MongoDB does ({name})",
            "Check that MONGO_URL names a MongoDB server; leave out user and password if it has no logins",
        ) from None


async def read_server(client: Client) -> ServerFacts:
    """Ask the server who it is. Raises PyMongo's errors."""
    hello: Mapping[str, Any] = await client.admin.command("hello")
    local = hello.get("localTime")
    set_name = hello.get("setName")
    topology = "standalone"
    if hello.get("msg") == "isdbgrid":
        topology = "sharded cluster"
    elif set_name:
        topology = f"replica set {one_line(str(set_name), 40)}"
    return ServerFacts(
        version=await _version(client),
        topology=topology,
        replica_set=str(set_name) if set_name else None,
        server_time=(local if local.tzinfo else local.replace(tzinfo=UTC))
        if isinstance(local, datetime)
        else Unknown("hello has no localTime"),
    )


async def _version(client: Client) -> str | Unknown:
    try:
        told: Mapping[str, Any] = await client.admin.command("buildInfo")
    except OperationFailure as error:
        return Unknown(f"buildInfo is refused: {one_line(str(error.details or error), 80)}")
    version = told.get("version")
    if isinstance(version, str) and isinstance(told.get("versionArray"), list):
        return one_line(version, 40)
    who = one_line(str(told.get("process") or "this server"), 40)
    claim = f", which calls itself {one_line(str(version), 20)}" if version else ""
    return Unknown(f"{who}{claim} does not answer buildInfo as MongoDB does")


async def read_collections(database: AsyncIOMotorDatabase[dict[str, Any]]) -> tuple[CollectionInfo, ...] | Unknown:
    """Collections with documents of their own, by name, with estimated counts (their bytes are not asked)."""
    try:
        listed = [entry async for entry in await database.list_collections()]
    except OperationFailure as error:
        return _refused(error, "list its collections")
    names = sorted(
        str(entry["name"])
        for entry in listed
        if entry.get("type", "collection") != "view" and not str(entry["name"]).startswith("system.")
    )
    return tuple([CollectionInfo(name, await _count(database, name), Unknown("not asked")) for name in names])


async def _count(database: AsyncIOMotorDatabase[dict[str, Any]], name: str) -> int | Unknown:
    try:
        return int(await database[name].estimated_document_count())
    except NetworkTimeout:
        return Unknown("the count took too long")
    except OperationFailure as error:
        return _refused(error, f"count {one_line(name, 60)}")


async def read_size(database: AsyncIOMotorDatabase[dict[str, Any]]) -> int | Unknown:
    """Bytes of uncompressed documents in the database."""
    try:
        told: Mapping[str, Any] = await database.command("dbStats")
    except OperationFailure as error:
        return _refused(error, "read dbStats")
    size = told.get("dataSize")
    return int(size) if isinstance(size, int | float) else Unknown("dbStats has no dataSize")


async def read_change_streams(database: AsyncIOMotorDatabase[dict[str, Any]], collection: str) -> bool | Unknown:
    """Whether changes of ``collection``, which must exist, can be followed: opens a stream and closes it."""
    stream = database[collection].watch(max_await_time_ms=50)
    try:
        await stream.try_next()
    except OperationFailure as error:
        return False if error.code in _NO_CHANGE_STREAMS else _refused(error, "open a change stream")
    finally:
        with suppress(PyMongoError):
            await stream.close()
    return True


def _refused(error: OperationFailure, what: str) -> Unknown:
    if error.code == _NOT_PERMITTED:
        return Unknown(f"this user may not {what}", "Grant the role 'read' on the database to this user")
    return Unknown(f"the server refuses to {what}: {one_line(str((error.details or {}).get('errmsg') or error), 100)}")


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
        collections = await read_collections(database)
        streams: bool | Unknown = Unknown("the database holds no collection to try it on")
        known = self._counted.change_streams if self._counted is not None else None
        if isinstance(known, bool):
            streams = known
        elif not isinstance(collections, Unknown) and collections:
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


def backoff(attempt: int, *, refused: bool) -> float:
    """Seconds to wait after the ``attempt``-th failure in a row, jittered so that consoles do not come in step."""
    first, most = (15.0, 120.0) if refused else (0.5, 30.0)
    return min(most, first * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _host(url: Dsn | None) -> str:
    rest = str(url).partition("://")[2]
    return one_line(rest.partition("?")[0].partition("/")[0].rpartition("@")[2], 60)

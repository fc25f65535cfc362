"""What a MongoDB server tells about itself and one of its databases, asked through Motor.

Everything here reads. Change streams are tried on a collection that exists, and a database that does not exist is
not touched: there are servers that would make either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.errors import translate
from devora_console.mongo.source import CollectionInfo

Client = AsyncIOMotorClient[dict[str, Any]]
T = TypeVar("T")

_NO_CHANGE_STREAMS = frozenset({40573, 40415})  # not a replica set; too old to know the stage
_NOT_PERMITTED = 13


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


async def open_client(
    url: Dsn, *, purpose: str, timeout_seconds: float = 5.0, answer_seconds: float | None = None
) -> Client:
    """A client bound to the running loop. It connects when it is first asked. ConsoleError when ``url`` is wrong.

    ``answer_seconds``: how long an answer may take, where that is not ``timeout_seconds`` too.
    """
    loop = asyncio.get_running_loop()
    milliseconds = int(timeout_seconds * 1000)

    def build() -> Client:
        return AsyncIOMotorClient(
            url.reveal(),
            io_loop=loop,
            appname=f"devora-console {purpose}",
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds if answer_seconds is None else int(answer_seconds * 1000),
            tz_aware=True,
        )

    try:
        # mongodb+srv asks the name service while it is built, and that blocks.
        return await answered(url, asyncio.to_thread(build), timeout_seconds + 2)
    except ConsoleError as error:
        if error.problem.code != "mongo_answer":
            raise
        # Nobody has answered anything yet: a port or an option makes no sense.
        where = one_line(str(url), 120)
        raise usage_error(
            "mongo_url", f"MONGO_URL: {where} makes no sense", "Write it as mongodb://user:password@host:27017"
        ) from None


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
    claim = f", which calls itself {one_line(str(version), 20)}," if version else ""
    return Unknown(f"{who}{claim} does not answer buildInfo as MongoDB does")


async def read_databases(client: Client) -> tuple[str, ...] | Unknown:
    """The databases this user may see, without the server's own."""
    try:
        names = await client.list_database_names()
    except OperationFailure as error:
        return _refused(error, "list the databases")
    return tuple(sorted(name for name in names if name not in {"admin", "config", "local"}))


async def read_collections(client: Client, name: str) -> tuple[CollectionInfo, ...] | Unknown:
    """Collections with documents of their own, by name, with estimated counts (their bytes are not asked).

    Of a database that does not exist there are none.
    """
    databases = await read_databases(client)
    if not isinstance(databases, Unknown) and name not in databases:
        return ()
    database = client[name]
    try:
        listed = [entry async for entry in await database.list_collections()]
    except OperationFailure as error:
        return _refused(error, "list its collections")
    names = sorted(
        str(entry["name"])
        for entry in listed
        if entry.get("type", "collection") != "view" and not str(entry["name"]).startswith("system.")
    )
    return tuple([CollectionInfo(each, await _count(database, each), Unknown("not asked")) for each in names])


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

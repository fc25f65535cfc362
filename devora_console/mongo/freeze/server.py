"""One connection to the source for what the freeze asks and does, and what the server is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.errors import translate

Client = MongoClient[dict[str, Any]]
OURS = "devora-console"
ADMIN = "mongo.admin_url"
_SOCKET_SECONDS = 60.0
_NONSENSE = "devoraConsoleAsksForNoSuchCommand"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of MongoDB: its name and the database that knows it."""

    user: str
    db: str

    def __str__(self) -> str:
        return one_line(f"{self.user}@{self.db}", 120)


@dataclass(frozen=True, slots=True)
class Login:
    """How to connect, and the setting (or variable) that says so, for what goes wrong."""

    url: Dsn
    key: str


@dataclass(frozen=True, slots=True)
class Server:
    """What was found at the other end. ``identity`` tells deployments apart; ``process`` is the server process, where
    it says. ``invents``: it answers ok to a command that does not exist, so that no "ok" of it proves anything.
    ``accounts`` are the users this connection is logged in as.
    """

    identity: str
    version: tuple[int, int] | Unknown
    replica_set: str | None
    sharded: bool
    invents: bool
    process: str | None
    accounts: tuple[Account, ...]

    @property
    def blocks_writes(self) -> bool:
        """Whether it can be told to refuse all users' writes: MongoDB 6.0 and later, not a standalone."""
        return (
            not self.invents
            and (self.replica_set is not None or self.sharded)
            and not isinstance(self.version, Unknown)
            and self.version >= (6, 0)
        )


@contextmanager
def connected(login: Login, timeout_seconds: float, *, retry_writes: bool = True) -> Iterator[Client]:
    """A client that reads from the primary; PyMongo's errors become ConsoleErrors that name the setting."""
    url, key = login.url, login.key
    try:
        client = _client(url, timeout_seconds, retry_writes)
    except ConsoleError as error:
        raise _named(error, key) from None
    try:
        _greet(client, url)
        yield client
    except PyMongoError as error:
        raise _named(translate(error, url), key) from None
    except ConsoleError as error:
        raise _named(error, key) from None
    finally:
        client.close()


def _client(url: Dsn, timeout_seconds: float, retry_writes: bool) -> Client:
    milliseconds = int(timeout_seconds * 1000)
    try:
        return MongoClient(
            url.reveal(),
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=int(max(timeout_seconds, _SOCKET_SECONDS) * 1000),
            appname=f"{OURS} freeze",
            readPreference="primary",
            retryWrites=retry_writes,
            tz_aware=True,
        )
    except PyMongoError as error:
        raise translate(error, url) from None
    except (ValueError, TypeError) as error:
        said = one_line(scrub(str(error), url), 160)
        raise usage_error("mongo_url", f"MONGO_URL: {said}", "Write it as mongodb://user:password@host:27017") from None


def _greet(client: Client, url: Dsn) -> None:
    try:
        client.admin.command("ping")
    except PyMongoError:
        raise
    except (KeyError, TypeError, ValueError, OSError) as error:
        # PyMongo takes the server's word for what an answer holds: a login to a server without logins ends here.
        where = one_line(str(url), 120)
        raise connect_error(
            "mongo_answer",
            f"what answers at {where} does not speak as MongoDB does ({type(error).__name__})",
            "Check that MONGO_URL names a MongoDB server; leave out user and password if it has no logins",
        ) from None


def _named(error: ConsoleError, key: str) -> ConsoleError:
    problem = error.problem
    if problem.code == "mongo_permission" and key == ADMIN:
        remedy = f"Give {ADMIN} a user with userAdminAnyDatabase (and clusterMonitor)"
        return ConsoleError.of(error.exit_code, problem.code, problem.message, remedy)
    message, remedy = (text.replace("MONGO_URL", key) for text in (problem.message, problem.remedy))
    return ConsoleError.of(error.exit_code, problem.code, message, remedy)


def examine(client: Client, database: str) -> Server:
    """Ask the server who it is. Raises PyMongo's errors."""
    hello: Mapping[str, Any] = client.admin.command("hello")
    nodes = sorted(f"{host}:{port}" for host, port in client.nodes)
    hosts = ",".join(sorted(hello.get("hosts") or nodes)) or "unknown"
    name = hello.get("setName")
    sharded = hello.get("msg") == "isdbgrid"
    kind = name or ("sharded" if sharded else "standalone")
    topology = hello.get("topologyVersion")
    process = topology.get("processId") if isinstance(topology, Mapping) else None
    return Server(
        identity=f"mongodb {kind} {hosts}/{database}",
        version=_version(client),
        replica_set=str(name) if name else None,
        sharded=sharded,
        invents=_invents(client),
        process=str(process) if process is not None else None,
        accounts=accounts_of(client),
    )


def _invents(client: Client) -> bool:
    """MongoDB refuses a command that it does not know (59, CommandNotFound)."""
    try:
        client.admin.command(_NONSENSE)
    except OperationFailure:
        return False
    return True


def _version(client: Client) -> tuple[int, int] | Unknown:
    try:
        told = client.admin.command("buildInfo")
    except OperationFailure as error:
        return Unknown(f"buildInfo is refused: {one_line(str(error.details or error), 80)}")
    numbers = re.findall(r"\d+", str(told.get("version")))[:2]
    if not isinstance(told.get("versionArray"), list) or len(numbers) < 2:
        return Unknown("this server does not answer buildInfo as MongoDB does")
    return int(numbers[0]), int(numbers[1])


def accounts_of(client: Client) -> tuple[Account, ...]:
    """The users a connection is logged in as; none where the server does not tell."""
    try:
        told = client.admin.command("connectionStatus")
    except OperationFailure:
        return ()
    users = (told.get("authInfo") or {}).get("authenticatedUsers") or []
    return tuple(Account(str(each["user"]), str(each["db"])) for each in users)


def same_server(one: Server, other: Server) -> bool:
    """Whether two connections lead to one deployment, as far as both tell; two names of one host are not two."""
    if (one.replica_set, one.sharded) != (other.replica_set, other.sharded):
        return False
    if one.replica_set is not None:
        return one.identity == other.identity
    return one.sharded or one.process is None or other.process is None or one.process == other.process


def said(error: OperationFailure) -> str:
    """The server's words of a refusal, on one line."""
    return one_line(str((error.details or {}).get("errmsg") or error), 160)

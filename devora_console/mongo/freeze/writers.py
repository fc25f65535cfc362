"""Who still writes: operations, transactions and connections, of ``$currentOp``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze.server import OURS, Login, connected, examine, said

_OPS = frozenset({"insert", "update", "remove"})
_COMMANDS = (
    *("insert", "update", "delete", "bulkWrite", "findAndModify", "findandmodify", "mapReduce"),
    "commitTransaction",
)
_HIDDEN = Unknown(
    "this user sees its own operations only", "Grant clusterMonitor, or give mongo.admin_url a user that has it"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """A write under way, or a transaction that is open (``what`` says which). ``seconds`` that it has run so far."""

    what: str
    namespace: str
    app: str
    client: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Connected:
    """Connections of one program from one host; the console's own are left out."""

    app: str
    host: str
    connections: int


@dataclass(frozen=True, slots=True)
class Writers:
    """What the server tells of those who write or could. Connections are of every program, writing or not."""

    operations: tuple[Operation, ...] | Unknown
    connections: tuple[Connected, ...] | Unknown


def read_writers(login: Login, database: str, timeout_seconds: float) -> Writers:
    """Ask the server. Raises ConsoleError when it is not reached."""
    with connected(login, timeout_seconds) as client:
        if examine(client, database).invents:
            lost = Unknown("this server does not list operations", "Look at what the application's processes do")
            return Writers(lost, lost)
        stage = {"allUsers": True, "idleConnections": True, "idleSessions": True, "localOps": True}
        try:
            found = list(client.admin.aggregate([{"$currentOp": stage}]))
        except OperationFailure as error:
            if error.code == 13:
                return Writers(_HIDDEN, _HIDDEN)
            try:
                found = client.admin.command("currentOp", {"$all": True})["inprog"]
            except (PyMongoError, KeyError):
                lost = Unknown(f"the server refuses to list operations: {said(error)}")
                return Writers(lost, lost)
        return writers_of(found, database)


def writers_of(operations: Iterable[Mapping[str, Any]], database: str) -> Writers:
    """The writers among the documents of ``$currentOp``: writes to ``database``, and open transactions of anybody, as
    what they will write is not told before they end."""
    others = [each for each in operations if not _app(each).startswith(OURS)]
    found = [one for each in others if (one := _operation(each, database)) is not None]
    counted = Counter((_app(each), _client(each).rpartition(":")[0]) for each in others if each.get("client"))
    lines = tuple(Connected(app, host, count) for (app, host), count in sorted(counted.items()))
    return Writers(tuple(found), lines)


def _operation(told: Mapping[str, Any], database: str) -> Operation | None:
    transaction = told.get("transaction")
    namespace = str(told.get("ns") or "")
    micros = told.get("microsecs_running")
    if isinstance(transaction, Mapping) and (transaction.get("parameters") or {}).get("autocommit") is False:
        what = "prepared transaction" if transaction.get("timePreparedMicros") is not None else "open transaction"
        micros = transaction.get("timeOpenMicros", micros)
    elif _writes(told) and namespace.partition(".")[0] == database:
        what = _verb(told)
    else:
        return None
    seconds = micros / 1_000_000 if isinstance(micros, int | float) else None
    return Operation(what, one_line(namespace, 120), _app(told), _client(told), seconds)


def _writes(told: Mapping[str, Any]) -> bool:
    if told.get("type", "op") != "op" or told.get("active") is False:
        return False
    return told.get("op") in _OPS or bool(_verb_of_command(told))


def _verb(told: Mapping[str, Any]) -> str:
    return _verb_of_command(told) or str(told.get("op"))


def _verb_of_command(told: Mapping[str, Any]) -> str:
    """A write inside a command; a getMore is one when its pipeline ends in $out or $merge."""
    for holder in (
        told.get("command"),
        told.get("originatingCommand"),
        (told.get("cursor") or {}).get("originatingCommand"),
    ):
        if not isinstance(holder, Mapping):
            continue
        for name in _COMMANDS:
            if name in holder:
                return name
        pipeline = holder.get("pipeline")
        last = pipeline[-1] if isinstance(pipeline, list) and pipeline else None
        if isinstance(last, Mapping) and {"$out", "$merge"} & set(last):
            return f"aggregate {next(iter(last))}"
    return ""


def _app(told: Mapping[str, Any]) -> str:
    return one_line(str(told.get("appName") or ""), 80)


def _client(told: Mapping[str, Any]) -> str:
    return one_line(str(told.get("client") or told.get("client_s") or ""), 80)

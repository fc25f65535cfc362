"""Counters of writes: of the whole server (``serverStatus``) and of each collection (``collStats``).

A counter that stands still proves more than equal content does: a write that was taken back moves it as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure

from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze.server import Client, said

_ENGINE = ("insert calls", "update calls", "remove calls")
_ENGINE_TOO = ("modify", "modify calls", "truncate calls")  # their names differ between versions


@dataclass(frozen=True, slots=True)
class Counts:
    """Counters at one moment. ``started`` names the server process: counters of two processes do not compare.

    ``server`` counts writes of everybody to every database; ``collections`` calls of the storage engine that write to
    one collection, since it was opened.
    """

    started: str
    server: Mapping[str, int] | Unknown
    collections: Mapping[str, int | Unknown]


def read_counts(client: Client, database: str, collections: Iterable[str]) -> Counts:
    """Ask the server for all of them. Raises PyMongo's errors when it is lost."""
    status: Mapping[str, Any] | Unknown
    try:
        status = client.admin.command("serverStatus")
    except OperationFailure as error:
        status = Unknown(f"serverStatus is refused: {said(error)}", "Grant the role clusterMonitor to this user")
    each = {name: _engine(client, database, name) for name in collections}
    if isinstance(status, Unknown):
        return Counts("", status, each)
    return Counts(_started(status), server_counts(status), each)


def _started(status: Mapping[str, Any]) -> str:
    return f"{status.get('host')} {status.get('pid')}"


def server_counts(status: Mapping[str, Any]) -> Mapping[str, int] | Unknown:
    """The counters of writes in a reply of serverStatus, by name."""
    metrics = (status.get("metrics") or {}).get("document") or {}
    found = {
        **_named("opcounters", status.get("opcounters"), ("insert", "update", "delete")),
        **_named("opcountersRepl", status.get("opcountersRepl"), ("insert", "update", "delete")),
        **_named("metrics.document", metrics, ("inserted", "updated", "deleted")),
    }
    if not any(name.startswith("opcounters.") for name in found):
        return Unknown("this server counts no operations (no opcounters in serverStatus)")
    return found


def _named(prefix: str, counters: object, names: Iterable[str]) -> dict[str, int]:
    if not isinstance(counters, Mapping):
        return {}
    return {f"{prefix}.{name}": int(counters[name]) for name in names if isinstance(counters.get(name), int | float)}


def _engine(client: Client, database: str, collection: str) -> int | Unknown:
    try:
        return engine_writes(client[database].command("collStats", collection))
    except OperationFailure as error:
        return Unknown(f"collStats is refused: {said(error)}", "Grant the role read on the database to this user")


def engine_writes(stats: Mapping[str, Any]) -> int | Unknown:
    """How often the storage engine was asked to write to a collection, of a reply of collStats."""
    engine = (stats.get("wiredTiger") or {}).get("cursor") or {}
    if not all(isinstance(engine.get(name), int | float) for name in _ENGINE):
        return Unknown("this server does not count the writes of a collection (no wiredTiger.cursor in collStats)")
    return sum(int(engine[name]) for name in (*_ENGINE, *_ENGINE_TOO) if isinstance(engine.get(name), int | float))


def moved(before: int | Unknown, after: int | Unknown) -> int | Unknown:
    """How far a counter went. It starts anew when the server has closed the collection in between."""
    if isinstance(before, Unknown):
        return before
    if isinstance(after, Unknown):
        return after
    if after < before:
        return Unknown("the counter started anew in between")
    return after - before

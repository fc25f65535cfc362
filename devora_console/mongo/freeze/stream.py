"""Writes between two moments as a replica set's change stream shows them, those that were taken back included."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.errors import OperationFailure

from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze.canary import COLLECTION
from devora_console.mongo.freeze.server import Client, Server, said

_PATIENCE_SECONDS = 15.0  # an idle replica set writes a note into its log every ten
_WRITES = frozenset({"insert", "update", "replace", "delete", "drop", "rename", "dropDatabase", "invalidate"})


class Stream:
    """Follows one database from :meth:`open` on. Written to the documentation: no replica set was at hand."""

    def __init__(self, client: Client, server: Server, database: str) -> None:
        self._client = client
        self._database = database
        self._stream: ChangeStream[dict[str, Any]] | None = None
        self._missing: Unknown | None = None
        if server.invents or (server.replica_set is None and not server.sharded):
            self._missing = Unknown("a standalone has no change streams")

    def open(self) -> None:
        """Begin to follow. Where the server refuses, :meth:`writes` says why."""
        if self._missing is not None:
            return
        try:
            self._stream = self._client[self._database].watch(max_await_time_ms=500)
        except OperationFailure as error:
            self._missing = Unknown(f"the change stream is refused: {said(error)}", "Grant the role read")

    def writes(self) -> Mapping[str, int] | Unknown:
        """Changes by collection since the beginning, up to now as the server's clock has it."""
        if self._stream is None:
            return self._missing or Unknown("the change stream was not opened")
        now = self._client.admin.command("ping").get("operationTime")
        if not isinstance(now, Timestamp):
            return Unknown("the server tells no operationTime")
        found: Counter[str] = Counter()
        end = time.monotonic() + _PATIENCE_SECONDS
        try:
            while time.monotonic() < end:
                event = self._stream.try_next()
                if event is not None:
                    _count(event, found)
                elif (reached := position(self._stream.resume_token)) is not None and reached >= now:
                    return dict(found)
        except OperationFailure as error:
            return Unknown(f"the change stream ended: {said(error)}")
        return dict(found) if found else Unknown("the change stream did not reach the present in time")

    def close(self) -> None:
        """Give the cursor back."""
        if self._stream is not None:
            self._stream.close()


def _count(event: Mapping[str, Any], found: Counter[str]) -> None:
    name = str((event.get("ns") or {}).get("coll") or "the database")
    if event.get("operationType") in _WRITES and name != COLLECTION:
        found[name] += 1


def position(token: Mapping[str, Any] | None) -> Timestamp | None:
    """The time in a resume token: after a byte that says so, seconds and ordinal, in hexadecimal.

    >>> position({"_data": "826565F5C7000000012B0229296E04"})
    Timestamp(1701180871, 1)
    """
    data = (token or {}).get("_data")
    if not isinstance(data, str) or not data.startswith("82"):
        return None
    try:
        return Timestamp(int(data[2:10], 16), int(data[10:18], 16))
    except ValueError:
        return None

"""Asking MongoDB as an application does, through Motor: finds and aggregations with a time limit. Reads only."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.codec import CODEC
from devora_console.mongo.errors import translate
from devora_console.mongo.facts import (
    Client,
    ServerFacts,
    answered,
    open_client,
    read_collections,
    read_server,
    read_size,
)

Document = dict[str, Any]
_PINGS = 21
_GRACE_SECONDS = 2.0


class Refused(Exception):
    """The server says no to one question; the words are safe to show."""


class MongoAsker:
    """Asks one database. Use on the event loop it was opened on; :meth:`close` it."""

    def __init__(self, url: Dsn, client: Client, database: str, preference: str | None, seconds: float) -> None:
        self._url = url
        self._client = client
        self._name = database
        self._seconds = seconds
        chosen = make_read_preference(read_pref_mode_from_name(preference), None) if preference else None
        self._db: AsyncIOMotorDatabase[Document] = client.get_database(
            database, codec_options=CODEC, read_preference=chosen
        )

    @classmethod
    async def open(
        cls, url: Dsn, database: str, *, purpose: str, seconds: float, connect_seconds: float, preference: str | None
    ) -> MongoAsker:
        """Connect. ``seconds`` limit every question. Raises ConsoleError."""
        # A server that is gone has to be found out before a question's own time is over: it is not slow.
        finding = min(connect_seconds, max(seconds, 0.5))
        client = await open_client(
            url, purpose=purpose, timeout_seconds=finding, answer_seconds=seconds + _GRACE_SECONDS
        )
        try:
            await answered(url, client.admin.command("ping"), connect_seconds + _GRACE_SECONDS)
        except BaseException:  # whatever ends it, a cancellation too: its monitor threads must not go on
            client.close()
            raise
        return cls(url, client, database, preference, seconds)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    async def find(
        self,
        collection: str,
        query: Mapping[str, Any],
        *,
        project: Mapping[str, Any] | None = None,
        sort: Mapping[str, int] | None = None,
        limit: int = 0,
    ) -> list[Document]:
        """The documents. TimeoutError when it is cut off, :class:`Refused`, ConsoleError when the server is lost."""
        cursor = self._db[collection].find(dict(query), dict(project) if project is not None else None, limit=limit)
        if sort:
            cursor = cursor.sort(list(sort.items()))
        return await self._all(cursor.max_time_ms(int(self._seconds * 1000)))

    async def aggregate(self, collection: str, stages: Sequence[Mapping[str, Any]]) -> list[Document]:
        """The documents of a pipeline; as :meth:`find`."""
        return await self._all(self._db[collection].aggregate(list(stages), maxTimeMS=int(self._seconds * 1000)))

    async def _all(self, cursor: Any) -> list[Document]:
        try:
            async with asyncio.timeout(self._seconds + _GRACE_SECONDS):
                found: list[Document] = await cursor.to_list(length=None)
                return found
        except (ExecutionTimeout, NetworkTimeout, WTimeoutError):
            raise TimeoutError from None
        except (AutoReconnect, ConnectionFailure) as error:
            raise translate(error, self._url) from None
        except (PyMongoError, BSONError, TypeError, ValueError) as error:
            # What a catalogue holds may be no query at all, which PyMongo says with plain errors of Python.
            raise Refused(one_line(scrub(str(error), self._url), 200)) from None

    async def alive(self) -> None:
        """Raises ConsoleError when the server does not answer at all."""
        await answered(self._url, self._client.admin.command("ping"), self._seconds + _GRACE_SECONDS)

    async def distance_ms(self) -> float:
        """The median of some pings. Raises ConsoleError."""
        taken = []
        for _ in range(_PINGS):
            began = time.perf_counter()
            await self.alive()
            taken.append(1000 * (time.perf_counter() - began))
        return median(taken)

    async def server(self) -> ServerFacts:
        """Who answers. Raises ConsoleError."""
        return await answered(self._url, read_server(self._client), self._seconds + _GRACE_SECONDS)

    async def sizes(self) -> tuple[int | Unknown, dict[str, int | Unknown]]:
        """(bytes of the documents, estimated documents by collection); Unknown where it is not told."""
        patience = self._seconds + _GRACE_SECONDS
        try:
            size = await answered(self._url, read_size(self._db), patience)
            found = await answered(self._url, read_collections(self._client, self._name), patience)
        except ConsoleError as error:
            return Unknown(error.problem.message, error.problem.remedy), {}
        return size, {} if isinstance(found, Unknown) else {each.name: each.documents for each in found}

    async def settings(self) -> dict[str, str]:
        """What of the server's settings bears on speed, where it tells them."""
        try:
            told: Document = await answered(self._url, self._client.admin.command("serverStatus"), self._seconds)
        except ConsoleError:
            return {}  # needs the role clusterMonitor; nothing is concluded from it
        found = {}
        cache = told.get("wiredTiger", {}).get("cache", {}).get("maximum bytes configured")
        if isinstance(cache, int | float):
            found["wiredTiger cache"] = f"{cache / 1e6:.0f} MB"
        engine = told.get("storageEngine", {}).get("name")
        if isinstance(engine, str):
            found["storage engine"] = one_line(engine, 40)
        return found

    async def indexes(self, collection: str) -> str:
        """Its indexes by name; or why they are not known."""
        try:
            found = await answered(self._url, self._db[collection].index_information(), self._seconds)
        except ConsoleError as error:
            return f"? {error.problem.message}"
        return one_line(", ".join(sorted(found)) or "none", 300)


def threads() -> int:
    """How many questions Motor has under way at once; the others wait for a thread.

    >>> threads() > 0
    True
    """
    given = os.environ.get("MOTOR_MAX_WORKERS", "")
    return int(given) if given.isdecimal() and int(given) else (os.cpu_count() or 1) * 5

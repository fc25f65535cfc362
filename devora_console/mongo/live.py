"""A live MongoDB as a source: PyMongo's raw batches, so that not one document is decoded to be cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, CursorNotFound, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.bsonio import Damaged, split
from devora_console.mongo.codec import CODEC
from devora_console.mongo.errors import translate
from devora_console.mongo.source import CollectionInfo

_MOST_PASSES = 50  # to the end, each of which found more: a collection that grows faster than it is read
_MOST_LOST = 3  # in a row, without a document in between


class LiveSource:
    """One database of a server, standalone or replica set."""

    def __init__(
        self, url: Dsn, database: str, *, timeout_seconds: float = 5.0, read_preference: str | None = None
    ) -> None:
        self._url = url
        self._database = database
        self._identity = ""
        with self._translated():
            self._client: MongoClient[dict[str, Any]] = open_client(url, int(timeout_seconds * 1000), read_preference)
            try:
                hello = self._client.admin.command("hello")
            except PyMongoError:
                self._client.close()
                raise
            hosts = ",".join(sorted(hello.get("hosts") or [self._address()]))
            self._identity = f"mongodb {hello.get('setName') or 'standalone'} {hosts}/{database}"
            self._db = self._client.get_database(database, codec_options=CODEC)

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def label(self) -> str:
        return f"{self._database}@{self._address()}"

    def _address(self) -> str:
        return ",".join(sorted(f"{host}:{port}" for host, port in self._client.nodes)) or "unknown"

    def collections(self) -> list[CollectionInfo]:
        with self._translated():
            listed = list(self._db.list_collections())
            names = sorted(
                str(entry["name"])
                for entry in listed
                if entry.get("type", "collection") != "view" and not str(entry["name"]).startswith("system.")
            )
            return [self._describe(name) for name in names]

    def _describe(self, name: str) -> CollectionInfo:
        try:
            stats = self._db.command("collStats", name)
            size: int | Unknown = int(stats["size"])
        except (PyMongoError, KeyError, TypeError, ValueError):
            size = Unknown("the server does not tell", "Grant the role read on the database")
        return CollectionInfo(name, self._db[name].estimated_document_count(), size)

    def batches(self, collection: str, batch_bytes: int) -> Iterator[list[bytes]]:
        pending: list[bytes] = []
        size = 0
        for block in self._blocks(collection):
            for raw in block:
                pending.append(raw)
                size += len(raw)
                if size >= batch_bytes:
                    yield pending
                    pending, size = [], 0
        if pending:
            yield pending

    def _blocks(self, collection: str) -> Iterator[list[bytes]]:
        """Every document once, by ``_id``. A cursor that is lost (idle for ten minutes while somebody had paused us, or
        by a failover) is opened again where it was; and the end is believed only when a new cursor finds no more, as
        some servers answer a cursor they have forgotten as if it were exhausted.
        """
        last: bytes | None = None
        passes = lost = 0
        with self._translated():
            while passes < _MOST_PASSES:
                more = False
                try:
                    for block in self._after(collection, last):
                        if block:
                            more, last = True, block[-1]
                            yield block
                except (CursorNotFound, AutoReconnect) as error:
                    lost = 1 if more else lost + 1
                    if isinstance(error, ServerSelectionTimeoutError) or lost > _MOST_LOST:
                        raise
                    continue
                if not more:
                    return
                passes += 1

    def _after(self, collection: str, last: bytes | None) -> Iterator[list[bytes]]:
        """Documents behind ``last`` in the order of the index, whatever types the ids have."""
        if last is None:
            yield from self._found(collection, {})
            return
        identity = _identity(last)
        known = bson.encode(identity)
        try:
            found = self._found(collection, {}, min=[("_id", identity["_id"])], hint=[("_id", 1)])
            first = next(found, [])
        except CursorNotFound:
            raise
        except OperationFailure:  # only the stand-in of the demo refuses ``min``; this compares within one type
            yield from self._found(collection, {"_id": {"$gt": identity["_id"]}})
            return
        if first and bson.encode(_identity(first[0])) == known:  # ``min`` includes the document itself
            del first[0]
        yield first
        yield from found

    def _found(self, collection: str, query: dict[str, Any], **how: Any) -> Iterator[list[bytes]]:
        cursor = self._db[collection].find_raw_batches(query, sort=[("_id", 1)], batch_size=1000, **how)
        try:
            for block in cursor:
                yield list(split(cast(bytes, block)))
        finally:
            cursor.close()

    def file(self, collection: str) -> Path | None:
        return None

    def fetch(self, collection: str, ids: Sequence[Any]) -> Iterator[bytes]:
        with self._translated():
            for block in self._db[collection].find_raw_batches({"_id": {"$in": list(ids)}}):
                yield from split(cast(bytes, block))

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            raise translate(error, self._url) from None
        except (BSONError, Damaged) as error:
            said = one_line(str(error), 160)
            raise connect_error(
                "mongo_answer", f"{self.label} sent what is not BSON ({said})", "Check the server with validate"
            ) from None


def _identity(raw: bytes) -> dict[str, Any]:
    return {"_id": RawBSONDocument(raw, CODEC.with_options(document_class=RawBSONDocument))["_id"]}


def open_client(url: Dsn, timeout_ms: int, read_preference: str | None) -> MongoClient[dict[str, Any]]:
    """A client that has not connected yet. PyMongo raises plain ValueErrors for much that is wrong with a URL."""
    options: dict[str, Any] = {"readPreference": read_preference} if read_preference else {}
    try:
        return MongoClient(
            url.reveal(),
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            appname="devora-console migration",
            **options,
        )
    except PyMongoError:
        raise
    except (ValueError, TypeError) as error:
        said = one_line(scrub(str(error), url), 160)
        raise usage_error("mongo_url", f"MONGO_URL: {said}", "Write it as mongodb://user:password@host:27017") from None

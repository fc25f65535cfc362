"""The live MongoDB: which it is, what a database holds, how its collections are made; and making them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from devora_console.backup.digest import ContentDigest
from devora_console.backup.model import Content
from devora_console.backup.stop import Stop
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.codec import CODEC
from devora_console.mongo.errors import translate
from devora_console.mongo.live import LiveSource, open_client

BATCH_BYTES = 1_000_000
_LOOPBACK = ("127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True, slots=True)
class Layout:
    """A collection or view and how it is made: its options, its indexes, its UUID as hexadecimal digits."""

    name: str
    type: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    uuid: str | None


class MongoServer:
    """One database of the server. Blocks: use it from a worker thread. Errors are ConsoleErrors."""

    def __init__(self, url: Dsn, database: str, seconds: float, read_preference: str | None = None) -> None:
        self._url = url
        self.database = database
        self._source = LiveSource(url, database, timeout_seconds=seconds, read_preference=read_preference)
        try:
            with self._translated():
                self._client = open_client(url, int(seconds * 1000), read_preference)
        except BaseException:  # protects the source opened just before: nobody else would close it
            self._source.close()
            raise
        self._db = self._client.get_database(database, codec_options=CODEC)

    def __enter__(self) -> MongoServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._source.close()

    @property
    def server(self) -> str:
        """Which deployment this is: the replica set's name with its members, or a standalone's address."""
        whole = self._source.identity.rpartition("/")[0]
        for name in _LOOPBACK:
            whole = whole.replace(f"{name}:", "localhost:")
        return whole

    @property
    def label(self) -> str:
        """``devora_db@db1:27017``."""
        return self._source.label

    def version(self) -> str | None:
        """As the server says it; None when it does not."""
        try:
            said = self._client.admin.command("buildInfo").get("version")
        except PyMongoError:
            return None
        return str(said) if said else None

    def size(self) -> int | Unknown:
        """Bytes of all documents, uncompressed."""
        total = 0
        for each in self._source.collections():
            if isinstance(each.bytes, Unknown):
                return Unknown(f"the size of {one_line(each.name, 60)}: {each.bytes.reason}", each.bytes.remedy)
            total += each.bytes
        return total

    def names(self) -> list[str]:
        """Collections with documents of their own."""
        return [each.name for each in self._source.collections()]

    def layout(self) -> list[Layout]:
        """Every collection and view, and how it is made."""
        with self._translated():
            return [self._described(entry) for entry in self._db.list_collections() if _is_ours(str(entry["name"]))]

    def _described(self, entry: Any) -> Layout:
        name, kind = str(entry["name"]), str(entry.get("type", "collection"))
        info = entry.get("info") or {}
        uuid = info.get("uuid")
        indexes = [] if kind == "view" else [dict(each) for each in self._db[name].list_indexes()]
        for index in indexes:
            index.pop("ns", None)
        return Layout(name, kind, dict(entry.get("options") or {}), indexes, _hex(uuid))

    def batches(self, name: str) -> Iterator[list[bytes]]:
        """Raw documents in the order of ``_id``."""
        return self._source.batches(name, BATCH_BYTES)

    def contents(self, stop: Stop, *, digests: bool) -> list[Content]:
        """What every collection holds: exact counts, digests when asked for."""
        return [self._content(name, stop, digests) for name in self.names()]

    def _content(self, name: str, stop: Stop, digests: bool) -> Content:
        stop.check()
        if not digests:
            with self._translated():
                return Content(name, self._db[name].count_documents({}))
        found = ContentDigest()
        for batch in self.batches(name):
            stop.check()
            found.add(batch)
        return Content(name, found.count, found.bytes, found.hex())

    def create(self, name: str, options: dict[str, Any]) -> None:
        """Make a collection or view with these options."""
        known = {key: value for key, value in options.items() if key not in ("uuid", "autoIndexId")}
        with self._translated():
            try:
                self._db.command({"create": name, **known})
            except OperationFailure as error:
                if error.code != 48:  # there already: a server that makes them on its own
                    raise

    def insert(self, name: str, documents: Sequence[bytes]) -> None:
        """Insert raw documents as they are, validators aside."""
        collection = self._client[self.database].get_collection(name)
        with self._translated():
            try:
                collection.insert_many(
                    [RawBSONDocument(raw) for raw in documents], ordered=True, bypass_document_validation=True
                )
            except BulkWriteError as error:
                first = (error.details.get("writeErrors") or [{}])[0]
                said = one_line(str(first.get("errmsg", "refused")), 200)
                raise not_restored(f"MongoDB refuses a document of {one_line(name, 60)}: {said}") from None

    def index(self, name: str, indexes: Sequence[dict[str, Any]]) -> None:
        """Make these indexes; the one of ``_id`` is there already."""
        wanted = [
            {key: value for key, value in each.items() if key not in ("ns", "background")}
            for each in indexes
            if list(each.get("key", {})) != ["_id"]
        ]
        if wanted:
            with self._translated():
                self._db.command({"createIndexes": name, "indexes": wanted})

    def drop(self) -> None:
        """Drop the whole database: for one that we made."""
        with self._translated():
            self._client.drop_database(self.database)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            raise translate(error, self._url) from None


def not_restored(why: str) -> ConsoleError:
    """A restore that the server does not take."""
    return ConsoleError.of(ExitCode.NEGATIVE, "not_restored", why, "Restore it into a MongoDB of the source's version")


def same_server(one: str, other: str) -> bool:
    """Whether two identities are one deployment: the same, or one replica set with a member in common."""
    if one == other:
        return True
    ours, theirs = one.split(" "), other.split(" ")
    if len(ours) < 3 or len(theirs) < 3 or ours[:2] != theirs[:2] or ours[1] == "standalone":
        return False
    return bool(set(ours[2].split(",")) & set(theirs[2].split(",")))


def _is_ours(name: str) -> bool:
    return not name.startswith("system.")


def _hex(uuid: object) -> str | None:
    """A collection's UUID as mongodump's metadata has it, in whichever form the driver gives it."""
    if isinstance(uuid, UUID):
        return uuid.hex
    return uuid.hex() if isinstance(uuid, bytes) and len(uuid) == 16 else None

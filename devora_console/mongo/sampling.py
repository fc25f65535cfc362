"""Some documents of a collection instead of all, and what kind of choice that is.

A live server chooses at random (``$sample``); one that cannot gives its first documents, and it is said that they
are the first. A dump is counted by its length prefixes and read again for every n-th document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from typing import Any

from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.bsonio import document_id
from devora_console.mongo.ejson import source_id
from devora_console.mongo.errors import translate
from devora_console.mongo.source import CollectionInfo, Source

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# Unrecognised stage, command not found, not supported: a server that speaks the protocol and has no $sample.
_NO_SAMPLE = frozenset({40324, 16436, 59, 115})
# More than the 100 MB that a sort may take in memory.
_TOO_MUCH = frozenset({292, 16819})


class SampleKind(StrEnum):
    """Which documents were looked at."""

    WHOLE = "whole"
    RANDOM = "random"  # chosen by the server
    EVEN = "even"  # every n-th of a dump
    FIRST = "first"  # the first ones: what is new or rare is under-represented


class Draw:
    """The documents chosen of one collection: iterate once, then everything about it is final.

    ``total`` is how many documents the collection has, exactly or by the server's estimate; ``expected`` how many of
    them will be given.
    """

    def __init__(self, kind: SampleKind, total: int | Unknown, size: int | None = None) -> None:
        self.kind = kind
        self.total = total
        self._size = size
        self._batches: Iterable[list[bytes]] = ()

    @property
    def expected(self) -> int | Unknown:
        """How many documents are to come."""
        if self._size is None or self.kind is SampleKind.WHOLE:
            return self.total
        return self._size if isinstance(self.total, Unknown) else min(self._size, self.total)

    def of(self, batches: Iterable[list[bytes]]) -> Draw:
        """Itself, with its documents."""
        self._batches = batches
        return self

    def __iter__(self) -> Iterator[list[bytes]]:
        return iter(self._batches)


def whole(source: Source, info: CollectionInfo, batch_bytes: int) -> Draw:
    """Every document."""
    return Draw(SampleKind.WHOLE, info.documents).of(source.batches(info.name, batch_bytes))


def even(source: Source, info: CollectionInfo, size: int, batch_bytes: int) -> Draw:
    """``size`` documents spread evenly over a source that is read twice: once to count, once to choose."""
    draw = Draw(SampleKind.EVEN, info.documents, size)

    def read() -> Iterator[list[bytes]]:
        draw.total = total = sum(len(batch) for batch in source.batches(info.name, batch_bytes))
        if total <= size:
            draw.kind = SampleKind.WHOLE
            yield from source.batches(info.name, batch_bytes)
            return
        documents = chain.from_iterable(source.batches(info.name, batch_bytes))
        chosen = (raw for at, raw in enumerate(documents) if at * size // total != (at + 1) * size // total)
        yield from _batched(chosen, batch_bytes)

    return draw.of(read())


def first(source: Source, info: CollectionInfo, size: int, batch_bytes: int) -> Draw:
    """The first ``size`` documents; the whole collection if there are no more."""
    draw = Draw(SampleKind.WHOLE, info.documents, size)

    def read() -> Iterator[list[bytes]]:
        count = 0
        for batch in source.batches(info.name, batch_bytes):
            left = size - count
            if len(batch) > left:
                draw.kind = SampleKind.FIRST
                yield batch[:left]
                return
            count += len(batch)
            yield batch
        draw.total = count

    return draw.of(read())


def _batched(documents: Iterable[bytes], batch_bytes: int) -> Iterator[list[bytes]]:
    pending: list[bytes] = []
    size = 0
    for raw in documents:
        pending.append(raw)
        size += len(raw)
        if size >= batch_bytes:
            yield pending
            pending, size = [], 0
    if pending:
        yield pending


class ServerSampler:
    """Has a live server choose, over a connection of its own. Errors are ConsoleErrors, as a Source's are."""

    def __init__(
        self, url: Dsn, database: str, *, timeout_seconds: float = 5.0, read_preference: str | None = None
    ) -> None:
        self._url = url
        options: dict[str, Any] = {"readPreference": read_preference} if read_preference else {}
        milliseconds = int(timeout_seconds * 1000)
        try:
            self._client: MongoClient[RawBSONDocument] = MongoClient(
                url.reveal(),
                document_class=RawBSONDocument,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                appname="devora-console profile",
                **options,
            )
            self._database = self._client.get_database(database, codec_options=_RAW)
        except PyMongoError as error:
            raise translate(error, url) from None
        except (ValueError, TypeError) as error:  # PyMongo's way of refusing much that is wrong with a URL
            said = one_line(scrub(str(error), url), 160)
            raise usage_error(
                "mongo_url", f"MONGO_URL: {said}", "Write it as mongodb://user:password@host:27017"
            ) from None

    def draw(self, source: Source, info: CollectionInfo, size: int, batch_bytes: int) -> Draw:
        """``size`` documents chosen at random; all of a collection that has no more."""
        if isinstance(info.documents, int) and info.documents <= size:
            return first(source, info, size, batch_bytes)

        draw = Draw(SampleKind.RANDOM, info.documents, size)

        def read() -> Iterator[list[bytes]]:
            documents = self._documents(info.name, size)
            try:
                begin = next(documents, None)
            except _NoSampleError:
                fallback = first(source, info, size, batch_bytes)
                yield from fallback
                draw.kind, draw.total = fallback.kind, fallback.total
                return
            if begin is not None:
                yield from _batched(chain([begin], documents), batch_bytes)

        return draw.of(read())

    def _documents(self, name: str, size: int) -> Iterator[bytes]:
        met: set[str] = set()
        with self._translated(name, size):
            # No temporary files on a server in production: what does not fit its memory is refused, and said.
            cursor = self._database[name].aggregate(
                [{"$sample": {"size": size}}], allowDiskUse=False, batchSize=min(size, 500)
            )
            with cursor:
                for document in cursor:
                    raw = bytes(document.raw)
                    identity = source_id(document_id(raw))
                    if identity in met:
                        continue  # the server may choose a document twice
                    met.add(identity)
                    yield raw

    @contextmanager
    def _translated(self, name: str, size: int) -> Iterator[None]:
        try:
            yield
        except OperationFailure as error:
            if error.code in _NO_SAMPLE:
                raise _NoSampleError from None
            if error.code in _TOO_MUCH:
                raise usage_error(
                    "sample_too_large",
                    f"MongoDB cannot choose {size} documents of {one_line(name, 60)} within its memory for sorting",
                    "Give a smaller --sample (below a twentieth of the collection it need not sort)",
                ) from None
            raise translate(error, self._url) from None
        except PyMongoError as error:
            raise translate(error, self._url) from None
        except BSONError as error:
            said = one_line(str(error), 160)
            raise connect_error(
                "mongo_answer", f"{one_line(name, 60)}: the server sent what is not BSON ({said})", "Run validate on it"
            ) from None

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


class _NoSampleError(Exception):
    """The server has no $sample."""

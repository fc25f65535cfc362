"""A folder that mongodump wrote, as a source: ``DB/COLLECTION.bson`` with metadata beside it, each maybe gzipped."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.bsonio import MAX_DOCUMENT, document_id, source_id
from devora_console.mongo.source import CollectionInfo

_BSON = (".bson", ".bson.gz")


class DumpSource:
    """The collections of one dumped database. Files are read as streams; nothing is held but a batch."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = _database_folder(folder, database)
        self._files = {name: path for path in _bson_files(self._folder) if (name := _collection_name(path)) is not None}

    @property
    def identity(self) -> str:
        return f"dump {self._folder.resolve()}"

    @property
    def label(self) -> str:
        return f"dump {one_line(self._folder.name, 40)}"

    def collections(self) -> list[CollectionInfo]:
        return [
            CollectionInfo(name, Unknown("a dump does not say before it is read"), path.stat().st_size)
            for name, path in sorted(self._files.items())
        ]

    def batches(self, collection: str, batch_bytes: int) -> Iterator[list[bytes]]:
        path = self._files.get(collection)
        if path is None:
            return
        pending: list[bytes] = []
        size = 0
        for raw in _documents(path):
            pending.append(raw)
            size += len(raw)
            if size >= batch_bytes:
                yield pending
                pending, size = [], 0
        if pending:
            yield pending

    def fetch(self, collection: str, ids: Sequence[Any]) -> Iterator[bytes]:
        wanted = {source_id(value) for value in ids}
        path = self._files.get(collection)
        if path is None:
            return
        for raw in _documents(path):
            if source_id(document_id(raw)) in wanted:
                yield raw

    def close(self) -> None:
        """Nothing stays open between batches."""


def _database_folder(folder: Path, database: str) -> Path:
    """The folder that holds the ``.bson`` files: the one given, or the one named after the database in it."""
    shown = one_line(str(folder), 160)
    if not folder.exists():
        raise usage_error("dump_missing", f"{shown}: no such folder", "Give the folder that mongodump wrote (--out)")
    if not folder.is_dir():
        raise usage_error("dump_not_a_folder", f"{shown}: not a folder", "Give the folder that mongodump wrote (--out)")
    try:
        if any(path.name.endswith(_BSON) for path in folder.iterdir()):
            return folder
        inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and any(_bson_files(path))]
    except PermissionError as error:
        raise _unreadable(error, folder) from None
    named = [path for path in inner if path.name == database]
    if named or len(inner) == 1:
        return (named or inner)[0]
    if inner:
        names = ", ".join(one_line(path.name, 40) for path in inner[:8])
        raise usage_error(
            "dump_ambiguous", f"{shown}: holds several databases ({names})", "Name one with DB_NAME, or give its folder"
        )
    raise usage_error("dump_empty", f"{shown}: holds no .bson file", "Give the folder that mongodump wrote (--out)")


def _bson_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(_BSON) and path.is_file())


def _collection_name(path: Path) -> str | None:
    """The collection's name, or None for what is no collection of the application: views, system.*, the oplog."""
    name = unquote(path.name.removesuffix(".gz").removesuffix(".bson"))
    if name.startswith("system.") or name == "oplog":
        return None
    return None if _metadata(path).get("type") in ("view", "timeseries") else name


def _metadata(path: Path) -> dict[str, Any]:
    stem = path.name.removesuffix(".gz").removesuffix(".bson")
    for name, opener in ((f"{stem}.metadata.json", open), (f"{stem}.metadata.json.gz", gzip.open)):
        beside = path.with_name(name)
        if beside.exists():
            try:
                with opener(beside, "rb") as stream:
                    found = json.loads(stream.read())
            except (OSError, ValueError, EOFError, zlib.error):
                return {}  # metadata is a hint: documents are judged by themselves
            return found if isinstance(found, dict) else {}
    return {}


def _documents(path: Path) -> Iterator[bytes]:
    offset = 0
    try:
        with _open(path) as stream:
            while head := _exactly(stream, 4):
                length = int.from_bytes(head, "little", signed=True)
                if len(head) < 4 or not 5 <= length <= MAX_DOCUMENT:
                    raise _damaged(path, offset, f"a document claims {length} bytes")
                body = _exactly(stream, length - 4)
                if len(body) < length - 4:
                    raise _damaged(path, offset, f"it ends after {len(body) + 4} of a document's {length} bytes")
                yield head + body
                offset += length
    except EOFError:
        raise _damaged(path, offset, "the compressed stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, offset, f"not a sound gzip file ({error})") from None
    except OSError as error:
        raise _unreadable(error, path) from None


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """``size`` bytes, fewer only at the end of the stream."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # a GzipFile reads as any binary stream
    return path.open("rb", buffering=1024 * 1024)


def _damaged(path: Path, offset: int, what: str) -> ConsoleError:
    return usage_error(
        "dump_damaged",
        f"{one_line(str(path), 160)}: damaged at byte {offset}: {what}",
        "Take the dump again; nothing was written",
    )


def _unreadable(error: OSError, path: Path) -> ConsoleError:
    return usage_error(
        "dump_unreadable",
        f"{one_line(str(error.filename or path), 160)}: {error.strerror or 'cannot be read'}",
        "Make it readable for this user; nothing was written",
    )

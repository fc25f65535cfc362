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
from devora_console.mongo.bsonio import MAX_DOCUMENT, document_id
from devora_console.mongo.ejson import source_id
from devora_console.mongo.source import CollectionInfo

_BSON = (".bson", ".bson.gz")


class DumpSource:
    """The collections of one dumped database. Files are read as streams; nothing is held but a batch."""

    def __init__(self, folder: Path, database: str) -> None:
        try:
            self._folder = _database_folder(folder, database)
            self._files = _collections(self._folder)
        except OSError as error:
            raise _unreadable(error, folder) from None

    @property
    def identity(self) -> str:
        return f"dump {self._folder.resolve()}"

    @property
    def label(self) -> str:
        return f"dump {one_line(self._folder.name, 40)}"

    def collections(self) -> list[CollectionInfo]:
        return [
            CollectionInfo(name, Unknown("a dump does not say before it is read"), _size(path))
            for name, path in sorted(self._files.items())
        ]

    @property
    def folder(self) -> Path:
        """The folder with the files of the database."""
        return self._folder

    def path(self, collection: str) -> Path | None:
        """The file of a collection, packed or not."""
        return self._files.get(collection)

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

    def file(self, collection: str) -> Path | None:
        path = self._files.get(collection)
        return None if path is None or path.name.endswith(".gz") else path

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
    if _bson_files(folder):
        return folder
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and _bson_files(path)]
    named = [path for path in inner if path.name == database]
    if named or len(inner) == 1:
        return (named or inner)[0]
    if inner:
        names = ", ".join(one_line(path.name, 40) for path in inner[:8])
        raise usage_error(
            "dump_ambiguous", f"{shown}: holds several databases ({names})", "Name one with DB_NAME, or give its folder"
        )
    # The folder that 'backup mongo --out' was given: each backup in it has a name of its own.
    backups = [path for path in sorted(folder.iterdir()) if (path / "backup.json").is_file()]
    whole = [path for path in backups if path.suffix != ".partial"]
    if len(whole) == 1:
        return _database_folder(whole[0], database)
    if whole:
        names = ", ".join(one_line(path.name, 60) for path in whole[:8])
        raise usage_error("dump_ambiguous", f"{shown}: holds several backups ({names})", "Give the folder of one")
    raise usage_error("dump_empty", f"{shown}: holds no .bson file", "Give the folder that mongodump wrote (--out)")


def _bson_files(folder: Path) -> list[Path]:
    """The folder's files of documents; the oplog that ``mongodump --oplog`` puts beside the databases is none."""
    return sorted(path for path in folder.iterdir() if path.name.endswith(_BSON) and _stem(path) != "oplog")


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".bson")


def _collections(folder: Path) -> dict[str, Path]:
    """Collection name to file. Raises ConsoleError for two files of one collection and for what is no file."""
    files: dict[str, Path] = {}
    for path in _bson_files(folder):
        name = _collection_name(path)
        if name is None:
            continue
        if not path.is_file():
            shown = one_line(str(path), 160)
            raise usage_error("dump_unreadable", f"{shown}: not a file", "Take the dump again, or remove it")
        if name in files:
            raise usage_error(
                "dump_twice",
                f"{one_line(str(folder), 160)}: {one_line(files[name].name, 60)} and {one_line(path.name, 60)}"
                f" are both the collection {one_line(name, 60)!r}",
                "Remove the one that is not part of this dump",
            )
        files[name] = path
    return files


def _collection_name(path: Path) -> str | None:
    """The collection's name, or None for what holds no documents of the application: views and ``system.*``.

    The buckets of time-series collections are theirs under another name; they count.
    """
    metadata = metadata_beside(path)
    said = metadata.get("collectionName")  # mongodump shortens long names in the file's name
    name = said if isinstance(said, str) and said else unquote(_stem(path))
    if name.startswith("system.") and not name.startswith("system.buckets."):
        return None
    return None if metadata.get("type") == "view" else name


def metadata_beside(path: Path) -> dict[str, Any]:
    """What the metadata file of a collection says (``path`` is that file, or the documents'); {} when nothing can be
    read of it.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".metadata.json").removesuffix(".bson")
    for name, opener in ((f"{stem}.metadata.json", open), (f"{stem}.metadata.json.gz", gzip.open)):
        beside = path.with_name(name)
        if beside.exists():
            try:
                with opener(beside, "rb") as stream:
                    found = json.loads(stream.read())
            except (OSError, ValueError, EOFError, RecursionError, zlib.error):
                return {}  # metadata is a hint: documents are judged by themselves
            return found if isinstance(found, dict) else {}
    return {}


def _documents(path: Path) -> Iterator[bytes]:
    offset = 0
    try:
        if path.name.endswith(".gz") and _size(path) == 0:
            raise _damaged(path, 0, "an empty file is no gzip file")
        with _open(path) as stream:
            while head := _exactly(stream, 4):
                if len(head) < 4:
                    raise _damaged(path, offset, f"{len(head)} stray bytes after the last document")
                length = int.from_bytes(head, "little", signed=True)
                if not 5 <= length <= MAX_DOCUMENT:
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


def heads(path: Path) -> Iterator[int]:
    """Where each document of a plain dump file ends, by its length prefix. Raises ConsoleError for a damaged file."""
    size = _size(path)
    offset = 0
    try:
        with path.open("rb", buffering=64 * 1024) as stream:
            while head := stream.read(4):
                if len(head) < 4:
                    raise _damaged(path, offset, f"{len(head)} stray bytes after the last document")
                length = int.from_bytes(head, "little", signed=True)
                if not 5 <= length <= MAX_DOCUMENT:
                    raise _damaged(path, offset, f"a document claims {length} bytes")
                if offset + length > size:
                    raise _damaged(path, offset, f"it ends after {size - offset} of a document's {length} bytes")
                stream.seek(length - 4, 1)
                offset += length
                yield offset
    except OSError as error:
        raise _unreadable(error, path) from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
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
        "Take the dump again",
    )


def _unreadable(error: OSError, path: Path) -> ConsoleError:
    return usage_error(
        "dump_unreadable",
        f"{one_line(str(error.filename or path), 160)}: {error.strerror or 'cannot be read'}",
        "Make it readable for this user",
    )

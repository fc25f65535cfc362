"""What the migration reads from, whether a live server or a dump folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from devora_console.config.secret import Dsn
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection of the source; ``documents`` may be the server's estimate."""

    name: str
    documents: int | Unknown
    bytes: int | Unknown


class Source(Protocol):
    """A readable source. Its methods block: call them from a worker thread, one at a time.

    Errors are ConsoleErrors: exit 3 when the server is lost, exit 2 when a file is damaged or unreadable.
    """

    @property
    def identity(self) -> str:
        """Which data this is, without credentials: a resumed run must find the same."""
        ...

    @property
    def label(self) -> str:
        """Short words for a screen."""
        ...

    def collections(self) -> list[CollectionInfo]:
        """All collections with documents of their own (no views, no ``system.*``), by name."""
        ...

    def batches(self, collection: str, batch_bytes: int) -> Iterator[list[bytes]]:
        """Raw documents in ``_id`` order (a dump: in file order), in lists of about ``batch_bytes`` bytes."""
        ...

    def file(self, collection: str) -> Path | None:
        """The plain file of concatenated BSON that holds the collection, where there is one."""
        ...

    def fetch(self, collection: str, ids: Sequence[Any]) -> Iterator[bytes]:
        """The raw documents with these ``_id`` values; those that no longer exist are left out."""
        ...

    def close(self) -> None:
        """Give connections and files back."""
        ...


def open_source(
    where: str | Dsn, database: str, *, timeout_seconds: float = 5.0, read_preference: str | None = None
) -> Source:
    """A live server for a MongoDB URL, a dump folder for a path."""
    from devora_console.mongo.dump import DumpSource  # noqa: PLC0415 - each side loads what it needs
    from devora_console.mongo.live import LiveSource  # noqa: PLC0415

    text = where.reveal() if isinstance(where, Dsn) else where
    if text.startswith(("mongodb://", "mongodb+srv://")):
        return LiveSource(Dsn(text), database, timeout_seconds=timeout_seconds, read_preference=read_preference)
    if "://" in text or isinstance(where, Dsn):
        scheme = one_line(text.partition("://")[0], 20) if "://" in text else "none"
        raise usage_error(
            "source_scheme",
            f"the source's scheme is not MongoDB's: {scheme}",
            "Give a mongodb:// URL or the folder that mongodump wrote",
        )
    return DumpSource(Path(text), database)

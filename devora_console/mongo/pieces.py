"""A source cut into pieces: byte ranges of files of concatenated BSON, each read by whoever works on it.

A plain dump file is cut where it lies. A live server, or a compressed file, is read once and in ``_id`` order into a
*spool*, a private file beside the ledger, and cut there: what is surveyed, written and verified is then the same to the
byte, whatever happens to the source meanwhile, and production is read once.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devora_console.core.ahead import ahead
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.mongo.bsonio import Damaged, split
from devora_console.mongo.dump import heads
from devora_console.mongo.source import Source


@dataclass(frozen=True, slots=True)
class Piece:
    """Documents of one collection: bytes ``start`` to ``end`` of a file. ``number`` counts within the collection.

    ``carried`` are the bytes themselves, for workers that do not see the file.
    """

    collection: str
    number: int
    path: str
    start: int
    end: int
    documents: int
    largest: int  # bytes of its largest document
    carried: bytes | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of BSON."""
        return self.end - self.start


def read(piece: Piece) -> bytes:
    """The bytes of a piece. Raises ConsoleError (exit 5) when the file is no longer what it was."""
    if piece.carried is not None:
        return piece.carried
    try:
        with Path(piece.path).open("rb") as stream:
            stream.seek(piece.start)
            block = stream.read(piece.size)
    except OSError as error:
        raise moved(piece, error.strerror or "cannot be read") from None
    if len(block) != piece.size:
        raise moved(piece, "is shorter than it was")
    return block


def documents(piece: Piece, block: bytes) -> list[bytes]:
    """The raw documents of a piece's bytes."""
    try:
        return list(split(block))
    except Damaged:
        raise moved(piece, "has changed") from None


def checksum(block: bytes) -> int:
    """Tells whether a piece is still what it was; a few gigabytes per second."""
    return zlib.crc32(block)


def moved(piece: Piece, what: str) -> ConsoleError:
    """The error for a file that changed while it was being migrated."""
    return ConsoleError.of(
        ExitCode.STOPPED,
        "source_moved",
        f"{one_line(piece.path, 160)} {what} while it was being read",
        "Leave the source alone, and run the same command again",
    )


class Spool:
    """Private files that hold what was read from a live server or a compressed dump."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0

    def pieces(self, source: Source, collection: str, piece_bytes: int) -> Iterator[Piece]:
        """The pieces of a collection, as reading goes on; about ``piece_bytes`` each.

        A source that answers over a network is read while earlier pieces are worked on.
        """
        path = source.file(collection)
        if path is not None:
            yield from _cut(path, collection, piece_bytes)
        else:
            yield from ahead(self._spooled(source, collection, piece_bytes))

    def _spooled(self, source: Source, collection: str, piece_bytes: int) -> Iterator[Piece]:
        self._files += 1
        target = self._folder / f"{self._files}.bson"
        try:
            with target.open("wb", buffering=0) as stream:
                yield from self._copied(source, collection, piece_bytes, target, stream)
        except OSError as error:
            raise _no_room(error, self._folder) from None

    def _copied(
        self, source: Source, collection: str, piece_bytes: int, target: Path, stream: IO[bytes]
    ) -> Iterator[Piece]:
        position = 0
        for number, batch in enumerate(source.batches(collection, piece_bytes)):
            block = b"".join(batch)
            view = memoryview(block)
            while view:
                view = view[stream.write(view) :]
            yield Piece(
                collection, number, str(target), position, position + len(block), len(batch), max(map(len, batch))
            )
            position += len(block)


def _cut(path: Path, collection: str, piece_bytes: int) -> Iterator[Piece]:
    start = last = number = count = largest = 0
    for end in heads(path):
        count, largest, last = count + 1, max(largest, end - last), end
        if end - start >= piece_bytes:
            yield Piece(collection, number, str(path), start, end, count, largest)
            start, number, count, largest = end, number + 1, 0, 0
    if count:
        yield Piece(collection, number, str(path), start, last, count, largest)


def _no_room(error: OSError, folder: Path) -> ConsoleError:
    where = one_line(str(folder), 160)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return usage_error(
            "spool_full",
            f"no room in {where} for what is read from the source",
            "Set TMPDIR to a folder with as much room as the source has data, or migrate from a dump folder",
        )
    return usage_error("spool_unusable", f"{where}: {error.strerror or 'cannot be written'}", "Set TMPDIR to another")

"""Checksums: of files as they are written or read, and of rows and documents whatever their order."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from devora_console.backup.stop import Stop
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line

_MODULUS = 1 << 256
_BLOCK = 1024 * 1024


class ContentDigest:
    """Counts, sizes and the sum of the SHA-256 of many pieces, modulo 2^256."""

    __slots__ = ("bytes", "count", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self.sum = 0

    def add(self, pieces: Iterable[bytes]) -> None:
        """Take these pieces in."""
        sha, number = hashlib.sha256, int.from_bytes
        count = size = total = 0
        for piece in pieces:
            count += 1
            size += len(piece)
            total += number(sha(piece).digest(), "big")
        self.count += count
        self.bytes += size
        self.sum = (self.sum + total) % _MODULUS

    def hex(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.sum:064x}"


class HashedFile:
    """A new file, private to its user, whose bytes are hashed as they are written. Close makes them durable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] = path.open("xb", buffering=_BLOCK)
        path.chmod(0o600)
        self._sha = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append."""
        self._sha.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def close(self) -> None:
        """Flush, make durable, close."""
        try:
            sync(self._file)
        finally:
            self._file.close()

    @property
    def sha256(self) -> str:
        """Of everything written."""
        return self._sha.hexdigest()


def sync(file: IO[bytes]) -> None:
    """Hand everything to the disk."""
    file.flush()
    os.fsync(file.fileno())


def hash_file(path: Path, stop: Stop) -> tuple[int, str]:
    """Size and SHA-256 of a file. Raises ConsoleError when it cannot be read."""
    sha, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                stop.check()
                sha.update(block)
                size += len(block)
    except OSError as error:
        raise usage_error(
            "backup_unreadable",
            f"{one_line(str(path), 160)}: {error.strerror or 'cannot be read'}",
            "Make it readable for this user",
        ) from None
    return size, sha.hexdigest()


def no_room(error: OSError, path: Path) -> ConsoleError:
    """What to say when a backup cannot be written."""
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "backup_not_written",
        f"the backup cannot be written to {one_line(str(path), 160)}: {error.strerror or type(error).__name__}; "
        "nothing of it is kept",
        "Make room there, or give --out DIR on another disk",
    )

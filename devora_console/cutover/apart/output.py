"""A command's output on its way to the disk: without secrets, and never more than its limit."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Mapping

CHUNK = 1 << 16
_TAIL = 1 << 16
_MARKER = 128
_AROUND = 16


class Redactor:
    """Replaces words in a stream, also where one is cut in two. Holds back no more than the beginning of a word.

    ``plain`` are words that are replaced in some places only: each with the regular expression that finds it there,
    which looks at no more than ``_AROUND`` bytes before it and two after it.
    """

    def __init__(self, words: Iterable[bytes], plain: Mapping[bytes, bytes] | None = None) -> None:
        plain = plain or {}
        self._words = sorted({word for word in words if word}, key=len, reverse=True)  # the longest reading wins
        self._plain = sorted(plain, key=len, reverse=True)
        parts = [re.escape(word) for word in self._words] + [plain[word] for word in self._plain]
        self._pattern = re.compile(b"|".join(parts))
        self._held = b""
        self._before = b""  # the end of what was given, as it was: what stands before a plain word decides

    def feed(self, data: bytes) -> bytes:
        """What is certain of the stream so far and was not given before."""
        data = self._held + data
        keep = max((self._begun(data, word) for word in self._words), default=0)
        keep = max([keep, *(self._undecided(data, word) for word in self._plain)])
        return self._replaced(data, len(data) - keep)

    def finish(self) -> bytes:
        """The rest."""
        return self._replaced(self._held, len(self._held))

    @classmethod
    def _undecided(cls, data: bytes, word: bytes) -> int:
        """The same of a plain word, which is decided by what follows it."""
        for after in (1, 0):
            if len(data) >= len(word) + after and data.endswith(word, 0, len(data) - after):
                return len(word) + after
        return cls._begun(data, word)

    @staticmethod
    def _begun(data: bytes, word: bytes) -> int:
        """How many bytes at the end of ``data`` may be the beginning of ``word``."""
        for size in range(min(len(word) - 1, len(data)), 0, -1):
            if data.endswith(word[:size]):
                return size
        return 0

    def _replaced(self, data: bytes, certain: int) -> bytes:
        pieces, position = [], 0
        if any(word in data for word in (*self._words, *self._plain)):
            begin = len(self._before)
            for match in self._pattern.finditer(self._before + data, begin):
                if match.start() - begin >= certain:
                    break
                pieces += [data[position : match.start() - begin], b"***"]
                position = match.end() - begin
        cut = max(certain, position)
        self._held = data[cut:]
        self._before = (self._before + data[:cut])[-_AROUND:]
        return b"".join([*pieces, data[position:cut]])


class Kept:
    """What is kept of the output: its beginning as it comes, and its last bytes when it is more than the limit."""

    def __init__(self, descriptor: int, limit: int) -> None:
        limit = max(limit, 1024)
        self._descriptor = descriptor
        self._tail_limit = min(_TAIL, limit // 4)
        self._room = limit - self._tail_limit - _MARKER
        self._tail = bytearray()
        self._sha = hashlib.sha256()
        self.size = 0
        self.dropped = 0
        self.error = ""

    def add(self, data: bytes) -> None:
        """Keep more, or count it as dropped."""
        now = data[: self._room]
        self._room -= len(now)
        self._write(now)
        self._tail += data[len(now) :]
        over = len(self._tail) - self._tail_limit
        if over > 0:
            self.dropped += over
            del self._tail[:over]

    def finish(self) -> str:
        """Write the last bytes; the SHA-256 of the file as it is now."""
        if self._tail and self.dropped and not self.error:
            self._write(f"\n[devora-console: {self.dropped} bytes were left out here]\n".encode())
        self._write(bytes(self._tail))
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self.error = self.error or str(error.strerror)
        return self._sha.hexdigest()

    def _write(self, data: bytes) -> None:
        try:
            while data and not self.error:
                done = os.write(self._descriptor, data)
                self._sha.update(data[:done])
                self.size += done
                data = data[done:]
        except OSError as error:  # a full disk: the command goes on, and the result says what is missing
            self.error = str(error.strerror)
        self.dropped += len(data)


class Pipe:
    """The command's output on its way. The command holds the reading end too: without a shim it waits rather than
    dies of a broken pipe in the middle of its work.
    """

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # the system allows less: it stays as it is
                fcntl.fcntl(self.into, fcntl.F_SETPIPE_SZ, 1 << 20)
        self.open = True

    def read(self) -> bytes:
        """What is there now; nothing once every writer has closed it."""
        data = os.read(self.out, CHUNK)
        self.open = bool(data)
        return data

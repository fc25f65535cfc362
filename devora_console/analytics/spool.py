"""Events on this machine's disk, one line each, until the database has them.

Every process appends to a file of its own, which it holds a lock on: a file whose lock can be had belongs to nobody any
more, and the next process takes it up. A line is one write, so it survives the end of the process; ``sync`` makes it
survive the end of the power. Nothing here waits for a network.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from devora_console.analytics.privacy import Dropped

_SUFFIX, _NEW = ".events", ".new"
_LOST = "(lost)"
_EARLY_SECONDS = 3600.0  # no file takes so long to get its name
FULL, UNWRITABLE, TORN = "the spool is full", "the spool cannot be written", "a line was torn"
"""Why events are gone."""


_held: set[int] = set()  # descriptors with a lock of ours


def let_go() -> None:
    """For a child of this process: the locks are its parent's, and must not outlive it."""
    while _held:
        os.close(_held.pop())


@dataclass(slots=True)
class Sealed:
    """A file that nobody appends to any more, with our lock on it. ``close`` gives it back, ``remove`` ends it."""

    path: Path
    descriptor: int

    def __post_init__(self) -> None:
        _held.add(self.descriptor)

    def lines(self) -> Iterator[bytes]:
        """Its lines, complete or not."""
        with open(self.descriptor, "rb", closefd=False) as file:  # no second one, which a child would hold on to
            file.seek(0)
            yield from file

    def sync(self) -> None:
        """Have the disk keep it, unless it is in the database by now."""
        if self.descriptor < 0:
            return
        try:
            descriptor = os.dup(self.descriptor)
        except OSError:
            return  # just now
        _held.add(descriptor)
        try:
            os.fsync(descriptor)
        finally:
            _held.discard(descriptor)
            os.close(descriptor)

    def size(self) -> int:
        """Bytes."""
        return os.fstat(self.descriptor).st_size

    def rest(self, offset: int) -> Sealed | None:
        """What comes after ``offset``, as a file of its own; None when there is nothing, or no room for it.

        Until this one is removed it is there twice, which the database can tell by the ids. The disk has it by then:
        what is copied may have been there for long, and a loss of power must not take it.
        """
        size = self.size()
        if offset >= size:
            return None

        def copy(descriptor: int) -> None:
            at = offset
            while at < size:
                at += os.write(descriptor, os.pread(self.descriptor, 1 << 20, at))
            os.fsync(descriptor)

        try:
            return create(self.path.parent, copy)
        except OSError:
            return None

    def remove(self) -> None:
        """Every event of it is in the database."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let somebody else take it up."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor in _held:
            _held.discard(descriptor)
            os.close(descriptor)


class Spool:
    """One process's place in the folder. ``limit``: bytes that may wait in the whole folder."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit
        self._lock = threading.RLock()  # a signal's handler may append while we do
        self._own: Sealed | None = None
        self._size = 0
        self._others = 0
        self._dirty = False
        self._sealed: Sealed | None = None  # written since the last sync, and not our own any more

    def append(self, line: bytes) -> str:
        """Write one line, which ends with a line end. '' when it is kept, else why it is not."""
        with self._lock:
            try:
                if self._own is None:
                    self._own = create(self.folder)
                if self._size + self._others + len(line) > self._limit:
                    return FULL
                written = os.write(self._own.descriptor, line)
            except OSError:
                return UNWRITABLE
            self._size += written
            self._dirty = True
            if written == len(line):
                return ""
            # A full disk took a part of it: what is there is taken for torn, and the next line begins anew.
            with suppress(OSError):
                os.ftruncate(self._own.descriptor, self._size - written)
                self._size -= written
            return UNWRITABLE

    def sync(self) -> None:
        """Have the disk keep what was written. Slow, and nobody who appends waits for it."""
        with self._lock:
            written = [self._own if self._dirty else None, self._sealed]
            self._dirty, self._sealed = False, None
        for each in written:
            if each is not None:
                each.sync()

    def seal(self) -> Sealed | None:
        """What was appended so far, as a file by itself; None when that is nothing."""
        if not self._size:
            return None
        following = None
        with suppress(OSError):
            following = create(self.folder)  # here and before the lock: whoever appends does not wait for the folder
        with self._lock:
            if self._own is None:
                if following is not None:
                    following.remove()
                return None
            self._others += self._size
            sealed, self._own, self._size = self._own, following, 0
            if self._dirty:
                self._dirty, self._sealed = False, sealed
            return sealed

    def look(self) -> None:
        """Take note of how much others keep waiting here."""
        total = sum(size for _, size in files(self.folder))
        with self._lock:
            self._others = max(0, total - self._size)

    def close(self) -> None:
        """End; what is left is for the next one."""
        with self._lock:
            if self._own is not None:
                if not self._size:
                    self._own.path.unlink(missing_ok=True)
                self._own.close()
            self._own, self._size = None, 0


def create(folder: Path, fill: Callable[[int], None] = lambda _: None) -> Sealed:
    """A file of one's own; ``fill`` writes to its descriptor what it begins with. It gets its name once it is locked
    and filled: nobody may take it for one that was left behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = uuid4().hex
    early = folder / f"{name}{_NEW}"
    descriptor = os.open(early, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fill(descriptor)
        path = folder / f"{name}{_SUFFIX}"
        early.rename(path)
    except OSError:
        os.close(descriptor)
        early.unlink(missing_ok=True)
        raise
    return Sealed(path, descriptor)


def left_behind(folder: Path) -> Iterator[Sealed]:
    """Files of processes that are gone, each locked for us. What one ended before it had a name is removed."""
    for early in folder.glob(f"*{_NEW}"):
        with suppress(OSError):
            if time.time() - early.stat().st_mtime > _EARLY_SECONDS:
                early.unlink()
    for path, _ in files(folder):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed it between our opening and our lock.
            mine = path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino
        except OSError:
            mine = False
        if mine:
            yield Sealed(path, descriptor)
        else:
            os.close(descriptor)


def files(folder: Path) -> list[tuple[Path, int]]:
    """The files of events in the folder with their sizes in bytes, oldest first."""
    found = []
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):
                if entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, Path(entry.path), status.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def waiting(folder: Path) -> int:
    """Events that wait in the folder, of all processes. Raises OSError when it cannot be read."""
    count = 0
    for path, _ in files(folder):
        with suppress(FileNotFoundError), path.open("rb") as file:
            count += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return count


def token(folder: Path) -> str:
    """The folder's token: what was recorded with it may be read back with it. Made on first use."""
    path = folder / "token"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        kept = path.read_text("ascii", "replace").strip()
        if kept:
            return kept
    early = folder / f"token-{uuid4().hex}"
    early.touch(mode=0o600)
    early.write_text(secrets.token_urlsafe(32), "ascii")
    with suppress(FileExistsError):
        os.link(early, path)  # of two processes that begin at once, one is first
    if not path.stat().st_size:
        early.replace(path)  # an empty one, left by the end of the power, is no secret
    early.unlink(missing_ok=True)
    return path.read_text("ascii").strip()


@contextmanager
def _counting(folder: Path) -> Iterator[Path]:
    with open(folder / "dropped.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / "dropped.json"


def dropped(folder: Path) -> Dropped:
    """What was dropped by every process that kept its events here. Raises OSError when it cannot be read."""
    try:
        said = json.loads((folder / "dropped.json").read_text("utf-8"))
        counts = [{str(k): int(v) for k, v in said[part].items()} for part in ("properties", "events")]
    except FileNotFoundError:
        return Dropped()
    except (ValueError, KeyError, TypeError, AttributeError):
        return Dropped(events={_LOST: 1})  # the file is damaged: what it counted is not known
    return Dropped(*counts)


def count_dropped(folder: Path, more: Dropped) -> None:
    """Add to what was dropped."""
    with _counting(folder) as path:
        total = dropped(folder)
        total.add(more)
        early = path.with_suffix(".new")
        early.write_text(json.dumps({"properties": total.properties, "events": total.events}), "utf-8")
        early.replace(path)

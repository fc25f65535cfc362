"""Opening the database of a journal, and the file beside it that tells how far it goes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
from pathlib import Path

from devora_console.core.problems import ConsoleError, ExitCode, refused
from devora_console.cutover.apart.files import put
from devora_console.cutover.events import Event
from devora_console.cutover.journal import home, rows

_BUSY_MS = 10_000


def there(folder: Path) -> Path:
    """The database in a run's folder. ConsoleError (exit 2) when there is none."""
    path = folder / home.JOURNAL
    if not path.exists():
        raise ConsoleError.of(ExitCode.USAGE, "cutover_no_run", f"there is no run in {folder}")
    return path


def writer(path: Path) -> sqlite3.Connection:
    """To add to it: what is committed is on the disk."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: through the cache of the disk too
        connection.execute("PRAGMA foreign_keys = ON")
        return _known(path, connection)
    except sqlite3.Error as error:
        raise rows.failed(path, error) from None


def reader(path: Path) -> tuple[sqlite3.Connection, bool]:
    """To look on. The second is whether it has to be opened again before each reading, to see what is new.

    A database that nobody has open needs a little room beside it even to be read. On a full disk it is read without.
    """
    try:
        try:
            return _known(path, _read_only(path, "mode=ro")), False
        except sqlite3.OperationalError:
            beside = path.with_name(f"{path.name}-wal")
            if beside.exists() and beside.stat().st_size:  # there is more than the file itself tells
                raise
            return _known(path, _read_only(path, "mode=ro&immutable=1")), True
    except sqlite3.Error as error:
        raise rows.failed(path, error) from None


def _read_only(path: Path, how: str) -> sqlite3.Connection:
    address, timeout = f"{path.absolute().as_uri()}?{how}", _BUSY_MS / 1000
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=timeout)


def _known(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > rows.VERSION:
        connection.close()
        message = f"the journal {path} was written by a newer console"
        raise refused("cutover_newer", message, "Use that one, or newer.")
    return connection


def tell_head(folder: Path, event: Event) -> None:
    """Write down beside the journal how far it goes, so that one that was cut short is noticed.

    The event is already kept. When the disk is full, this stays behind until the next one, which does no harm.
    """
    with contextlib.suppress(OSError), (folder / "head.lock").open("a") as lock:
        (folder / "head.lock").chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two who add at once, the later event stays
        seq, _ = head(folder) or (0, "")
        if seq < event.seq:
            put(str(folder), home.HEAD, {"run": event.run, "seq": event.seq, "hash": event.hash})


def head(folder: Path) -> tuple[int, str] | None:
    """The event (its number and hash) that the journal in this folder went to at least; None when that is not known."""
    try:
        found = json.loads((folder / home.HEAD).read_bytes())
        return int(found["seq"]), str(found["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""The folder a demo lives in: who owns it now, and putting away what an owner that died left there."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.demo.account import Account, blocked_at, server_account
from devora_console.demo.owner import LOCK_FILE, OWNER_FILE, Record, locked, read_record, write_record
from devora_console.demo.processes import alive, end_process, mark_of, own_mark, wait_gone

PASSWORD_FILE = "password"  # noqa: S105 - a file name
_HOME_PREFIX = "devora-demo-"
_SOCKETS_PREFIX = "devora-s-"
_SOCKET_NAME = "/.s.PGSQL.5432"
_SOCKET_LIMIT = 103  # bytes; Linux allows 107, macOS 103
# For servers of a dead owner: politely, then less so. SIGQUIT is PostgreSQL's immediate shutdown.
_ENDING = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))

_active: set[Path] = set()  # homes in use by this very process, whose mark in the owner file proves nothing


class Home:
    """A demo's folder, claimed by at most one living process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path.expanduser()))
        self._record: Record | None = None
        self._temporary = False  # once temporary, always: it may be stopped and started again

    @property
    def claimed(self) -> bool:
        """Whether this object holds the home."""
        return self._record is not None

    @property
    def temporary(self) -> bool:
        """Whether the home is removed when it is released."""
        return self._temporary

    def claim(self, account: Account | None) -> None:
        """Make the home if need be and own it; ends what a dead owner left running there.

        Raises ConsoleError: exit 4 when a living process owns it, exit 2 when it cannot be used (not ours,
        not reachable for ``account``, not writable).
        """
        self.path = make_home(self.path, account)
        with locked(self.path):
            found = read_record(self.path)
            mine = own_mark()
            taken = found is not None and alive(found.owner)
            if found is not None and taken and (found.owner != mine or self.path in _active):
                raise refused(
                    "demo.in_use",
                    f"the demo in {self.path} is run by process {found.owner.pid}",
                    "end that one, or choose another folder",
                )
            if found is not None and not taken:
                _put_away(found)
            self._temporary |= found is not None and taken and found.temporary
            self._record = Record(mine, self._temporary)
            write_record(self.path, self._record)
            _active.add(self.path)

    def note_server(self, name: str, pid: int | None) -> None:
        """Remember a server that was started (its process id) or has ended (None)."""
        if self._record is None:
            return
        mark = None if pid is None else mark_of(pid)
        if mark is None:
            self._record.servers.pop(name, None)
        else:
            self._record.servers[name] = mark
        write_record(self.path, self._record)

    def socket_directory(self, account: Account | None) -> Path:
        """A private directory for PostgreSQL's socket: in the home, or a short one where that will not do.

        A socket's path has little room, and connection strings give some characters a meaning.
        """
        inside = self.path / "sockets"
        words = str(inside) + _SOCKET_NAME
        plain = words.isascii() and all(char.isalnum() or char in "/._- " for char in words)
        if plain and len(words) <= _SOCKET_LIMIT:
            make_private(inside, account)
            return inside
        if self._record is None:
            raise RuntimeError("a home is claimed before it is used")
        if self._record.sockets is None:
            base = next(b for b in (*_temporary_bases(account), Path("/tmp")) if len(str(b)) < 60)  # noqa: S108 - mkdtemp
            short = Path(tempfile.mkdtemp(prefix=_SOCKETS_PREFIX, dir=base))
            if account is not None:
                os.chown(short, account.uid, account.gid)
            self._record.sockets = short
            write_record(self.path, self._record)
        return self._record.sockets

    def release(self) -> None:
        """Give the home up; a temporary one is removed with all that is in it."""
        if self._record is None:
            return
        record, self._record = self._record, None
        _active.discard(self.path)
        if record.sockets is not None:
            _remove_sockets(record.sockets)
        if record.temporary:
            remove_tree(self.path)
        else:
            (self.path / OWNER_FILE).unlink(missing_ok=True)


def default_home() -> Path:
    """Where a kept demo lives unless told otherwise: in the user's data folder, for root in /var/lib."""
    if os.geteuid() == 0:  # root's own folders are closed to the account PostgreSQL runs as
        return Path("/var/lib/devora-console/demo")
    return platformdirs.user_data_path("devora-console") / "demo"


def temporary_home() -> Path:
    """A fresh private folder that the servers' account can reach; removed when the demo in it stops.

    One whose process dies before is removed by the next demo that starts.
    """
    account = server_account()
    path = Path(tempfile.mkdtemp(prefix=_HOME_PREFIX, dir=next(_temporary_bases(account))))
    _open_for(path, account)
    write_record(path, Record(own_mark(), temporary=True))
    return path


def sweep_abandoned() -> list[Path]:
    """Remove our temporary homes whose owners have died, and end what still runs there; tells which."""
    removed = []
    for base in set(_temporary_bases(server_account())):
        for path in base.glob(f"{_HOME_PREFIX}*"):
            try:
                seen = path.lstat()
                if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
                    continue
                with locked(path):
                    record = read_record(path)
                    if record is None or not record.temporary or alive(record.owner):
                        continue
                    _put_away(record)
                    remove_tree(path)
                    removed.append(path)
            except (OSError, ConsoleError):
                continue  # somebody else is putting it away, or it is damaged: not our demo's concern
    return removed


def make_home(path: Path, account: Account | None) -> Path:
    """Make the folder (and its parents) or accept an existing one; returns its path without links.

    No folder that exists is changed. Raises ConsoleError (exit 2) naming the folder that is in the way.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        blocked = blocked_at(path, account)
        if blocked is not None and account is not None:
            raise usage_error(
                "demo.unreachable",
                f"PostgreSQL runs as {account.name} here, and that account cannot enter {blocked}",
                f"keep the demo elsewhere, such as {default_home()}, or run the console as an ordinary user",
            )
        for folder in reversed(missing[1:]):
            folder.mkdir(mode=0o755, exist_ok=True)
            if account is not None:
                folder.chmod(0o755)  # just made by us; the umask may have closed it to the account
        if missing:
            path.mkdir(mode=0o700)
            _open_for(path, account)
        else:
            _check_ours(path)
    except OSError as error:
        raise usage_error(
            "demo.no_home", f"the demo cannot live in {path}: {error.strerror}", "choose another folder"
        ) from error
    return path.resolve()


def make_private(path: Path, account: Account | None) -> None:
    """Make a folder that only the account (or we, when None) can enter; one that exists is left as it is."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it, patiently: a server's last process may still be writing."""
    for _ in range(20):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.05)


def _open_for(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, -1, account.gid)
        path.chmod(0o710)  # the account may pass through to what is its own, and may not look around


def _check_ours(path: Path) -> None:
    if not path.is_dir():
        raise usage_error("demo.no_home", f"{path} is not a folder", "choose another folder")
    names = {entry.name for entry in path.iterdir()} - {"lost+found", LOCK_FILE}
    if names and not names & {OWNER_FILE, PASSWORD_FILE}:
        raise usage_error(
            "demo.foreign_folder",
            f"{path} holds files that are not a demo's",
            "choose a new or empty folder",
        )


def _temporary_bases(account: Account | None) -> Iterator[Path]:
    for base in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp below them
        if base.is_dir() and os.access(base, os.W_OK) and blocked_at(base, account) is None:
            yield base.resolve()


def _put_away(record: Record) -> None:
    """End the servers of a dead owner and remove its socket directory."""
    # On Linux the kernel has told them already: they are on their way out.
    patience = time.monotonic() + (2.0 if sys.platform == "linux" else 0.0)
    for mark in record.servers.values():
        if not wait_gone(mark, patience - time.monotonic()) and not end_process(mark, _ENDING):
            raise refused(
                "demo.left_running",
                f"process {mark.pid} of an earlier demo cannot be ended",
                "end it by hand, then start again",
            )
    if record.sockets is not None:
        _remove_sockets(record.sockets)


def _remove_sockets(path: Path) -> None:
    # Its name comes from a file: nothing but a directory that this module could have made is removed.
    if path.name.startswith(_SOCKETS_PREFIX) and path.is_dir() and not path.is_symlink():
        remove_tree(path)

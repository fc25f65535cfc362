"""The folder that backups stand in: new ones come whole, what died on the way is put away, all can be listed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from devora_console.backup.manifest import manifest_of, read_manifest, sync_folder, write_manifest, write_whole
from devora_console.backup.model import Kind, Manifest
from devora_console.config.paths import data_dir
from devora_console.core.problems import ConsoleError, Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

PARTIAL = ".partial"
_LOCK = ".lock"
_ELSEWHERE = "elsewhere.json"
_MARGIN_BYTES = 16 * 1024 * 1024


def default_shelf() -> Path:
    """Where backups go unless told otherwise."""
    return data_dir() / "backups"


@dataclass(frozen=True, slots=True)
class Entry:
    """A backup on the list: its manifest, or what is wrong with that."""

    path: Path
    manifest: Manifest | None
    problem: Problem | None = None


class Partial:
    """A backup being made, in ``NAME.partial``: locked while its maker lives, renamed when it is whole."""

    def __init__(self, shelf: Path, path: Path, lock: int) -> None:
        self._shelf = shelf
        self.path = path
        self._lock = lock

    @property
    def handle(self) -> int:
        """The lock's file descriptor: a program that inherits it keeps the folder from being put away."""
        return self._lock

    def finish(self, manifest: Manifest) -> Path:
        """Everything is written: add the manifest, make it durable, give it its name. Raises OSError."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                with (Path(folder) / name).open("rb") as stream:
                    os.fsync(stream.fileno())
            sync_folder(Path(folder))
        write_manifest(self.path, manifest)
        (self.path / _LOCK).unlink(missing_ok=True)
        sync_folder(self.path)
        final = self.path.with_name(self.path.name.removesuffix(PARTIAL))
        self.path.rename(final)
        sync_folder(self._shelf)
        return final


@contextmanager
def partial(shelf: Path, kind: Kind, database: str, now: datetime) -> Iterator[Partial]:
    """A place for a new backup; put away again unless it was finished. Raises ConsoleError (exit 2)."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{kind}-{quote(database, safe='')[:100]}-{stamp}"
    try:
        shelf.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, lock = _claim(shelf, name)
    except OSError as error:
        raise usage_error(
            "backup_folder",
            f"no backup can be put into {one_line(str(shelf), 160)}: {error.strerror or type(error).__name__}",
            "Give --out a folder that this user may write to",
        ) from None
    try:
        yield Partial(shelf, path, lock)
    finally:
        shutil.rmtree(path, ignore_errors=True)  # nothing there any more when it was finished
        os.close(lock)


def _claim(shelf: Path, name: str) -> tuple[Path, int]:
    with _shelf_lock(shelf):
        for attempt in range(1, 1000):
            full = name if attempt == 1 else f"{name}-{attempt}"
            path = shelf / f"{full}{PARTIAL}"
            if (shelf / full).exists() or path.exists():
                continue
            path.mkdir(mode=0o700)
            lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            return path, lock
    raise FileExistsError(17, "too many backups of this second")


@contextmanager
def _shelf_lock(shelf: Path) -> Iterator[None]:
    """One at a time claims or sweeps: nobody sees a new folder before it is locked."""
    handle = os.open(shelf / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sweep(shelf: Path, kind: Kind) -> list[Path]:
    """Put away what runs of this kind that died have left; tells which. What a living one writes stays."""
    removed: list[Path] = []
    if not shelf.is_dir():
        return removed
    with suppress(OSError), _shelf_lock(shelf):
        for path in sorted(shelf.glob(f"{kind}-*{PARTIAL}")):
            if not path.is_symlink() and path.is_dir() and _abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
    return removed


def _abandoned(path: Path) -> bool:
    try:
        handle = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True  # it died while it was being put away, or on its last steps
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def partials(shelf: Path) -> list[Path]:
    """What is being written, or was left half-written."""
    return sorted(shelf.glob(f"*{PARTIAL}")) if shelf.is_dir() else []


def entries(shelf: Path) -> list[Entry]:
    """Every backup with a manifest on the shelf, and those the shelf knows elsewhere; newest first."""
    paths = {path.resolve() for path in shelf.iterdir() if _is_backup(path)} if shelf.is_dir() else set()
    paths |= {path for path in _elsewhere(shelf) if _is_backup(path)}
    found = [_entry(path) for path in sorted(paths)]
    ancient = datetime.fromtimestamp(0, UTC)
    return sorted(found, key=lambda each: each.manifest.started if each.manifest else ancient, reverse=True)


def _is_backup(path: Path) -> bool:
    return not path.name.endswith((PARTIAL, ".backup.json")) and manifest_of(path).is_file()


def _entry(path: Path) -> Entry:
    try:
        return Entry(path, read_manifest(path))
    except ConsoleError as error:
        return Entry(path, None, error.problem)


def remember(shelf: Path, path: Path) -> None:
    """Have the shelf list a backup that stands elsewhere. Best effort: the backup itself does not depend on it."""
    path = path.resolve()
    if path.parent == shelf.resolve():
        return
    with suppress(OSError):
        shelf.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _shelf_lock(shelf):
            known = [str(each) for each in _elsewhere(shelf) if each != path and each.exists()]
            write_whole(shelf / _ELSEWHERE, json.dumps([*known, str(path)], indent=1))


def _elsewhere(shelf: Path) -> list[Path]:
    try:
        known = json.loads((shelf / _ELSEWHERE).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(each) for each in known if isinstance(each, str)] if isinstance(known, list) else []


def free_bytes(folder: Path) -> int | Unknown:
    """What this user may still write where ``folder`` is or will be."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError as error:
        return Unknown(error.strerror or "the file system does not tell", "")


def with_margin(size: int) -> int:
    """The room that a backup of ``size`` bytes of data may need."""
    return size + size // 10 + _MARGIN_BYTES


def require_room(folder: Path, size: int | Unknown) -> str:
    """What was found of the room there, in words. Raises ConsoleError (exit 2) when it is too small."""
    free = free_bytes(folder)
    if isinstance(size, Unknown):
        return f"whether there is room is not known: {size.reason}"
    if isinstance(free, Unknown):
        return f"whether there is room is not known: {free.reason}"
    need = with_margin(size)
    if free < need:
        raise usage_error(
            "backup_no_room",
            f"{one_line(str(folder), 160)} has {megabytes(free)} free; the backup may need {megabytes(need)}",
            "Make room, give --out DIR on another disk, or --ignore-space when you know that it packs well",
        )
    return f"{megabytes(free)} free, {megabytes(need)} needed at most"


def megabytes(size: int) -> str:
    """``12.3 MB``."""
    return f"{size / 1e6:,.1f} MB".replace(",", "\u202f")

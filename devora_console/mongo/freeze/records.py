"""Files that outlive the console: written whole or not at all, on disk before anything that relies on them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from devora_console.config.paths import data_dir
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.core.safetext import one_line

FREEZE, SILENCE = "devora-console freeze", "devora-console silence"
_VERSION = 1
_LARGEST = 256_000_000


def default_path(settings: Settings, kind: str, server: str) -> Path:
    """Where the newest record of one source is kept when no file is named. ``server`` is its identity."""
    home = settings.cutover.home or data_dir() / "cutover"
    name = re.sub(r"[^A-Za-z0-9_-]", "_", settings.mongo.database)
    return home / "source" / f"{kind.rpartition(' ')[2]}-{name}-{sha256(server.encode()).hexdigest()[:8]}.json"


def write(path: Path, kind: str, content: Mapping[str, Any]) -> None:
    """Put the record on disk, in place of an older one, readable for its owner alone.

    Raises ConsoleError (exit 4): what cannot be recorded is not done.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    text = json.dumps({"format": kind, "version": _VERSION, **content}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def check(path: Path, kind: str) -> None:
    """Before long work: whether the record can be written there, and what it would take the place of is such a record.

    Raises ConsoleError: exit 2 for a file that is something else, exit 4 for a place that cannot be written.
    """
    if path.exists():
        read(path, kind)
    beside = path.with_name(f".{path.name}.{os.getpid()}.try")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.touch(0o600)
        beside.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConsoleError:
    return refused(
        "record_write",
        f"{one_line(str(path))} cannot be written: {error.strerror}",
        "Name a file in a folder of yours with --record",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path, kind: str) -> dict[str, Any]:
    """A record as it was written. Raises ConsoleError (exit 2) when there is none, or when the file is no such record:
    another format, cut off, of a later version."""
    where = one_line(str(path))
    try:
        if path.stat().st_size > _LARGEST:
            raise _not_one(where, kind, "it is too large")
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise usage_error("record_missing", f"there is no record {where}", "Check the path") from None
    except OSError as error:
        raise usage_error("record_read", f"{where} cannot be read: {error.strerror}", "Check the path") from None
    except (ValueError, RecursionError):
        raise _not_one(where, kind, "it is not JSON, or cut off") from None
    if not isinstance(found, dict) or found.get("format") != kind:
        raise _not_one(where, kind, "it is something else")
    if found.get("version") != _VERSION:
        raise _not_one(where, kind, "another version of the console wrote it")
    return found


def damaged(path: Path, kind: str) -> ConsoleError:
    """The error for a record in which something is missing or of the wrong kind."""
    return _not_one(one_line(str(path)), kind, "parts of it are missing")


def _not_one(where: str, kind: str, why: str) -> ConsoleError:
    return usage_error("record_wrong", f"{where} is no record of a {kind.rpartition(' ')[2]}: {why}", "Check the path")

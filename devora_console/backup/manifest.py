"""``backup.json``: written last, read strictly."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from devora_console.backup.model import FORMAT, MANIFEST, Content, File, Form, Judged, Kind, Level, Manifest
from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.snapshot import to_json


def manifest_of(path: Path) -> Path:
    """Where the manifest of a backup lies: in a folder, beside a file."""
    return path / MANIFEST if path.is_dir() else path.with_name(f"{path.name}.{MANIFEST}")


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest of the backup at ``path``, whole or not at all. Raises OSError."""
    place = manifest_of(path)
    write_whole(place, json.dumps(to_json(manifest), indent=1, ensure_ascii=False) + "\n")


def write_whole(place: Path, text: str) -> None:
    """Replace a file durably, as a whole; only this user may read it. Raises OSError."""
    draft = place.with_name(f".{place.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(place)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of the backup at ``path``, None when it has none. Raises ConsoleError (exit 2) for a broken one."""
    place = manifest_of(path)
    try:
        data = json.loads(place.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _broken(place, error.strerror or "cannot be read") from None
    except (ValueError, RecursionError):
        raise _broken(place, "not JSON") from None
    if isinstance(data, dict) and isinstance(data.get("format"), int) and data["format"] > FORMAT:
        raise usage_error(
            "manifest_newer",
            f"{one_line(str(place), 160)}: written by a newer console (format {data['format']}, this one knows "
            f"{FORMAT})",
            "Use that console",
        )
    try:
        return _manifest(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _broken(place, "not what the console writes") from None


def _broken(place: Path, why: str) -> ConsoleError:
    return usage_error(
        "manifest_broken", f"{one_line(str(place), 160)}: {why}", "Adopt the backup again: devora-console backup adopt"
    )


def _manifest(data: dict[str, Any]) -> Manifest:
    return Manifest(
        kind=Kind(data["kind"]),
        form=Form(data["form"]),
        tool=str(data["tool"]),
        tool_version=str(data["tool_version"]),
        server_version=_text(data["server_version"]),
        database=_text(data["database"]),
        server=_text(data["server"]),
        label=_text(data["label"]),
        started=_moment(data["started"]),
        ended=_moment(data["ended"]),
        files=tuple(File(_relative(each["name"]), int(each["bytes"]), str(each["sha256"])) for each in data["files"]),
        contents=tuple(_content(each) for each in data["contents"]),
        adopted=bool(data["adopted"]),
        objects={str(name): int(count) for name, count in data["objects"].items()},
        notes=tuple(str(each) for each in data["notes"]),
        judged=tuple(
            Judged(Level(each["level"]), _moment(each["at"]), str(each["compared_with"])) for each in data["judged"]
        ),
        format=int(data["format"]),
    )


def _content(data: dict[str, Any]) -> Content:
    return Content(
        str(data["name"]),
        None if data["count"] is None else int(data["count"]),
        None if data["bytes"] is None else int(data["bytes"]),
        _text(data["digest"]),
        tuple(str(each) for each in data["columns"]),
        _text(data["file"]),
        _text(data["sha256"]),
    )


def _relative(name: str) -> str:
    """A path that stays within the backup."""
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError("not a relative path")
    return name


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

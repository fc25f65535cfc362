"""A backup that is not sound, and the files that it is made of."""

from __future__ import annotations

import os
from pathlib import Path

from devora_console.backup.model import MANIFEST, Finding, Kind, Manifest
from devora_console.core.safetext import one_line

_NOT_OURS = (MANIFEST, f".{MANIFEST}.draft", ".lock")


class Unsound(Exception):
    """A backup that cannot be read to its end: what was found, and why."""

    def __init__(self, finding: Finding, reason: str, remedy: str = "Take the backup again") -> None:
        super().__init__(reason)
        self.finding = finding
        self.reason = reason
        self.remedy = remedy


def shown_path(path: Path) -> str:
    """A path fit for a message."""
    return one_line(str(path), 160)


def files_of(path: Path) -> list[Path]:
    """Every file of a backup, its manifest and lock apart; symbolic links are not followed."""
    if path.is_file():
        return [path]
    found = []
    for folder, _, names in os.walk(path):
        found += [Path(folder, name) for name in names if name not in _NOT_OURS]
    return sorted(found)


def data_of(path: Path, manifest: Manifest) -> Path:
    """What a program reads of a backup: its folder, or the one file of a dump of PostgreSQL that was taken here."""
    if manifest.kind is Kind.POSTGRES and path.is_dir() and not manifest.adopted and manifest.files:
        return path / manifest.files[0].name
    return path

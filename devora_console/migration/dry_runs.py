"""The verdicts of dry runs. A dry run writes nothing to a server, so the console keeps what it found in a small file.

A verdict is of one source, one target, one mapping and one console: another version of any of them has not been tried.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from devora_console import __version__
from devora_console.config.paths import data_dir
from devora_console.core.clock import utc_now
from devora_console.core.snapshot import to_json
from devora_console.migration.progress import MigrationSnapshot

_KEPT = 100


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run found. ``through``: reading began then. ``problem`` is why it was refused, empty when it was not.

    ``documents`` are those of mapped collections, of which ``quarantined`` could not be converted; ``archived`` and
    ``ignored`` are those of the others. ``rules`` are quarantined documents per rule.
    """

    through: datetime
    at: datetime
    console: str
    mapping_name: str
    mapping_hash: str
    source: str
    target: str
    schema_version: int | None
    documents: int
    quarantined: int
    archived: int
    ignored: int
    rules: Mapping[str, int]
    problem: str


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where they are kept. Not created here."""
    return data_dir(environ) / "dry-runs"


def dry_run_of(snapshot: MigrationSnapshot, source: str, target: str, version: int | None, problem: str) -> DryRun:
    """The verdict of a dry run that has come to its end: which things it is of, and what it counted."""
    now = utc_now()
    quarantined = sum(each.quarantined for each in snapshot.collections)
    return DryRun(
        through=snapshot.started_at or now,
        at=now,
        console=__version__,
        mapping_name=snapshot.mapping,
        mapping_hash=snapshot.mapping_hash,
        source=source,
        target=target,
        schema_version=version,
        documents=sum(each.migrated for each in snapshot.collections) + quarantined,
        quarantined=quarantined,
        archived=sum(each.archived for each in snapshot.collections),
        ignored=sum(each.ignored for each in snapshot.collections),
        rules=snapshot.quarantine_rules,
        problem=problem,
    )


def keep(where: Path, verdict: DryRun) -> None:
    """Put it beside the others, over an older one of the same things. Raises OSError."""
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    bound = "\n".join((verdict.source, verdict.target, verdict.mapping_hash))
    name = hashlib.sha256(bound.encode()).hexdigest()[:32]
    handle, temporary = tempfile.mkstemp(dir=where, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(to_json(verdict), file, indent=1)
        os.replace(temporary, where / f"{name}.json")  # whole, or not at all
    except BaseException:  # whatever ends it, Ctrl-C too, leaves no half-written file; it goes on its way
        Path(temporary).unlink(missing_ok=True)
        raise
    for old in sorted(where.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        old.unlink(missing_ok=True)


def kept(where: Path) -> tuple[DryRun, ...]:
    """All of them, the newest first; a file that is none is left out. Raises OSError when the folder cannot be read."""
    if not where.exists():
        return ()
    found = (_read(path) for path in where.iterdir() if path.suffix == ".json")
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.at, reverse=True))


def _read(path: Path) -> DryRun | None:
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        moments = {name: datetime.fromisoformat(said[name]) for name in ("through", "at")}
        return DryRun(**(said | moments))
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # of another console, or damaged: it says nothing
        return None

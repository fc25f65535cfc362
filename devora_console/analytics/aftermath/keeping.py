"""What a watch keeps on disk: the values before the switch, and every look since, so that a restart goes on.

Below ``watch.home``: ``baselines/ID.json``, and for each watch a folder of ``runs`` with what it is of (``run.json``),
the counters it began with (``first.json``), the latest reading (``latest.json``) and a line for each look
(``points.jsonl``). Files are replaced whole; a line is one write, and a torn last one is skipped.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from devora_console.analytics.aftermath.model import Baseline, Point, Reading
from devora_console.analytics.aftermath.read import Counted
from devora_console.config.paths import data_dir, expanded
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.core.wholefile import write_whole
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.statements.snapshot import Counters, Key, StatementsSample

T = TypeVar("T")
_LARGEST = 50_000_000  # bytes of a file that is read


@dataclass(frozen=True, slots=True)
class Run:
    """A watch: of which target (host, port and database), since and until when, compared with which baseline."""

    id: str
    target: str
    began: datetime
    until: datetime
    baseline: str | None


class Shelf:
    """The baselines and watches below a folder. Raises ConsoleError where that cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, settings: Settings) -> Shelf:
        """The one of the settings. Not created here."""
        home = settings.watch.home
        return cls(expanded(home).absolute() if home else data_dir() / "watch")

    def keep_baseline(self, baseline: Baseline) -> Path:
        """Put it beside the others; where it is now."""
        path = self.folder / "baselines" / f"{baseline.id}.json"
        _write(path, to_json(baseline))
        return path

    def baselines(self) -> tuple[Baseline, ...]:
        """All that can be read, the newest first."""
        found = (_read(path, Baseline) for path in _listed(self.folder / "baselines", "*.json"))
        return tuple(sorted((each for each in found if each is not None), key=lambda b: b.kept_at, reverse=True))

    def baseline(self, named: str) -> Baseline:
        """The one with that id, or in that file. Exit 2 when there is none."""
        path = Path(named)
        if path.suffix != ".json":
            path = self.folder / "baselines" / f"{path.name}.json"
        found = _read(path, Baseline)
        if found is None or Path(found.id).name != found.id:
            shown = one_line(str(path), 300)
            known = ", ".join(each.id for each in self.baselines()[:5]) or "none"
            raise usage_error("baseline", f"{shown} is no baseline", f"Kept ones: {known}; devora-console watch record")
        return found

    def runs(self, target: str) -> tuple[Run, ...]:
        """The watches of a target, the newest first."""
        found = (_read(path, Run) for path in _listed(self.folder / "runs", "*/run.json"))
        mine = (each for each in found if each is not None and each.target == target)
        return tuple(sorted(mine, key=lambda run: run.began, reverse=True))

    def begin(self, run: Run) -> None:
        """Keep a new watch, or another end of one."""
        _write(self.folder / "runs" / run.id / "run.json", to_json(run))

    def record(self, run: Run) -> Record:
        """What is kept of a watch."""
        return Record(self.folder / "runs" / run.id)


class Record:
    """The looks of one watch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Whether this console is the one that writes: only one does at a time."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def keep_first(self, first: Counted) -> None:
        """The counters that it begins with."""
        _write(self._folder / "first.json", _counted_json(first))

    def first(self) -> Counted | None:
        """The counters that it began with; None where they are not kept."""
        return _counted(self._folder / "first.json")

    def keep(self, reading: Reading, point: Point) -> None:
        """One more look."""
        try:
            line = (json.dumps(to_json(point)) + "\n").encode()
            descriptor = os.open(self._folder / "points.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # A line that was torn by a full disk or a crash must not swallow the next one.
                os.write(descriptor, line if _ends_well(self._folder / "points.jsonl") else b"\n" + line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        _write(self._folder / "latest.json", to_json(reading))

    def latest(self) -> Reading | None:
        """The latest reading; None where none is kept."""
        return _read(self._folder / "latest.json", Reading)

    def points(self) -> tuple[Point, ...]:
        """Every look, oldest first."""
        try:
            lines = (self._folder / "points.jsonl").read_bytes()[-_LARGEST:].splitlines()
        except OSError:
            return ()
        adapter, found = TypeAdapter(Point), []
        for line in lines:
            try:
                found.append(adapter.validate_json(line))
            except ValidationError:  # torn, or of another console
                continue
        return tuple(found)


def fresh_id(at: datetime, database: str) -> str:
    """An id that sorts by time and tells its database; names of databases may hold anything."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in database)[:40]
    return f"{at:%Y%m%dT%H%M%SZ}-{plain}-{secrets.token_hex(2)}"


def _listed(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write(path: Path, content: object) -> None:
    """Whole, or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(content).encode())
    except OSError as error:
        raise _unwritable(path.parent, error) from None


def _unwritable(folder: Path, error: OSError) -> ConsoleError:
    reason = one_line(error.strerror or "unknown reason")
    message = f"the watch cannot be kept in {one_line(str(folder), 300)}: {reason}"
    return ConsoleError.of(ExitCode.USAGE, "watch_unwritable", message, "Make room, or set watch.home")


def _read(path: Path, kind: type[T]) -> T | None:
    """What a file holds; None where there is none, or of another console, or damaged."""
    said = _json(path)
    if said is None:
        return None
    try:
        return TypeAdapter(kind).validate_python(_with_unknowns(said))
    except ValidationError:
        return None


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _with_unknowns(said: Any) -> Any:
    """As JSON writes an Unknown, so it comes back."""
    if isinstance(said, list):
        return [_with_unknowns(each) for each in said]
    if not isinstance(said, dict):
        return said
    if said.keys() == {"unknown", "remedy"}:
        return Unknown(str(said["unknown"]), str(said["remedy"]))
    return {key: _with_unknowns(value) for key, value in said.items()}


def _counted_json(first: Counted) -> object:
    statements: object = first.statements
    if isinstance(first.statements, StatementsSample):
        rows = list(first.statements.rows.items())
        statements = {"sample": replace(first.statements, rows={}), "rows": rows}
    return to_json({"statements": statements, "health": first.health})


def _counted(path: Path) -> Counted | None:
    said = _with_unknowns(_json(path))
    try:
        health = TypeAdapter[HealthSample | Unknown](HealthSample | Unknown).validate_python(said["health"])
        told = said["statements"]
        if isinstance(told, Unknown):
            return Counted(told, health)
        sample = TypeAdapter(StatementsSample).validate_python(told["sample"])
        rows = TypeAdapter(list[tuple[Key, Counters]]).validate_python(told["rows"])
        return Counted(replace(sample, rows=dict(rows)), health)
    except (ValidationError, TypeError, KeyError):
        return None

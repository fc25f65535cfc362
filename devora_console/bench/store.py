"""Results as files, a JSON document each, for their owner only. What was measured before is there after the switch."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from devora_console.bench.result import FORMAT, Kind, Result, Series
from devora_console.config.paths import data_dir, expanded
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.core.wholefile import write_whole

_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z]+-[0-9a-f]{4}")
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)
_NAMED = 3
_LARGEST = 256_000_000  # bytes


def new_id(at: datetime, kind: Kind) -> str:
    """``20261128-143005-both-3fa9``: sorts by time."""
    return f"{at:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"


class Store:
    """A folder of results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """The one of the settings."""
        home = settings.bench.home
        return cls(expanded(home).absolute() if home else data_dir() / "bench")

    def prepare(self) -> None:
        """Make the folder, and see that it can be written, before anything is measured. ConsoleError (exit 2)."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.folder / f".{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from None

    def keep(self, result: Result) -> Path:
        """Write a result; whole or not at all. Raises ConsoleError (exit 2)."""
        path = self._path(result.id)
        try:
            write_whole(path, _RESULT.dump_json(result) + b"\n", lasting=True)
        except OSError as error:
            raise self._unwritable(error) from None
        return path

    def ids(self) -> list[str]:
        """Of all results, the oldest first."""
        try:
            names = [each.stem for each in self.folder.iterdir() if each.suffix == ".json"]
        except OSError:
            return []
        return sorted(name for name in names if _ID.fullmatch(name))

    def read(self, given: str) -> Result:
        """The result of an id, or of its unambiguous beginning; ``last``: the newest. ConsoleError (exit 2)."""
        known = self.ids()
        found = known[-1:] if given == "last" else [each for each in known if each.startswith(given)] if given else []
        if given in found:
            found = [given]
        if not found:
            raise usage_error("bench_id", f"no result {one_line(given, 60)}", "See: devora-console bench list")
        if len(found) > 1:
            several = f"{', '.join(found[-_NAMED:])}{', ...' if len(found) > _NAMED else ''}"
            raise usage_error("bench_id", f"{one_line(given, 60)} may be any of {several}", "Give more of it")
        return self._load(found[0])

    def every(self) -> Iterator[Result | Problem]:
        """All of them, the oldest first; the problem of one that cannot be read."""
        for each in self.ids():
            try:
                yield self._load(each)
            except ConsoleError as error:
                yield error.problem

    def latest_before(self, database: str, digests: Collection[str] = ()) -> Result | None:
        """The run with MongoDB's side of this database, measured in it, that has most of the questions with these
        digests; of several the newest.
        """
        best: tuple[int, Result | None] = (-1, None)
        for each in reversed(self.ids()):
            if each.split("-")[2] == "after":
                continue
            try:
                found = self._load(each)
            except ConsoleError:
                continue  # told by ``bench list``; an older one may serve
            if isinstance(found.mongo, Unknown) or found.mongo.database != database:
                continue
            covered = sum(asked.digest in digests and isinstance(asked.mongo, Series) for asked in found.questions)
            best = max(best, (covered, found), key=lambda pair: pair[0])  # the first of equals stays
        return best[1]

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _load(self, name: str) -> Result:
        path = self._path(name)
        shown = one_line(str(path), 300)
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError("too large")
            found = _RESULT.validate_json(path.read_bytes())
        except OSError as error:
            raise usage_error("bench_unreadable", f"{shown}: {error.strerror or 'cannot be read'}") from None
        except (ValidationError, ValueError, RecursionError):
            raise usage_error("bench_damaged", f"{shown}: is not a result of this console", "Remove it") from None
        if found.format != FORMAT:
            raise usage_error("bench_format", f"{shown}: of another version of the console", "Measure again")
        return found

    def _unwritable(self, error: OSError) -> ConsoleError:
        words = f"{one_line(str(self.folder), 300)}: cannot be written: {error.strerror or 'unknown reason'}"
        return ConsoleError.of(ExitCode.USAGE, "bench_home", words, "Set bench.home to a folder of your own")


def read(store: Store) -> list[Result]:
    """Every result that can be read, the newest first: what a screen shows."""
    return [each for each in reversed(list(store.every())) if isinstance(each, Result)]

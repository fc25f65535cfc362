"""A folder that mongodump (or the console) wrote, walked document by document to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import json_util

from devora_console.backup.digest import ContentDigest
from devora_console.backup.model import Content, Finding
from devora_console.backup.stop import Stop
from devora_console.backup.unsound import Unsound
from devora_console.core.problems import ConsoleError
from devora_console.mongo.dump import DumpSource, metadata_beside

_BATCH = 1_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A collection or view as its metadata describes it."""

    name: str
    type: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]


class BsonFolder:
    """The dumped database in a folder. Raises :class:`Unsound` for what cannot be read to its end."""

    def __init__(self, path: Path, database: str | None = None) -> None:
        self.path = path
        try:
            self._source = DumpSource(path, database or "")
        except ConsoleError as error:
            raise _unsound(error) from None
        self.folder = self._source.folder

    @property
    def database(self) -> str | None:
        """The name of the folder within the dump, which is the database's; None when the folder itself was given."""
        return self.folder.name if self.folder != self.path else None

    def read(self, stop: Stop) -> list[Content]:
        """Every collection: documents, bytes and digest. ``file`` is relative to the backup."""
        return [self._content(each.name, stop) for each in self._source.collections()]

    def _content(self, name: str, stop: Stop) -> Content:
        found = ContentDigest()
        for batch in self.batches(name):
            stop.check()
            found.add(batch)
        file = self._source.path(name)
        relative = str(file.relative_to(self.path)) if file else None
        return Content(name, found.count, found.bytes, found.hex(), file=relative)

    def batches(self, name: str) -> Iterator[list[bytes]]:
        """Raw documents in the order of the file."""
        try:
            yield from self._source.batches(name, _BATCH)
        except ConsoleError as error:
            raise _unsound(error) from None

    def stored(self) -> list[Stored]:
        """Every collection and view with what its metadata says of it."""
        found = [self._stored(each.name, self._source.path(each.name)) for each in self._source.collections()]
        for place in sorted(self.folder.iterdir()):
            if place.name.removesuffix(".gz").endswith(".metadata.json"):
                metadata = metadata_beside(place)
                if metadata.get("type") == "view" and metadata.get("collectionName"):
                    found.append(_stored(str(metadata["collectionName"]), metadata))
        return found

    def _stored(self, name: str, file: Path | None) -> Stored:
        return _stored(name, metadata_beside(file) if file else {})


def _stored(name: str, metadata: dict[str, Any]) -> Stored:
    # Canonical Extended JSON keeps 32-bit integers apart from doubles, as options and indexes need them.
    real = json_util.loads(json.dumps(metadata))
    return Stored(
        name,
        str(real.get("type", "collection")),
        dict(real.get("options") or {}),
        [dict(each) for each in real.get("indexes") or []],
    )


def _unsound(error: ConsoleError) -> Unsound:
    problem = error.problem
    if problem.code == "dump_missing":
        return Unsound(Finding.MISSING, problem.message, problem.remedy)
    if problem.code == "dump_empty":
        return Unsound(Finding.EMPTY, problem.message, "Take the backup again")
    cut = any(each in problem.message for each in ("it ends after", "stray bytes", "ends too early", "empty file"))
    if problem.code == "dump_damaged":
        return Unsound(Finding.TRUNCATED if cut else Finding.UNREADABLE, problem.message)
    return Unsound(Finding.UNREADABLE, problem.message, problem.remedy)

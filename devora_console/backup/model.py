"""What a backup is made of, and what can be said of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from devora_console.core.unknown import Unknown

FORMAT = 1
MANIFEST = "backup.json"


class Kind(StrEnum):
    """Which server it is of."""

    MONGO = "mongo"
    POSTGRES = "postgres"


class Form(StrEnum):
    """How it is written."""

    BSON_FOLDER = "mongodump folder"
    MONGO_ARCHIVE = "mongodump archive"
    PG_ARCHIVE = "pg_dump archive"
    PLAIN_SQL = "plain SQL"


class Level(StrEnum):
    """How far a backup has been tried; each level includes those before it."""

    NONE = "none"
    EXISTS = "exists"
    COMPLETE = "complete"
    COUNTS = "counts"
    RESTORED = "restored"

    @property
    def rank(self) -> int:
        """0 for none, up to 4 for restored."""
        return list(Level).index(self)


LEVELS = tuple(level.value for level in Level if level is not Level.NONE)


class Finding(StrEnum):
    """What a judgement comes to, as a word for scripts."""

    OK = "ok"
    MISSING = "missing"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    NEWER = "newer_format"
    OLD = "old"
    FOREIGN = "foreign"
    DIFFERS = "differs"
    NOT_RESTORED = "not_restored"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was written, by its path relative to the backup; bytes as they lie on the disk."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Content:
    """A collection or a table of the backup.

    ``count`` is its documents or rows, ``bytes`` their size uncompressed; ``digest`` the sum of the SHA-256 of each,
    modulo 2^256, which does not depend on their order. None stands for what the form does not tell. ``columns`` are a
    table's columns in the order they were dumped, ``file`` and ``sha256`` where a collection lies.
    """

    name: str
    count: int | None
    bytes: int | None = None
    digest: str | None = None
    columns: tuple[str, ...] = ()
    file: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A level that was reached, when, and what it was compared with."""

    level: Level
    at: datetime
    compared_with: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    ``server`` identifies the server without credentials, ``label`` names server and database for people; None where
    that is not known (a backup that was made elsewhere). ``ended`` is when it was complete, ``started`` the moment from
    which on its data may be; its age counts from there. ``objects`` counts what a PostgreSQL database has besides rows.
    """

    kind: Kind
    form: Form
    tool: str
    tool_version: str
    server_version: str | None
    database: str | None
    server: str | None
    label: str | None
    started: datetime
    ended: datetime
    files: tuple[File, ...]
    contents: tuple[Content, ...]
    adopted: bool = False
    objects: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    judged: tuple[Judged, ...] = ()
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """Its size on the disk."""
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """Of its one file; of several, the SHA-256 of their list as ``sha256sum`` prints it, by name."""
        if len(self.files) == 1:
            return self.files[0].sha256
        listed = "".join(f"{each.sha256}  {each.name}\n" for each in sorted(self.files, key=lambda each: each.name))
        return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def level(self) -> Level:
        """The highest level that was ever reached."""
        return max((each.level for each in self.judged), key=lambda level: level.rank, default=Level.NONE)

    def reached(self, level: Level) -> Judged | None:
        """The latest judgement that reached ``level`` or more."""
        good = [each for each in self.judged if each.level.rank >= level.rank]
        return max(good, key=lambda each: each.at, default=None)


@dataclass(frozen=True, slots=True)
class Difference:
    """A collection or table of which two sides say different things."""

    name: str
    expected: int | Unknown
    found: int | Unknown
    content: bool = False
    """Whether the counts agree and the content does not."""

    def words(self, expected: str, found: str) -> str:
        """``users: 12 in the manifest, 11 in the backup``."""
        if self.content:
            return f"{self.name}: the same number, other content"
        return f"{self.name}: {_amount(self.expected)} {expected}, {_amount(self.found)} {found}"


def _amount(value: int | Unknown) -> str:
    return f"none ({value.reason})" if isinstance(value, Unknown) else str(value)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of one backup. ``level`` is the highest level reached in this look, ``asked`` the one wanted."""

    path: Path
    asked: Level
    level: Level
    finding: Finding
    reason: str
    remedy: str = ""
    manifest: Manifest | None = None
    compared_with: str = ""
    counts: Mapping[str, int | None] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    age_seconds: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the level asked for was reached and nothing else is wrong."""
        return self.finding is Finding.OK and self.level.rank >= self.asked.rank

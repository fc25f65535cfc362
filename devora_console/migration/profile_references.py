"""Who names whom, over the whole source: keys and references in a private SQLite file, so that memory stays bounded.

The answers are exact for what was read whole. They are Unknown for a sample, and where a collection was not read.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.mapping import Collection, Mapping, pointer
from devora_console.migration.profile_judge import Judge, Judged
from devora_console.migration.profile_snapshot import OwnerVerdict, ReferenceVerdict, Uniqueness

# Collections and columns by their numbers in the mapping.
_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-16384;
CREATE TABLE document (id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, key BLOB, refused INTEGER NOT NULL,
    waits INTEGER NOT NULL);
CREATE TABLE reference (document INTEGER NOT NULL, collection INTEGER NOT NULL, name INTEGER NOT NULL,
    key BLOB NOT NULL);
CREATE TABLE mark (collection INTEGER NOT NULL, name INTEGER NOT NULL, value BLOB NOT NULL);
"""
_INDEXES = """
CREATE INDEX document_key ON document (collection, key);
CREATE INDEX reference_key ON reference (collection, name, key);
CREATE INDEX reference_document ON reference (document);
CREATE INDEX mark_value ON mark (collection, name, value);
"""
_NAMED = "SELECT count(*) FROM reference r WHERE r.collection = :collection AND r.name = :name"
_ORPHANS = """
SELECT count(*) FROM reference r WHERE r.collection = :collection AND r.name = :name
   AND NOT EXISTS (SELECT 1 FROM document d WHERE d.collection = :target AND d.key = r.key)
"""
_TO_REFUSED = """
SELECT count(*) FROM reference r WHERE r.collection = :collection AND r.name = :name
   AND EXISTS (SELECT 1 FROM document d WHERE d.collection = :target AND d.key = r.key)
   AND NOT EXISTS (SELECT 1 FROM document d WHERE d.collection = :target AND d.key = r.key AND NOT d.refused)
"""
_KEY_REPEATED = """
SELECT coalesce(sum(times), 0) FROM
    (SELECT count(*) AS times FROM document WHERE collection = :collection AND key IS NOT NULL
      GROUP BY key HAVING count(*) > 1)
"""
_MARK_REPEATED = """
SELECT coalesce(sum(times), 0) FROM
    (SELECT count(*) AS times FROM mark WHERE collection = :collection AND name = :name
      GROUP BY value HAVING count(*) > 1)
"""
_UNOWNED = """
SELECT count(*) FROM document d WHERE d.collection = :collection AND d.waits AND NOT d.refused
   AND NOT EXISTS (SELECT 1 FROM reference r
                    WHERE r.collection = :referrer AND r.name = :reference AND r.key = d.key)
"""
_SEVERAL_OWNERS = """
SELECT count(*) FROM
    (SELECT d.id FROM document d
       JOIN reference r ON r.collection = :referrer AND r.name = :reference AND r.key = d.key
       JOIN document p ON p.id = r.document AND NOT p.refused
       JOIN reference o ON o.document = p.id AND o.name = :taken
      WHERE d.collection = :collection AND d.waits AND NOT d.refused
      GROUP BY d.id HAVING count(DISTINCT o.key) > 1)
"""
_LONGEST_KEY = 64
# Python hears a signal only while its own code runs: SQLite calls it every so many of its steps.
_STEPS = 20_000


class Extent(StrEnum):
    """How much of a collection has been read."""

    WHOLE = "whole"
    SAMPLED = "sampled"
    UNREAD = "unread"


class References:
    """Use as a context manager: the file goes away at the end."""

    def __init__(self, mapping: Mapping, folder: Path | None = None) -> None:
        self._mapping = mapping
        self._numbers = {each.name: number for number, each in enumerate(mapping.collections)}
        self._extents: dict[str, Extent] = {}
        self._next = 1
        with _usable():
            self._folder = tempfile.TemporaryDirectory(prefix="devora-profile-", dir=folder)
            self._db = sqlite3.connect(Path(self._folder.name) / "references.sqlite", isolation_level=None)
            self._db.executescript(_SCHEMA)
            self._db.set_progress_handler(lambda: 0, _STEPS)

    def __enter__(self) -> References:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def add(self, collection: str, judged: Sequence[Judged]) -> None:
        """Remember what the documents of a batch name."""
        number = self._numbers[collection]
        documents, references, marks = [], [], []
        for each in judged:
            documents.append((self._next, number, _short(each.key), each.refused, each.waits))
            references += [(self._next, number, name, _short(key)) for name, key in each.references]
            marks += [(number, name, _digest(value)) for name, value in each.unique]
            self._next += 1
        with _usable():
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO document VALUES (?, ?, ?, ?, ?)", documents)
            self._db.executemany("INSERT INTO reference VALUES (?, ?, ?, ?)", references)
            self._db.executemany("INSERT INTO mark VALUES (?, ?, ?)", marks)
            self._db.execute("COMMIT")

    def read(self, collection: str, extent: Extent) -> None:
        """Say how much of a collection has been added."""
        self._extents[collection] = extent

    def index(self) -> None:
        """Nothing more will be added."""
        with _usable():
            self._db.executescript(_INDEXES)

    def references(self, collection: Collection, judge: Judge) -> tuple[ReferenceVerdict, ...]:
        """Each reference of a collection and whether it leads anywhere."""
        result = []
        for name, tally in enumerate(judge.references):
            assert tally.column.reference is not None
            target = tally.column.reference.collection
            values: dict[str, object] = {
                "collection": self._numbers[collection.name],
                "name": name,
                "target": self._numbers[target],
            }
            unknown = self._unknown(collection.name, target)
            result.append(
                ReferenceVerdict(
                    column=tally.column.name,
                    path=tally.path,
                    collection=target,
                    dangling=tally.column.reference.dangling,
                    documents=self._count(_NAMED, values),
                    orphans=unknown or self._count(_ORPHANS, values),
                    to_refused=unknown or self._count(_TO_REFUSED, values),
                )
            )
        return tuple(result)

    def unique(self, collection: Collection, judge: Judge) -> tuple[Uniqueness, ...]:
        """The key and what looks like one, with the number of documents that share theirs."""
        number = self._numbers[collection.name]
        unknown = self._unknown(collection.name)
        repeated = unknown or self._count(_KEY_REPEATED, {"collection": number})
        result = [Uniqueness(judge.key.path, judge.key.column.name, True, judge.key.present, repeated)]
        for name, tally in enumerate(judge.unique):
            repeated = unknown or self._count(_MARK_REPEATED, {"collection": number, "name": name})
            result.append(Uniqueness(tally.path, tally.column.name, False, tally.present, repeated))
        return tuple(result)

    def owner(self, collection: Collection) -> OwnerVerdict | None:
        """Whether the documents that wait for an owner have one; None where the mapping derives none."""
        owner = collection.owner
        if owner is None:
            return None
        path = pointer((owner.take[0][0],)) if owner.take else ""
        unknown = self._unknown(collection.name, owner.collection)
        if unknown is not None:
            return OwnerVerdict(path, owner.collection, unknown, unknown)
        names = [c.name for c in self._mapping.collection(owner.collection).columns if c.path and c.reference]
        values: dict[str, object] = {
            "collection": self._numbers[collection.name],
            "referrer": self._numbers[owner.collection],
            "reference": names.index(owner.reference),
        }
        taken = [names.index(theirs) for _, theirs in owner.take if theirs in names]
        several = sum(self._count(_SEVERAL_OWNERS, values | {"taken": name}) for name in taken)
        return OwnerVerdict(path, owner.collection, self._count(_UNOWNED, values), several)

    def _unknown(self, *collections: str) -> Unknown | None:
        """Why nothing exact can be said of these collections."""
        for name in collections:
            extent = self._extents.get(name, Extent.UNREAD)
            if extent is Extent.SAMPLED:
                return Unknown("sampled", "Run it without --sample")
            if extent is Extent.UNREAD:
                shown = one_line(name, 60)
                return Unknown(f"{shown} was not read", f"Name it too (--collection {shown}), or no collection")
        return None

    def _count(self, question: str, values: dict[str, object]) -> int:
        with _usable():
            (count,) = self._db.execute(question, values).fetchone()
        return int(count)


def _short(key: bytes | None) -> bytes | None:
    """A key as it is kept: itself, or for a long one its digest."""
    if key is None or len(key) <= _LONGEST_KEY:
        return key
    return _digest(key)


def _digest(value: bytes) -> bytes:
    """What stands for a value that needs not, or must not, be on the disk itself."""
    return hashlib.blake2b(value, digest_size=16).digest()


@contextmanager
def _usable() -> Iterator[None]:
    """SQLite's errors in the console's words; a signal heard inside a statement ends us as it would outside."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise KeyboardInterrupt from None
        raise _unusable(str(error)) from None
    except sqlite3.Error as error:
        raise _unusable(str(error)) from None
    except OSError as error:
        raise _unusable(error.strerror or type(error).__name__) from None


def _unusable(said: str) -> Exception:
    return usage_error(
        "scratch_unusable",
        f"the scratch file in {one_line(tempfile.gettempdir(), 160)} cannot be used: {one_line(said, 100)}",
        "Set TMPDIR to a folder with room that this user may write to",
    )

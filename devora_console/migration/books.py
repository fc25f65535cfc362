"""What should be kept beside the tables against what is: in the ledger's file, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from devora_console.migration.ledger import Ledger

Kind = Literal["missing", "extra", "different"]
KINDS: tuple[Kind, ...] = ("missing", "extra", "different")
_NAMED = 100
_DIFFER = {
    "missing": "SELECT source_id FROM expected_kept WHERE source_id NOT IN (SELECT source_id FROM kept)",
    "extra": "SELECT source_id FROM kept WHERE source_id NOT IN (SELECT source_id FROM expected_kept)",
    "different": "SELECT source_id FROM kept JOIN expected_kept e USING (source_id) WHERE kept.digest <> e.seen",
}


class Books:
    """Opens one :class:`Book` at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def open(self, collection: str, fate: str) -> Iterator[Book]:
        """The documents of a collection that have one fate, to be compared with what is kept of them."""
        db = self._ledger.db
        db.execute("CREATE TEMP TABLE kept (source_id TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID")
        db.execute("CREATE TEMP TABLE expected_kept (source_id TEXT PRIMARY KEY, seen BLOB) WITHOUT ROWID")
        db.execute(
            "INSERT INTO expected_kept SELECT source_id, seen FROM document WHERE collection = ? AND fate = ?",
            (collection, fate),
        )
        try:
            yield Book(self._ledger)
        finally:
            db.execute("DROP TABLE kept")
            db.execute("DROP TABLE expected_kept")


class Book:
    """What is kept of one collection, added one by one, and how it differs."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db
        self.kept = 0

    @property
    def expected(self) -> int:
        """How many documents there should be."""
        return int(self._db.execute("SELECT count(*) FROM expected_kept").fetchone()[0])

    def add(self, source_id: str, digest: bytes) -> None:
        """One document is kept, with these bytes."""
        self._db.execute("INSERT INTO kept VALUES (?, ?)", (source_id, digest))
        self.kept += 1

    def count(self, kind: Kind) -> int:
        """How many differ in this way."""
        return sum(1 for _ in self._db.execute(_DIFFER[kind]))

    def some(self, kind: Kind) -> list[str]:
        """The source ids of the first that differ in this way."""
        rows = self._db.execute(_DIFFER[kind] + " ORDER BY source_id LIMIT ?", (_NAMED,))
        return [row[0] for row in rows]

"""The survey's ledger: what every document of the source is, and what becomes of it.

A private SQLite file, so that memory stays bounded whatever the source holds, and questions that concern the whole
source (who else claims this key, where does this reference lead) are single statements. It is scratch: it can be
thrown away at any time, the truth is in the source and in the target.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from devora_console.migration.convert import Decision
from devora_console.migration.progress import QuarantineItem

_SCHEMA = """
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    source_id TEXT NOT NULL,
    pk TEXT,
    rank INTEGER,
    fate TEXT NOT NULL,          -- migrated, quarantined, archived, ignored; foreign: a target row of others
    rule TEXT, path TEXT, message TEXT, constraint_name TEXT, sqlstate TEXT,
    rows TEXT,                   -- JSON: rows per table, in the order of the plan
    counts TEXT,                 -- JSON: rules applied
    seen BLOB,                   -- digest of the raw document when it was surveyed
    UNIQUE (collection, source_id)
);
CREATE INDEX document_pk ON document (collection, pk);
CREATE TABLE claim (document INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE reference (document INTEGER NOT NULL, name TEXT NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL);
CREATE INDEX reference_key ON reference (collection, key, name);
CREATE INDEX reference_document ON reference (document);
CREATE TABLE element (document INTEGER NOT NULL, child INTEGER NOT NULL, ordinal INTEGER NOT NULL, key TEXT NOT NULL);
CREATE TABLE set_column (document INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, PRIMARY KEY (document, name));
CREATE TABLE dropped (document INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (document, name));
CREATE TABLE derived (document INTEGER NOT NULL, child INTEGER NOT NULL, ordinal INTEGER NOT NULL);
CREATE INDEX derived_document ON derived (document);
CREATE TABLE waits_for_owner (document INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE known (collection TEXT NOT NULL, source_id TEXT NOT NULL, fate TEXT, table_name TEXT, pk TEXT,
    PRIMARY KEY (collection, source_id)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as the survey saw it. ``claims`` are (unique key, value) pairs of its root and child rows."""

    collection: str
    source_id: str
    pk: str | None
    rank: int | None
    fate: str
    rule: str | None = None
    path: str | None = None
    message: str | None = None
    constraint: str | None = None
    sqlstate: str | None = None
    rows: Sequence[int] = ()
    counts: dict[str, int] | None = None
    claims: Sequence[tuple[str, str]] = ()
    references: Sequence[tuple[str, str, str]] = ()  # column, collection, key
    elements: Sequence[tuple[int, int, str]] = ()  # child, ordinal, own id
    owner_columns: Sequence[str] = ()
    seen: bytes = b""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a document, and under which rule if it was refused."""

    fate: str
    rule: str | None
    path: str | None
    message: str | None
    constraint: str | None
    sqlstate: str | None
    seen: bytes
    decision: Decision


class Ledger:
    """Use as a context manager: the file goes away at the end. One thread at a time."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="devora-ledger-", dir=folder)
        self.db = sqlite3.connect(
            Path(self._folder.name) / "ledger.sqlite", isolation_level=None, check_same_thread=False
        )
        self.db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-65536;"
        )
        self.db.executescript(_SCHEMA)
        self._next = 1

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close and remove the file."""
        self.db.close()
        self._folder.cleanup()

    def add(self, entries: Iterable[Entry]) -> None:
        """Record documents. A source id seen before (a dump can hold one twice) makes the later one quarantined."""
        self.db.execute("BEGIN")
        for entry in entries:
            self._add(entry)
        self.db.execute("COMMIT")

    def _add(self, entry: Entry) -> None:
        number = self._next
        self._next += 1
        try:
            self._insert(number, entry)
        except sqlite3.IntegrityError:
            again = self.db.execute(
                "SELECT count(*) FROM document WHERE collection = ? AND (source_id = ? OR source_id LIKE ? || ' #%')",
                (entry.collection, entry.source_id, entry.source_id),
            ).fetchone()[0]
            twin = Entry(
                collection=entry.collection,
                source_id=f"{entry.source_id} #{again + 1}",
                pk=entry.pk,
                rank=entry.rank,
                fate="quarantined",
                rule="id_twice",
                path="/_id",
                message="the source holds a document with this _id already",
                rows=entry.rows,
                seen=entry.seen,
            )
            self._insert(number, twin)
            return
        if entry.fate not in ("migrated", "foreign"):
            return
        many = self.db.executemany
        many("INSERT INTO claim VALUES (?, ?, ?)", ((number, *claim) for claim in entry.claims))
        many("INSERT INTO reference VALUES (?, ?, ?, ?)", ((number, *each) for each in entry.references))
        many("INSERT INTO element VALUES (?, ?, ?, ?)", ((number, *each) for each in entry.elements))
        many("INSERT INTO waits_for_owner VALUES (?, ?)", ((number, name) for name in entry.owner_columns))

    def _insert(self, number: int, entry: Entry) -> None:
        self.db.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                entry.collection,
                entry.source_id,
                entry.pk,
                entry.rank,
                entry.fate,
                entry.rule,
                entry.path,
                entry.message,
                entry.constraint,
                entry.sqlstate,
                json.dumps(list(entry.rows)),
                json.dumps(entry.counts or {}),
                entry.seen,
            ),
        )

    def remember(self, rows: Iterable[tuple[str, str, str, str | None, str | None]]) -> None:
        """What the target already knows: (collection, source id, fate, table, key)."""
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?)", rows)
        self.db.execute("COMMIT")

    def fates(self, collection: str, source_ids: Sequence[str]) -> dict[str, Fate]:
        """The fates of these documents, with what has been decided for those that migrate."""
        found: dict[str, Fate] = {}
        for source_id in source_ids:
            row = self.db.execute(
                "SELECT id, fate, rule, path, message, constraint_name, sqlstate, seen FROM document"
                " WHERE collection = ? AND source_id = ?",
                (collection, source_id),
            ).fetchone()
            if row is not None:
                number, fate, rule, path, message, constraint, sqlstate, seen = row
                decision = self._decision(number)
                found[source_id] = Fate(fate, rule, path, message, constraint, sqlstate, seen, decision)
        return found

    def _decision(self, number: int) -> Decision:
        db = self.db.execute
        columns = dict(db("SELECT name, value FROM set_column WHERE document = ?", (number,)))
        dropped = tuple(name for (name,) in db("SELECT name FROM dropped WHERE document = ?", (number,)))
        derive = frozenset(
            (child, ordinal)
            for child, ordinal in db("SELECT child, ordinal FROM derived WHERE document = ?", (number,))
        )
        return Decision(columns, dropped, derive)

    def refuse(self, collection: str, source_id: str, rule: str, message: str, constraint: str, sqlstate: str) -> None:
        """The target refused a document that the survey had let pass."""
        self.db.execute(
            "UPDATE document SET fate = 'quarantined', rule = ?, message = ?, constraint_name = ?, sqlstate = ?"
            " WHERE collection = ? AND source_id = ?",
            (rule, message, constraint, sqlstate, collection, source_id),
        )

    def tally(self, collection: str) -> dict[str, int]:
        """Documents per fate."""
        return dict(
            self.db.execute(
                "SELECT fate, count(*) FROM document WHERE collection = ? AND fate <> 'foreign' GROUP BY fate",
                (collection,),
            )
        )

    def sums(self, collection: str, fate: str, tables: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
        """(rows per table, rules applied) over the collection's documents of one fate."""
        rows = dict.fromkeys(tables, 0)
        for text, times in self.db.execute(
            "SELECT rows, count(*) FROM document WHERE collection = ? AND fate = ? GROUP BY rows", (collection, fate)
        ):
            for table, count in zip(tables, json.loads(text), strict=False):
                rows[table] += count * times
        counts: dict[str, int] = {}
        for text, times in self.db.execute(
            "SELECT counts, count(*) FROM document WHERE collection = ? AND fate = ? GROUP BY counts",
            (collection, fate),
        ):
            for rule, count in json.loads(text).items():
                counts[rule] = counts.get(rule, 0) + count * times
        return rows, counts

    def items(self, limit: int = 100) -> Iterator[QuarantineItem]:
        """Refused documents, those that pull others with them first."""
        for collection, source_id, rule, path, message, constraint, sqlstate in self.db.execute(
            "SELECT collection, source_id, rule, path, message, constraint_name, sqlstate FROM document"
            " WHERE fate = 'quarantined' ORDER BY rule = 'parent_quarantined', id LIMIT ?",
            (limit,),
        ):
            yield QuarantineItem(None, collection, source_id, rule, path or "", message or "", constraint, sqlstate)

    def rules(self) -> dict[str, int]:
        """Quarantined documents per rule."""
        return dict(
            self.db.execute(
                "SELECT rule, count(*) FROM document WHERE fate = 'quarantined' GROUP BY rule ORDER BY 2 DESC, 1"
            )
        )

    def vanished(self) -> dict[str, int]:
        """Documents the target has from this mapping's collections that the source no longer holds, per collection."""
        return dict(
            self.db.execute(
                "SELECT k.collection, count(*) FROM known k LEFT JOIN document d USING (collection, source_id)"
                " WHERE d.id IS NULL GROUP BY 1"
            )
        )

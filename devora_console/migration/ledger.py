"""The survey's ledger: what every document of the source is, and what becomes of it.

A private SQLite file, so that memory stays bounded whatever the source holds, and questions that concern the whole
source (who else claims this key, where does this reference lead) are single statements. It is scratch: it can be
thrown away at any time, the truth is in the source and in the target.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType

from devora_console.migration.entries import Entry, Fate, Keys, seen_digest
from devora_console.migration.progress import QuarantineItem
from devora_console.migration.rows import NO_DECISION, Decision
from devora_console.migration.scratch import Scratch
from devora_console.mongo.pieces import Piece, documents, read
from devora_console.postgres.sqlfiles import sql

_INSERT = "INSERT OR IGNORE INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


_INSERT_ELEMENTS = "INSERT INTO element SELECT ?1, ?2, at, substr(?3, at * 16 + 1, 16) FROM place WHERE at < ?4"
_MORE_PLACES = (
    "INSERT INTO place WITH RECURSIVE more (at) AS (SELECT ?1 UNION ALL SELECT at + 1 FROM more WHERE at + 1 < ?2)"
    " SELECT at FROM more"
)


@dataclass(frozen=True, slots=True)
class SurveyedPiece:
    """A piece of the source as it was surveyed: its checksum, and the number of its first document.

    ``exact``: decoding loses nothing of any of them. ``kept`` is the file that holds its documents converted, if there
    is one.
    """

    piece: Piece
    checksum: int
    first: int
    exact: bool = False
    kept: str | None = None


class Ledger:
    """Use as a context manager: the file goes away at the end. One thread at a time."""

    def __init__(self, folder: Path | None = None) -> None:
        self._scratch = Scratch(folder)
        self.folder = self._scratch.path
        self.db = sqlite3.connect(self.folder / "ledger.sqlite", isolation_level=None, check_same_thread=False)
        self._pieces: dict[str, list[SurveyedPiece]] = {}
        self._twice: dict[tuple[str, str], int] = {}
        self.db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-65536;"
        )
        self.db.executescript(sql("devora_console.migration", "ledger"))
        self.db.execute("BEGIN")  # never committed: nobody else reads it, and pages stay in memory while they fit
        self._next = 1
        self._places = 0  # rows of the table of that name

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close and remove the file."""
        self.db.close()
        self._scratch.remove()

    def add(self, entries: Iterable[Entry]) -> None:
        """Record rows of the target that are none of the source's documents."""
        self._insert_all(list(entries))

    def add_piece(
        self, piece: Piece, checksum: int, entries: Sequence[Entry], *, exact: bool = False, kept: str | None = None
    ) -> None:
        """Record the documents of a piece, in their order. Call it in the order of the pieces.

        A dump can hold one ``_id`` twice: the later document gets a number behind its source id, and is refused if
        its collection is mapped.
        """
        self._pieces.setdefault(piece.collection, []).append(SurveyedPiece(piece, checksum, self._next, exact, kept))
        self._insert_all(entries)

    def index(self) -> None:
        """When everything is recorded, and before anything is asked: indexes made at once cost a fraction."""
        for statement in sql("devora_console.migration", "ledger_indexes").split(";"):
            self.db.execute(statement)

    def pieces(self, collection: str) -> Sequence[SurveyedPiece]:
        """The surveyed pieces of a collection."""
        return self._pieces.get(collection, ())

    def place(self, collection: str, number: int) -> tuple[SurveyedPiece, int]:
        """(piece, position in it) of a document."""
        pieces = self._pieces[collection]
        found = pieces[bisect_right(pieces, number, key=lambda each: each.first) - 1]
        return found, number - found.first

    def raws(self, collection: str, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """(number, raw document) of some documents, as they were surveyed; each piece is read once."""
        wanted: dict[int, tuple[SurveyedPiece, list[int]]] = {}
        for number in numbers:
            surveyed, at = self.place(collection, number)
            wanted.setdefault(surveyed.first, (surveyed, []))[1].append(at)
        for surveyed, places in wanted.values():
            raws = documents(surveyed.piece, read(surveyed.piece))
            for at in places:
                yield surveyed.first + at, raws[at]

    def look_at_refused(self) -> None:
        """Take the digest of the documents that were refused by decision: they are kept whole."""
        rows = self.db.execute(
            "SELECT collection, id FROM document WHERE fate = 'quarantined' AND seen IS NULL ORDER BY id"
        ).fetchall()
        for name, group in groupby(rows, key=lambda row: str(row[0])):
            for number, raw in self.raws(name, [row[1] for row in group]):
                self.db.execute("UPDATE document SET seen = ? WHERE id = ?", (seen_digest(raw), number))

    def _insert_all(self, entries: Sequence[Entry]) -> None:
        db, first = self.db, self._next
        before = db.total_changes
        db.executemany(_INSERT, [entry.row(first + at) for at, entry in enumerate(entries)])
        if db.total_changes - before < len(entries):  # an _id that is there already
            entries = [self._one(first + at, entry) for at, entry in enumerate(entries)]
        self._next = first + len(entries)
        self._insert_details([(first + at, entry) for at, entry in enumerate(entries)])

    def _one(self, number: int, entry: Entry) -> Entry:
        if self.db.execute("SELECT 1 FROM document WHERE id = ?", (number,)).fetchone() is None:
            entry = self._twin(entry)
            self.db.execute(_INSERT, entry.row(number))
        return entry

    def _insert_details(self, numbered: list[tuple[int, Entry]]) -> None:
        many = self.db.executemany
        references = [(number, *each) for number, entry in numbered for each in entry.references]
        good = [(number, entry) for number, entry in numbered if entry.fate != "quarantined"]
        claims = [(number, *claim) for number, entry in good for claim in entry.claims]
        owners = [(number, name) for number, entry in good for name in entry.owner_columns]
        if references:
            many("INSERT INTO reference VALUES (?, ?, ?, ?)", references)
        if claims:
            many("INSERT INTO claim VALUES (?, ?, ?)", claims)
        if owners:
            many("INSERT INTO waits_for_owner VALUES (?, ?)", owners)
        for number, entry in good:
            for keys in entry.elements:
                self._insert_elements(number, keys)

    def _insert_elements(self, number: int, keys: Keys) -> None:
        """A row per element; taken apart by SQLite, in C and without holding up other threads."""
        count = len(keys.keys) // 16
        if keys.ordinals is not None:
            rows = ((number, *row) for row in keys.rows())
            self.db.executemany("INSERT INTO element VALUES (?, ?, ?, ?)", rows)
            return
        if count > self._places:
            self.db.execute(_MORE_PLACES, (self._places, count * 2))
            self._places = count * 2
        self.db.execute(_INSERT_ELEMENTS, (number, keys.child, keys.keys, count))

    def _twin(self, entry: Entry) -> Entry:
        key = (entry.collection, entry.source_id)
        self._twice[key] = times = self._twice.get(key, 1) + 1
        name = f"{entry.source_id} #{times}"
        if entry.fate in ("archived", "ignored"):
            return entry._replace(source_id=name)
        message = "the source holds a document with this _id already"
        return entry._replace(
            source_id=name, fate="quarantined", rule="id_twice", path="/_id", message=message, counts=None
        )

    def remember(self, rows: Iterable[tuple[str, str, str, str | None, str | None]]) -> None:
        """What the target already knows: (collection, source id, fate, table, key)."""
        self.db.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?)", rows)

    def fates(self, surveyed: SurveyedPiece) -> dict[int, Fate]:
        """By position, the documents of a piece that do not simply migrate: the refused, and those decided about."""
        last = surveyed.first + surveyed.piece.documents - 1
        decisions = self._decisions(surveyed.first, last)
        found: dict[int, Fate] = {}
        for number, source_id, fate, rule, path, message, constraint, state in self.db.execute(
            "SELECT id, source_id, fate, rule, path, message, constraint_name, sqlstate FROM document"
            " WHERE id BETWEEN ? AND ? AND fate <> 'migrated'",
            (surveyed.first, last),
        ):
            found[number - surveyed.first] = Fate(source_id, fate, rule, path, message, constraint, state, NO_DECISION)
        for number, decision in decisions.items():
            if number - surveyed.first not in found:
                found[number - surveyed.first] = Fate("", "migrated", None, None, None, None, None, decision)
        return found

    def rows(self, surveyed: SurveyedPiece) -> int:
        """Rows of the documents of a piece that migrate."""
        last = surveyed.first + surveyed.piece.documents - 1
        return sum(
            times * sum(json.loads(text))
            for text, times in self.db.execute(
                "SELECT rows, count(*) FROM document WHERE id BETWEEN ? AND ? AND fate = 'migrated' GROUP BY rows",
                (surveyed.first, last),
            )
        )

    def _decisions(self, first: int, last: int) -> dict[int, Decision]:
        """What was decided about documents; most have nothing."""
        between = (first, last)
        columns: dict[int, dict[str, str | None]] = {}
        dropped: dict[int, list[str]] = {}
        derive: dict[int, list[tuple[int, int]]] = {}
        for number, name, value in self.db.execute(
            "SELECT document, name, value FROM set_column WHERE document BETWEEN ? AND ?", between
        ):
            columns.setdefault(number, {})[name] = value
        for number, name in self.db.execute(
            "SELECT document, name FROM dropped WHERE document BETWEEN ? AND ?", between
        ):
            dropped.setdefault(number, []).append(name)
        for number, child, at in self.db.execute(
            "SELECT document, child, ordinal FROM derived WHERE document BETWEEN ? AND ?", between
        ):
            derive.setdefault(number, []).append((child, at))
        return {
            number: Decision(columns.get(number, {}), tuple(dropped.get(number, ())), frozenset(derive.get(number, ())))
            for number in columns.keys() | dropped.keys() | derive.keys()
        }

    def refuse(self, number: int, rule: str, message: str, constraint: str | None, sqlstate: str | None) -> None:
        """The target refused a document that the survey had let pass."""
        self.db.execute(
            "UPDATE document SET fate = 'quarantined', rule = ?, message = ?, constraint_name = ?, sqlstate = ?"
            " WHERE id = ?",
            (rule, message, constraint, sqlstate, number),
        )

    def tally(self, collection: str) -> dict[str, int]:
        """Documents per fate."""
        return dict(
            self.db.execute(
                "SELECT fate, count(*) FROM document WHERE collection = ? AND fate NOT IN ('foreign', 'extra')"
                " GROUP BY fate",
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

    def vanished(self, collection: str) -> list[tuple[str, str, str | None]]:
        """(source id, fate, key) of what the target has of a collection and the source no longer holds.

        A row whose key a document of the source has now is that document's, not vanished.
        """
        return self.db.execute(
            "SELECT source_id, fate, pk FROM vanished WHERE collection = ?", (collection,)
        ).fetchall()

    def unmapped(self, mapped: set[str]) -> list[str]:
        """Collections that the target knows or the source has, other than those in ``mapped``."""
        names = self.db.execute("SELECT collection FROM known UNION SELECT collection FROM document")
        return sorted(name for (name,) in names if name not in mapped)

    def extra(self) -> dict[str, int]:
        """Vanished documents whose rows or archived copies are still in the target, per collection."""
        return dict(
            self.db.execute(
                "SELECT collection, count(*) FROM vanished WHERE fate IN ('migrated', 'archived') GROUP BY 1"
            )
        )

    def gone(self, collection: str, source_ids: Sequence[str]) -> None:
        """These vanished documents have no row in the target any more."""
        self.db.executemany(
            "UPDATE known SET fate = 'gone' WHERE collection = ? AND source_id = ?",
            [(collection, each) for each in source_ids],
        )

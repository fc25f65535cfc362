"""What the ledger holds of a document: what the survey saw, and what became of it.

Tuples, because they cross between processes by the hundred thousand: pickle takes a frozen dataclass apart in Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from devora_console.migration.rows import Decision


def seen_digest(raw: bytes) -> bytes:
    """Tells whether what is kept of a document is the document: the md5 of its bytes, as PostgreSQL can take it."""
    return hashlib.md5(raw, usedforsecurity=False).digest()


class Keys(NamedTuple):
    """Own ids of the elements of one array: 16 bytes each. ``ordinals`` None: every element has one."""

    child: int
    keys: bytes
    ordinals: tuple[int, ...] | None = None

    def rows(self) -> Iterator[tuple[int, int, bytes]]:
        """(child, ordinal, key) of each."""
        places = range(len(self.keys) // 16) if self.ordinals is None else self.ordinals
        for at, ordinal in enumerate(places):
            yield self.child, ordinal, self.keys[at * 16 : at * 16 + 16]


class Entry(NamedTuple):
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
    elements: Sequence[Keys] = ()
    owner_columns: Sequence[str] = ()
    seen: bytes | None = None  # digest of the raw document, of those that are kept whole

    def row(self, number: int) -> tuple[object, ...]:
        """The entry as a row of the ledger's table ``document``."""
        return (
            number,
            self.collection,
            self.source_id,
            self.pk,
            self.rank,
            self.fate,
            self.rule,
            self.path,
            self.message,
            self.constraint,
            self.sqlstate,
            _rows_json(tuple(self.rows)),
            _counts_json(tuple((self.counts or {}).items())),
            self.seen,
        )


@lru_cache(maxsize=4096)
def _rows_json(rows: tuple[int, ...]) -> str:
    return json.dumps(rows)


@lru_cache(maxsize=4096)
def _counts_json(counts: tuple[tuple[str, int], ...]) -> str:
    return json.dumps(dict(counts))


class Fate(NamedTuple):
    """What became of a document, and under which rule if it was refused. ``source_id`` tells twins apart."""

    source_id: str
    fate: str
    rule: str | None
    path: str | None
    message: str | None
    constraint: str | None
    sqlstate: str | None
    decision: Decision

"""What the ledger holds of a document: what the survey saw, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.migration.rows import Decision


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

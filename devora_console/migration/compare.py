"""Source against target, row by row, without moving the rows: digests per bucket, then only what differs.

A row's digest is the md5 of its fields as COPY BINARY carries them; PostgreSQL computes it from its ``*_send``
functions, we from the converted document. Rows fall into 4,096 buckets by the md5 of their key. Sums of the first
64 bits of the digests are compared per bucket; rows are looked at only in buckets that differ.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from struct import Struct, unpack
from typing import Any
from uuid import UUID

import asyncpg

from devora_console.config.secret import REDACTED
from devora_console.core.safetext import one_line
from devora_console.migration.control import Control, Tracker
from devora_console.migration.convert import convert
from devora_console.migration.digests import body_sql, send
from devora_console.migration.ledger import Ledger
from devora_console.migration.plan import CollectionPlan, TablePlan
from devora_console.migration.progress import Difference
from devora_console.migration.recall import Recall
from devora_console.migration.rows import Row, body, finish, key_text
from devora_console.migration.survey import batches
from devora_console.migration.target import quoted
from devora_console.mongo.ejson import object_of
from devora_console.mongo.source import Source

_FIRST64 = Struct(">q")
_NAMED = 100


@dataclass(slots=True)
class Sums:
    """(rows, sum of digests) per bucket of one table."""

    buckets: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, bucket: int, digest: int) -> None:
        """One row more."""
        rows, total = self.buckets.get(bucket, (0, 0))
        self.buckets[bucket] = (rows + 1, total + digest)

    def differing(self, other: Sums) -> list[int]:
        """Buckets in which the two are not the same."""
        return sorted(
            b for b in self.buckets.keys() | other.buckets.keys() if self.buckets.get(b) != other.buckets.get(b)
        )


@dataclass(slots=True)
class Found:
    """What differs in one table. The counts are complete, ``differences`` names the first hundred."""

    missing: int = 0
    extra: int = 0
    different: int = 0
    differences: list[Difference] = field(default_factory=list)

    def name(self, difference: Difference) -> None:
        """Keep the difference if there is room."""
        if len(self.differences) < _NAMED:
            self.differences.append(difference)


def bucket_of(key: str) -> int:
    """0 to 4,095, from the first twelve bits of the md5 of the key's text."""
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:3], 16)


def row_digest(row: Row) -> bytes:
    """The md5 of the row's fields."""
    return hashlib.md5(body(row), usedforsecurity=False).digest()


def key_of(plan: TablePlan, row: Row) -> str:
    """The row's key as PostgreSQL writes it."""
    cell = row[plan.key_index]
    assert cell is not None
    return key_text(plan.types[plan.key_index], cell)


class Comparison:
    """Compares the tables of one collection after the survey has decided."""

    def __init__(
        self,
        source: Source,
        connection: asyncpg.Connection[asyncpg.Record],
        plan: CollectionPlan,
        ledger: Ledger,
        batch_bytes: int,
        tracker: Tracker,
        control: Control,
    ) -> None:
        self._source = source
        self._connection = connection
        self._plan = plan
        self._ledger = ledger
        self._batch_bytes = batch_bytes
        self._tracker = tracker
        self._control = control
        self.moved = 0

    async def run(self) -> dict[str, Found]:
        """What differs, per table. ``moved`` then counts documents that changed while we looked."""
        expected = {table.table: Sums() for table in self._plan.tables()}
        recall = Recall(self._ledger, self._plan.collection.name)
        async for batch in batches(self._source, self._plan.collection.name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            rows = await asyncio.to_thread(self._sum, batch, recall, expected)
            self._tracker.advance(rows, sum(map(len, batch)))
        self.moved = recall.strange + recall.missed()
        result: dict[str, Found] = {}
        for table in self._plan.tables():
            buckets = expected[table.table].differing(await self._target_sums(table))
            result[table.table] = await self._rows(table, buckets) if buckets else Found()
        return result

    def _expected(self, batch: list[bytes], recall: Recall) -> Iterator[tuple[str, list[list[Row]]]]:
        """(source id, rows per table) of the documents of a batch that migrate."""
        for source_id, raw, fate in recall.recognise(batch):
            if fate is not None and fate.fate == "migrated":
                yield source_id, finish(convert(raw, self._plan), self._plan, fate.decision)

    def _sum(self, batch: list[bytes], recall: Recall, sums: dict[str, Sums]) -> int:
        """Add a batch to the sums; how many rows it has."""
        count = 0
        for _, tables in self._expected(batch, recall):
            for plan, rows in zip(self._plan.tables(), tables, strict=True):
                into = sums[plan.table]
                count += len(rows)
                for row in rows:
                    into.add(bucket_of(key_of(plan, row)), _FIRST64.unpack_from(row_digest(row))[0])
        return count

    async def _target_sums(self, plan: TablePlan) -> Sums:
        key = f"{quoted(plan.key.column)}::text"
        rows = await self._connection.fetch(
            f"SELECT ('x' || left(md5(k), 3))::bit(12)::int, count(*),"
            f" sum(('x' || left(d, 16))::bit(64)::bigint::numeric)"
            f" FROM (SELECT {key} AS k, md5({body_sql(plan)}) AS d FROM public.{quoted(plan.table)}) AS r GROUP BY 1"
        )
        return Sums({row[0]: (row[1], int(row[2])) for row in rows})

    async def _rows(self, plan: TablePlan, buckets: list[int]) -> Found:
        """Name the rows of the buckets that differ; expected rows wait in the ledger, so memory stays bounded."""
        db = self._ledger.db
        db.execute("DROP TABLE IF EXISTS expected")
        db.execute(
            "CREATE TEMP TABLE expected (pk TEXT, digest BLOB, source_id TEXT, met INTEGER DEFAULT 0, PRIMARY KEY (pk))"
        )
        wanted = set(buckets)
        recall = Recall(self._ledger, self._plan.collection.name)
        async for batch in batches(self._source, self._plan.collection.name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            await asyncio.to_thread(self._keep, batch, recall, plan, wanted)
        self.moved = max(self.moved, recall.strange + recall.missed())
        found = Found()
        key = f"{quoted(plan.key.column)}::text"
        text = (
            f"SELECT {key}, decode(md5({body_sql(plan)}), 'hex') FROM public.{quoted(plan.table)}"
            f" WHERE ('x' || left(md5({key}), 3))::bit(12)::int = ANY ($1::int[])"
        )
        changed: list[tuple[str, str]] = []
        async with self._connection.transaction(readonly=True):
            async for pk, digest in self._connection.cursor(text, buckets, prefetch=5000):
                row = db.execute("SELECT digest, source_id FROM expected WHERE pk = ?", (pk,)).fetchone()
                if row is None:
                    found.extra += 1
                    found.name(Difference(plan.table, pk, "extra"))
                    continue
                db.execute("UPDATE expected SET met = 1 WHERE pk = ?", (pk,))
                if row[0] != digest:
                    found.different += 1
                    if len(changed) < _NAMED:
                        changed.append((pk, row[1]))
        name = self._plan.collection.name
        for pk, source_id in db.execute("SELECT pk, source_id FROM expected WHERE met = 0"):
            found.missing += 1
            found.name(Difference(plan.table, pk, "missing", name, source_id))
        for difference in await self._fields(plan, changed):
            found.name(difference)
        return found

    def _keep(self, batch: list[bytes], recall: Recall, plan: TablePlan, wanted: set[int]) -> None:
        at = self._plan.tables().index(plan)
        rows = [
            (key, row_digest(row), source_id)
            for source_id, tables in self._expected(batch, recall)
            for row in tables[at]
            if bucket_of(key := key_of(plan, row)) in wanted
        ]
        self._ledger.db.executemany("INSERT OR IGNORE INTO expected (pk, digest, source_id) VALUES (?, ?, ?)", rows)

    async def _fields(self, plan: TablePlan, changed: Sequence[tuple[str, str]]) -> list[Difference]:
        """The columns in which rows differ, with both values for people."""
        if not changed:
            return []
        ids = [object_of(source_id) for source_id in sorted({source_id for _, source_id in changed})]
        raws = await asyncio.to_thread(lambda: list(self._source.fetch(self._plan.collection.name, ids)))
        at = self._plan.tables().index(plan)
        recall = Recall(self._ledger, self._plan.collection.name)
        expected = {
            key_of(plan, row): (source_id, row)
            for source_id, tables in self._expected(raws, recall)
            for row in tables[at]
        }
        cells = ", ".join(send(name, kind) for name, kind in zip(plan.names, plan.types, strict=True))
        result = []
        for pk, _ in changed:
            actual = await self._connection.fetchrow(
                f"SELECT {cells} FROM public.{quoted(plan.table)}"
                f" WHERE {quoted(plan.key.column)} = $1::text::{quoted(plan.types[plan.key_index])}",
                pk,
            )
            if actual is not None and pk in expected:
                result += list(self._columns(plan, pk, *expected[pk], list(actual)))
        return result

    def _tells(self, *cells: bytes | None) -> bool:
        """Whether what is kept beside a row holds a secret: the original of one, or one that no column takes."""
        words = [path[-1].encode() for path in self._plan.collection.secret_paths]
        return any(word in cell for cell in cells if cell is not None for word in words)

    def _columns(self, plan: TablePlan, pk: str, source_id: str, row: Row, actual: list[Any]) -> Iterable[Difference]:
        hidden = {
            c.column.name
            for c in plan.columns
            if c.column.secret or c.column.path in self._plan.collection.secret_paths
        }
        extra = plan.names[plan.extra_index] if plan.extra_index is not None else None
        for name, kind, ours, theirs in zip(plan.names, plan.types, row, actual, strict=True):
            if ours != theirs:
                shown = [show(kind, ours), show(kind, theirs)]
                if name in hidden or (name == extra and self._tells(ours, theirs)):
                    shown = [REDACTED, REDACTED]
                yield Difference(
                    plan.table, pk, "different", self._plan.collection.name, source_id, name, shown[0], shown[1]
                )


def show(kind: str, cell: bytes | None) -> str:
    """A binary field for people, on one line."""
    if cell is None:
        return "null"
    if kind == "uuid":
        return str(UUID(bytes=cell))
    if kind == "bool":
        return "true" if cell == b"\x01" else "false"
    if kind in ("int4", "int8"):
        return str(int.from_bytes(cell, "big", signed=True))
    if kind == "timestamptz":
        return _moment(int.from_bytes(cell, "big", signed=True))
    if kind == "numeric":
        return str(decode_numeric(cell))
    text = cell[1:] if kind == "jsonb" else cell
    return one_line(text.decode("utf-8", "replace"), 120)


def _moment(microseconds: int) -> str:
    try:
        return (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:
        return f"{microseconds} µs from 2000-01-01"


def decode_numeric(cell: bytes) -> Decimal:
    """A finite numeric from its binary form."""
    count, weight, sign, scale = unpack(">hhHh", cell[:8])
    digits = unpack(f">{count}h", cell[8:])
    number = sum((Decimal(d).scaleb(4 * (weight - at)) for at, d in enumerate(digits)), Decimal(0))
    return (-number if sign else number).quantize(Decimal(1).scaleb(-scale))

"""Source against target, row by row, without moving the rows: digests per bucket, then only what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from devora_console.config.secret import REDACTED
from devora_console.migration.cells import show
from devora_console.migration.control import Tracker
from devora_console.migration.digests import body_sql, bucket_sql, send
from devora_console.migration.encode import cells_of
from devora_console.migration.ledger import Ledger
from devora_console.migration.packed import Packer
from devora_console.migration.plan import CollectionPlan, TablePlan
from devora_console.migration.progress import Difference
from devora_console.migration.rows import NO_DECISION, finish, key_text
from devora_console.migration.rules import Refusal
from devora_console.migration.target import quoted
from devora_console.migration.work.compare import Buckets, KeepUnit, SumUnit, TargetUnit, key_cell
from devora_console.migration.work.parts import Part
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context

_NAMED = 100
_BLOCKS = 4096  # of a table at once: 32 MB


@dataclass(slots=True)
class Found:
    """What differs in one table. The counts are complete, ``differences`` names the first hundred."""

    missing: int = 0
    extra: int = 0
    different: int = 0
    target: int = 0  # rows there
    differences: list[Difference] = field(default_factory=list)

    def name(self, difference: Difference) -> None:
        """Keep the difference if there is room."""
        if len(self.differences) < _NAMED:
            self.differences.append(difference)


def add(buckets: Buckets, more: Buckets) -> None:
    """Add sums to sums."""
    for bucket, (rows, total) in more.items():
        have = buckets.get(bucket, (0, 0))
        buckets[bucket] = (have[0] + rows, have[1] + total)


def differing(one: Buckets, other: Buckets) -> list[int]:
    """Buckets in which the two are not the same."""
    return sorted(b for b in one.keys() | other.keys() if one.get(b) != other.get(b))


class Comparison:
    """Compares the tables of one collection after the survey has decided."""

    def __init__(
        self,
        pool: Pool,
        context: Context,
        connection: asyncpg.Connection[asyncpg.Record],
        plan: CollectionPlan,
        ledger: Ledger,
        tracker: Tracker,
    ) -> None:
        self._pool = pool
        self._context = context
        self._connection = connection
        self._plan = plan
        self._ledger = ledger
        self._tracker = tracker

    async def run(self) -> dict[str, Found]:
        """What differs, per table, as of one moment of the target."""
        expected: list[Buckets] = [{} for _ in self._plan.tables()]
        async for unit, summed in self._pool.results(self._context, (SumUnit(part) for part in self._parts())):
            assert isinstance(unit, SumUnit)
            for into, more in zip(expected, summed.tables, strict=True):
                add(into, more)
            self._tracker.advance(summed.rows, unit.part.piece.size)
        result: dict[str, Found] = {}
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot: str = await self._connection.fetchval("SELECT pg_export_snapshot()")
            for number, table in enumerate(self._plan.tables()):
                there = await self._target_sums(number, snapshot)
                buckets = differing(expected[number], there)
                found = await self._rows(number, buckets) if buckets else Found()
                found.target = sum(rows for rows, _ in there.values())
                result[table.table] = found
        return result

    def _parts(self) -> Iterator[Part]:
        for each in self._ledger.pieces(self._plan.collection.name):
            yield Part.of(self._ledger, each)

    async def _target_sums(self, number: int, snapshot: str) -> Buckets:
        table = self._plan.tables()[number]
        blocks = await self._connection.fetchval(
            "SELECT pg_relation_size(format('public.%I', $1::text)::regclass) / current_setting('block_size')::bigint",
            table.table,
        )
        starts = range(0, max(1, blocks), _BLOCKS)
        units = (
            TargetUnit(self._plan.collection.name, number, at, None if at == starts[-1] else at + _BLOCKS, snapshot)
            for at in starts
        )
        there: Buckets = {}
        async for _, some in self._pool.results(self._context, units):
            add(there, some)
        return there

    async def _rows(self, number: int, buckets: list[int]) -> Found:
        """Name the rows of the buckets that differ; expected rows wait in the ledger, so memory stays bounded."""
        db, plan = self._ledger.db, self._plan.tables()[number]
        db.execute("DROP TABLE IF EXISTS expected")
        db.execute(
            "CREATE TEMP TABLE expected (pk TEXT PRIMARY KEY, digest BLOB, document INTEGER, met INTEGER DEFAULT 0)"
        )
        wanted = frozenset(buckets)
        units = (KeepUnit(part, number, wanted) for part in self._parts())
        async for _, rows in self._pool.results(self._context, units):
            db.executemany("INSERT OR IGNORE INTO expected (pk, digest, document) VALUES (?, ?, ?)", rows)
        found = Found()
        key = f"{quoted(plan.key.column)}::text"
        text = (
            f"SELECT {key}, decode(md5({body_sql(plan)}), 'hex') FROM public.{quoted(plan.table)}"
            f" WHERE {bucket_sql(plan)} = ANY ($1::int[])"
        )
        changed: list[tuple[str, int]] = []
        async for pk, digest in self._connection.cursor(text, buckets, prefetch=5000):
            row = db.execute("SELECT digest, document FROM expected WHERE pk = ?", (pk,)).fetchone()
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
        for pk, source_id in db.execute(
            "SELECT e.pk, d.source_id FROM expected e JOIN document d ON d.id = e.document WHERE met = 0"
        ):
            found.missing += 1
            found.name(Difference(plan.table, pk, "missing", name, source_id))
        for difference in await self._fields(number, changed):
            found.name(difference)
        return found

    async def _fields(self, number: int, changed: Sequence[tuple[str, int]]) -> list[Difference]:
        """The columns in which rows differ, with both values for people."""
        plan = self._plan.tables()[number]
        expected = await asyncio.to_thread(self._expected, number, {document for _, document in changed})
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

    def _expected(self, number: int, wanted: set[int]) -> dict[str, tuple[str, list[bytes | None]]]:
        """(source id, fields) by key, of the rows of some documents."""
        found: dict[str, tuple[str, list[bytes | None]]] = {}
        plan = self._plan.tables()[number]
        pack = Packer(self._plan)
        for document, raw in self._ledger.raws(self._plan.collection.name, sorted(wanted)):
            surveyed, at = self._ledger.place(self._plan.collection.name, document)
            fate = self._ledger.fates(surveyed).get(at)
            (converted,) = pack([raw])
            if not isinstance(converted, Refusal):
                tables = finish(converted, self._plan, fate.decision if fate is not None else NO_DECISION)
                for body in tables[number]:
                    key = key_text(plan.types[plan.key_index], key_cell(body))
                    found[key] = (converted.source_id, cells_of(body))
        return found

    def _tells(self, *cells: bytes | None) -> bool:
        """Whether what is kept beside a row holds a secret: the original of one, or one that no column takes."""
        words = [path[-1].encode() for path in self._plan.collection.secret_paths]
        return any(word in cell for cell in cells if cell is not None for word in words)

    def _columns(
        self, plan: TablePlan, pk: str, source_id: str, row: list[bytes | None], actual: list[Any]
    ) -> Iterable[Difference]:
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

"""Verification: is every document of the source where it should be, and is every row what its document says?

Levels build on one another: ``counts``, then ``digest`` (every field of every row), then ``fields`` (a random sample
by independent code). Each begins with the same survey as the dry run, so that quarantined and archived documents are
accounted for and the sum closes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.migration.archive import readable
from devora_console.migration.books import KINDS, Book, Books
from devora_console.migration.compare import Comparison, Found
from devora_console.migration.control import Control, Tracker
from devora_console.migration.entries import seen_digest
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping
from devora_console.migration.orphans import source_orphans, target_orphans
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.progress import Difference, Orphans, Phase, TableVerdict, VerificationSnapshot
from devora_console.migration.sample import sample
from devora_console.migration.setaside import waiting
from devora_console.migration.survey import Surveyed
from devora_console.migration.target import quoted
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.postgres.sqlfiles import sql

Level = Literal["counts", "digest", "fields"]
LEVELS: tuple[Level, ...] = ("counts", "digest", "fields")


@dataclass(slots=True)
class _Tally:
    tables: list[TableVerdict] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    orphans: list[Orphans] = field(default_factory=list)
    sampled: int = 0
    sample_differences: int = 0


class Verification:
    """Everything that comes after the survey."""

    def __init__(
        self,
        *,
        pool: Pool,
        context: Context,
        connection: asyncpg.Connection[asyncpg.Record],
        ledger: Ledger,
        surveyed: Surveyed,
        tracker: Tracker,
        control: Control,
        mapping: Mapping,
    ) -> None:
        self._pool = pool
        self._context = context
        self._mapping = mapping
        self._connection = connection
        self._ledger = ledger
        self._surveyed = surveyed
        self._tracker = tracker
        self._control = control
        self._books = Books(ledger)

    async def run(self, level: Level, sample_size: int) -> VerificationSnapshot:
        """The verdict. ``watermark`` is when reading began: later changes of the source are not in it."""
        began, watermark = time.monotonic(), self._tracker.snapshot.started_at or utc_now()
        await asyncio.to_thread(self._ledger.look_at_refused)
        tally = _Tally()
        rows = sum(sum(each.rows.values()) for each in self._tracker.snapshot.collections)
        self._tracker.phase(Phase.VERIFY, rows)
        for name in self._surveyed.names:
            await self._control.checkpoint(self._tracker)
            plan = self._surveyed.plans.get(name)
            if plan is not None:
                await self._tables(plan, level, tally)
                if level == "fields":
                    await self._sampled(plan, sample_size, tally)
            else:
                await self._archived(name, tally, level)
        # Kept by earlier runs, of collections that the source no longer has or that are mapped now.
        archives = {name for name in self._surveyed.names if name not in self._surveyed.plans}
        for name in await self._archived_collections():
            if name not in archives:
                await self._archived(name, tally, level)
        await self._quarantined(tally)
        await self._under_way(tally)
        tally.orphans += source_orphans(self._ledger, self._mapping)
        tally.orphans += await target_orphans(self._connection, self._mapping)
        loose = sum(each.count for each in tally.orphans if each.where == "target")
        ok = all(t.status == "ok" for t in tally.tables) and not tally.sample_differences and not loose
        return VerificationSnapshot(
            level=level,
            ok=ok,
            at=utc_now(),
            seconds=time.monotonic() - began,
            tables=tuple(tally.tables),
            collections=self._tracker.snapshot.collections,
            differences=tuple(tally.differences),
            orphans=tuple(tally.orphans),
            sampled=tally.sampled,
            sample_differences=tally.sample_differences,
            watermark=watermark,
            mapping_hash=self._mapping.hash,
        )

    async def _tables(self, plan: CollectionPlan, level: Level, tally: _Tally) -> None:
        """One verdict per table of a mapped collection."""
        name = plan.collection.name
        tables = [table.table for table in plan.tables()]
        migrated, _ = self._ledger.sums(name, "migrated", tables)
        accounted, _ = self._ledger.sums(name, "quarantined", tables)
        found: dict[str, Found] = {}
        if level != "counts":
            comparison = Comparison(self._pool, self._context, self._connection, plan, self._ledger, self._tracker)
            found = await comparison.run()
        for table in tables:
            here = found.get(table, Found())
            target = here.target
            if table not in found:
                target = int(await self._connection.fetchval(f"SELECT count(*) FROM public.{quoted(table)}"))
            agrees = target == migrated[table] and not (here.missing or here.extra or here.different)
            tally.tables.append(
                TableVerdict(
                    name=table,
                    source=migrated[table] + accounted[table],
                    target=target,
                    accounted=accounted[table],
                    status="ok" if agrees else "mismatch",
                    missing=here.missing,
                    extra=here.extra,
                    different=here.different,
                )
            )
            tally.differences += here.differences

    async def _sampled(self, plan: CollectionPlan, size: int, tally: _Tally) -> None:
        count, differences = await sample(self._connection, plan.collection, self._ledger, size)
        tally.sampled += count
        tally.sample_differences += len(differences)
        tally.differences += differences[:100]

    async def _archived(self, name: str, tally: _Tally, level: Level) -> None:
        """An archived collection: every document there, whole, to the byte, and readable as what it is."""
        progress = next((each for each in self._tracker.snapshot.collections if each.name == name), None)
        if progress is not None and progress.ignored:
            return
        text = "SELECT source_id, raw_bson, document::text FROM devora_console.archive WHERE collection = $1"
        async with self._connection.transaction(readonly=True):
            with self._books.open(name, "archived") as book:
                async for source_id, raw, document in self._connection.cursor(text, name, prefetch=200):
                    sound = level == "counts" or document == readable(raw)
                    book.add(source_id, seen_digest(raw) if sound else b"")
                _account(tally, f"archive: {name}", name, book)

    async def _quarantined(self, tally: _Tally) -> None:
        """Every refused document is in quarantine as the source has it now, or was waived as it is."""
        names = sorted({*self._surveyed.names, *await self._held_collections()})
        for name in names:
            async with self._connection.transaction(readonly=True):
                with self._books.open(name, "quarantined") as book:
                    text = sql("devora_console.migration", "held_quarantine")
                    async for source_id, digest in self._connection.cursor(text, name, prefetch=2000):
                        book.add(source_id, digest)
                    if book.expected or book.kept:
                        _account(tally, f"quarantine: {name}", name, book)

    async def _under_way(self, tally: _Tally) -> None:
        """Rows may agree while nothing keeps them so: a load that was cut off owes indexes, keys and triggers."""
        owed = len(await waiting(self._connection))
        if owed:
            tally.tables.append(
                TableVerdict(
                    name="indexes, keys and triggers",
                    source=owed,
                    target=0,
                    accounted=0,
                    status="mismatch",
                    missing=owed,
                    reason="still set aside by a load: migrate --execute --resume",
                )
            )

    async def _held_collections(self) -> list[str]:
        rows = await self._connection.fetch(
            "SELECT DISTINCT collection FROM devora_console.quarantine WHERE resolved_at IS NULL"
        )
        return [row[0] for row in rows]

    async def _archived_collections(self) -> list[str]:
        rows = await self._connection.fetch("SELECT DISTINCT collection FROM devora_console.archive")
        return [row[0] for row in rows]


def _account(tally: _Tally, label: str, name: str, book: Book) -> None:
    """One verdict on what is kept beside the tables."""
    counts = {kind: book.count(kind) for kind in KINDS}
    tally.tables.append(
        TableVerdict(
            name=label,
            source=book.expected,
            target=book.kept,
            accounted=0,
            status="mismatch" if any(counts.values()) else "ok",
            missing=counts["missing"],
            extra=counts["extra"],
            different=counts["different"],
        )
    )
    for kind in KINDS:
        tally.differences += [Difference(label, each, kind, name, each) for each in book.some(kind)]

"""Execution: what is written, in which order, and how the target gets everything back that was set aside."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.unknown import Unknown
from devora_console.migration.control import Control, Tracker
from devora_console.migration.documents import with_documents
from devora_console.migration.finishing import Finishing
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.progress import Phase
from devora_console.migration.reconcile import Reconciler
from devora_console.migration.record import committed, keep_fingerprint
from devora_console.migration.setaside import set_aside, waiting
from devora_console.migration.survey import Surveyed
from devora_console.migration.target import quoted
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.migration.write import Stage, Writer

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# Below this, making every index anew would cost more than it saves.
_BULK_FROM_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Orders:
    """What is asked of an execution. ``bulk``: None leaves it to the size of what there is to write."""

    only: tuple[str, ...]
    prune: bool
    bulk: bool | None
    batch_bytes: int
    workers: int
    most_refused: int


_DECIDED = (
    "SELECT id, fate, pk FROM document ORDER BY id",
    "SELECT document, name, value FROM set_column ORDER BY 1, 2",
    "SELECT document, name FROM dropped ORDER BY 1, 2",
    "SELECT document, child, ordinal FROM derived ORDER BY 1, 2, 3",
)


class Execution:
    """Writes after a survey, on the connection that holds the lease and with the pool."""

    def __init__(
        self,
        *,
        connection: Connection,
        lease: Lease,
        pool: Pool,
        context: Context,
        ledger: Ledger,
        mapping: Mapping,
        tracker: Tracker,
        control: Control,
        orders: Orders,
    ) -> None:
        self._connection = connection
        self._lease = lease
        self._pool = pool
        self._context = context
        assert context.run is not None
        self._run = context.run
        self._ledger = ledger
        self._mapping = mapping
        self._tracker = tracker
        self._control = control
        self._orders = orders

    async def run(self, surveyed: Surveyed) -> None:
        """Write everything; at the end the target is complete, with every index and constraint."""
        names, plans = self._chosen(surveyed)
        under_way = bool(await waiting(self._connection))
        tables = [table.table for plan in plans for table in plan.tables()]
        aside = await with_documents(self._connection, tables)
        if under_way:
            if self._orders.only:
                raise _only_under_way()
            # Some may be back already: rows are about to be replaced, and no foreign key may take others along.
            await set_aside(self._connection, aside)
        pruned = await self._reconcile(surveyed, names, plans)
        stages = [await self._stage(plan, under_way) for plan in plans]
        bulk = under_way or self._wants_bulk(stages)
        self._tracker.change(bulk=bulk)
        done: frozenset[tuple[str, int]] = frozenset()
        if bulk:
            self._tracker.phase(Phase.PREPARE, Unknown("setting aside is one step"))
            fingerprint = await asyncio.to_thread(self._fingerprint, surveyed)
            if under_way:  # only such a load may be trusted to have left alone what it committed
                done = await committed(self._connection, fingerprint, self._run)
            else:
                await set_aside(self._connection, aside)
            await keep_fingerprint(self._connection, self._run, fingerprint)
        writer = self._writer(done)
        self._tracker.phase(Phase.WRITE, self._rows(names))
        await self._collections(writer, names, stages, bulk)
        self._tracker.change(pruned=pruned)
        finishing = Finishing(self._context, self._connection, self._tracker, self._control, self._orders.workers)
        await finishing.run(tables)
        self._judge(writer)

    def _chosen(self, surveyed: Surveyed) -> tuple[list[str], list[CollectionPlan]]:
        names = [name for name in surveyed.names if not self._orders.only or name in self._orders.only]
        return names, [surveyed.plans[name] for name in names if name in surveyed.plans]

    async def _reconcile(self, surveyed: Surveyed, names: list[str], plans: list[CollectionPlan]) -> int:
        others = [] if self._orders.only else self._ledger.unmapped(set(surveyed.plans))
        reconciler = Reconciler(self._connection, self._lease, self._ledger, str(self._run))
        return await reconciler.run(plans, others, prune=self._orders.prune)

    async def _stage(self, plan: CollectionPlan, under_way: bool) -> Stage:
        """Fresh: nothing of the collection is there, or only what a load that was cut off has brought."""
        empty = True
        for table in plan.tables():
            empty = empty and not await self._connection.fetchval(
                f"SELECT EXISTS (SELECT FROM public.{quoted(table.table)})"
            )
        accounts = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM devora_console.document WHERE collection = $1)", plan.collection.name
        )
        return Stage(plan, fresh=under_way or (empty and not accounts), known=accounts)

    def _wants_bulk(self, stages: Sequence[Stage]) -> bool:
        if self._orders.bulk is not None:
            return self._orders.bulk and all(stage.fresh for stage in stages)
        size = sum(each.piece.size for stage in stages for each in self._ledger.pieces(stage.plan.collection.name))
        return not self._orders.only and size >= _BULK_FROM_BYTES and all(stage.fresh for stage in stages)

    def _fingerprint(self, surveyed: Surveyed) -> str:
        """Of everything that decides what is written: source, mapping, and what was decided about each document."""
        state = hashlib.sha256(self._mapping.hash.encode())
        for name in surveyed.names:
            for each in self._ledger.pieces(name):
                state.update(f"\n{name} {each.piece.number} {each.piece.size} {each.checksum}".encode())
        for question in _DECIDED:
            for row in self._ledger.db.execute(question):
                state.update(repr(row).encode())
        return state.hexdigest()

    def _writer(self, done: frozenset[tuple[str, int]]) -> Writer:
        return Writer(
            pool=self._pool,
            context=self._context,
            ledger=self._ledger,
            mapping=self._mapping,
            tracker=self._tracker,
            batch_bytes=self._orders.batch_bytes,
            most_refused=self._orders.most_refused,
            committed=done,
        )

    def _rows(self, names: Sequence[str]) -> int:
        written = (each for each in self._tracker.snapshot.collections if each.name in names)
        return sum(sum(e.rows.values()) + e.quarantined + e.archived + e.ignored for e in written)

    async def _collections(self, writer: Writer, names: list[str], stages: list[Stage], bulk: bool) -> None:
        """Side by side while nothing refers to anything, else parents before children."""
        if bulk:
            await writer.together(stages)
        else:
            for stage in stages:
                await writer.together([stage])
        mapped = {stage.plan.collection.name for stage in stages}
        for name in names:
            if name not in mapped:
                await writer.unmapped(self._mapping.collection(name))

    def _judge(self, writer: Writer) -> None:
        if not writer.loose:
            return
        if self._orders.only:
            raise usage_error(
                "only_without_parents",
                f"{writer.loose} documents were left out: their parents are not in the target yet",
                "Run it without --only, or for the parents first",
            )
        raise ConsoleError.of(
            ExitCode.STOPPED,
            "target_moved",
            f"{writer.loose} documents lost their parent in the target while the copy ran",
            "Run the same command again: it brings in what is missing",
        )


def _only_under_way() -> ConsoleError:
    return usage_error(
        "only_under_way",
        "a load of all collections is under way in this target: its indexes and keys are still set aside",
        "Run it without --only first",
    )

"""Write what the survey found good: each batch one transaction with rows, accounts and checkpoint together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.accounts import Accounts, Held
from devora_console.migration.archive import archived
from devora_console.migration.budget import over
from devora_console.migration.control import Control, Tracker
from devora_console.migration.convert import convert
from devora_console.migration.entries import Fate
from devora_console.migration.fenced import Fenced
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Collection, Policy
from devora_console.migration.place import Outcome, Place, Ready
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.progress import CollectionState
from devora_console.migration.recall import Recall
from devora_console.migration.rows import digest, finish
from devora_console.migration.survey import batches
from devora_console.migration.target import Target
from devora_console.mongo.source import Source

_MOST_DEFERRED = 10_000


@dataclass(slots=True)
class _Sorted:
    """One batch taken apart by fate."""

    ready: list[Ready] = field(default_factory=list)
    quarantined: list[Held] = field(default_factory=list)
    late: int = 0


@dataclass(frozen=True, slots=True)
class _Come:
    """How far a collection has come: documents accounted for and rows written, for the checkpoint."""

    documents: int = 0
    rows: int = 0


class Writer:
    """Writes on one connection that holds the lease.

    ``late`` counts documents left out because they came, changed or went after the survey, ``loose`` those whose
    parent is not in the target. ``most_refused`` is what the budget leaves for documents that only the real tables
    refuse (a trigger, a constraint made while the copy runs).
    """

    def __init__(
        self,
        *,
        source: Source,
        connection: asyncpg.Connection[asyncpg.Record],
        lease: Lease,
        target: Target,
        ledger: Ledger,
        tracker: Tracker,
        control: Control,
        batch_bytes: int,
        run: UUID,
        most_refused: int,
    ) -> None:
        self._source = source
        self._connection = connection
        self._lease = lease
        self._target = target
        self._ledger = ledger
        self._tracker = tracker
        self._control = control
        self._batch_bytes = batch_bytes
        self._accounts = Accounts(connection, run)
        self._room = most_refused
        self._come: dict[str, _Come] = {}
        self.late = 0
        self.loose = 0

    async def mapped(self, plan: CollectionPlan) -> None:
        """Write one mapped collection."""
        name = plan.collection.name
        self._tracker.collection(name, state=CollectionState.WRITING)
        place = Place(self._connection, plan, self._target, self._ledger)
        await place.create()
        recall = Recall(self._ledger, name)
        deferred: list[Ready] = []
        async for batch in batches(self._source, name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            sorted_batch = await asyncio.to_thread(self._sort, batch, plan, recall)
            self.late += sorted_batch.late
            deferred += await self._batch(plan, place, sorted_batch)
            if len(deferred) > _MOST_DEFERRED:
                raise _too_many(name)
            rows = sum(sum(map(len, each.tables)) for each in sorted_batch.ready) + len(sorted_batch.quarantined)
            self._tracker.advance(rows, sum(map(len, batch)))
        self.late += recall.missed()
        if deferred:
            await self._deferred(plan, place, deferred)
        self._tracker.collection(name, state=CollectionState.DONE)

    def _sort(self, batch: list[bytes], plan: CollectionPlan, recall: Recall) -> _Sorted:
        result = _Sorted()
        for source_id, raw, fate in recall.recognise(batch):
            if fate is None:
                result.late += 1
            elif fate.fate == "quarantined":
                result.quarantined.append(_held(source_id, raw, fate))
            else:
                converted = convert(raw, plan)
                tables = finish(converted, plan, fate.decision)
                result.ready.append(Ready(source_id, raw, converted.pk, tables, digest(tables)))
        return result

    async def _batch(self, plan: CollectionPlan, place: Place, batch: _Sorted) -> list[Ready]:
        """One transaction. Returns documents to try again once the others are in place."""
        async with Fenced(self._connection, self._lease):
            same = await place.same(batch.ready)
            outcome = await place.put([each for each in batch.ready if each.source_id not in same])
            await self._account(plan, place, outcome, batch.quarantined)
            come = self._come.get(plan.collection.name, _Come())
            come = _Come(
                come.documents + len(same) + len(outcome.written) + len(batch.quarantined) + len(outcome.refused),
                come.rows + sum(sum(map(len, each.tables)) for each in outcome.written),
            )
            last = batch.ready[-1].source_id if batch.ready else None
            await self._accounts.checkpoint(plan.collection.name, come.documents, come.rows, last)
        self._come[plan.collection.name] = come
        self._settle(plan, outcome, len(same))
        return outcome.deferred

    async def _account(self, plan: CollectionPlan, place: Place, outcome: Outcome, quarantined: Sequence[Held]) -> None:
        name, table = plan.collection.name, plan.root.table
        # A version of an earlier run may be in place of a document that the target refuses now.
        await place.remove([ready.pk for ready, _, _ in outcome.refused])
        refused = [
            Held(ready.source_id, ready.raw, why.rule, why.path, why.message, why.constraint, state)
            for ready, why, state in outcome.refused
        ]
        await self._accounts.documents(
            name, table, [(each.source_id, "migrated", each.pk, each.digest) for each in outcome.written]
        )
        await self._accounts.quarantine(name, table, [*quarantined, *refused])
        await self._accounts.release(name, (each.source_id for each in outcome.written), "migrated")

    def _settle(self, plan: CollectionPlan, outcome: Outcome, same: int) -> None:
        """After the commit: what the target refused is so for those who refer to it, and counts against the budget."""
        done = self._tracker.progress(plan.collection.name)
        self._tracker.collection(
            plan.collection.name, unchanged=done.unchanged + same, written=done.written + len(outcome.written)
        )
        for ready, why, state in outcome.refused:
            self._ledger.refuse(
                plan.collection.name, ready.source_id, why.rule, why.message, why.constraint, state or None
            )
        self.loose += outcome.loose
        self._room -= len(outcome.refused)
        if self._room < 0:
            raise over(f"the target refused more documents of {plan.collection.name} than the budget leaves")

    async def _deferred(self, plan: CollectionPlan, place: Place, deferred: list[Ready]) -> None:
        """Documents whose key another row still had: try again, then move them all at once, then give up on them."""
        left = await self._batch(plan, place, _Sorted(ready=deferred))
        if not left:
            return
        async with Fenced(self._connection, self._lease):
            outcome = await place.exchange(left)
            await self._account(plan, place, outcome, [])
        self._settle(plan, outcome, 0)

    async def unmapped(self, collection: Collection) -> None:
        """Archive one collection without a table; an ignored one is only counted."""
        name = collection.name
        self._tracker.collection(name, state=CollectionState.WRITING)
        recall = Recall(self._ledger, name)
        async for batch in batches(self._source, name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            found = await asyncio.to_thread(recall.recognise, batch)
            if collection.policy is Policy.ARCHIVE:
                rows = await asyncio.to_thread(archived, found)
                async with Fenced(self._connection, self._lease):
                    new = await self._accounts.archive(name, rows)
                    await self._accounts.release(name, (row[0] for row in rows), "archived")
                done = self._tracker.progress(name)
                self._tracker.collection(name, written=done.written + new, unchanged=done.unchanged + len(rows) - new)
                self.late += sum(fate is None for _, _, fate in found)
            self._tracker.advance(len(batch), sum(map(len, batch)))
        if collection.policy is Policy.ARCHIVE:
            self.late += recall.missed()
        self._tracker.collection(name, state=CollectionState.DONE)


def _held(source_id: str, raw: bytes, fate: Fate) -> Held:
    return Held(
        source_id, raw, fate.rule or "", fate.path or "", fate.message or "", fate.constraint or None, fate.sqlstate
    )


def _too_many(name: str) -> ConsoleError:
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "unique_conflicts",
        f"more than {_MOST_DEFERRED} documents of {name} meet a key that another row of the target has",
        "Find out who else writes to the target: run verify",
    )

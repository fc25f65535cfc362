"""The survey: read and convert every document of the source, let PostgreSQL judge the rows, write nothing.

It is the dry run; execution and verification begin with it, so that all three judge alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.control import Control, Tracker
from devora_console.migration.convert import convert, identify, outline
from devora_console.migration.decide import decide
from devora_console.migration.entries import Entry
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Collection, Mapping, Policy
from devora_console.migration.plan import CollectionPlan, plan_collection
from devora_console.migration.progress import CollectionProgress, CollectionState, Phase
from devora_console.migration.recall import seen_digest
from devora_console.migration.rows import NO_DECISION, Converted, finish
from devora_console.migration.rules import Refusal
from devora_console.migration.stage import Stage, Staged
from devora_console.migration.standing import Standing
from devora_console.migration.target import Target
from devora_console.mongo.source import Source

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_FATES = {Policy.ARCHIVE: "archived", Policy.IGNORE: "ignored"}


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What the survey found, ready for whoever goes on from it."""

    plans: dict[str, CollectionPlan]
    names: tuple[str, ...]  # every collection of the source, mapped ones first and in dependency order


async def batches(source: Source, collection: str, batch_bytes: int) -> AsyncIterator[list[bytes]]:
    """A source's batches, read in a worker thread so that the loop stays free."""
    iterator: Iterator[list[bytes]] = await asyncio.to_thread(source.batches, collection, batch_bytes)
    while (batch := await asyncio.to_thread(next, iterator, None)) is not None:
        yield batch


class Survey:
    """One pass over the whole source. ``connection`` is used for temporary tables and read-only work alone."""

    def __init__(
        self,
        *,
        source: Source,
        connection: Connection,
        mapping: Mapping,
        target: Target,
        ledger: Ledger,
        tracker: Tracker,
        control: Control,
        batch_bytes: int,
        prune: bool,
    ) -> None:
        self._source = source
        self._connection = connection
        self._mapping = mapping
        self._target = target
        self._ledger = ledger
        self._tracker = tracker
        self._control = control
        self._batch_bytes = batch_bytes
        self._prune = prune

    async def run(self) -> Surveyed:
        """Survey everything and decide. Raises ConsoleError for a source that cannot be used."""
        progress = await self._inventory()
        self._tracker.collections(progress)
        self._tracker.phase(Phase.SURVEY, _total(progress))
        plans = {c.name: plan_collection(c, self._target) for c in self._mapping.mapped()}
        standing = Standing(self._connection, self._target, self._ledger)
        await standing.remember(self._mapping, list(plans.values()))
        for each in progress:
            collection = self._mapping.collection(each.name)
            began = time.monotonic()
            self._tracker.collection(each.name, state=CollectionState.SURVEYING)
            if collection.policy is Policy.MAP:
                await self._mapped(plans[each.name])
            else:
                await self._unmapped(collection)
            self._tracker.collection(each.name, state=CollectionState.SURVEYED, seconds=time.monotonic() - began)
        self._tracker.phase(Phase.DECIDE, Unknown("deciding is one step"))
        await standing.leftovers(list(plans.values()), prune=self._prune)
        primary = {name: self._target.tables[plan.root.table].primary_name() for name, plan in plans.items()}
        await asyncio.to_thread(decide, self._ledger, self._mapping, primary)
        names = tuple(each.name for each in progress)
        self.publish(names, plans)
        return Surveyed(plans, names)

    async def _inventory(self) -> tuple[CollectionProgress, ...]:
        found = {info.name: info for info in await asyncio.to_thread(self._source.collections)}
        for collection in self._mapping.mapped():
            if collection.required and collection.name not in found:
                raise usage_error(
                    "collection_missing",
                    f"{one_line(self._source.label, 80)} has no collection {collection.name!r}",
                    "Check DB_NAME and --source; the mapping says that this collection is required",
                )
        # A mapped collection that is not there has no documents: rows of earlier runs are then leftovers.
        named = [c.name for c in self._mapping.collections if c.name in found or c.policy is Policy.MAP]
        others = sorted(set(found) - set(named))
        result = []
        for name in [*named, *others]:
            policy = self._mapping.collection(name).policy
            if policy is Policy.REFUSE:
                raise usage_error(
                    "collection_unmapped",
                    f"the mapping refuses collection {one_line(name, 60)!r}",
                    "Name it in the mapping with policy map, archive or ignore",
                )
            result.append(
                CollectionProgress(name=name, policy=policy.value, total=found[name].documents if name in found else 0)
            )
        return tuple(result)

    async def _mapped(self, plan: CollectionPlan) -> None:
        name = plan.collection.name
        stage = Stage(self._connection, plan, self._target)
        await stage.create()
        async for batch in batches(self._source, name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            entries, staged = await asyncio.to_thread(_convert_batch, batch, plan)
            async with self._connection.transaction(readonly=True):
                refused = await stage.load(staged)
                claims = await stage.claims()
            for number, why, state in refused:
                entries[number] = _refused(entries[number], why, state)
            for number, key, value in claims:
                entries[number] = _claimed(entries[number], key, value)
            await asyncio.to_thread(self._ledger.add, entries)
            self._step(name, len(batch), sum(map(len, batch)))

    async def _unmapped(self, collection: Collection) -> None:
        fate = _FATES[collection.policy]
        async for batch in batches(self._source, collection.name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            entries = [
                Entry(collection.name, identify(raw), None, None, fate, rows=(), seen=seen_digest(raw)) for raw in batch
            ]
            await asyncio.to_thread(self._ledger.add, entries)
            self._step(collection.name, len(batch), sum(map(len, batch)))

    def _step(self, name: str, documents: int, size: int) -> None:
        done = self._tracker.progress(name)
        self._tracker.collection(name, surveyed=done.surveyed + documents)
        self._tracker.advance(documents, size)

    def publish(self, names: tuple[str, ...], plans: dict[str, CollectionPlan]) -> None:
        """Put the ledger's sums into the progress of each collection."""
        totals: dict[str, int] = {}
        for name in names:
            tally = self._ledger.tally(name)
            tables = [plan.table for plan in plans[name].tables()] if name in plans else []
            rows, counts = self._ledger.sums(name, "migrated", tables)
            for rule, times in counts.items():
                totals[rule] = totals.get(rule, 0) + times
            self._tracker.collection(
                name,
                total=sum(tally.values()),
                migrated=tally.get("migrated", 0),
                quarantined=tally.get("quarantined", 0),
                archived=tally.get("archived", 0),
                ignored=tally.get("ignored", 0),
                rows=rows,
                conversions=dict(sorted(counts.items())),
            )
        self._tracker.change(
            conversions=dict(sorted(totals.items(), key=lambda item: (-item[1], item[0]))),
            quarantine_rules=self._ledger.rules(),
            quarantine=tuple(self._ledger.items()),
            extra=self._ledger.extra(),
        )


def _total(progress: tuple[CollectionProgress, ...]) -> int | Unknown:
    total = 0
    for each in progress:
        if isinstance(each.total, Unknown):
            return each.total
        total += each.total
    return total


def _convert_batch(batch: list[bytes], plan: CollectionPlan) -> tuple[list[Entry], list[Staged]]:
    entries: list[Entry] = []
    staged: list[Staged] = []
    for number, raw in enumerate(batch):
        try:
            converted = convert(raw, plan)
        except Refusal as why:
            pk, rows, named = outline(raw, plan)
            entry = Entry(
                plan.collection.name,
                identify(raw),
                pk,
                None,
                "migrated",
                rows=rows,
                references=_named(plan, named),
                seen=seen_digest(raw),
            )
            entries.append(_refused(entry, why, None))
            continue
        tables = finish(converted, plan, NO_DECISION)
        entries.append(_entry(converted, plan, tuple(map(len, tables)), seen_digest(raw)))
        staged.append(Staged(number, tables))
    return entries, staged


def _entry(converted: Converted, plan: CollectionPlan, rows: tuple[int, ...], seen: bytes) -> Entry:
    return Entry(
        collection=plan.collection.name,
        source_id=converted.source_id,
        pk=converted.pk,
        rank=converted.rank,
        fate="migrated",
        rows=rows,
        counts=converted.counts,
        references=_named(plan, converted.references),
        elements=[
            (child, ordinal, element.own_id)
            for child, elements in enumerate(converted.children)
            for ordinal, element in enumerate(elements)
            if element.own_id is not None
        ],
        owner_columns=converted.owner_columns,
        seen=seen,
    )


def _named(plan: CollectionPlan, references: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """References with the collection they lead to."""
    collections = {c.column.name: c.column.reference.collection for c in plan.references if c.column.reference}
    return [(name, collections[name], key) for name, key in references]


def _refused(entry: Entry, why: Refusal, state: str | None) -> Entry:
    """The entry of a refused document. Its references stay: others may hang on what it refers to, or on it."""
    return replace(
        entry,
        fate="quarantined",
        rule=why.rule,
        path=why.path,
        message=why.message,
        constraint=why.constraint,
        sqlstate=state,
        counts=None,
        claims=(),
        elements=(),
        owner_columns=(),
    )


def _claimed(entry: Entry, key: str, value: str) -> Entry:
    return replace(entry, claims=[*entry.claims, (key, value)])

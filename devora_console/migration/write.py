"""Write what the survey found good: each batch one transaction with rows, accounts and checkpoint together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.control import Control, Tracker
from devora_console.migration.convert import Row, convert, digest, finish, identify
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Fate, Ledger
from devora_console.migration.mapping import Collection, Policy
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.progress import CollectionState
from devora_console.migration.rules import Refusal
from devora_console.migration.stage import Stage, Staged, is_about_data, refusal, sweep, upsert
from devora_console.migration.survey import batches, seen_digest
from devora_console.migration.target import Target, quoted
from devora_console.mongo.bsonio import Damaged, decode, ejson
from devora_console.mongo.source import Source
from devora_console.postgres.connect import LOST
from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.migration"
_MOST_DEFERRED = 10_000


@dataclass(frozen=True, slots=True)
class Ready:
    """A document converted and decided. ``raw`` goes to quarantine if the target still refuses it."""

    source_id: str
    raw: bytes
    pk: str
    tables: list[list[Row]]
    digest: bytes


@dataclass(slots=True)
class _Sorted:
    """One batch taken apart by fate. ``late`` documents came or changed after the survey."""

    ready: list[Ready] = field(default_factory=list)
    quarantined: list[tuple[str, bytes, Fate]] = field(default_factory=list)
    late: int = 0


@dataclass(slots=True)
class _Outcome:
    written: list[Ready] = field(default_factory=list)
    refused: list[tuple[Ready, Refusal, str]] = field(default_factory=list)
    deferred: list[Ready] = field(default_factory=list)
    late: int = 0


class Writer:
    """Writes on one connection that holds the lease. After :meth:`run`, ``late`` counts documents left out."""

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
    ) -> None:
        self._source = source
        self._connection = connection
        self._lease = lease
        self._target = target
        self._ledger = ledger
        self._tracker = tracker
        self._control = control
        self._batch_bytes = batch_bytes
        self._run = run
        self.late = 0

    async def mapped(self, plan: CollectionPlan) -> None:
        """Write one mapped collection."""
        name = plan.collection.name
        self._tracker.collection(name, state=CollectionState.WRITING)
        stage = Stage(self._connection, plan, self._target)
        await stage.create()
        deferred: list[Ready] = []
        async for batch in batches(self._source, name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            sorted_batch = await asyncio.to_thread(self._sort, batch, plan)
            self.late += sorted_batch.late
            deferred += await self._batch(plan, stage, sorted_batch)
            if len(deferred) > _MOST_DEFERRED:
                raise _too_many(name)
            self._step(name, len(batch), sum(map(len, batch)))
        await self._deferred(plan, stage, deferred)
        self._tracker.collection(name, state=CollectionState.DONE)

    def _sort(self, batch: list[bytes], plan: CollectionPlan) -> _Sorted:
        result = _Sorted()
        identities = [identify(raw) for raw in batch]
        fates = self._ledger.fates(plan.collection.name, identities)
        done: set[str] = set()
        for identity, raw in zip(identities, batch, strict=True):
            source_id, fate = _twin(self._ledger, plan, identity, raw, fates.get(identity), done)
            done.add(source_id)
            if fate is None or fate.seen != seen_digest(raw):
                result.late += 1
            elif fate.fate == "quarantined":
                result.quarantined.append((source_id, raw, fate))
            else:
                converted = convert(raw, plan)
                tables = finish(converted, plan, fate.decision)
                result.ready.append(Ready(source_id, raw, converted.pk, tables, digest(tables)))
        return result

    async def _batch(self, plan: CollectionPlan, stage: Stage, batch: _Sorted) -> list[Ready]:
        """One transaction. Returns documents to try again once the others are in place."""
        async with self._transaction():
            same = await self._same(plan, batch.ready)
            outcome = await self._apply(plan, stage, [each for each in batch.ready if each.source_id not in same])
            await self._account(plan, outcome, batch.quarantined)
            await self._checkpoint(plan.collection.name, outcome, batch)
        self.late += outcome.late
        done = self._tracker.progress(plan.collection.name)
        self._tracker.collection(
            plan.collection.name,
            unchanged=done.unchanged + len(same),
            written=done.written + len(outcome.written),
        )
        return outcome.deferred

    def _transaction(self) -> _Fenced:
        return _Fenced(self._connection, self._lease)

    async def _same(self, plan: CollectionPlan, ready: Sequence[Ready]) -> set[str]:
        """Documents that are in the target already, to the byte."""
        known = await self._connection.fetch(
            "SELECT source_id, digest FROM devora_console.document"
            " WHERE collection = $1 AND source_id = ANY ($2::text[]) AND fate = 'migrated'",
            plan.collection.name,
            [each.source_id for each in ready],
        )
        digests = {row["source_id"]: row["digest"] for row in known}
        return {each.source_id for each in ready if digests.get(each.source_id) == each.digest}

    async def _apply(self, plan: CollectionPlan, stage: Stage, ready: Sequence[Ready]) -> _Outcome:
        outcome = _Outcome()
        await self._bisect(plan, stage, list(ready), outcome)
        return outcome

    async def _bisect(self, plan: CollectionPlan, stage: Stage, ready: list[Ready], outcome: _Outcome) -> None:
        if not ready:
            return
        try:
            async with self._connection.transaction():
                await self._into_tables(plan, stage, ready)
            outcome.written += ready
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            if not is_about_data(error):
                raise
            if len(ready) > 1:
                half = len(ready) // 2
                await self._bisect(plan, stage, ready[:half], outcome)
                await self._bisect(plan, stage, ready[half:], outcome)
            elif error.sqlstate == "23503":
                outcome.late += 1  # its parent came or went after the survey
            elif error.sqlstate == "23505":
                outcome.deferred.append(ready[0])
            else:
                outcome.refused.append((ready[0], refusal(error), error.sqlstate or ""))

    async def _into_tables(self, plan: CollectionPlan, stage: Stage, ready: list[Ready]) -> None:
        refused = await stage.load([Staged(number, each.tables) for number, each in enumerate(ready)])
        if refused:
            raise await self._as_error(refused[0][2])
        for child in plan.children:
            await self._connection.execute(sweep(plan.root, child.table))
        for table in plan.tables():
            await self._connection.execute(upsert(table, self._target.tables[table.table]))
        for table in plan.tables():
            await self._connection.execute(f"DELETE FROM pg_temp.{quoted('stage_' + table.table)}")

    async def _as_error(self, sqlstate: str) -> asyncpg.PostgresError:
        found = asyncpg.PostgresError.new({"C": sqlstate, "M": "refused by the twin table"})
        assert isinstance(found, asyncpg.PostgresError)
        return found

    async def _account(
        self, plan: CollectionPlan, outcome: _Outcome, quarantined: Sequence[tuple[str, bytes, Fate]]
    ) -> None:
        name, table = plan.collection.name, plan.root.table
        entries = [
            (*each[:2], each[2].path, each[2].rule, each[2].sqlstate, each[2].constraint, each[2].message)
            for each in quarantined
        ]
        for ready, why, state in outcome.refused:
            self._ledger.refuse(name, ready.source_id, why.rule, why.message, why.constraint or "", state)
            entries.append((ready.source_id, ready.raw, why.path, why.rule, state, why.constraint, why.message))
        written = outcome.written
        await self._documents(
            name,
            table,
            [
                *((w.source_id, "migrated", w.pk, w.digest) for w in written),
                *((e[0], "quarantined", None, None) for e in entries),
            ],
        )
        if entries:
            await self._connection.execute(
                sql(_HERE, "upsert_quarantine"),
                name,
                self._run,
                [e[0] for e in entries],
                [e[2] or "" for e in entries],
                [e[3] or "" for e in entries],
                [e[4] or None for e in entries],
                [e[5] or None for e in entries],
                [e[6] or "" for e in entries],
                [e[1] for e in entries],
            )
        if written:
            await self._connection.execute(
                sql(_HERE, "resolve_quarantine"), name, [w.source_id for w in written], f"run {self._run}", "migrated"
            )

    async def _documents(
        self, name: str, table: str | None, rows: Sequence[tuple[str, str, str | None, bytes | None]]
    ) -> None:
        if rows:
            await self._connection.execute(
                sql(_HERE, "upsert_document"), name, table, self._run, *map(list, zip(*rows, strict=True))
            )

    async def _checkpoint(self, name: str, outcome: _Outcome, batch: _Sorted) -> None:
        done = self._tracker.progress(name)
        last = batch.ready[-1].source_id if batch.ready else None
        await self._connection.execute(
            sql(_HERE, "upsert_checkpoint"),
            self._run,
            name,
            "write",
            done.written + done.unchanged + len(batch.ready) + len(batch.quarantined),
            sum(sum(map(len, each.tables)) for each in outcome.written),
            last,
        )

    async def _deferred(self, plan: CollectionPlan, stage: Stage, deferred: list[Ready]) -> None:
        """Documents whose key another row still had: try again, then move them all at once, then give up on them."""
        if not deferred:
            return
        left = await self._batch(plan, stage, _Sorted(ready=deferred))
        if not left:
            return
        async with self._transaction():
            try:
                async with self._connection.transaction():
                    await self._park(plan, left)
                    await self._into_tables(plan, stage, left)
                outcome = _Outcome(written=left)
            except asyncpg.PostgresError as error:
                if not is_about_data(error):
                    raise
                why = refusal(error)
                outcome = _Outcome(refused=[(each, why, error.sqlstate or "") for each in left])
            await self._account(plan, outcome, [])

    async def _park(self, plan: CollectionPlan, ready: Sequence[Ready]) -> None:
        """Free the unique keys of rows that exchange them; they are set for good in the same transaction."""
        table = self._target.tables[plan.root.table]
        key = quoted(plan.root.key.column)
        names = {
            c for u in table.uniques if not u.primary for c in u.columns if table.columns[c].type in ("text", "varchar")
        }
        for name in sorted(names):
            await self._connection.execute(
                f"UPDATE public.{quoted(table.name)} SET {quoted(name)} = md5({key}::text)"
                f" WHERE {key}::text = ANY ($1::text[]) AND {quoted(name)} IS NOT NULL",
                [each.pk for each in ready],
            )

    async def unmapped(self, collection: Collection) -> None:
        """Archive one collection without a table; an ignored one is only counted."""
        name = collection.name
        self._tracker.collection(name, state=CollectionState.WRITING)
        async for batch in batches(self._source, name, self._batch_bytes):
            await self._control.checkpoint(self._tracker)
            if collection.policy is Policy.ARCHIVE:
                await self._archive(name, batch)
            self._step(name, len(batch), sum(map(len, batch)))
        self._tracker.collection(name, state=CollectionState.DONE)

    async def _archive(self, name: str, batch: list[bytes]) -> None:
        rows = await asyncio.to_thread(lambda: [(identify(raw), readable(raw), raw, seen_digest(raw)) for raw in batch])
        unique = {row[0]: row for row in rows}
        async with self._transaction():
            await self._connection.execute(
                sql(_HERE, "upsert_archive"), name, self._run, *map(list, zip(*unique.values(), strict=True))
            )
            await self._documents(name, None, [(row[0], "archived", None, row[3]) for row in unique.values()])
        done = self._tracker.progress(name)
        self._tracker.collection(name, written=done.written + len(batch))

    def _step(self, name: str, documents: int, size: int) -> None:
        self._tracker.advance(documents, size)


class _Fenced:
    """A transaction whose first act is to check the lease, and in which the target's triggers stand back."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], lease: Lease) -> None:
        self._connection = connection
        self._lease = lease
        self._transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.__aenter__()
        try:
            await self._lease.fence()
            await self._connection.execute("SET LOCAL devora.loading = 'on'")
        except BaseException:  # the transaction is open: whatever happened, end it before handing the error on
            await self._transaction.rollback()
            raise

    async def __aexit__(self, *details: object) -> None:
        await self._transaction.__aexit__(*details)


def readable(raw: bytes) -> str:
    """Canonical Extended JSON of a document as text; of bytes that are none, the bytes."""
    try:
        value = ejson(decode(raw))
    except Damaged:
        value = {"$damaged": raw.hex()}
    return json.dumps(value, ensure_ascii=False)


def _twin(
    ledger: Ledger, plan: CollectionPlan, identity: str, raw: bytes, fate: Fate | None, done: set[str]
) -> tuple[str, Fate | None]:
    """The ledger's name for this document: a second one with the same ``_id`` has a number behind it."""
    if fate is not None and identity not in done and fate.seen == seen_digest(raw):
        return identity, fate
    number = 2
    while found := ledger.fates(plan.collection.name, [f"{identity} #{number}"]).get(f"{identity} #{number}"):
        if found.seen == seen_digest(raw) and f"{identity} #{number}" not in done:
            return f"{identity} #{number}", found
        number += 1
    return identity, fate


def _too_many(name: str) -> ConsoleError:
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "unique_conflicts",
        f"more than {_MOST_DEFERRED} documents of {name} meet a key that another row of the target has",
        "Find out who else writes to the target: run verify",
    )

"""Write a batch of surveyed pieces: one transaction with rows, accounts, quarantine and checkpoint together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from devora_console.migration.accounts import Accounts, Held
from devora_console.migration.archive import archived
from devora_console.migration.fenced import Fenced
from devora_console.migration.place import Outcome, Place, Ready
from devora_console.migration.stage import remove
from devora_console.migration.work.parts import Part, numbers, prepare
from devora_console.migration.work.seat import Seat


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that only the real tables refused. ``number`` is its place in the ledger."""

    number: int
    rule: str
    message: str
    constraint: str | None
    sqlstate: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch. ``deferred`` met a key that another row has, ``loose`` no parent: ledger numbers."""

    documents: int = 0
    same: int = 0
    written: int = 0
    quarantined: int = 0
    rows: int = 0
    same_rows: int = 0  # of documents that were there already
    bytes: int = 0
    refused: tuple[Refused, ...] = ()
    deferred: tuple[int, ...] = ()
    loose: tuple[int, ...] = ()
    worker: str = ""
    seconds: float = 0.0
    converting: float = 0.0  # seconds of it spent in this process, the rest waiting for PostgreSQL


@dataclass(slots=True)
class _Sorted:
    """A batch taken apart by fate; ``numbers`` are places in the ledger, in the order of ``ready``."""

    ready: list[Ready] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WriteUnit:
    """Write documents of a mapped collection.

    ``fresh``: straight into tables that hold nothing of them; else what is there already is compared and replaced.
    ``known``: some may have been written by a run that was cut off.
    """

    collection: str
    parts: tuple[Part, ...]
    fresh: bool
    known: bool

    def again(self) -> WriteUnit:
        """The unit for a second try: it may have been committed before its worker was killed."""
        return replace(self, known=True)

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return max(part.piece.largest for part in self.parts)

    async def work(self, seat: Seat) -> Written:
        """One transaction."""
        began = time.monotonic()
        batch = self._sorted(seat)
        converting = time.monotonic() - began
        place = Place(await seat.connection(), seat.plan(self.collection), partial(seat.stage, self.collection))
        async with _writing(seat) as accounts:
            same: set[str] = set()
            if not self.fresh:
                same = await place.same(batch.ready)
            elif self.known:
                same = await _committed(place, batch.ready)
            rest = [each for each in batch.ready if each.source_id not in same]
            outcome = await (place.load(rest) if self.fresh else place.put(rest))
            await account(accounts, place, outcome, batch.held, fresh=self.fresh and not self.known)
            rows = sum(sum(map(len, each.tables)) for each in outcome.written)
            done = len(same) + len(outcome.written) + len(batch.held)
            if not (outcome.refused or outcome.deferred or outcome.loose):  # else a later run must look again
                await accounts.checkpoint(self.collection, numbers(self.parts), done, rows)
        return Written(
            documents=sum(part.piece.documents for part in self.parts),
            same=len(same),
            written=len(outcome.written),
            quarantined=len(batch.held),
            rows=rows,
            same_rows=sum(sum(map(len, each.tables)) for each in batch.ready if each.source_id in same),
            bytes=sum(part.piece.size for part in self.parts),
            refused=refusals(outcome),
            deferred=tuple(each.number for each in outcome.deferred),
            loose=tuple(each.number for each in outcome.loose),
            worker=seat.name,
            seconds=time.monotonic() - began,
            converting=converting,
        )

    def _sorted(self, seat: Seat) -> _Sorted:
        result = _Sorted()
        for part in self.parts:
            prepare(seat, part, result.ready, result.held)
        return result


async def account(accounts: Accounts, place: Place, outcome: Outcome, held: Sequence[Held], *, fresh: bool) -> None:
    """Record in the batch's transaction what became of its documents."""
    name, table = place.plan.collection.name, place.plan.root.table
    # A version of an earlier run may be in place of a document that the target refuses now.
    await place.remove([ready.pk for ready, _, _ in outcome.refused])
    refused = [
        Held(ready.source_id, ready.raw(), why.rule, why.path, why.message, why.constraint, state)
        for ready, why, state in outcome.refused
    ]
    written = [(each.source_id, "migrated", each.pk, each.digest) for each in outcome.written]
    await (accounts.new_documents if fresh else accounts.documents)(name, table, written)
    await accounts.quarantine(name, table, [*held, *refused])
    await accounts.release(name, (each.source_id for each in outcome.written), "migrated")


@asynccontextmanager
async def _writing(seat: Seat) -> AsyncIterator[Accounts]:
    """The transaction of a batch, with the books of this run."""
    connection, run = await seat.connection(), seat.context.run
    assert run is not None
    async with Fenced(connection, seat.context.epoch):
        yield Accounts(connection, run)


async def _committed(place: Place, ready: Sequence[Ready]) -> set[str]:
    """Source ids of what a run that was cut off has written as it is now; older versions are taken out."""
    accounts = await place.accounts(ready)
    changed = [each for each in ready if each.source_id in accounts and accounts[each.source_id] != each.digest]
    await place.remove([each.pk for each in changed])
    await place.forget([each.source_id for each in changed])
    return {each.source_id for each in ready if accounts.get(each.source_id) == each.digest}


@dataclass(frozen=True, slots=True)
class DeferredUnit:
    """Documents whose key another row still had: try again, then move them all at once, then give up on them."""

    collection: str
    parts: tuple[tuple[Part, frozenset[int]], ...]

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return max(part.piece.largest for part, _ in self.parts)

    async def work(self, seat: Seat) -> Written:
        """One transaction."""
        ready: list[Ready] = []
        for part, only in self.parts:
            prepare(seat, part, ready, [], only)
        plan = seat.plan(self.collection)
        place = Place(await seat.connection(), plan, partial(seat.stage, self.collection))
        async with _writing(seat) as accounts:
            outcome = await place.put(ready)
            if outcome.deferred:
                moved_at_once = await place.exchange(outcome.deferred, seat.context.target.tables[plan.root.table])
                outcome.deferred = []
                outcome.written += moved_at_once.written
                outcome.refused += moved_at_once.refused
                outcome.loose += moved_at_once.loose
            await account(accounts, place, outcome, [], fresh=False)
        return Written(
            documents=len(ready),
            written=len(outcome.written),
            rows=sum(sum(map(len, each.tables)) for each in outcome.written),
            refused=refusals(outcome),
            loose=tuple(each.number for each in outcome.loose),
            worker=seat.name,
        )


def refusals(outcome: Outcome) -> tuple[Refused, ...]:
    """What the real tables refused."""
    return tuple(
        Refused(each.number, why.rule, why.message, why.constraint, state or None)
        for each, why, state in outcome.refused
    )


@dataclass(frozen=True, slots=True)
class ArchiveUnit:
    """Keep the documents of a collection without a table."""

    part: Part

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return self.part.piece.largest

    async def work(self, seat: Seat) -> Written:
        """One transaction."""
        began = time.monotonic()
        raws = self.part.raws()
        rows = archived([(self.part.fates[at].source_id, raw) for at, raw in enumerate(raws)])
        converting = time.monotonic() - began
        async with _writing(seat) as accounts:
            new = await accounts.archive(self.part.piece.collection, rows)
            await accounts.release(self.part.piece.collection, (row[0] for row in rows), "archived")
            await accounts.checkpoint(self.part.piece.collection, numbers((self.part,)), len(rows), new)
        return Written(
            documents=len(rows),
            same=len(rows) - new,
            written=new,
            rows=new,
            bytes=self.part.piece.size,
            worker=seat.name,
            seconds=time.monotonic() - began,
            converting=converting,
        )


@dataclass(frozen=True, slots=True)
class FallUnit:
    """Documents that are in the tables although what they belong to is refused: move them to quarantine."""

    collection: str
    parts: tuple[tuple[Part, frozenset[int]], ...]

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return max(part.piece.largest for part, _ in self.parts)

    async def work(self, seat: Seat) -> Written:
        """One transaction."""
        held: list[Held] = []
        for part, only in self.parts:
            prepare(seat, part, [], held, only)
        connection, plan = await seat.connection(), seat.plan(self.collection)
        async with _writing(seat) as accounts:
            ids = [each.source_id for each in held]
            pks = await connection.fetchval(_PKS, self.collection, ids)
            for statement in remove(plan):
                await connection.execute(statement, pks or [])
            await accounts.quarantine(self.collection, plan.root.table, held)
        return Written(documents=len(held), quarantined=len(held), worker=seat.name)


_PKS = """
SELECT array_agg(pk) FROM devora_console.document
 WHERE collection = $1 AND source_id = ANY ($2::text[]) AND fate = 'migrated'
"""

"""Write what the survey found good: hand out batches, and settle what the tables themselves have refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.budget import over
from devora_console.migration.control import Tracker
from devora_console.migration.decide import fall
from devora_console.migration.ledger import Ledger, SurveyedPiece
from devora_console.migration.mapping import Collection, Mapping, Policy
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.progress import CollectionState
from devora_console.migration.work.parts import Part
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.migration.work.write import ArchiveUnit, DeferredUnit, FallUnit, WriteUnit, Written

_MOST_DEFERRED = 10_000
_GOAL_SECONDS = 0.35  # a batch: short enough to pause soon, long enough for its commit not to matter
_MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """How one collection is written: ``fresh`` straight into empty tables, ``known`` if a run was cut off in it."""

    plan: CollectionPlan
    fresh: bool
    known: bool


class Writer:
    """Hands batches to the pool.

    ``loose`` counts documents whose parent is not in the target. ``most_refused`` is what the budget leaves for
    documents that only the real tables refuse (a trigger, a constraint made while the copy runs). ``committed`` are
    pieces that a run which was cut off has written from the very same source and decisions.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        context: Context,
        ledger: Ledger,
        mapping: Mapping,
        tracker: Tracker,
        batch_bytes: int,
        most_refused: int,
        committed: frozenset[tuple[str, int]],
    ) -> None:
        self._pool = pool
        self._context = context
        self._ledger = ledger
        self._mapping = mapping
        self._tracker = tracker
        self._bytes = batch_bytes
        self._room = most_refused
        self._committed = committed
        self._passed: list[Written] = []
        self._passed_by: list[str] = []
        self.loose = 0

    async def together(self, stages: Sequence[Stage]) -> None:
        """Write collections side by side: nothing in the target depends on their order just now."""
        deferred: dict[str, list[int]] = {stage.plan.collection.name: [] for stage in stages}
        refused = await self._units(
            (unit for stage in stages for unit in self._of(stage)), [s.plan.collection.name for s in stages], deferred
        )
        for name, numbers in deferred.items():
            if numbers:
                refused += await self._deferred(name, numbers)
        if refused:
            await self._fallen(await asyncio.to_thread(fall, self._ledger, self._mapping))
        for name in deferred:
            self._tracker.collection(name, state=CollectionState.DONE)

    async def _units(self, units: Iterator[WriteUnit], names: Iterable[str], deferred: dict[str, list[int]]) -> int:
        refused = 0
        for name in names:
            self._tracker.collection(name, state=CollectionState.WRITING)
        async for unit, written in self._pool.results(self._context, units):
            assert isinstance(unit, WriteUnit)
            self._settle(unit.collection, written)
            self._tune(written)
            refused += len(written.refused)
            self._pass()
            deferred[unit.collection] += written.deferred
            if len(deferred[unit.collection]) > _MOST_DEFERRED:
                raise _too_many(unit.collection)
        self._pass()
        return refused

    def _of(self, stage: Stage) -> Iterator[WriteUnit]:
        """The batches of a collection: consecutive pieces, about as many as take the time aimed at."""
        name = stage.plan.collection.name
        parts: list[Part] = []
        for surveyed in self._ledger.pieces(name):
            if (name, surveyed.piece.number) in self._committed:
                if parts:
                    yield WriteUnit(name, tuple(parts), stage.fresh, stage.known)
                    parts = []
                self._skipped(surveyed)
                continue
            parts.append(self._part(surveyed))
            if sum(part.piece.size for part in parts) >= self._bytes:
                yield WriteUnit(name, tuple(parts), stage.fresh, stage.known)
                parts = []
        if parts:
            yield WriteUnit(name, tuple(parts), stage.fresh, stage.known)

    def _part(self, surveyed: SurveyedPiece) -> Part:
        return Part.of(self._ledger, surveyed)

    def _skipped(self, surveyed: SurveyedPiece) -> None:
        """A piece that is in the target already; this runs in the thread that hands out units."""
        fates = self._ledger.fates(surveyed)
        held = sum(fate.fate == "quarantined" for fate in fates.values())
        rows = self._ledger.rows(surveyed)
        same = surveyed.piece.documents - held
        self._passed_by.append(surveyed.piece.collection)
        self._passed.append(Written(same=same, rows=rows, quarantined=held, bytes=surveyed.piece.size))

    def _pass(self) -> None:
        """Count what was skipped meanwhile."""
        for name, written in zip(self._passed_by, self._passed, strict=True):
            self._count(name, written)
        self._passed_by, self._passed = [], []

    def _settle(self, name: str, written: Written) -> None:
        """After the commit: what the target refused is so for those who refer to it, and counts against the budget."""
        self._count(name, written)
        for each in written.refused:
            self._ledger.refuse(each.number, each.rule, each.message, each.constraint, each.sqlstate)
        self.loose += len(written.loose)
        self._room -= len(written.refused)
        if self._room < 0:
            raise over(f"the target refused more documents of {name} than the budget leaves")

    def _count(self, name: str, written: Written) -> None:
        done = self._tracker.progress(name)
        self._tracker.collection(name, unchanged=done.unchanged + written.same, written=done.written + written.written)
        self._tracker.worked(written)
        rows = written.rows + written.same_rows + written.quarantined + len(written.refused)
        self._tracker.advance(rows, written.bytes)

    def _tune(self, written: Written) -> None:
        """Batches of about the time aimed at, whatever the documents are like, unless somebody wants another size."""
        wanted_bytes = self._pool.control.wishes.batch_bytes
        if wanted_bytes is not None:
            self._bytes = wanted_bytes
            self._tracker.batches_of(self._bytes)
            return
        if written.seconds > 0.01 and written.bytes > self._bytes // 2:
            wanted = written.bytes * _GOAL_SECONDS / written.seconds
            limit = self._pool.control.wishes.rows_per_second
            if limit is not None and written.rows:  # in steps small enough to be called a rate
                wanted = min(wanted, written.bytes / written.rows * limit * _GOAL_SECONDS)
            self._bytes = int(min(_MOST_BYTES, max(1, 0.7 * self._bytes + 0.3 * wanted)))
            self._tracker.batches_of(self._bytes)

    async def _deferred(self, name: str, numbers: list[int]) -> int:
        """Documents whose keys other rows had; how many of them the tables refuse after all."""
        refused = 0
        unit = DeferredUnit(name, self._parts(name, numbers))
        async for _, written in self._pool.results(self._context, iter([unit])):
            self._settle(name, written)
            refused += len(written.refused)
        return refused

    def _parts(self, name: str, numbers: Iterable[int]) -> tuple[tuple[Part, frozenset[int]], ...]:
        """The pieces that hold these documents, with their positions."""
        wanted: dict[int, tuple[SurveyedPiece, set[int]]] = {}
        for number in numbers:
            surveyed, at = self._ledger.place(name, number)
            wanted.setdefault(surveyed.first, (surveyed, set()))[1].add(at)
        return tuple((self._part(surveyed), frozenset(places)) for surveyed, places in wanted.values())

    async def _fallen(self, fallen: list[tuple[str, int]]) -> None:
        """Documents written before their parent was refused: out of the tables, into quarantine."""
        for name in {name for name, _ in fallen}:
            unit = FallUnit(name, self._parts(name, [number for other, number in fallen if other == name]))
            async for _, written in self._pool.results(self._context, iter([unit])):
                self._room -= written.quarantined
                if self._room < 0:
                    raise over(f"documents of {name} fall with what the target refused: more than the budget leaves")

    async def unmapped(self, collection: Collection) -> None:
        """Archive one collection without a table; an ignored one is only counted."""
        name = collection.name
        self._tracker.collection(name, state=CollectionState.WRITING)
        if collection.policy is Policy.ARCHIVE:
            units = (ArchiveUnit(self._part(each)) for each in self._ledger.pieces(name))
            async for _, written in self._pool.results(self._context, units):
                self._count(name, replace(written, rows=written.documents))
        else:
            for each in self._ledger.pieces(name):
                self._tracker.advance(each.piece.documents, each.piece.size)
        self._tracker.collection(name, state=CollectionState.DONE)


def _too_many(name: str) -> ConsoleError:
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "unique_conflicts",
        f"more than {_MOST_DEFERRED} documents of {name} meet a key that another row of the target has",
        "Find out who else writes to the target: run verify",
    )

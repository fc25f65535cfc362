"""The survey: read and convert every document of the source, let PostgreSQL judge the rows, write nothing.

It is the dry run; execution and verification begin with it, so that all three judge alike.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.control import Tracker
from devora_console.migration.decide import decide
from devora_console.migration.entries import Entry
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Policy
from devora_console.migration.plan import CollectionPlan, plan_collection
from devora_console.migration.progress import CollectionProgress, CollectionState, Phase
from devora_console.migration.standing import Standing
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.migration.work.survey import Found, ListUnit, SurveyUnit
from devora_console.mongo.pieces import Piece, Spool
from devora_console.mongo.source import CollectionInfo, Source

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_FATES = {Policy.ARCHIVE: "archived", Policy.IGNORE: "ignored"}


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What the survey found, ready for whoever goes on from it."""

    plans: dict[str, CollectionPlan]
    names: tuple[str, ...]  # every collection of the source, mapped ones first and in dependency order


@dataclass(frozen=True, slots=True)
class _Seen:
    """Of some documents: how many were refused by which rule, and the conversions of the others.

    It is told while the survey goes on. Decisions may change it: in the end :func:`publish` gives the ledger's sums.
    """

    rules: Counter[str]
    conversions: Counter[str]


def _seen(entries: Iterable[Entry]) -> _Seen:
    rules: Counter[str] = Counter()
    conversions: Counter[str] = Counter()
    for entry in entries:
        if entry.fate == "quarantined":
            rules[entry.rule or ""] += 1
        elif entry.counts:
            for rule, times in entry.counts.items():
                conversions[rule] += times
    return _Seen(rules, conversions)


class Survey:
    """One pass over the whole source. ``connection`` is used for temporary tables and read-only work alone."""

    def __init__(
        self,
        *,
        source: Source,
        connection: Connection,
        pool: Pool,
        context: Context,
        ledger: Ledger,
        tracker: Tracker,
        piece_bytes: int,
        prune: bool,
        keep: bool = False,
    ) -> None:
        self._source = source
        self._connection = connection
        self._pool = pool
        self._context = context
        self._mapping = context.mapping
        self._target = context.target
        self._ledger = ledger
        self._spool = Spool(ledger.folder)
        self._tracker = tracker
        self._piece_bytes = piece_bytes
        self._prune = prune
        self._keep_rows = keep
        self._pieces = 0

    async def run(self, infos: Sequence[CollectionInfo]) -> Surveyed:
        """Survey everything and decide. Raises ConsoleError for a source that cannot be used."""
        progress = self._inventory(infos)
        self._tracker.collections(progress)
        self._tracker.phase(Phase.SURVEY, _total(progress))
        plans = {c.name: plan_collection(c, self._target) for c in self._mapping.mapped()}
        standing = Standing(self._connection, self._target, self._ledger)
        await standing.remember(self._mapping, list(plans.values()))
        for each in progress:
            self._tracker.collection(each.name, state=CollectionState.SURVEYING)
            await self._collection(each.name)
            self._tracker.collection(each.name, state=CollectionState.SURVEYED)
        self._tracker.phase(Phase.DECIDE, Unknown("deciding is one step"))
        await asyncio.to_thread(self._ledger.index)
        await standing.leftovers(list(plans.values()), prune=self._prune)
        primary = {name: self._target.tables[plan.root.table].primary_name() for name, plan in plans.items()}
        await asyncio.to_thread(decide, self._ledger, self._mapping, primary)
        names = tuple(each.name for each in progress)
        surveyed = Surveyed(plans, names)
        publish(self._tracker, self._ledger, surveyed)
        return surveyed

    def _inventory(self, infos: Sequence[CollectionInfo]) -> tuple[CollectionProgress, ...]:
        found = {info.name: info for info in infos}
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

    async def _collection(self, name: str) -> None:
        began = time.monotonic()
        async for unit, found in self._pool.results(self._context, self._units(name), ordered=True):
            assert isinstance(unit, SurveyUnit | ListUnit)
            seen = await asyncio.to_thread(self._keep, unit.piece, found)
            done = self._tracker.progress(name)
            self._tracker.collection(
                name,
                surveyed=done.surveyed + unit.piece.documents,
                quarantined=done.quarantined + sum(seen.rules.values()),
                conversions=Counter(done.conversions) + seen.conversions,
                seconds=time.monotonic() - began,
            )
            so_far = self._tracker.snapshot
            self._tracker.snapshot = replace(
                so_far,
                conversions=Counter(so_far.conversions) + seen.conversions,
                quarantine_rules=Counter(so_far.quarantine_rules) + seen.rules,
            )
            self._tracker.advance(unit.piece.documents, unit.piece.size)

    def _keep(self, piece: Piece, found: Found) -> _Seen:
        """Into the ledger; gives what can be told of it at once."""
        self._ledger.add_piece(piece, found.checksum, found.entries, exact=found.exact, kept=found.kept)
        return _seen(found.entries)

    def _units(self, name: str) -> Iterator[SurveyUnit | ListUnit]:
        policy = self._mapping.collection(name).policy
        for piece in self._spool.pieces(self._source, name, self._piece_bytes):
            if policy is not Policy.MAP:
                yield ListUnit(piece, _FATES[policy])
                continue
            self._pieces += 1
            yield SurveyUnit(piece, str(self._ledger.folder / f"{self._pieces}.rows") if self._keep_rows else None)


def publish(tracker: Tracker, ledger: Ledger, surveyed: Surveyed) -> None:
    """Put the ledger's sums into the progress of each collection."""
    totals: dict[str, int] = {}
    for name in surveyed.names:
        tally = ledger.tally(name)
        tables = [plan.table for plan in surveyed.plans[name].tables()] if name in surveyed.plans else []
        rows, counts = ledger.sums(name, "migrated", tables)
        for rule, times in counts.items():
            totals[rule] = totals.get(rule, 0) + times
        tracker.collection(
            name,
            total=sum(tally.values()),
            migrated=tally.get("migrated", 0),
            quarantined=tally.get("quarantined", 0),
            archived=tally.get("archived", 0),
            ignored=tally.get("ignored", 0),
            rows=rows,
            conversions=dict(sorted(counts.items())),
        )
    tracker.change(
        conversions=dict(sorted(totals.items(), key=lambda item: (-item[1], item[0]))),
        quarantine_rules=ledger.rules(),
        quarantine=tuple(ledger.items()),
        extra=ledger.extra(),
    )


def _total(progress: tuple[CollectionProgress, ...]) -> int | Unknown:
    total = 0
    for each in progress:
        if isinstance(each.total, Unknown):
            return each.total
        total += each.total
    return total

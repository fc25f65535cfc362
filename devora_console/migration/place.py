"""Documents into their tables, whole: what is there already, what goes in, what the tables refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from devora_console.migration.digests import documents_sql
from devora_console.migration.ledger import Ledger
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.rows import Row
from devora_console.migration.rules import Refusal
from devora_console.migration.stage import Stage, Staged, clear, is_about_data, park, refusal, remove, sweep, upsert
from devora_console.migration.target import Target
from devora_console.postgres.connect import LOST

_KNOWN = """
SELECT source_id, digest FROM devora_console.document
 WHERE collection = $1 AND source_id = ANY ($2::text[]) AND fate = 'migrated'
"""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document converted and decided. ``raw`` goes to quarantine if the target still refuses it."""

    source_id: str
    raw: bytes
    pk: str
    tables: list[list[Row]]
    digest: bytes


@dataclass(slots=True)
class Outcome:
    """What became of the documents of a batch: ``deferred`` meet a key that another row has, ``loose`` no parent."""

    written: list[Ready] = field(default_factory=list)
    refused: list[tuple[Ready, Refusal, str]] = field(default_factory=list)
    deferred: list[Ready] = field(default_factory=list)
    loose: int = 0


class Place:
    """The tables of one collection on the writing connection, within the caller's transactions."""

    def __init__(
        self, connection: asyncpg.Connection[asyncpg.Record], plan: CollectionPlan, target: Target, ledger: Ledger
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._target = target
        self._ledger = ledger
        self._stage = Stage(connection, plan, target)

    async def create(self) -> None:
        """Make the temporary twins of the tables."""
        await self._stage.create()

    async def same(self, ready: Sequence[Ready]) -> set[str]:
        """Source ids of documents that are in the tables already, to the byte: by their accounts and by their rows."""
        name = self._plan.collection.name
        ids = [each.source_id for each in ready]
        accounts = {row[0]: row[1] for row in await self._connection.fetch(_KNOWN, name, ids)}
        likely = {each.pk: each for each in ready if accounts.get(each.source_id) == each.digest}
        if not likely:
            return set()
        stored = await self._connection.fetch(documents_sql(self._plan), list(likely))
        return {likely[row[0]].source_id for row in stored if likely[row[0]].digest == row[1]}

    async def put(self, ready: Sequence[Ready]) -> Outcome:
        """Write the documents, those refused found by bisection."""
        outcome = Outcome()
        await self._bisect(list(ready), outcome)
        return outcome

    async def _bisect(self, ready: list[Ready], outcome: Outcome) -> None:
        if not ready:
            return
        try:
            async with self._connection.transaction():
                await self._into_tables(ready)
            outcome.written += ready
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            if not is_about_data(error):
                raise
            if len(ready) > 1:
                half = len(ready) // 2
                await self._bisect(ready[:half], outcome)
                await self._bisect(ready[half:], outcome)
            elif error.sqlstate == "23503":
                self._without_parent(ready[0], outcome)
            elif error.sqlstate == "23505":
                outcome.deferred.append(ready[0])
            else:
                outcome.refused.append((ready[0], refusal(error), error.sqlstate or ""))

    def _without_parent(self, ready: Ready, outcome: Outcome) -> None:
        """Its parent was refused while writing, so it falls with it; else the parent came or went after the survey."""
        parent = self._ledger.refused_parent(self._plan.collection.name, ready.source_id)
        if parent is None:
            outcome.loose += 1
        else:
            why = Refusal("parent_quarantined", "", f"the document it belongs to is in quarantine: {parent}")
            outcome.refused.append((ready, why, ""))

    async def _into_tables(self, ready: list[Ready]) -> None:
        refused = await self._stage.load([Staged(number, each.tables) for number, each in enumerate(ready)])
        if refused:
            raise _as_error(refused[0][2])
        for child in self._plan.children:
            await self._connection.execute(sweep(self._plan.root, child.table))
        for table in self._plan.tables():
            await self._connection.execute(upsert(table, self._target.tables[table.table]))
        for table in self._plan.tables():
            await self._connection.execute(clear(table))

    async def exchange(self, left: Sequence[Ready]) -> Outcome:
        """Documents that exchange unique keys among themselves: free their keys, then write them all."""
        for key_columns in park(self._plan.root, self._target.tables[self._plan.root.table]):
            try:
                async with self._connection.transaction():
                    await self._connection.execute(key_columns, [each.pk for each in left])
            except LOST:
                raise
            except asyncpg.PostgresError as error:
                if not is_about_data(error):
                    raise  # else a CHECK forbids any stand-in: what conflicts will be refused below
        outcome = await self.put(left)
        for each in outcome.deferred:
            why = Refusal("unique", "", "another row of the target has one of its keys")
            outcome.refused.append((each, why, "23505"))
        outcome.deferred = []
        return outcome

    async def remove(self, pks: Sequence[str]) -> None:
        """Take documents out, with their child rows."""
        if pks:
            await self._connection.execute(remove(self._plan.root), list(pks))


def _as_error(sqlstate: str) -> asyncpg.PostgresError:
    found = asyncpg.PostgresError.new({"C": sqlstate, "M": "refused by the twin table"})
    assert isinstance(found, asyncpg.PostgresError)
    return found

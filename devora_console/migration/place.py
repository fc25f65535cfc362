"""Documents into their tables, whole: what is there already, what goes in, what the tables refuse."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from devora_console.migration.digests import documents_sql
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.rows import Body
from devora_console.migration.rules import Refusal
from devora_console.migration.stage import (
    Stage,
    Staged,
    clear,
    copy_binary,
    is_about_data,
    park,
    refusal,
    remove,
    sweep,
    upsert,
)
from devora_console.migration.target import TargetTable
from devora_console.postgres.connect import LOST

_FORGET = "DELETE FROM devora_console.document WHERE collection = $1 AND source_id = ANY ($2::text[])"
_KNOWN = """
SELECT source_id, digest FROM devora_console.document
 WHERE collection = $1 AND source_id = ANY ($2::text[]) AND fate = 'migrated'
"""


Twins = Callable[[], Awaitable[Stage]]
"""Gives the temporary twins of the tables, made when they are first needed."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document converted and decided. ``raw()`` goes to quarantine if the target still refuses it.

    ``number`` is its place in the ledger.
    """

    number: int
    source_id: str
    raw: Callable[[], bytes]
    pk: str
    tables: list[list[Body]]
    digest: bytes


@dataclass(slots=True)
class Outcome:
    """What became of the documents of a batch: ``deferred`` meet a key that another row has, ``loose`` no parent."""

    written: list[Ready] = field(default_factory=list)
    refused: list[tuple[Ready, Refusal, str]] = field(default_factory=list)
    deferred: list[Ready] = field(default_factory=list)
    loose: list[Ready] = field(default_factory=list)


class Place:
    """The tables of one collection on a writing connection, within the caller's transactions."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], plan: CollectionPlan, stage: Twins) -> None:
        self._connection = connection
        self.plan = plan
        self._stage = stage

    async def accounts(self, ready: Sequence[Ready]) -> dict[str, bytes | None]:
        """The digests of documents that have been written already, by source id."""
        ids = [each.source_id for each in ready]
        return {row[0]: row[1] for row in await self._connection.fetch(_KNOWN, self.plan.collection.name, ids)}

    async def same(self, ready: Sequence[Ready]) -> set[str]:
        """Source ids of documents that are in the tables already, to the byte: by their accounts and by their rows."""
        accounts = await self.accounts(ready)
        likely = {each.pk: each for each in ready if accounts.get(each.source_id) == each.digest}
        if not likely:
            return set()
        stored = await self._connection.fetch(documents_sql(self.plan), list(likely))
        return {likely[row[0]].source_id for row in stored if likely[row[0]].digest == row[1]}

    async def load(self, ready: Sequence[Ready]) -> Outcome:
        """Write documents of which nothing is there, by COPY into the tables themselves."""
        if not ready:
            return Outcome()
        try:
            async with self._connection.transaction():
                for at, table in enumerate(self.plan.tables()):
                    head = struct.pack(">h", len(table.names))
                    parts = []
                    for each in ready:
                        if each.tables[at]:
                            parts += [head, head.join(each.tables[at])]
                    await copy_binary(self._connection, table.table, "public", table.names, parts)
            return Outcome(written=list(ready))
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            if not is_about_data(error):
                raise
        return await self.put(ready)

    async def put(self, ready: Sequence[Ready]) -> Outcome:
        """Write the documents, those refused found by bisection."""
        outcome = Outcome()
        if ready:
            await self._stage()  # outside of every savepoint: made in one, they would go with it
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
                outcome.loose.append(ready[0])
            elif error.sqlstate == "23505":
                outcome.deferred.append(ready[0])
            else:
                outcome.refused.append((ready[0], refusal(error), error.sqlstate or ""))

    async def _into_tables(self, ready: list[Ready]) -> None:
        stage = await self._stage()
        refused = await stage.load([Staged(number, each.tables) for number, each in enumerate(ready)])
        if refused:
            raise _as_error(refused[0][2])
        for child in self.plan.children:
            await self._connection.execute(sweep(self.plan.root, child.table))
        for table in self.plan.tables():
            await self._connection.execute(upsert(table))
        for table in self.plan.tables():
            await self._connection.execute(clear(table))

    async def exchange(self, left: Sequence[Ready], table: TargetTable) -> Outcome:
        """Documents that exchange unique keys among themselves: free their keys, then write them all."""
        for key_columns in park(self.plan.root, table):
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

    async def forget(self, source_ids: Sequence[str]) -> None:
        """Take away the accounts of documents whose rows are gone: they count as never written."""
        if source_ids:
            await self._connection.execute(_FORGET, self.plan.collection.name, list(source_ids))

    async def remove(self, pks: Sequence[str]) -> None:
        """Take documents out, with their child rows."""
        if pks:
            for statement in remove(self.plan):
                await self._connection.execute(statement, list(pks))


def _as_error(sqlstate: str) -> asyncpg.PostgresError:
    found = asyncpg.PostgresError.new({"C": sqlstate, "M": "refused by the twin table"})
    assert isinstance(found, asyncpg.PostgresError)
    return found

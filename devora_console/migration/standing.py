"""What stands in the target before a run: documents of earlier runs, rows that are none of ours, and leftovers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.entries import Entry, Keys
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.plan import CollectionPlan, TablePlan
from devora_console.migration.stage import claim, key_text
from devora_console.migration.target import Target, quoted

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_AT_ONCE = 1000


class Standing:
    """Reads the target into the ledger; changes nothing."""

    def __init__(self, connection: Connection, target: Target, ledger: Ledger) -> None:
        self._connection = connection
        self._target = target
        self._ledger = ledger

    async def remember(self, mapping: Mapping, plans: Sequence[CollectionPlan]) -> None:
        """Before the survey. Raises ConsoleError (exit 2) when earlier runs put a collection elsewhere."""
        for plan in plans:
            await self._foreign(plan)
        async with self._connection.transaction(readonly=True):
            cursor = self._connection.cursor(
                "SELECT collection, source_id, fate, target_table, pk FROM devora_console.document", prefetch=5000
            )
            part: list[tuple[str, str, str, str | None, str | None]] = []
            async for row in cursor:
                _same_place(mapping, row["collection"], row["fate"], row["target_table"])
                part.append(tuple(row))
                if len(part) >= _AT_ONCE * 5:
                    self._ledger.remember(part)
                    part = []
            self._ledger.remember(part)

    async def _foreign(self, plan: CollectionPlan) -> None:
        """Rows without an account, with the keys they hold and the keys of their child rows."""
        root, key = quoted(plan.root.table), quoted(plan.root.key.column)
        mine = (
            "SELECT 1 FROM devora_console.document d WHERE d.target_table = $1 AND d.pk = {}::text"
            " AND d.fate = 'migrated'"
        )
        others = f"FROM public.{root} t WHERE NOT EXISTS ({mine.format(f't.{key}')})"
        fetch = self._connection.fetch
        async with self._connection.transaction(readonly=True):
            found = [row[0] for row in await fetch(f"SELECT t.{key}::text {others}", plan.root.table)]
            if not found:
                return
            claims: dict[str, list[tuple[str, str]]] = {pk: [] for pk in found}
            elements: dict[str, list[Keys]] = {pk: [] for pk in found}
            for unique in self._target.tables[plan.root.table].uniques:
                if not unique.primary:
                    text = f"SELECT t.{key}::text, {key_text(unique)} {others} AND {claim(unique)}"
                    for row in await fetch(text, plan.root.table):
                        claims[row[0]].append((unique.name, row[1]))
            for number, child in enumerate(plan.children):
                parent = quoted(child.child.parent_column)
                # Names are the catalogue's, quoted.
                text = (
                    f"SELECT t.{parent}::text, t.{quoted(child.table.key.column)}"  # noqa: S608
                    f" FROM public.{quoted(child.table.table)} t"
                    f" WHERE t.{parent} IS NOT NULL AND NOT EXISTS ({mine.format(f't.{parent}')})"
                )
                for row in await fetch(text, plan.root.table):
                    elements[row[0]].append(Keys(number, row[1].bytes))
        name = plan.collection.name
        self._ledger.add(
            Entry(name, f"row {pk}", pk, None, "foreign", claims=claims[pk], elements=elements[pk]) for pk in found
        )

    async def leftovers(self, plans: Sequence[CollectionPlan], *, prune: bool) -> None:
        """After the survey: rows whose documents have vanished still hold their keys, unless they are pruned."""
        for plan in plans:
            name = plan.collection.name
            keys = {
                pk: source_id
                for source_id, fate, pk in self._ledger.vanished(name)
                if fate == "migrated" and pk is not None
            }
            there: dict[str, list[tuple[str, str]]] = {}
            pks = list(keys)
            for start in range(0, len(pks), _AT_ONCE):
                there |= await self._held(plan.root, pks[start : start + _AT_ONCE])
            self._ledger.gone(name, [source_id for pk, source_id in keys.items() if pk not in there])
            if not prune:
                self._ledger.add(
                    Entry(name, f"row {pk}", pk, None, "extra", claims=claims) for pk, claims in there.items()
                )

    async def _held(self, root: TablePlan, pks: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """The unique keys that rows hold, for those of the rows that are there."""
        key = quoted(root.key.column)
        rows = f"FROM public.{quoted(root.table)} t WHERE {among(root)}"
        async with self._connection.transaction(readonly=True):
            held: dict[str, list[tuple[str, str]]] = {
                row[0]: [] for row in await self._connection.fetch(f"SELECT t.{key}::text {rows}", pks)
            }
            for unique in self._target.tables[root.table].uniques:
                if not unique.primary:
                    text = f"SELECT t.{key}::text, {key_text(unique)} {rows} AND {claim(unique)}"
                    for row in await self._connection.fetch(text, pks):
                        held[row[0]].append((unique.name, row[1]))
        return held


def among(root: TablePlan) -> str:
    """SQL for "the key of t is one of the texts in $1", in a form that uses the index."""
    kind = quoted(root.types[root.key_index])
    return f"t.{quoted(root.key.column)} = ANY ($1::text[]::{kind}[])"


def _same_place(mapping: Mapping, name: str, fate: str, table: str | None) -> None:
    collection = mapping.collection(name)
    if fate == "migrated" and (collection.policy is not Policy.MAP or collection.table != table):
        now = f"maps it to {collection.table!r}" if collection.policy is Policy.MAP else f"says {collection.policy!r}"
        raise usage_error(
            "mapping_moved",
            f"collection {one_line(name, 60)!r} is in table {table!r} since an earlier run, the mapping now {now}",
            "Use the mapping of that run, or an empty target",
        )

"""Before a repeated run writes: take out of the target what the source no longer says.

Documents that moved to another key, or that are refused now, leave the tables (children before parents); documents
that vanished from the source are left, and reported, unless pruning is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.target import quoted

_BATCH = 1000


class Reconciler:
    """Works on the connection that holds the lease."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], lease: Lease, ledger: Ledger, run: str) -> None:
        self._connection = connection
        self._lease = lease
        self._ledger = ledger
        self._run = run

    async def run(self, plans: Sequence[CollectionPlan], *, prune: bool) -> int:
        """Remove rows; returns how many vanished documents were pruned."""
        pruned = 0
        for plan in reversed(plans):
            await self._remove(plan, self._moved(plan.collection.name), forget=False)
            if prune:
                pruned += await self._remove(plan, self._vanished(plan.collection.name), forget=True)
        pruned += await self._vanished_elsewhere({plan.collection.name for plan in plans}, prune)
        return pruned

    def _moved(self, collection: str) -> list[tuple[str, str]]:
        """(source id, old key) of documents that are refused now or have another key."""
        return self._ledger.db.execute(
            "SELECT k.source_id, k.pk FROM known k JOIN document d USING (collection, source_id)"
            " WHERE k.collection = ? AND k.fate = 'migrated' AND (d.fate <> 'migrated' OR d.pk <> k.pk)",
            (collection,),
        ).fetchall()

    def _vanished(self, collection: str) -> list[tuple[str, str]]:
        return self._ledger.db.execute(
            "SELECT k.source_id, k.pk FROM known k LEFT JOIN document d USING (collection, source_id)"
            " WHERE k.collection = ? AND k.fate = 'migrated' AND d.id IS NULL",
            (collection,),
        ).fetchall()

    async def _remove(self, plan: CollectionPlan, gone: list[tuple[str, str]], *, forget: bool) -> int:
        key = quoted(plan.root.key.column)
        for at in range(0, len(gone), _BATCH):
            part = gone[at : at + _BATCH]
            async with self._connection.transaction():
                await self._lease.fence()
                await self._connection.execute("SET LOCAL devora.loading = 'on'")
                await self._connection.execute(
                    f"DELETE FROM public.{quoted(plan.root.table)} WHERE {key}::text = ANY ($1::text[])",
                    [pk for _, pk in part],
                )
                # Without its account the document counts as new, and is written afresh if it still migrates.
                await self._connection.execute(
                    "DELETE FROM devora_console.document WHERE collection = $1 AND source_id = ANY ($2::text[])",
                    plan.collection.name,
                    [source_id for source_id, _ in part],
                )
        return len(gone) if forget else 0

    async def _vanished_elsewhere(self, mapped: set[str], prune: bool) -> int:
        """Quarantined documents that the source no longer has are resolved; archived ones go with pruning only."""
        pruned = 0
        rows = self._ledger.db.execute(
            "SELECT k.collection, k.source_id, k.fate FROM known k LEFT JOIN document d USING (collection, source_id)"
            " WHERE k.fate <> 'migrated' AND d.id IS NULL"
        ).fetchall()
        for collection, source_id, fate in rows:
            if fate == "archived" and not prune:
                continue
            async with self._connection.transaction():
                await self._lease.fence()
                if fate == "archived":
                    pruned += 1
                    await self._connection.execute(
                        "DELETE FROM devora_console.archive WHERE collection = $1 AND source_id = $2",
                        collection,
                        source_id,
                    )
                else:
                    await self._connection.execute(
                        "UPDATE devora_console.quarantine SET resolved_at = now(), resolved_by = $3,"
                        " reason = 'vanished from the source'"
                        " WHERE collection = $1 AND source_id = $2 AND resolved_at IS NULL",
                        collection,
                        source_id,
                        f"run {self._run}",
                    )
                await self._connection.execute(
                    "DELETE FROM devora_console.document WHERE collection = $1 AND source_id = $2",
                    collection,
                    source_id,
                )
        return pruned

"""Before a repeated run writes: take out of the target what the source no longer says.

Documents that moved to another key, or that are refused now, leave the tables (children before parents). A row whose
key another document has now is handed over to that document: deleting it would take along, by cascade, rows of
documents that have not changed. Documents that vanished from the source are left, and reported, unless pruning is
asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from devora_console.migration.fenced import Fenced
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.stage import remove

_AT_ONCE = 1000
_FORGET = "DELETE FROM devora_console.document WHERE collection = $1 AND source_id = ANY ($2::text[])"


class Reconciler:
    """Works on the connection that holds the lease. ``run`` names it where quarantine entries are resolved."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], lease: Lease, ledger: Ledger, run: str) -> None:
        self._connection = connection
        self._lease = lease
        self._ledger = ledger
        self._run = run

    async def run(self, plans: Sequence[CollectionPlan], others: Sequence[str], *, prune: bool) -> int:
        """Remove rows; returns how many vanished documents were pruned. ``others`` are collections without a table."""
        pruned = 0
        for plan in reversed(plans):
            await self._remove(plan, self._moved(plan.collection.name))
            vanished = self._ledger.vanished(plan.collection.name)
            if prune:
                rows = [(source_id, pk) for source_id, fate, pk in vanished if fate == "migrated" and pk is not None]
                await self._remove(plan, rows)
                self._ledger.gone(plan.collection.name, [source_id for source_id, _ in rows])
                pruned += len(rows)
            await self._resolve(plan.collection.name, [row[0] for row in vanished if row[1] == "quarantined"])
            await self._forget(plan.collection.name, [row[0] for row in vanished if row[1] == "gone"])
        for plan in plans:
            await self._hand_over(plan)
        for name in others:
            vanished = self._ledger.vanished(name)
            await self._resolve(name, [row[0] for row in vanished if row[1] == "quarantined"])
            if prune:
                pruned += await self._unarchive(name, [row[0] for row in vanished if row[1] == "archived"])
        return pruned

    async def _hand_over(self, plan: CollectionPlan) -> None:
        """Rows whose key belongs to another document now: its account takes the old one's place, to be written."""
        name = plan.collection.name
        pairs = self._ledger.db.execute(
            # The CROSS keeps SQLite from looping over all pairs: the index of (collection, pk) answers at once.
            "SELECT k.source_id, m.source_id, k.pk FROM known k CROSS JOIN document m INDEXED BY document_pk"
            " WHERE k.collection = ? AND k.fate = 'migrated' AND m.collection = k.collection AND m.pk = k.pk"
            " AND m.fate = 'migrated' AND m.source_id <> k.source_id",
            (name,),
        ).fetchall()
        if not pairs:
            return
        # In one transaction, all old ones first: documents may have exchanged their keys.
        async with Fenced(self._connection, self._lease.epoch):
            await self._connection.execute(_FORGET, name, [old for old, _, _ in pairs])
            await self._connection.execute(
                "INSERT INTO devora_console.document AS d (collection, source_id, fate, target_table, pk, digest)"
                " SELECT $1, s.source_id, 'migrated', $2, s.pk, NULL FROM unnest($3::text[], $4::text[])"
                " AS s (source_id, pk) ON CONFLICT (collection, source_id) DO UPDATE"
                " SET fate = excluded.fate, target_table = excluded.target_table, pk = excluded.pk, digest = NULL",
                name,
                plan.root.table,
                [new for _, new, _ in pairs],
                [pk for _, _, pk in pairs],
            )

    def _moved(self, collection: str) -> list[tuple[str, str]]:
        """(source id, old key) of documents that are refused now or have another key, and nobody has the old one."""
        return self._ledger.db.execute(
            "SELECT k.source_id, k.pk FROM known k JOIN document d USING (collection, source_id)"
            " WHERE k.collection = ? AND k.fate = 'migrated' AND (d.fate <> 'migrated' OR d.pk <> k.pk)"
            " AND NOT EXISTS (SELECT 1 FROM document m WHERE m.collection = k.collection AND m.pk = k.pk"
            " AND m.fate = 'migrated')",
            (collection,),
        ).fetchall()

    async def _remove(self, plan: CollectionPlan, gone: list[tuple[str, str]]) -> None:
        for start in range(0, len(gone), _AT_ONCE):
            part = gone[start : start + _AT_ONCE]
            async with Fenced(self._connection, self._lease.epoch):
                for statement in remove(plan):
                    await self._connection.execute(statement, [pk for _, pk in part])
                # Without its account the document counts as new, and is written afresh if it still migrates.
                await self._connection.execute(_FORGET, plan.collection.name, [source_id for source_id, _ in part])

    async def _forget(self, collection: str, source_ids: list[str]) -> None:
        """Vanished documents whose rows are gone too, with a parent's for instance."""
        for start in range(0, len(source_ids), _AT_ONCE):
            async with Fenced(self._connection, self._lease.epoch):
                await self._connection.execute(_FORGET, collection, source_ids[start : start + _AT_ONCE])

    async def _resolve(self, collection: str, source_ids: list[str]) -> None:
        """Quarantined documents that the source no longer has leave quarantine; their history stays."""
        for start in range(0, len(source_ids), _AT_ONCE):
            part = source_ids[start : start + _AT_ONCE]
            async with Fenced(self._connection, self._lease.epoch):
                await self._connection.execute(
                    "UPDATE devora_console.quarantine SET resolved_at = now(), resolved_by = $3,"
                    " reason = 'vanished from the source'"
                    " WHERE collection = $1 AND source_id = ANY ($2::text[]) AND resolved_at IS NULL",
                    collection,
                    part,
                    f"run {self._run}",
                )
                await self._connection.execute(_FORGET, collection, part)

    async def _unarchive(self, collection: str, source_ids: list[str]) -> int:
        for start in range(0, len(source_ids), _AT_ONCE):
            part = source_ids[start : start + _AT_ONCE]
            async with Fenced(self._connection, self._lease.epoch):
                await self._connection.execute(
                    "DELETE FROM devora_console.archive WHERE collection = $1 AND source_id = ANY ($2::text[])",
                    collection,
                    part,
                )
                await self._connection.execute(_FORGET, collection, part)
        self._ledger.gone(collection, source_ids)
        return len(source_ids)

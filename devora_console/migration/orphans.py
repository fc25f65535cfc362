"""References that lead nowhere: in the source before, in the target after."""

from __future__ import annotations

import asyncpg

from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping
from devora_console.migration.progress import Orphans
from devora_console.migration.target import quoted
from devora_console.postgres.sqlfiles import sql


def source_orphans(ledger: Ledger, mapping: Mapping) -> list[Orphans]:
    """Documents of the source that name a document which the source does not hold, per reference."""
    result = []
    for collection in mapping.mapped():
        for column in collection.columns:
            if column.reference is None or column.path is None:
                continue
            (count,) = ledger.db.execute(
                "SELECT count(*) FROM reference r JOIN document d ON d.id = r.document"
                " WHERE d.collection = ? AND d.fate <> 'foreign' AND r.name = ?"
                " AND NOT EXISTS (SELECT 1 FROM document p WHERE p.collection = ? AND p.pk = r.key)",
                (collection.name, column.name, column.reference.collection),
            ).fetchone()
            result.append(Orphans("source", f"{collection.name}.{column.name}", count))
    return result


async def target_orphans(connection: asyncpg.Connection[asyncpg.Record], mapping: Mapping) -> list[Orphans]:
    """Rows of the target that name a row which is not there: every foreign key, and references that have none."""
    pairs = [
        (row["table_name"], row["column_name"], row["referenced"], row["key"])
        for row in await connection.fetch(sql("devora_console.migration", "target_references"))
    ]
    keyed = {(table, column) for table, column, _, _ in pairs}
    for collection in mapping.mapped():
        for column in collection.columns:
            parent = mapping.by_name.get(column.reference.collection) if column.reference else None
            if parent is not None and parent.key is not None and (collection.table, column.name) not in keyed:
                pairs.append((collection.table, column.name, parent.table, parent.key.column))
    result = []
    for table, column, referenced, key in pairs:
        count = await connection.fetchval(
            f"SELECT count(*) FROM public.{quoted(table)} t WHERE t.{quoted(column)} IS NOT NULL AND NOT EXISTS"
            f" (SELECT 1 FROM public.{quoted(referenced)} p WHERE p.{quoted(key)} = t.{quoted(column)})"
        )
        result.append(Orphans("target", f"{table}.{column}", int(count)))
    return result

"""What a copy would do, in words, before anybody is asked to confirm it. Pure."""

from __future__ import annotations

from devora_console.config.settings import Settings
from devora_console.core.console import Preview
from devora_console.migration.progress import MigrationSnapshot

_ASIDE = (
    "A large copy into empty tables sets their indexes, foreign keys and triggers aside: each table is locked for a "
    "moment. They are made again at the end, and whoever writes to a table waits while one of its indexes is built."
)


def copy_preview(settings: Settings, database: str, seen: MigrationSnapshot | None, command: str) -> Preview:
    """``database`` is the target, whose name has to be typed; ``seen`` what the last dry run found, if any."""
    if seen is None:
        expected = "How much that is has not been looked at: press d for a dry run first."
    else:
        documents = sum(each.migrated for each in seen.collections)
        rows = sum(sum(each.rows.values()) for each in seen.collections)
        held = sum(seen.quarantine_rules.values())
        expected = f"The last dry run found {documents} documents for {rows} rows, and {held} for quarantine."
    aside = "" if settings.migration.bulk_load is False else f" {_ASIDE}"
    return Preview(
        title=f"Copy {settings.mongo.database} into {database}",
        consequence=f"Every document of MongoDB is converted and written to database {database}. {expected}",
        locks=f"Row locks on what it writes, one batch at a time; readers are not blocked.{aside}",
        sql="COPY … FROM STDIN into empty tables, else INSERT … ON CONFLICT (id) DO UPDATE; per batch, in one "
        "transaction with its accounts",
        command=command,
        type_name=database,
    )

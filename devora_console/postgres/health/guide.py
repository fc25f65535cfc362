"""The migration guide's own health queries: as written, what is wrong with them, mended, and what they answer here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, Guest

Cell = None | bool | int | float | str | Decimal | datetime


@dataclass(frozen=True, slots=True)
class GuideQuery:
    """One query of the guide. ``note`` says what was changed and why; ``rows`` is the answer of the mended one."""

    id: str
    title: str
    written: str
    note: str
    mended: str
    rows: tuple[Mapping[str, Cell], ...] | Unknown


_WRITTEN: Mapping[str, tuple[str, str, str]] = {
    "guide_cache": (
        "Cache hit ratio (should be > 99%)",
        "SELECT\n"
        "    sum(heap_blks_hit) / (sum(heap_blks_hit) + sum(heap_blks_read)) AS cache_hit_ratio\n"
        "FROM pg_statio_user_tables;",
        "As written it works, but fails with 22012 (division by zero) before the first read, leaves out indexes and "
        "TOAST, and counts since the statistics began. Mended: NULL without reads, in percent, cut to two decimals.",
    ),
    "guide_dead_rows": (
        "Dead rows",
        "SELECT\n    schemaname,\n    tablename,\n"
        "    pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size,\n    n_dead_tup\n"
        "FROM pg_stat_user_tables\nORDER BY n_dead_tup DESC;",
        "As written it fails with 42703: pg_stat_user_tables has relname, not tablename. Mended: relname, sizes by OID "
        "(any name works) and none for a locked table, the 20 with most dead rows. The guide then runs VACUUM FULL "
        "ANALYZE, which locks every table against reading while it rewrites it; plain VACUUM (ANALYZE) is enough.",
    ),
    "guide_sizes": (
        "Table sizes",
        "SELECT\n    schemaname,\n    tablename,\n"
        "    pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size\n"
        "FROM pg_tables\nWHERE schemaname = 'public'\n"
        "ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;",
        "As written it works for names in lower case, fails with 42P01 for others, and waits for locked tables. "
        "Mended: by OID, without locked tables, the 20 largest.",
    ),
}


async def read_guide(guest: Guest) -> tuple[GuideQuery, ...]:
    """The guide's queries with the answers of the mended ones."""
    found = []
    for name, (title, written, note) in _WRITTEN.items():
        rows = await guest.ask(name, seconds=10)
        answer = rows if isinstance(rows, Unknown) else tuple(dict(row) for row in rows)
        mended = "\n".join(line for line in sql(HERE, name).splitlines() if not line.startswith("--")) + ";"
        found.append(GuideQuery(name, title, written, note, mended, answer))
    return tuple(found)

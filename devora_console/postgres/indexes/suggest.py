"""Tables that are read whole, again and again: where an index may be missing. Which column, only a plan can tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import Catalogue
from devora_console.postgres.indexes.snapshot import Finding, Kind, no

_ROWS = 10_000
_FEW = "an estimate from counters; the column must come from the plan of a slow statement"


def suggested(catalogue: Catalogue, settings: IndexesSettings, known: Collection[int] = ()) -> Iterator[Finding]:
    """Large tables with many scans of most of their rows, the most rows read first; not those of which more is
    ``known``.
    """
    indexes = catalogue.indexes_of()
    found = []
    for table in catalogue.tables.values():
        if table.oid in known or table.partitioned or isinstance(table.size_bytes, Unknown) or not table.whole_scans:
            continue
        by_index = sum(each.scans for each in indexes.get(table.oid, ()))
        a_time = table.rows_read / table.whole_scans
        if (
            table.size_bytes < settings.table_mb * 1e6
            or table.whole_scans < settings.whole_scans
            or table.live < _ROWS
            or a_time < 0.3 * table.live
        ):
            continue
        reason = (
            f"estimate: read by {table.whole_scans} sequential scans, {a_time:.0f} of {table.live} rows each time;"
            f" {by_index} index scans"
        )
        finding = Finding(
            kind=Kind.SUGGESTED,
            verdict=Verdict.NONE,
            schema=table.schema,
            index="",
            table=table.title,
            oid=None,
            size_bytes=table.size_bytes,
            reason=reason,
            confidence=no(_FEW),
            key=str(table.oid),
            notes=(
                f"threshold: indexes.whole_scans = {settings.whole_scans:g}, indexes.table_mb = {settings.table_mb:g},"
                f" {_ROWS} rows",
                "Backups, reports and VACUUM-like jobs read tables whole as well, and rightly.",
                "Look for its slow statements (queries) and their plans (explain): the condition of the sequential scan"
                " names the column.",
            ),
        )
        found.append((table.rows_read, finding))
    found.sort(key=lambda pair: -pair[0])
    return (finding for _, finding in found)

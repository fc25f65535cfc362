"""Measure one btree with pgstatindex, which reads all of it: the truth behind the estimate."""

from __future__ import annotations

from math import isfinite

from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.snapshot import Measurement
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import NO_ANSWER, Guest

_SECONDS = 300.0
_NO_LEAF = Unknown("it has no leaf page: it is empty")


async def measure(guest: Guest, oid: int, *, seconds: float = _SECONDS) -> Measurement | Unknown:
    """The index with this oid as it is, or why it cannot be measured. Raises ConsoleError when the line is lost."""
    target = await guest.one("index_measured", oid)
    if isinstance(target, Unknown):
        return Unknown("there is no such index any more") if target == NO_ANSWER else target
    if target["method"] != "btree" or target["partitioned"]:
        return Unknown("pgstatindex measures btree indexes, and of a partitioned index each partition's own")
    if target["locked"]:
        return Unknown("under an exclusive lock, held or awaited", "See: locks")
    extension = guest.host.extensions.get("pgstattuple")
    if extension is None:
        return Unknown("pgstattuple is not installed in this database", "CREATE EXTENSION pgstattuple;")
    # By oid: by name it would need USAGE on the schema, which pg_monitor has not.
    text = f"SELECT * FROM {quoted(extension.schema)}.pgstatindex($1::oid::regclass)"  # noqa: S608 - a quoted schema
    rows = await guest.query(text, oid, seconds=seconds)
    if isinstance(rows, Unknown):
        return rows
    row = rows[0]
    density = float(row["avg_leaf_density"])
    fragmentation = float(row["leaf_fragmentation"])
    fill = float(target["fill_factor"])
    leaves = int(row["leaf_pages"]) * guest.host.block_size
    spare = (int(row["empty_pages"]) + int(row["deleted_pages"])) * guest.host.block_size
    packed = leaves * min(1.0, density / fill) if isfinite(density) else 0.0  # NaN: no leaf at all
    return Measurement(
        as_of=utc_now(),
        index=target["title"],
        oid=oid,
        size_bytes=int(row["index_size"]),
        leaf_density=density if isfinite(density) else _NO_LEAF,
        fragmentation=fragmentation if isfinite(fragmentation) else _NO_LEAF,
        fill_factor=fill,
        empty_pages=int(row["empty_pages"]),
        deleted_pages=int(row["deleted_pages"]),
        reclaimable_bytes=max(0, round(leaves - packed + spare)),
        remedy_sql=f"REINDEX INDEX CONCURRENTLY {target['quoted']};",
    )

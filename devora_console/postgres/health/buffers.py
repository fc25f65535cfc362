"""What shared buffers hold, where pg_buffercache is installed; on demand, as it looks at every buffer."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, Guest

MOST_BYTES = 200 * 1024**3
"""Above this much shared_buffers the look is refused: it takes each buffer's header lock."""

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class BufferedRelation:
    """One relation of this database (``of`` is "here"), or all of another kind: other databases, shared catalogues,
    unused buffers, and files of this database without a relation. Bytes; ``dirty`` of them are not written yet.
    """

    of: str
    schema: str | None
    name: str | None
    bytes: int
    dirty: int


async def read_buffers(guest: Guest) -> tuple[BufferedRelation, ...] | Unknown:
    """What is not of this database first, then the largest relations; or why it cannot be told."""
    extension = guest.host.extensions.get("pg_buffercache")
    if extension is None:
        return Unknown("the extension pg_buffercache is not installed here", "CREATE EXTENSION pg_buffercache;")
    room = await guest.query("SELECT setting::bigint AS blocks FROM pg_settings WHERE name = 'shared_buffers'")
    if isinstance(room, Unknown):
        return room
    if room[0]["blocks"] * guest.host.block_size > MOST_BYTES:
        return Unknown("shared_buffers is larger than 200 GiB: looking at each buffer would disturb the server")
    # The one name that is put in is the extension's schema, quoted; an extension may live anywhere.
    text = sql(HERE, "health_buffers").replace("pg_catalog.pg_buffercache", quoted(extension.schema, "pg_buffercache"))
    rows = await guest.query(text, seconds=_SECONDS, remember="health_buffers")
    if isinstance(rows, Unknown):
        return rows
    size = guest.host.block_size
    return tuple(
        BufferedRelation(row["of"], row["schema"], row["name"], row["buffers"] * size, row["dirty"] * size)
        for row in rows
    )

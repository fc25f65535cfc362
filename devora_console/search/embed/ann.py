"""Indexes for nearest neighbours: one per model and dimension, made once the vectors are there.

Rows go in under an index at some 450 a second, and into a new one at some thousands: after a large back-fill it is made
anew, partition by partition and without locking anybody out. A build that was killed is gone on with.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from devora_console.core.unknown import Unknown
from devora_console.postgres.locks import EMBEDDING
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed.work import HERE, Connection

LEAST = 20_000
"""Vectors of a model below which comparing with each of them is faster than an index."""

_MOST_VECTOR = 2000  # dimensions that an index takes as they are; beyond, at half precision
_MB = 1 << 20
_LEAST_MEMORY, _MOST_MEMORY = 64 * _MB, 2048 * _MB
_WORTH = 4  # a new index is made when what is to come is more than one part in so many of what is there


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it is: ``none``, ``partial`` (some partitions have theirs) or ``ready``. ``bytes`` on the disk."""

    name: str
    state: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Built:
    """What :func:`ensure` found or did: ``built``, ``ready`` (nothing to do), ``small`` (too few vectors), ``busy``
    (another run makes it). ``rows`` went into it in ``seconds``.
    """

    outcome: str
    index: str
    rows: int
    seconds: float

    @property
    def rows_per_second(self) -> float | Unknown:
        """How fast it was made."""
        if self.outcome != "built" or self.seconds <= 0:
            return Unknown("no index was made")
        return self.rows / self.seconds


def index_name(model: str, dims: int) -> str:
    """``idx_embeddings_ann_<8 hex digits of the model>_<dims>``."""
    return f"idx_embeddings_ann_{hashlib.sha256(model.encode()).hexdigest()[:8]}_{dims}"


def memory_for(rows: int, dims: int) -> int:
    """Bytes of maintenance_work_mem for the graph of so many vectors: 1.3 kB a row at 256 dimensions."""
    wide = 4 if dims <= _MOST_VECTOR else 2
    return min(_MOST_MEMORY, max(_LEAST_MEMORY, int(rows * (wide * dims + 400) * 1.1)))


async def expression(connection: Connection, dims: int) -> tuple[str, str]:
    """What is indexed, and the operator class: ``embedding_vector::vector(256)``, ``vector_cosine_ops``."""
    place = await connection.fetchval(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector'"
    )
    kind = "vector" if dims <= _MOST_VECTOR else "halfvec"
    return f"embedding_vector::{place}.{kind}({int(dims)})", f"{place}.{kind}_cosine_ops"


async def state_of(connection: Connection, model: str, dims: int) -> Index:
    """How the index of a model stands."""
    name = index_name(model, dims)
    rows = await connection.fetch(sql(HERE, "ann"), name)
    ready = any(row["whole"] and row["valid"] for row in rows)
    state = "ready" if ready else "partial" if rows else "none"
    return Index(name, state, sum(int(row["bytes"]) for row in rows))


async def set_aside(connection: Connection, model: str, dims: int, coming: int) -> bool:
    """Drop the index when so much is to come that making it anew is faster. False: it stays, or there is none."""
    if coming < LEAST or (await state_of(connection, model, dims)).state == "none":
        return False
    there = int(await connection.fetchval("SELECT count(*) FROM public.embeddings WHERE model_name = $1", model))
    if coming * _WORTH < there:
        return False
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '5s'")
            await connection.execute(f'DROP INDEX IF EXISTS public."{index_name(model, dims)}"')
    except asyncpg.LockNotAvailableError:  # somebody searches all the time: it is merely slower with the index
        return False
    return True


async def ensure(
    connection: Connection,
    model: str,
    dims: int,
    *,
    least: int = LEAST,
    narrate: Callable[[str], None] = lambda _: None,
) -> Built:
    """Make the index if it is worth one and not there. Outside any transaction."""
    name = index_name(model, dims)
    if (await state_of(connection, model, dims)).state == "ready":
        return Built("ready", name, 0, 0.0)
    rows = int(await connection.fetchval("SELECT count(*) FROM public.embeddings WHERE model_name = $1", model))
    if rows < least:
        return Built("small", name, 0, 0.0)
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", EMBEDDING, name):
        return Built("busy", name, 0, 0.0)
    try:
        began = time.monotonic()
        await _build(connection, name, model, dims, narrate)
        return Built("built", name, rows, time.monotonic() - began)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1, hashtext($2))", EMBEDDING, name)


async def _build(connection: Connection, name: str, model: str, dims: int, narrate: Callable[[str], None]) -> None:
    what, ops = await expression(connection, dims)
    literal = await connection.fetchval("SELECT quote_literal($1::text)", model)
    on = f"USING hnsw (({what}) {ops}) WHERE model_name = {literal}"
    await connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON ONLY public.embeddings {on}')
    known = {row["name"]: row for row in await connection.fetch(sql(HERE, "ann"), name)}
    parts = await connection.fetch(sql(HERE, "partitions"))
    for number, part in enumerate(parts, 1):
        own = f"{name}_p{part['number']:02d}"
        found = known.get(own)
        if found is not None and found["attached"]:
            continue
        folder = f'"{part["folder"]}"'
        if found is not None and not found["valid"]:  # a build that was killed
            await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {folder}."{own}"')
        rows = int(await connection.fetchval(f"SELECT count(*) FROM {part['place']} WHERE model_name = $1", model))
        narrate(f"index for nearest neighbours: partition {number} of {len(parts)}, {rows} vectors")
        await connection.execute(f"SET maintenance_work_mem = '{memory_for(rows, dims) // 1024}kB'")
        await connection.execute(f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{own}" ON {part["place"]} {on}')
        await connection.execute(f'ALTER INDEX public."{name}" ATTACH PARTITION {folder}."{own}"')
    await connection.execute("RESET maintenance_work_mem")

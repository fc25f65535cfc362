"""Both sides of a comparison, piece by piece: digests of the rows a source says there are, and of those that are.

A row's digest is the md5 of its fields as COPY BINARY carries them; PostgreSQL computes it from its ``*_send``
functions, we from the converted document. Rows fall into 4,096 buckets by their key; the first 64 bits of the digests
are summed per bucket.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from struct import Struct

from devora_console.migration.digests import body_sql, bucket_sql
from devora_console.migration.encode import INT32
from devora_console.migration.plan import TablePlan
from devora_console.migration.rows import Body, key_text
from devora_console.migration.target import quoted
from devora_console.migration.work.parts import Part, migrating
from devora_console.migration.work.seat import Seat

_FIRST64 = Struct(">q").unpack_from
Buckets = dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Summed:
    """(rows, sum of digests) per bucket, for each table of the collection."""

    tables: tuple[Buckets, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class SumUnit:
    """Digests of the rows that a piece of the source says there are."""

    part: Part

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return self.part.piece.largest

    async def work(self, seat: Seat) -> Summed:
        """Convert and sum; nothing is asked of PostgreSQL."""
        plan = seat.plan(self.part.piece.collection)
        found: list[Buckets] = [{} for _ in plan.tables()]
        count = 0
        for _, _, rows, _ in migrating(seat, self.part, range(self.part.piece.documents)):
            for table, bodies, sums in zip(plan.tables(), rows, found, strict=True):
                count += len(bodies)
                _sum(table, bodies, sums)
        return Summed(tuple(found), count)


def _sum(table: TablePlan, bodies: list[Body], sums: Buckets) -> None:
    is_uuid = table.types[table.key_index] == "uuid"
    md5 = hashlib.md5
    for body in bodies:
        # A uuid is spread evenly by itself. The key comes first, behind its length.
        bucket = body[4] << 4 | body[5] >> 4 if is_uuid else bucket_of(table, key_cell(body))
        (digest,) = _FIRST64(md5(body, usedforsecurity=False).digest())
        rows, total = sums.get(bucket, (0, 0))
        sums[bucket] = (rows + 1, total + digest)


@dataclass(frozen=True, slots=True)
class KeepUnit:
    """(key as text, digest, number in the ledger) of the rows of one table that fall into some buckets."""

    part: Part
    table: int
    buckets: frozenset[int]

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return self.part.piece.largest

    async def work(self, seat: Seat) -> list[tuple[str, bytes, int]]:
        """Convert and choose."""
        table = seat.plan(self.part.piece.collection).tables()[self.table]
        kind = table.types[table.key_index]
        return [
            (key_text(kind, key), hashlib.md5(body, usedforsecurity=False).digest(), self.part.first + at)
            for at, _, rows, _ in migrating(seat, self.part, range(self.part.piece.documents))
            for body in rows[self.table]
            if bucket_of(table, key := key_cell(body)) in self.buckets
        ]


@dataclass(frozen=True, slots=True)
class TargetUnit:
    """Digests of the rows that are there, in some blocks of a table, as of an exported snapshot.

    ``end`` None: to the end of the table.
    """

    collection: str
    table: int
    start: int
    end: int | None
    snapshot: str

    @property
    def largest(self) -> int:
        """No document is held here."""
        return 0

    async def work(self, seat: Seat) -> Buckets:
        """PostgreSQL sums; no row crosses the wire."""
        table = seat.plan(self.collection).tables()[self.table]
        connection = await seat.connection()
        where = "ctid >= format('(%s,0)', $1::bigint)::tid"
        if self.end is not None:
            where += " AND ctid < format('(%s,0)', $2::bigint)::tid"
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            # The name comes from pg_export_snapshot(): digits, letters and dashes.
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
            await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            rows = await connection.fetch(
                f"SELECT {bucket_sql(table)}, count(*), sum(('x' || left(md5({body_sql(table)}), 16))::bit(64)::bigint)"
                f" FROM public.{quoted(table.table)} WHERE {where} GROUP BY 1",
                *([self.start] if self.end is None else [self.start, self.end]),
            )
        return {row[0]: (row[1], int(row[2])) for row in rows}


def key_cell(body: Body) -> bytes:
    """The key of a row, its first field."""
    return body[4 : 4 + int(INT32.unpack_from(body)[0])]


def bucket_of(table: TablePlan, key: bytes) -> int:
    """0 to 4,095: the first twelve bits of a uuid, of the md5 of any other key."""
    if table.types[table.key_index] != "uuid":
        key = hashlib.md5(key, usedforsecurity=False).digest()
    return key[0] << 4 | key[1] >> 4

"""Writing vectors: a batch arrives by COPY and is taken over where its documents are still what was embedded."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import numpy as np

from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import work
from devora_console.search.embed.batches import Embedded, Outcome
from devora_console.search.embed.work import HERE, NOTHING, Connection, Leaf, columns, placed

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_END = struct.pack(">h", -1)
_PIECE = 1 << 20  # bytes handed over at once
_COLUMNS = (
    "user_id",
    "entity_type",
    "entity_id",
    "content_hash",
    "chunk",
    "chunks",
    "text_content",
    "embedding_vector",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: documents and vectors written, and documents that were edited or deleted meanwhile."""

    documents: int
    vectors: int
    changed: int


async def prepare(connection: Connection) -> None:
    """Make ready a connection to write with. What was committed last may be lost with the server: it is stale then."""
    await work.prepare(connection)
    await connection.execute("SET synchronous_commit = off")
    await connection.execute(sql(HERE, "batch_table"))


async def write(connection: Connection, model: str, leaf: Leaf, run: UUID, outcome: Outcome, tokens: int) -> Written:
    """Write a batch, record what failed and give the claims back, all in one transaction."""
    try:
        return await _write(connection, model, leaf, run, outcome, tokens)
    except asyncpg.ForeignKeyViolationError:  # a user was deleted between the look and the write: look again
        return await _write(connection, model, leaf, run, outcome, tokens)


async def _write(connection: Connection, model: str, leaf: Leaf, run: UUID, outcome: Outcome, tokens: int) -> Written:
    done, failed = outcome.done, outcome.failed
    keys = [each.text.key for each in done] + [each.text.key for each in failed]
    async with connection.transaction():
        written = await _vectors(connection, model, leaf, done) if done else Written(0, 0, 0)
        if failed:
            await connection.execute(
                sql(HERE, "fail"),
                model,
                *columns([each.text.key for each in failed]),
                [each.text.content_hash for each in failed],
                [each.reason for each in failed],
            )
        await connection.execute(sql(HERE, "release"), model, run, *columns(keys))
        await connection.execute(
            "UPDATE devora_console.embedding_run SET embedded = embedded + $2, failed = failed + $3,"
            " tokens = tokens + $4 WHERE id = $1",
            run,
            written.documents,
            sum(each.reason != NOTHING for each in failed),
            tokens,
        )
    return written


async def _vectors(connection: Connection, model: str, leaf: Leaf, done: Sequence[Embedded]) -> Written:
    await connection.copy_to_table("embed_batch", source=_binary(done), columns=_COLUMNS, format="binary")
    row = await connection.fetchrow(placed("write_batch", leaf), model)
    assert row is not None
    if any(each.text.again for each in done):
        await connection.execute(placed("drop_chunks", leaf), model)
    return Written(int(row["documents"]), int(row["vectors"]), len(done) - int(row["documents"]))


async def _binary(done: Sequence[Embedded]) -> AsyncIterator[bytes]:
    """The batch in PostgreSQL's binary form, a megabyte at a time."""
    buffer = bytearray(_HEADER)
    for each in done:
        for row in _rows(each):
            buffer += row
            if len(buffer) >= _PIECE:
                yield bytes(buffer)
                buffer.clear()
    yield bytes(buffer) + _END


def _rows(each: Embedded) -> Iterator[bytes]:
    key, count = each.text.key, len(each.vectors)
    same = (
        struct.pack(">h", len(_COLUMNS))
        + b"".join(map(_field, (key.user_id.bytes, key.entity_type.encode(), key.entity_id.bytes)))
        + _field(each.text.content_hash.encode())
    )
    for number, (piece, vector) in enumerate(zip(each.text.pieces, each.vectors, strict=True)):
        numbers = np.asarray(vector, dtype=">f4")
        packed = struct.pack(">hh", len(numbers), 0) + numbers.tobytes()
        yield same + struct.pack(">iiii", 4, number, 4, count) + _field(piece.encode()) + _field(packed)


def _field(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data

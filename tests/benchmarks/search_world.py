"""The corpus in a database: loaded in bulk as a migration loads, then its documents, vocabulary and vectors."""

from __future__ import annotations

import asyncio
import random
import struct
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TypeAlias

import asyncpg

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.migration import documents, vectors
from devora_console.migration.setaside import bring_back, set_aside, validate, waiting
from devora_console.search.embed.ann import index_name
from tests.benchmarks.migration import say
from tests.benchmarks.search_corpus import DIMENSIONS, PER_TALK, Corpus, Person, batches, vector_binary

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_TABLES = ["users", "projects", "conversations", "messages", "project_files", "embeddings"]
_WORKERS = 2
_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


async def build(dsn: Dsn, corpus: Corpus, memory_mb: int) -> dict[str, float]:
    """Everything, with the seconds each step took."""
    took: dict[str, float] = {}
    connection = await asyncpg.connect(dsn.reveal())
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector; SET synchronous_commit = off")
    await schema.apply(connection)
    await set_aside(connection, [*_TABLES[:-1], documents.TABLE])

    began = time.perf_counter()
    await _rows(connection, corpus)
    took["load_seconds"] = time.perf_counter() - began
    took["vectors_seconds"] = await _timed(_vectors(dsn, connection))
    took["documents_seconds"] = await _timed(_documents(dsn, connection))
    took["indexes_seconds"] = await _timed(_indexes(dsn, connection, memory_mb))
    took["vocabulary_seconds"] = await _timed(connection.execute("SELECT devora_refresh_vocabulary()"))
    took |= await _nearest(connection, corpus, memory_mb)
    began = time.perf_counter()
    for table in [*_TABLES, documents.TABLE, "search_vocabulary"]:
        await connection.execute(f"VACUUM (ANALYZE) public.{table}")
    took["analyze_seconds"] = time.perf_counter() - began
    await connection.close()
    return took


async def add_vectors(dsn: Dsn, corpus: Corpus, memory_mb: int) -> dict[str, float]:
    """The vectors of this corpus in a database that is there, unless they are in it; with the seconds it took."""
    connection = await asyncpg.connect(dsn.reveal())
    took: dict[str, float] = {}
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM embeddings WHERE model_name = $1)", corpus.model):
        took = await _nearest(connection, corpus, memory_mb)
        await connection.execute("VACUUM (ANALYZE) public.embeddings")
    await connection.close()
    return took


async def _nearest(connection: Connection, corpus: Corpus, memory_mb: int) -> dict[str, float]:
    return {
        "embeddings_seconds": await _timed(_embeddings(connection, corpus)),
        "ann_index_seconds": await _timed(_ann_index(connection, corpus.model, memory_mb)),
    }


async def _timed(work: Iterable[object] | asyncio.Future[object] | object) -> float:
    began = time.perf_counter()
    await work  # type: ignore[misc]  # any awaitable
    return time.perf_counter() - began


async def _rows(connection: Connection, corpus: Corpus) -> None:
    """Users, a project each, conversations of twenty messages."""
    await connection.copy_records_to_table(
        "users", columns=["id", "email", "hashed_password"],
        records=[(person.id, f"{person.id}@example.org", "x") for person in corpus.users],
    )  # fmt: skip
    ids = random.Random(corpus.seed + 1)  # noqa: S311 - nothing secret
    done = 0
    for person in corpus.users:
        project = _id(ids)
        await connection.execute(
            "INSERT INTO projects (id, user_id, name) VALUES ($1, $2, $3)", project, person.id, corpus.title(person)
        )
        for count in batches(person.messages, 40_000):
            await _talks(connection, corpus, person, project, ids, count)
        done += person.messages
        if done * 20 // corpus.total > (done - person.messages) * 20 // corpus.total:
            say(f"messages: {done:,}")


async def _talks(
    connection: Connection, corpus: Corpus, person: Person, project: uuid.UUID, ids: random.Random, count: int
) -> None:
    talks = [_id(ids) for _ in range((count + PER_TALK - 1) // PER_TALK)]
    await connection.copy_records_to_table(
        "conversations", columns=["id", "user_id", "project_id", "title"],
        records=[(talk, person.id, project, corpus.title(person)) for talk in talks],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "messages", columns=["id", "conversation_id", "role", "content", "timestamp"],
        records=[
            (_id(ids), talks[at // PER_TALK], "user", corpus.text(person), _BEGAN + timedelta(minutes=at))
            for at in range(count)
        ],
    )  # fmt: skip


def _id(draw: random.Random) -> uuid.UUID:
    return uuid.UUID(int=draw.getrandbits(128), version=4)


async def _side_by_side(dsn: Dsn, steps: Sequence[object]) -> None:
    left = iter(steps)

    async def work() -> None:
        connection = await asyncpg.connect(dsn.reveal())
        await connection.execute("SET synchronous_commit = off")
        for step in left:
            async with connection.transaction():
                await step(connection)  # type: ignore[operator]  # of our own making
        await connection.close()

    await asyncio.gather(*(work() for _ in range(_WORKERS)))


async def _vectors(dsn: Dsn, connection: Connection) -> None:
    tables = await vectors.targets(connection, _TABLES[:-1])
    names = {table.trigger for table in tables}
    for thing in await waiting(connection):
        if thing.kind == "trigger" and thing.name in names:
            await bring_back(connection, thing)
    for table in tables:
        pieces = await vectors.pieces(connection, table)
        await _side_by_side(dsn, [lambda conn, piece=piece: vectors.fill(conn, piece) for piece in pieces])
        await vectors.tidy(connection, table.table, last=True)
    say("search vectors are filled")


async def _documents(dsn: Dsn, connection: Connection) -> None:
    kinds = await documents.aside(connection)
    for thing in await waiting(connection):
        if thing.kind == "trigger":
            await bring_back(connection, thing)
    pieces = [piece for kind in kinds for piece in await documents.pieces(connection, kind)]
    await _side_by_side(dsn, [lambda conn, piece=piece: documents.fill(conn, piece) for piece in pieces])
    say("search documents are made")


async def _indexes(dsn: Dsn, connection: Connection, memory_mb: int) -> None:
    left = iter(await waiting(connection))

    async def work() -> None:
        own = await asyncpg.connect(dsn.reveal())
        for thing in left:
            await bring_back(own, thing, memory_mb=min(memory_mb, 256))
            await validate(own, thing)
        await own.close()

    # One after another: foreign keys need the unique keys before them.
    await work()
    say("indexes are back")


async def _embeddings(connection: Connection, corpus: Corpus) -> None:
    """One vector per message, in the order of the users."""
    for person in corpus.users:
        rows = await connection.fetch(
            "SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE c.user_id = $1"
            " ORDER BY m.conversation_id",
            person.id,
        )
        await _copy_vectors(connection, corpus, person, [row[0] for row in rows])
    say("embeddings are in")


async def _copy_vectors(connection: Connection, corpus: Corpus, person: Person, ids: Sequence[uuid.UUID]) -> None:
    for start in range(0, len(ids), 10_000):
        first = start // PER_TALK
        talks = [corpus.talk(person, number) for number in range(first, first + 10_000 // PER_TALK)]
        rows = [
            struct.pack(">h", 6)
            + _bytes(person.id.bytes)
            + _bytes(b"message")
            + _bytes(each.bytes)
            + _bytes(b"")
            + _bytes(corpus.model.encode())
            + vector_binary(corpus.vector(talks[at // PER_TALK]))
            for at, each in enumerate(ids[start : start + 10_000])
        ]
        await connection.copy_to_table(
            "embeddings", source=BytesIO(b"".join([_HEADER, *rows, struct.pack(">h", -1)])), format="binary",
            columns=["user_id", "entity_type", "entity_id", "text_content", "model_name", "embedding_vector"],
        )  # fmt: skip


def _bytes(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


async def _ann_index(connection: Connection, model: str, memory_mb: int) -> None:
    """One partition after the other says how far it is."""
    await connection.execute(f"SET maintenance_work_mem = '{memory_mb}MB'")
    await connection.execute("SET max_parallel_maintenance_workers = 1")
    await connection.execute(
        f"CREATE INDEX {index_name(model, DIMENSIONS)} ON public.embeddings USING hnsw"
        f" ((embedding_vector::vector({DIMENSIONS})) vector_cosine_ops) WHERE model_name = '{model}'"
    )
    say("the index for nearest neighbours is built")

"""Finding, claiming and reading the documents that need a vector."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import asyncpg

from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed.chunks import chunks

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
HERE = "devora_console.search.embed"
NOTHING = "nothing to embed"
"""The reason of a document without words, which is not a failure."""

_ZERO = UUID(int=0)
_PAGE = 20_000  # keys looked up at once
_READ_BYTES = 4_000_000  # long bodies in memory at once
_LONG = 16_000  # bytes of a body from which on it is read apart
_ANY = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """A document."""

    user_id: UUID
    entity_type: str
    entity_id: UUID


@dataclass(frozen=True, slots=True)
class Text:
    """A document with the pieces to embed, and the hash of what they were made of. No pieces: nothing to embed.
    ``again``: it has vectors already.
    """

    key: Key
    content_hash: str
    pieces: tuple[str, ...]
    again: bool = True


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition of the documents and the one of the vectors that has the same users."""

    documents: str
    embeddings: str


WHOLE = Leaf("public.search_documents", "public.embeddings")
"""All partitions together."""


def columns(keys: Sequence[Key]) -> tuple[list[UUID], list[str], list[UUID]]:
    """Keys as the arrays that the statements take."""
    return [key.user_id for key in keys], [key.entity_type for key in keys], [key.entity_id for key in keys]


async def prepare(connection: Connection) -> None:
    """Have every document looked up by the indexes: statistics of tables that are being filled say nothing."""
    await connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
    await connection.execute("SET enable_bitmapscan = off; SET jit = off")


async def leaves(connection: Connection) -> list[Leaf]:
    """All partitions."""
    return [Leaf(row["documents"], row["embeddings"]) for row in await connection.fetch(sql(HERE, "leaves"))]


async def remaining(connection: Connection, model: str) -> int:
    """Documents whose vector is missing or stale, besides those that failed with the text they have."""
    found = 0
    for leaf in await leaves(connection):
        found += int(await connection.fetchval(placed("remaining", leaf), model))
    return found


async def candidates(connection: Connection, model: str, leaf: Leaf, after: Key | None) -> list[Key]:
    """The next documents of a partition that need a vector and that nobody works at; none at its end."""
    last = after or Key(_ZERO, "", _ZERO)
    statement = placed("candidates", leaf)
    rows = await connection.fetch(statement, model, last.user_id, last.entity_type, last.entity_id, _PAGE)
    return [Key(row[0], row[1], row[2]) for row in rows]


def placed(name: str, leaf: Leaf) -> str:
    """A statement on the partitions of a leaf."""
    return sql(HERE, name).replace("{documents}", leaf.documents).replace("{embeddings}", leaf.embeddings)


async def claim(connection: Connection, model: str, run: UUID, keys: Sequence[Key], seconds: float) -> list[Key]:
    """Those of ``keys`` that are ours now, for so many seconds; committed at once."""
    rows = await connection.fetch(sql(HERE, "claim"), model, run, *columns(keys), seconds)
    return [Key(row[0], row[1], row[2]) for row in rows]


async def release(connection: Connection, model: str, run: UUID, keys: Sequence[Key]) -> None:
    """Give documents back."""
    await connection.execute(sql(HERE, "release"), model, run, *columns(keys))


async def read(connection: Connection, model: str, leaf: Leaf, keys: Sequence[Key]) -> AsyncIterator[list[Text]]:
    """The documents as they are now, cut into pieces: the usual ones together, long ones in portions that fit into
    memory. Those that are gone are left out.
    """
    found, long = await _read(connection, model, leaf, keys, _LONG)
    if found:
        yield found
    for portion in _portions(long):
        found, _ = await _read(connection, model, leaf, portion, _ANY)
        yield found


async def _read(
    connection: Connection, model: str, leaf: Leaf, keys: Sequence[Key], most: int
) -> tuple[list[Text], list[tuple[Key, int]]]:
    """Documents with bodies of up to ``most`` bytes, and how long the others are."""
    texts: list[Text] = []
    longer: list[tuple[Key, int]] = []
    for row in await connection.fetch(placed("texts", leaf), *columns(keys), model, most):
        key = Key(row["user_id"], row["entity_type"], row["entity_id"])
        if row["bytes"] > most:
            longer.append((key, row["bytes"]))
        else:
            pieces = tuple(chunks(row["context"], row["title"], row["body"] or ""))
            texts.append(Text(key, row["content_hash"], pieces, row["again"]))
    return texts, longer


def _portions(sized: Sequence[tuple[Key, int]]) -> Iterator[list[Key]]:
    """Keys in portions whose bodies fit into memory together; one that is larger stands alone."""
    portion: list[Key] = []
    held = 0
    for key, size in sized:
        if portion and held + size > _READ_BYTES:
            yield portion
            portion, held = [], 0
        portion.append(key)
        held += size
    if portion:
        yield portion

"""Reading what a prompt is made of, as the user who asks: found texts, and the conversation's latest turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from devora_console.postgres.sqlfiles import sql
from devora_console.search.rag.model import Found, LeftOut, Material, Reason, Turn

HERE = "devora_console.search.rag"
APPLICATION = "app_user"
"""The application's role, which row-level security binds."""
_MOST_CHARACTERS = 200_000
"""Of one text. A passage is looked for in so much of it."""
_MOST_OF_A_TURN = 8_000
_TIMEOUT_MS = 4_000


class Pool(Protocol):
    """What lends connections: an ``asyncpg.Pool``."""

    def acquire(self) -> AbstractAsyncContextManager[Any]:
        """A connection for the length of a block."""
        ...


@asynccontextmanager
async def reading_as(pool: Pool, user: UUID | None) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection in a read-only transaction as this user, whom row-level security binds where the login may take on
    the application's role; None: as the login itself.
    """
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
        if user is not None:
            await connection.execute("SELECT set_config('app.user_id', $1, true)", str(user))
            if await connection.fetchval(sql(HERE, "may_become"), APPLICATION):
                await connection.execute(f"SET LOCAL ROLE {APPLICATION}")
        yield connection


async def read_materials(
    pool: Pool, user: UUID | None, found: Sequence[Found]
) -> tuple[tuple[Material, ...], tuple[LeftOut, ...]]:
    """The texts of what was found, in its order, and what this user may not read or nobody can any more."""
    if not found:
        return (), ()
    kinds, ids = [each.entity_type for each in found], [UUID(each.entity_id) for each in found]
    async with reading_as(pool, user) as connection:
        rows = await connection.fetch(sql(HERE, "bodies"), kinds, ids, user, _MOST_CHARACTERS)
    by_key = {(row["entity_type"], row["entity_id"]): row for row in rows}
    materials: list[Material] = []
    out: list[LeftOut] = []
    for each in found:
        row = by_key.get(each.key)
        if row is None:
            out.append(_unread(each, Reason.GONE, "this user cannot read it: another's, or deleted since"))
        elif not row["mine"]:
            out.append(_unread(each, Reason.OTHER_USER, "it belongs to another user"))
        else:
            titled = Found(each.entity_type, each.entity_id, row["title"], each.score, row["happened_at"], each.words)
            materials.append(Material(titled, row["body"], row["characters"]))
    return tuple(materials), tuple(out)


def _unread(found: Found, reason: Reason, about: str) -> LeftOut:
    """Without its title, which would be another's text."""
    return LeftOut(found.entity_type, found.entity_id, "", found.score, reason, about)


async def read_turns(pool: Pool, user: UUID | None, conversation: UUID, most: int) -> tuple[Turn, ...] | None:
    """The latest turns of a conversation, oldest first; None when it is not this user's, or not there."""
    async with reading_as(pool, user) as connection:
        rows = await connection.fetch(sql(HERE, "turns"), conversation, user, most, _MOST_OF_A_TURN)
    if not rows:
        return None
    turns = (Turn(row["message_id"], row["role"], row["body"], row["at"]) for row in rows if row["message_id"])
    return tuple(turns)[::-1]

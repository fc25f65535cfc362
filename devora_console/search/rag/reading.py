"""Reading what a prompt is made of, as the user who asks: found texts, and the conversation's latest turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Caller, Connection, Pool, asking, fetch
from devora_console.search.ground import look
from devora_console.search.rag.model import Found, LeftOut, Material, Reason, Turn

HERE = "devora_console.search.rag"
_MOST_CHARACTERS = 200_000
"""Of one text. A passage is looked for in so much of it."""
_MOST_OF_A_TURN = 8_000


class Reader:
    """Reads as a user: in a read-only transaction with the application's role where the login may take it on, so that
    row-level security applies; and naming the user in each question, so that it is not all that stands between two
    users. User None: everybody's, as the login itself.
    """

    def __init__(self, pool: Pool, role: str, seconds: float) -> None:
        self._pool, self._role, self._seconds = pool, role, seconds
        self._may: bool | None = None

    @asynccontextmanager
    async def _as(self, user: UUID | None) -> AsyncIterator[tuple[Connection, Caller]]:
        if self._may is None:
            async with self._pool.acquire() as connection:
                self._may = (await look(connection, self._role)).may_be_role
        role = self._role if self._may and user is not None else None
        caller = Caller(role, str(user) if user else None, self._seconds)
        async with asking(self._pool, caller) as connection:
            yield connection, caller

    async def materials(
        self, user: UUID | None, found: Sequence[Found]
    ) -> tuple[tuple[Material, ...], tuple[LeftOut, ...]]:
        """The texts of what was found, in its order, and what this user may not read or nobody can any more."""
        if not found:
            return (), ()
        kinds, ids = [each.entity_type for each in found], [UUID(each.entity_id) for each in found]
        async with self._as(user) as (connection, caller):
            rows = await fetch(connection, caller, sql(HERE, "bodies"), kinds, ids, user, _MOST_CHARACTERS)
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
                read = replace(each, title=row["title"], happened_at=row["happened_at"])
                materials.append(Material(read, row["body"], row["characters"]))
        return tuple(materials), tuple(out)

    async def turns(self, user: UUID | None, conversation: UUID, most: int) -> tuple[Turn, ...] | None:
        """The latest turns of a conversation, oldest first; None when it is not this user's, or not there."""
        async with self._as(user) as (connection, caller):
            rows = await fetch(connection, caller, sql(HERE, "turns"), conversation, user, most, _MOST_OF_A_TURN)
        if not rows:
            return None
        turns = (Turn(row["message_id"], row["role"], row["body"], row["at"]) for row in rows if row["message_id"])
        return tuple(turns)[::-1]


def _unread(found: Found, reason: Reason, about: str) -> LeftOut:
    """Without its title, which would be another's text."""
    return LeftOut(found.entity_type, found.entity_id, "", found.score, reason, about)

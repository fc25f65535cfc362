"""The application on PostgreSQL: as a login of app_user, under row level security."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

from devora_console.config.conninfo import parse
from devora_console.core.loop import ServiceLoop
from devora_console.demo.site.backend import SHOWN, Row

T = TypeVar("T")
_Connection = asyncpg.pool.PoolConnectionProxy  # its parameter exists for type checkers only
_PATIENCE = 10.0  # seconds
_OWN = "SELECT EXISTS (SELECT FROM public.conversations WHERE id = $1 AND deleted_at IS NULL)"
_LATEST = (
    "SELECT id, role, content, timestamp FROM (SELECT * FROM public.messages WHERE conversation_id = $1"
    " ORDER BY timestamp DESC, ordinal DESC NULLS FIRST LIMIT $2) latest ORDER BY timestamp, ordinal NULLS LAST"
)
_ADD = (
    "INSERT INTO public.messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', $3)"
    " ON CONFLICT (id) DO NOTHING"
)
_REMOVE = "DELETE FROM public.messages WHERE id = $1 AND conversation_id = $2"
# The arrival of a message moves this on (a trigger does); nothing moves it back when one goes.
_LATEST_AGAIN = (
    "UPDATE public.conversations SET last_message_at ="
    " (SELECT max(timestamp) FROM public.messages WHERE conversation_id = $1) WHERE id = $1"
)
_SEARCH = (
    "SELECT id, conversation_id, timestamp FROM public.messages"
    " WHERE search_vector @@ websearch_to_tsquery('french', $1) OR strpos(lower(content), lower($1)) > 0"
    " ORDER BY timestamp DESC LIMIT $2"
)


class PostgresBackend:
    """Every question is asked in a transaction that says who asks."""

    kind = "postgres"

    def __init__(self, dsn: str, name: str) -> None:
        self.database = parse(dsn).get("dbname", "")
        self._dsn, self._name = dsn, name
        self._loop = ServiceLoop("site-postgres")
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    def ping(self) -> None:
        """Ask for a user: without one that asks, row security answers that there is none."""
        self._as(None, lambda c: c.fetch("SELECT id FROM public.users LIMIT 1"))

    def login(self, email: str) -> str | None:
        """The id by the function that may look before there is a user."""
        found = self._as(None, lambda c: c.fetchval("SELECT id FROM public.find_login($1) LIMIT 1", email))
        return None if found is None else str(found)

    def user(self, user: str) -> Row | None:
        """The user's own row."""
        rows = self._rows(user, "SELECT id, email, full_name FROM public.users")
        return rows[0] if rows else None

    def projects(self, user: str) -> Sequence[Row]:
        """The user's projects."""
        return self._rows(
            user,
            "SELECT id, name, conversation_id FROM public.projects WHERE deleted_at IS NULL ORDER BY created_at DESC",
        )

    def conversations(self, user: str) -> Sequence[Row]:
        """The user's conversations."""
        return self._rows(user, "SELECT id, title FROM public.conversations WHERE deleted_at IS NULL")

    def messages(self, user: str, conversation: str) -> Sequence[Row]:
        """The latest ones."""
        return self._rows(user, _LATEST, _id(conversation), SHOWN)

    def add(self, user: str, conversation: str, message: str, content: str) -> bool:
        """Insert it, once."""
        mine, its = _id(conversation), _id(message)

        async def work(connection: _Connection) -> bool:
            if not await connection.fetchval(_OWN, mine):
                return False
            await connection.execute(_ADD, its, mine, content)
            return True

        return self._as(user, work)

    def remove(self, user: str, conversation: str, message: str) -> bool:
        """Delete it, and leave the conversation as it was before the message came."""
        mine, its = _id(conversation), _id(message)

        async def work(connection: _Connection) -> bool:
            gone = await connection.execute(_REMOVE, its, mine)
            await connection.execute(_LATEST_AGAIN, mine)
            return bool(gone == "DELETE 1")

        return self._as(user, work)

    def search(self, user: str, words: str) -> Sequence[Row]:
        """By the search vectors."""
        return self._rows(user, _SEARCH, words, SHOWN)

    def _rows(self, user: str, question: str, *values: object) -> list[Row]:
        return [dict(each) for each in self._as(user, lambda c: c.fetch(question, *values))]

    def _as(self, user: str | None, work: Callable[[_Connection], Awaitable[T]]) -> T:
        async def ask() -> T:
            if self._pool is None:  # opens no connection yet: the application starts without its database too
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=6,
                    timeout=5,
                    command_timeout=_PATIENCE,
                    server_settings={"application_name": self._name},
                )
            async with self._pool.acquire(timeout=_PATIENCE) as connection, connection.transaction():
                await connection.execute("SELECT set_config('app.user_id', $1, true)", user or "")
                return await work(connection)

        return self._loop.call(ask(), 2 * _PATIENCE)


def _id(text: str) -> uuid.UUID:
    """An id of the application; one that is no UUID belongs to nothing."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)

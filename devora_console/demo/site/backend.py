"""What the application asks of its database, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Row = dict[str, Any]
SHOWN = 20
"""How many messages an answer holds at most."""


class Backend(Protocol):
    """A database. Users are known by the application's own id; each sees what is theirs and nothing else."""

    kind: str
    database: str

    def ping(self) -> None:
        """Ask something real; raises whatever the driver raises."""

    def login(self, email: str) -> str | None:
        """The id of the user with this address."""

    def user(self, user: str) -> Row | None:
        """The user."""

    def projects(self, user: str) -> Sequence[Row]:
        """The user's projects."""

    def conversations(self, user: str) -> Sequence[Row]:
        """The user's conversations."""

    def messages(self, user: str, conversation: str) -> Sequence[Row]:
        """The latest messages of a conversation, the oldest of them first."""

    def add(self, user: str, conversation: str, message: str, content: str) -> bool:
        """Add a message with this id, once; False when the user has no such conversation."""

    def remove(self, user: str, conversation: str, message: str) -> bool:
        """Remove a message; False when there is none."""

    def search(self, user: str, words: str) -> Sequence[Row]:
        """The user's messages about these words, the latest first."""


def backend_of(environment: Mapping[str, str], name: str) -> Backend:
    """The one that the environment names: POSTGRES_DSN before MONGO_URL. Raises KeyError when there is neither."""
    if dsn := environment.get("POSTGRES_DSN"):
        from devora_console.demo.site.postgres_backend import PostgresBackend  # noqa: PLC0415 - one driver of two

        return PostgresBackend(dsn, name)
    from devora_console.demo.site.mongo_backend import MongoBackend  # noqa: PLC0415

    return MongoBackend(environment["MONGO_URL"], environment["DB_NAME"], name)

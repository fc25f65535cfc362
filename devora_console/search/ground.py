"""What the searches stand on: rights of the login, what is installed, and what is missing with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from devora_console.core.problems import Problem
from devora_console.postgres.names import numbers
from devora_console.postgres.sqlfiles import sql
from devora_console.search.model import Asked

HERE = "devora_console.search"
_SOUND_VECTOR = (0, 8, 4)  # before it, index builds and vacuums of HNSW had errors that lose rows


@dataclass(frozen=True, slots=True)
class Ground:
    """As of one look. ``may_be_role``: this login can take the application's role; ``reads_all``: row-level security
    does not apply to it. ``vectors``: the column of vectors is there.
    """

    login: str
    role: str
    role_exists: bool
    may_be_role: bool
    reads_all: bool
    documents: bool
    trigram: bool
    words: bool
    trigram_schema: str | None
    vectors: bool
    vector_schema: str | None
    vector_version: str | None

    def refuses(self, asked: Asked) -> Problem | None:
        """Why this ask cannot be answered at all; None when it can."""
        if not self.documents:
            return Problem("no_documents", "this database has no search_documents", "devora-console schema apply")
        if asked.as_owner:
            if not self.reads_all:
                return Problem(
                    "not_owner",
                    f"{self.login} is subject to row-level security: as owner it would not see everything",
                    "Connect as the owner of the schema, or search as a user",
                )
            return None
        if asked.user is None:
            return Problem("no_user", "it is not said as which user to search", "Give a user, or search as owner")
        if not self.role_exists:
            return Problem("no_role", f"the role {self.role} does not exist", "devora-console schema bootstrap")
        if not self.may_be_role:
            return Problem(
                "not_member",
                f"{self.login} cannot take the role {self.role}: what a user gets cannot be shown",
                f"GRANT {self.role} TO {self.login}",
            )
        return None

    def advice(self) -> tuple[str, ...]:
        """What to know about the versions."""
        if self.vector_version and numbers(self.vector_version) < _SOUND_VECTOR:
            return (f"pgvector {self.vector_version} has known errors in HNSW indexes: update to 0.8.4 or later.",)
        return ()


async def look(connection: asyncpg.Connection[Any] | Any, role: str) -> Ground:
    """Ask the server."""
    row = await connection.fetchrow(sql(HERE, "ground"), role)
    assert row is not None
    return Ground(role=role, **dict(row))

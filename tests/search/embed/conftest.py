"""A database with the whole schema and a small world of documents to embed, and a server that speaks like OpenAI.

==================  ========  =====================================================================
fixture             scope     is
==================  ========  =====================================================================
``world``           function  :class:`World`: users, projects, conversations, messages and files
``server``          function  an :class:`OpenAIServer`
==================  ========  =====================================================================
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.postgres.connect import connect
from devora_console.schema import apply
from devora_console.schema.versions import ROLES
from devora_console.search.embed.backfill import Backfill, Wanted
from devora_console.search.embed.provider import Embedder
from tests.search.openai_server import OpenAIServer, openai_server

TemplateDatabase = Callable[[str, Callable[[Dsn], Awaitable[None]]], Awaitable[str]]
DatabaseFrom = Callable[[str], Awaitable[Dsn]]
TALK = ("Le worker consomme trop de mémoire", "Redémarre le conteneur chaque nuit", "La facture est partie deux fois")


@dataclass
class World:
    """A database of one's own. ``user`` has a project with a file, and a conversation with messages."""

    dsn: Dsn
    user: uuid.UUID = field(default_factory=uuid.uuid4)
    project: uuid.UUID = field(default_factory=uuid.uuid4)
    conversation: uuid.UUID = field(default_factory=uuid.uuid4)
    opened: list[asyncpg.Connection[asyncpg.Record]] = field(default_factory=list)

    async def connect(self, purpose: str = "test") -> asyncpg.Connection[asyncpg.Record]:
        """As the back-fill connects."""
        made = await connect(self.dsn, purpose=purpose, read_only=False, statement_timeout_seconds=0)
        self.opened.append(made)
        return made

    def backfill(self, embedder: Embedder, wanted: Wanted | None = None, **more: object) -> Backfill:
        """A run here."""
        return Backfill(self.connect, embedder, wanted, **more)  # type: ignore[arg-type]

    async def fill(self) -> None:
        """The first documents: project, conversation, file, three messages."""
        db = await self.connect()
        await db.execute(
            "INSERT INTO users (id, email, hashed_password, full_name) VALUES ($1, $2, 'x', 'Ana')",
            self.user,
            f"{self.user}@example.org",
        )
        await db.execute(
            "INSERT INTO projects (id, user_id, name, description) VALUES ($1, $2, 'Atelier', 'Suivi des pannes')",
            self.project,
            self.user,
        )
        await db.execute(
            "INSERT INTO project_files (project_id, name, content) VALUES ($1, 'src/app.py', 'def main(): pass')",
            self.project,
        )
        await db.execute(
            "INSERT INTO conversations (id, user_id, project_id, title) VALUES ($1, $2, $3, 'Fuite')",
            self.conversation,
            self.user,
            self.project,
        )
        await self.say(*TALK)

    async def say(self, *texts: str) -> list[uuid.UUID]:
        """Messages in the conversation."""
        db = await self.connect()
        rows = await db.fetch(
            "INSERT INTO messages (conversation_id, role, content) SELECT $1, 'user', t FROM unnest($2::text[]) t"
            " RETURNING id",
            self.conversation,
            list(texts),
        )
        return [row[0] for row in rows]

    async def value(self, statement: str, *arguments: object) -> object:
        """One value."""
        return await (await self.connect()).fetchval(statement, *arguments)

    async def close(self) -> None:
        """Close every connection."""
        for made in self.opened:
            await made.close(timeout=5)


@pytest.fixture
async def world(template_database: TemplateDatabase, database_from: DatabaseFrom) -> AsyncIterator[World]:
    """A world with six documents."""

    async def prepare(dsn: Dsn) -> None:
        db = await asyncpg.connect(dsn.reveal())
        for role in ROLES:
            await db.execute(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        await db.execute("CREATE EXTENSION vector")
        await apply(db)
        await db.close()

    made = World(await database_from(await template_database("embed", prepare)))
    await made.fill()
    yield made
    await made.close()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server of one's own."""
    with openai_server() as running:
        yield running

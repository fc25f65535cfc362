"""Two people with a few documents each, embedded offline, in a database with the schema."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.search.embed.provider import embedder_of

ALICE, BOB, NOBODY = (uuid5(NAMESPACE_URL, name) for name in ("alice", "bob", "nobody"))
EXTENSIONS = ("vector", "pg_trgm", "unaccent")


@dataclass(frozen=True)
class World:
    """Where it is, as settings."""

    dsn: Dsn

    @property
    def settings(self) -> Settings:
        return Settings(postgres=PostgresSettings(dsn=self.dsn))


def name(of: str) -> UUID:
    """The id of a thing of this world."""
    return uuid5(NAMESPACE_URL, "world " + of)


async def prepare(dsn: Dsn, extensions: tuple[str, ...] = EXTENSIONS) -> None:
    """Make it."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for extension in extensions:
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        await schema.apply(connection)
        await _fill(connection)
        await connection.execute("SELECT public.devora_refresh_vocabulary()")
        if "vector" in extensions:
            await embed(connection)
        else:
            await connection.execute("DROP EXTENSION IF EXISTS vector CASCADE")
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for who, mail in ((ALICE, "alice"), (BOB, "bob")):
        await connection.execute(
            "INSERT INTO public.users (id, email, hashed_password) VALUES ($1, $2, '-')", who, f"{mail}@devora.invalid"
        )
    await connection.executemany(
        "INSERT INTO public.projects (id, user_id, name, description) VALUES ($1, $2, $3, $4)",
        [
            (name("shop"), ALICE, "Boutique de vélos", "Panier, paiement en plusieurs fois et stock de l'atelier."),
            (name("clinic"), BOB, "Rendez-vous médicaux", "Créneaux, rappel par SMS, annulation."),
        ],
    )
    await connection.executemany(
        "INSERT INTO public.conversations (id, user_id, project_id, title) VALUES ($1, $2, $3, $4)",
        [
            (name("leak"), ALICE, name("shop"), "Fuite mémoire dans le worker"),
            (name("mail"), BOB, name("clinic"), "Courriels dans les indésirables"),
        ],
    )
    await connection.executemany(
        "INSERT INTO public.messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', $3)",
        [
            (name("leak 1"), name("leak"), "Le processus grossit de 50 Mo par heure jusqu'à être tué. [bold]\x1b[31m"),
            (name("leak 2"), name("leak"), "Un cache jamais vidé garde les commandes terminées \x02ici\x03."),
            (name("mail 1"), name("mail"), "La fuite mémoire est chez Alice, pas ici ; il manque DKIM."),
        ],
    )
    await connection.executemany(
        "INSERT INTO public.project_files (id, project_id, name, content, language) VALUES ($1, $2, $3, $4, $5)",
        [
            (name("jwt"), name("shop"), "backend/auth/jwt.py", "def verify_token(token):\n    decode(token)", "python"),
            (name("compose"), name("shop"), "docker-compose.yml", "services:\n  worker:\n    image: shop", "yaml"),
            (name("slots"), name("clinic"), "slots.py", "def free_slots(day): ...", "python"),
        ],
    )  # fmt: skip


async def embed(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """A vector for each document, by the offline embedder."""
    embedder = embedder_of(Settings())
    rows = await connection.fetch(
        """SELECT d.*, concat_ws(' ', d.context, d.title, m.content, f.content, p.description) AS body
             FROM public.search_documents d
             LEFT JOIN public.messages m ON m.id = d.entity_id
             LEFT JOIN public.project_files f ON f.id = d.entity_id
             LEFT JOIN public.projects p ON p.id = d.entity_id"""
    )
    for row, vector in zip(rows, await embedder.embed([row["body"] for row in rows]), strict=True):
        assert vector is not None
        await connection.execute(
            """INSERT INTO public.embeddings
                      (user_id, entity_type, entity_id, text_content, content_hash, model_name, embedding_vector)
               VALUES ($1, $2, $3, $4, $5, $6, $7::text::vector)""",
            row["user_id"], row["entity_type"], row["entity_id"], row["body"], row["content_hash"], embedder.model,
            "[" + ",".join(str(each) for each in vector) + "]",
        )  # fmt: skip


async def execute(dsn: Dsn, statement: str) -> list[asyncpg.Record]:
    """The rows of a statement."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()

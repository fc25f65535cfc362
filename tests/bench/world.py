"""The same few people in both databases: users with projects, a conversation with messages, an invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import asyncpg
from bson import ObjectId
from pymongo.database import Database

from devora_console import schema
from devora_console.config.secret import Dsn

USERS = 24
_DAY = datetime(2024, 5, 1, tzinfo=UTC)
_TITLES = ("Panier et paiement", "Fuite mémoire", "Rappels par SMS", "Recherche plein texte", "Export (PDF)")


def name(of: str) -> str:
    """The application's id of a thing."""
    return str(uuid5(NAMESPACE_URL, f"bench {of}"))


def _object(number: int) -> ObjectId:
    return ObjectId(f"{number:024x}")


@dataclass(frozen=True)
class Person:
    """What one has."""

    number: int

    @property
    def id(self) -> str:
        return name(f"user {self.number}")

    @property
    def title(self) -> str:
        return _TITLES[self.number % len(_TITLES)]

    @property
    def at(self) -> datetime:
        return _DAY + timedelta(days=self.number)

    def thing(self, kind: str, which: int = 0) -> tuple[str, ObjectId]:
        """(application's id, ``_id``) of one of the person's things."""
        base = {"users": 1, "projects": 2, "conversations": 3, "invoices": 4}[kind]
        return name(f"{kind} {self.number} {which}"), _object(base * 10_000 + self.number * 10 + which)


PEOPLE = tuple(Person(number) for number in range(USERS))


def fill_mongo(database: Database[dict[str, Any]], users: int = USERS) -> None:
    """The documents as Devora writes them."""
    people = PEOPLE[:users]
    database["users"].insert_many(
        [{"_id": each.thing("users")[1], "id": each.id, "email": f"{each.number}@devora.invalid"} for each in people]
    )
    projects, conversations, invoices = [], [], []
    for each in people:
        talk, talk_id = each.thing("conversations")
        for which in range(2):
            own, own_id = each.thing("projects", which)
            talking = talk if which == 0 else None
            projects.append(
                {"_id": own_id, "id": own, "user_id": each.id, "name": f"Projet {which}", "conversation_id": talking,
                 "created_at": each.at}
            )  # fmt: skip
        messages = [
            {"id": name(f"message {talk} {at}"), "role": "user", "content": each.title, "timestamp": each.at}
            for at in range(3)
        ]
        conversations.append({"_id": talk_id, "id": talk, "title": each.title, "messages": messages})
        invoice, invoice_id = each.thing("invoices")
        invoices.append({"_id": invoice_id, "id": invoice, "user_id": each.id, "amount": 9.9, "created_at": each.at})
    database["projects"].insert_many(projects)
    database["conversations"].insert_many(conversations)
    database["invoices"].insert_many(invoices)


async def prepare(dsn: Dsn) -> None:
    """The rows as the migration writes them."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        there = "SELECT name FROM pg_available_extensions WHERE name IN ('pg_trgm', 'unaccent', 'vector')"
        for row in await connection.fetch(there):  # a server need not have pgvector
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {row['name']}")
        await schema.apply(connection)
        await _fill(connection)
        await connection.execute("SELECT public.devora_refresh_vocabulary()")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    many = connection.executemany
    await many(
        "INSERT INTO public.users (id, email, hashed_password, source_id) VALUES ($1, $2, '-', $3)",
        [(each.id, f"{each.number}@devora.invalid", str(each.thing("users")[1])) for each in PEOPLE],
    )
    await many(
        "INSERT INTO public.projects (id, user_id, name, source_id, created_at) VALUES ($1, $2, $3, $4, $5)",
        [
            (
                each.thing("projects", which)[0],
                each.id,
                f"Projet {which}",
                str(each.thing("projects", which)[1]),
                each.at,
            )
            for each in PEOPLE
            for which in range(2)
        ],
    )
    await many(
        "INSERT INTO public.conversations (id, user_id, title, source_id, created_at) VALUES ($1, $2, $3, $4, $5)",
        [
            (each.thing("conversations")[0], each.id, each.title, str(each.thing("conversations")[1]), each.at)
            for each in PEOPLE
        ],
    )
    await many(
        "INSERT INTO public.messages (id, conversation_id, role, content, ordinal) VALUES ($1, $2, 'user', $3, $4)",
        [
            (name(f"message {each.thing('conversations')[0]} {at}"), each.thing("conversations")[0], each.title, at)
            for each in PEOPLE
            for at in range(3)
        ],
    )
    await many(
        "INSERT INTO public.invoices (id, user_id, stripe_invoice_id, amount, status, source_id)"
        " VALUES ($1, $2, $3, 9.9, 'paid', $4)",
        [(each.thing("invoices")[0], each.id, f"in_{each.number}", str(each.thing("invoices")[1])) for each in PEOPLE],
    )

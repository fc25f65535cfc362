"""A small source made by hand, that tests change and write as a dump folder; and looking at what became of it."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import bson
from bson.objectid import ObjectId

from devora_console.config.secret import Dsn
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.migration.progress import Kind, MigrationSnapshot
from devora_console.mongo.codec import CODEC
from tests.documents import assert_documents

DATABASE = "devora_db"
DAY = datetime(2024, 5, 1, 10, tzinfo=UTC)
MAPPED = ("users", "projects", "conversations", "invoices", "system_config")
TABLES = ("users", "projects", "project_files", "conversations", "messages", "invoices", "system_config")
BOOKS = ("document", "quarantine", "archive")

Document = dict[str, Any]


def uid(name: str) -> str:
    """A UUID that is always the same for a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def oid(number: int) -> ObjectId:
    """An ObjectId that sorts as its number and was made in 2024."""
    return ObjectId(int(DAY.timestamp()).to_bytes(4, "big") + number.to_bytes(8, "big"))


def iso(day: int) -> str:
    """The n-th day, as the application writes moments."""
    return (DAY + timedelta(days=day)).isoformat()


def user(number: int, **changes: Any) -> Document:
    """A plain user."""
    return {
        "_id": oid(number),
        "id": uid(f"user {number}"),
        "email": f"user{number}@example.org",
        "hashed_password": "$2b$12$x",
        "full_name": f"Usager n° {number}",
        "is_active": True,
        "is_admin": False,
        "stripe_customer_id": None,
        "subscription_status": "active",
        "subscription_id": None,
        "current_period_end": None,
        "created_at": iso(number),
        "updated_at": iso(number),
    } | changes


def project(number: int, owner: int, **changes: Any) -> Document:
    """A project of the user ``owner`` with two files; its conversation has its number."""
    return {
        "_id": oid(1000 + number),
        "id": uid(f"project {number}"),
        "user_id": uid(f"user {owner}"),
        "name": f"Projet {number}",
        "description": None,
        "project_type": "site",
        "conversation_id": uid(f"conversation {number}"),
        "github_repo_url": None,
        "vercel_url": None,
        "files": [{"name": name, "content": f"<{name}>", "language": "html"} for name in ("index.html", "style.css")],
        "conversation_history": [{"role": "user", "content": "bonjour"}],
        "created_at": iso(number),
        "updated_at": iso(number),
    } | changes


def message(number: int, place: int, **changes: Any) -> Document:
    """The message at ``place`` in a conversation."""
    return {
        "id": uid(f"message {number}/{place}"),
        "role": ("user", "assistant")[place % 2],
        "content": f"message {place}",
        "timestamp": iso(number + place),
    } | changes


def conversation(number: int, **changes: Any) -> Document:
    """A conversation with three messages."""
    return {
        "_id": oid(2000 + number),
        "id": uid(f"conversation {number}"),
        "title": f"Conversation {number}",
        "messages": [message(number, place) for place in range(3)],
        "created_at": iso(number),
        "updated_at": iso(number),
    } | changes


def invoice(number: int, owner: int, **changes: Any) -> Document:
    """An invoice of the user ``owner``."""
    return {
        "_id": oid(3000 + number),
        "id": uid(f"invoice {number}"),
        "user_id": uid(f"user {owner}"),
        "stripe_invoice_id": f"in_{number}",
        "amount": 9.9,
        "currency": "EUR",
        "status": "paid",
        "invoice_pdf": None,
        "created_at": iso(number),
    } | changes


@dataclass
class World:
    """Documents (or raw BSON) per collection, in the order of the dump."""

    collections: dict[str, list[Document | bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, count: int = 4) -> World:
        """``count`` users, each with a project, its conversation and an invoice; and something without a table."""
        return cls(
            {
                "users": [user(n) for n in range(count)],
                "projects": [project(n, n) for n in range(count)],
                "conversations": [conversation(n) for n in range(count)],
                "invoices": [invoice(n, n) for n in range(count)],
                "templates": [{"_id": oid(4000 + n), "id": uid(f"template {n}"), "stars": n} for n in range(3)],
            }
        )

    def get(self, collection: str, number: int) -> Document:
        """The document at a place, to be changed."""
        found = self.collections[collection][number]
        assert isinstance(found, dict)
        return found

    def write(self, folder: Path) -> Path:
        """Write the dump, over an older one. Returns the folder."""
        target = folder / DATABASE
        target.mkdir(parents=True, exist_ok=True)
        for old in target.iterdir():
            old.unlink()
        for name, documents in self.collections.items():
            raw = b"".join(d if isinstance(d, bytes) else bson.encode(d, codec_options=CODEC) for d in documents)
            stem = quote(name, safe="")
            (target / f"{stem}.bson").write_bytes(raw)
            metadata = {"indexes": [], "collectionName": name, "type": "collection"}
            (target / f"{stem}.metadata.json").write_text(json.dumps(metadata))
        return folder


def settings(postgres: Dsn, source: Path | Dsn, **more: Any) -> JobSettings:
    """Settings of a job with the built-in mapping and a budget that never ends."""
    given: dict[str, Any] = {
        "postgres": postgres,
        "source": source if isinstance(source, Dsn) else str(source),
        "database": DATABASE,
        "mapping": builtin_mapping(),
        "max_quarantine": "100%",
        "batch_bytes": 4000,
    }
    return JobSettings(**(given | more))


async def run(kind: Kind, postgres: Dsn, source: Path | Dsn, **more: Any) -> MigrationSnapshot:
    """One job to its end."""
    return await Job(kind, settings(postgres, source, **more)).run()


async def dry_run(postgres: Dsn, source: Path | Dsn, **more: Any) -> MigrationSnapshot:
    """A dry run."""
    return await run(Kind.DRY_RUN, postgres, source, **more)


async def execute(postgres: Dsn, source: Path | Dsn, **more: Any) -> MigrationSnapshot:
    """An execution."""
    return await run(Kind.EXECUTE, postgres, source, **more)


async def verify(postgres: Dsn, source: Path | Dsn, **more: Any) -> MigrationSnapshot:
    """A verification."""
    return await run(Kind.VERIFY, postgres, source, **more)


async def assert_verified(postgres: Dsn, source: Path | Dsn, **more: Any) -> None:
    """Verification finds nothing, and searches find what was migrated."""
    verdict = (await verify(postgres, source, **more)).verification
    assert verdict is not None
    assert not verdict.differences
    assert {(table.name, table.status) for table in verdict.tables if table.status != "ok"} == set()
    assert verdict.ok
    connection = await asyncpg.connect(postgres.reveal())
    try:
        await assert_documents(connection)
    finally:
        await connection.close()


def outcome(snapshot: MigrationSnapshot) -> dict[str, Any]:
    """What dry run and execution must agree on."""
    return {
        "collections": {
            each.name: (
                each.total,
                each.migrated,
                each.quarantined,
                each.archived,
                each.ignored,
                dict(each.rows),
                dict(each.conversions),
            )
            for each in snapshot.collections
        },
        "quarantine": [
            (each.collection, each.source_id, each.rule, each.path, each.constraint, each.message)
            for each in snapshot.quarantine
        ],
        "rules": dict(snapshot.quarantine_rules),
        "conversions": dict(snapshot.conversions),
    }


async def fetch(postgres: Dsn, statement: str, *values: Any) -> list[asyncpg.Record]:
    """Rows of a statement."""
    connection = await asyncpg.connect(postgres.reveal())
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


async def do(postgres: Dsn, *statements: str) -> None:
    """Statements, one after the other."""
    connection = await asyncpg.connect(postgres.reveal())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def content(postgres: Dsn, tables: Iterable[str] = TABLES) -> dict[str, list[str]]:
    """Every row of the tables as text, sorted."""
    result = {}
    for table in tables:
        rows = await fetch(postgres, f"SELECT t::text FROM public.{table} t ORDER BY 1")
        result[table] = [row[0] for row in rows]
    return result


async def versions(postgres: Dsn) -> dict[str, str]:
    """Changes when any row of any table of ours is written again, even with the same values."""
    names = [f"public.{table}" for table in TABLES] + [f"devora_console.{table}" for table in BOOKS]
    return {
        name: (
            await fetch(
                postgres,
                f"SELECT md5(string_agg(xmin::text || ctid::text || t::text, ',' ORDER BY ctid)) FROM {name} t",
            )
        )[0][0]
        for name in names
    }


async def held(postgres: Dsn) -> dict[tuple[str, str], str]:
    """(collection, source id) to rule of what is in quarantine."""
    rows = await fetch(
        postgres, "SELECT collection, source_id, rule FROM devora_console.quarantine WHERE resolved_at IS NULL"
    )
    return {(row[0], row[1]): row[2] for row in rows}


def differing(snapshot: MigrationSnapshot) -> set[tuple[str, str, str, str | None]]:
    """(table, key, kind, column) of the differences a verification found, without the sample's."""
    assert snapshot.verification is not None
    return {
        (each.table, each.pk, each.kind, each.column)
        for each in snapshot.verification.differences
        if each.kind != "sample"
    }


def fates(snapshot: MigrationSnapshot) -> Mapping[str, tuple[int, int, int]]:
    """(migrated, quarantined, archived) per collection."""
    return {each.name: (each.migrated, each.quarantined, each.archived) for each in snapshot.collections}

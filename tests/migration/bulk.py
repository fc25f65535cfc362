"""The steps of a bulk load by hand, as tests take them."""

from __future__ import annotations

import uuid

import asyncpg

from devora_console import schema
from devora_console.migration.setaside import Thing, bring_back, validate, waiting
from devora_console.migration.vectors import VectorTable, fill, pieces, targets, tidy
from tests.migration.world import TABLES

Connection = asyncpg.Connection


async def all_back(connection: Connection) -> None:
    """Bring back everything, in the proposed order."""
    for thing in await waiting(connection):
        await bring_back(connection, thing)
        await validate(connection, thing)


async def assert_no_drift(connection: Connection) -> None:
    """The schema is as its versions left it, and nothing is owed."""
    result = await schema.check(connection)
    assert (result.verdict, result.drift, result.undecided, result.problems) == ("ok", (), (), ())
    assert await waiting(connection) == ()


async def load(connection: Connection, count: int = 20) -> None:
    """Rows in every mapped table, children before their parents, search vectors left out."""
    await connection.execute("SET devora.loading = 'on'")
    ids = [uuid.uuid5(uuid.NAMESPACE_DNS, str(n)) for n in range(count)]
    await connection.execute("CREATE TEMP TABLE IF NOT EXISTS given (id uuid, n bigint); TRUNCATE given")
    await connection.execute("INSERT INTO given SELECT * FROM unnest($1::uuid[]) WITH ORDINALITY", ids)
    await connection.execute(
        "INSERT INTO messages (id, conversation_id, role, content)"
        "  SELECT gen_random_uuid(), id, 'user', 'Bonjour, voici le développement n° ' || n FROM given;"
        "INSERT INTO conversations (id, user_id, project_id, title) SELECT id, id, id, 'Titre ' || n FROM given;"
        "INSERT INTO project_files (project_id, name, content, ordinal) SELECT id, 'i.html', '<p>', n FROM given;"
        "INSERT INTO projects (id, user_id, name, conversation_id) SELECT id, id, 'Projet été ' || n, id FROM given;"
        "INSERT INTO invoices (user_id, stripe_invoice_id, amount, status)"
        "  SELECT id, 'in_' || n, 9.90, 'paid' FROM given;"
        "INSERT INTO users (id, email, hashed_password, stripe_customer_id)"
        "  SELECT id, 'user' || n || '@example.org', 'x', 'cus_' || n FROM given"
    )
    await connection.execute("INSERT INTO system_config (updated_by) VALUES ($1)", ids[0])
    await connection.execute("SET devora.loading = ''")


async def named(connection: Connection, name: str) -> Thing:
    """What is waiting under a name."""
    return next(thing for thing in await waiting(connection) if thing.name == name)


async def triggers_back(connection: Connection) -> None:
    """The triggers that fill vectors, and no other thing."""
    wanted = {(each.table, each.trigger) for each in await targets(connection, TABLES)}
    for thing in await waiting(connection):
        if (thing.table, thing.name) in wanted:
            await bring_back(connection, thing)


async def fill_all(connection: Connection, table: VectorTable, blocks: int = 500, *, tidily: bool = True) -> int:
    """Every piece, one after the other."""
    filled = 0
    for piece in await pieces(connection, table, blocks):
        async with connection.transaction():
            filled += await fill(connection, piece)
        if piece.tidy and tidily:
            await tidy(connection, table.table)
    await tidy(connection, table.table, last=True)
    return filled

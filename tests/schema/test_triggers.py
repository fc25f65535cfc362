"""Clocks and search vectors, with and without devora.loading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from tests.schema.conftest import Database, MakePerson

OLD = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


async def test_an_update_moves_updated_at(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await connection.execute("INSERT INTO system_config DEFAULT VALUES")
    for table, change in (
        ("users", "full_name = 'Ana'"),
        ("user_settings", "preferences = '{}'"),
        ("projects", "description = 'd'"),
        ("project_files", "content = 'c'"),
        ("conversations", "title = 't'"),
        ("system_config", "free_trial_days = 8"),
        ("embeddings", "text_content = 't'"),
    ):
        await _loading(connection, _sql("UPDATE {} SET updated_at = $1", table), OLD)
        assert await connection.fetchval(_sql("SELECT updated_at FROM {}", table)) == OLD, table
        await connection.execute(_sql("UPDATE {} SET ", table) + change)
        moved = await connection.fetchval(_sql("SELECT now() - updated_at FROM {}", table))
        assert moved < timedelta(minutes=1), table


def _sql(template: str, table: str) -> str:
    """The statement for one of our own tables."""
    return template.replace("{}", table)


async def test_the_last_message_is_the_latest_not_the_last_inserted(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    await connection.execute("UPDATE conversations SET last_message_at = NULL")
    await _loading(connection, "UPDATE conversations SET updated_at = $1", OLD)
    insert = "INSERT INTO messages (conversation_id, role, content, timestamp) VALUES ($1, 'assistant', 'x', $2)"
    for moment, latest in (
        (OLD, OLD),
        (OLD + timedelta(days=2), OLD + timedelta(days=2)),
        (OLD + timedelta(days=1), OLD + timedelta(days=2)),
    ):
        await connection.execute(insert, ana.conversation, moment)
        row = await connection.fetchrow("SELECT last_message_at, updated_at FROM conversations")
        assert row is not None
        assert tuple(row) == (latest, OLD)


async def test_loading_leaves_the_times_alone_and_still_indexes(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    async with connection.transaction():
        await connection.execute("SELECT set_config('devora.loading', 'on', true)")
        await connection.execute("UPDATE conversations SET last_message_at = $1, updated_at = $1", OLD)
        await connection.copy_records_to_table(
            "messages",
            records=[(ana.conversation, "user", "une réservation", OLD + timedelta(days=1))],
            columns=["conversation_id", "role", "content", "timestamp"],
        )
    row = await connection.fetchrow("SELECT last_message_at, updated_at FROM conversations")
    assert row is not None
    assert tuple(row) == (OLD, OLD)
    found = "SELECT count(*) FROM messages WHERE search_vector @@ devora_query('reservation')"
    assert await connection.fetchval(found) == 1


async def test_vectors_follow_their_texts_and_nothing_else(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await connection.execute("UPDATE projects SET search_vector = NULL")
    await connection.execute("UPDATE projects SET vercel_url = 'https://x'")
    assert await connection.fetchval("SELECT search_vector FROM projects") is None
    await connection.execute("UPDATE projects SET description = 'un blog', project_type = 'saas'")
    vector = await connection.fetchval("SELECT search_vector::text FROM projects")
    assert "'projet':1A" in vector
    assert "'blog'" in vector
    assert "'sas" not in vector
    assert "'saas':" in vector


async def test_a_text_of_any_size_is_stored_and_found(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    unique = " ".join(f"mot{n:x}é" for n in range(400_000))  # more lexemes than a vector holds
    one_word = "x" * 3_000_000
    wide = " ".join(chr(0x20000 + n) * 3 for n in range(40_000))
    for content in (unique, one_word, wide, "", "\x01\x02", "a" * 40_001, "é " * 300_000):
        await connection.execute(
            "INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'user', $2)", ana.conversation, content
        )
    assert await connection.fetchval("SELECT count(*) FROM messages WHERE search_vector IS NULL") == 0
    found = "SELECT count(*) FROM messages WHERE search_vector @@ devora_query($1)"
    assert await connection.fetchval(found, "mot1e") == 1
    await connection.execute("UPDATE projects SET name = 'boutique', description = $1", unique)
    assert await connection.fetchval(
        "SELECT search_vector @@ devora_query('boutique') AND search_vector @@ devora_query('mot1e') FROM projects"
    )


async def _loading(connection: asyncpg.Connection, sql: str, *values: object) -> None:
    async with connection.transaction():
        await connection.execute("SELECT set_config('devora.loading', 'on', true)")
        await connection.execute(sql, *values)

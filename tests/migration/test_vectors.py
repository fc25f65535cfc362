"""Filling search vectors after a load: the same as if the trigger had been there, once, at any pace, without bloat."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration import vectors
from devora_console.migration.setaside import set_aside
from devora_console.migration.vectors import Piece, VectorTable, fill, pieces, targets, tidy
from tests.migration.bulk import fill_all, triggers_back
from tests.migration.world import TABLES

Connection = asyncpg.Connection
WORDS = (
    "déploiement",
    "été",
    "navigateur",
    "à",
    "le",
    "panier",
    "auth/jwt.py",
    "Échéance",
    "cœur",
    "base",
    "migration",
)


@pytest.fixture
async def connection(target: Dsn) -> AsyncIterator[Connection]:
    """A connection to a database with the whole schema."""
    opened = await asyncpg.connect(target.reveal())
    yield opened
    await opened.close()


async def load(connection: Connection, count: int, *, words: int = 12) -> None:
    """Projects, conversations and messages, ``count`` of each, with old times."""
    rng = random.Random(count)  # noqa: S311 - the same texts every time
    await connection.execute("DROP TABLE IF EXISTS given; CREATE TEMP TABLE given (n integer, body text)")
    bodies = [(n, " ".join(rng.choices(WORDS, k=words)) + f" n° {n}") for n in range(count)]
    await connection.copy_records_to_table("given", records=bodies)
    await connection.execute(
        "INSERT INTO users (id, email, hashed_password) VALUES (md5('u')::uuid, 'u@x.fr', 'x') ON CONFLICT DO NOTHING;"
        "INSERT INTO projects (id, user_id, name, description, project_type, created_at, updated_at) SELECT"
        "  md5('p' || n)::uuid, md5('u')::uuid, left(body, 40), body, 'site', '2019-01-01 UTC', '2020-01-01 UTC'"
        "  FROM given;"
        "INSERT INTO conversations (id, user_id, title, created_at, updated_at, last_message_at) SELECT"
        "  md5('c' || n)::uuid, md5('u')::uuid, left(body, 60), '2019-01-01 UTC', '2020-01-01 UTC', '2020-01-01 UTC'"
        "  FROM given;"
        "INSERT INTO messages (id, conversation_id, role, content, timestamp) SELECT md5('m' || n)::uuid,"
        "  md5('c' || n)::uuid, 'user', body, '2021-01-01 UTC' FROM given"
    )


async def content(connection: Connection) -> dict[str, str]:
    """A digest of all rows of the tables that have vectors."""
    return {
        name: await connection.fetchval(f"SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {name} t")  # noqa: S608
        for name in ("projects", "conversations", "messages")
    }


async def test_targets_are_found_from_the_catalogue_and_from_what_is_aside(connection: Connection) -> None:
    live = await targets(connection, TABLES)
    assert [(t.table, t.column, t.live, t.left, t.exact) for t in live] == [
        (name, "search_vector", True, 0, True) for name in ("conversations", "messages", "projects")
    ]
    assert [t.columns for t in live] == [("title",), ("content",), ("name", "description", "project_type")]
    assert live[1].trigger == "update_messages_search"
    assert live[1].function == "public.update_messages_search_vector()"

    await set_aside(connection, TABLES)
    await load(connection, 7)
    aside = await targets(connection, TABLES)
    assert [(t.live, t.left) for t in aside] == [(False, 7)] * 3
    assert [(t.table, t.column, t.trigger, t.function, t.columns) for t in aside] == [
        (t.table, t.column, t.trigger, t.function, t.columns) for t in live
    ]
    assert [t.table for t in await targets(connection, ["users", "messages"])] == ["messages"]


async def test_a_column_that_no_trigger_fills_is_no_target(connection: Connection) -> None:
    await connection.execute(
        "ALTER TABLE invoices ADD searchvector tsvector, ADD generated tsvector"
        " GENERATED ALWAYS AS (to_tsvector('french', status)) STORED;"
        "ALTER TABLE messages ADD other tsvector"
    )
    assert [(t.table, t.column) for t in await targets(connection, TABLES)] == [
        (name, "search_vector") for name in ("conversations", "messages", "projects")
    ]


async def test_filled_rows_are_what_the_triggers_make_of_inserted_ones(connection: Connection) -> None:
    await connection.execute("SET devora.loading = 'on'")
    await load(connection, 50)
    inserted = await content(connection)
    await connection.execute("TRUNCATE projects, conversations, messages CASCADE; RESET devora.loading")
    await set_aside(connection, TABLES)
    await load(connection, 50)
    assert await content(connection) != inserted
    await triggers_back(connection)
    # The clocks are live as well, and must not be seen to move: content holds updated_at and last_message_at.
    clocks = await connection.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'update_%_updated_at'")
    assert clocks >= 5
    for table in await targets(connection, TABLES):
        assert table.live
        assert await fill_all(connection, table) == 50
    assert await content(connection) == inserted
    assert [t.left for t in await targets(connection, TABLES)] == [0, 0, 0]


async def test_workers_side_by_side_killed_and_begun_again_touch_each_row_once(
    target: Dsn, connection: Connection
) -> None:
    await set_aside(connection, TABLES)
    await load(connection, 4000, words=60)
    await triggers_back(connection)
    table = (await targets(connection, ["messages"]))[0]
    cut = await pieces(connection, table, 20)
    assert len(cut) > 10
    first = await asyncpg.connect(target.reveal())
    done = 0
    for piece in cut[:4]:
        async with first.transaction():
            done += await fill(first, piece)
    await first.transaction().start()
    assert await fill(first, cut[4]) > 0
    first.terminate()  # the fifth piece was never committed

    versions = "SELECT id, xmin::text FROM messages WHERE search_vector IS NOT NULL"
    before = {row[0]: row[1] for row in await connection.fetch(versions)}
    assert len(before) == done
    (table,) = await targets(connection, ["messages"])
    assert table.left == 4000 - done
    queue = list(await pieces(connection, table, 20))
    pair = [await asyncpg.connect(target.reveal()) for _ in range(2)]

    async def work(worker: Connection) -> int:
        filled = 0
        while queue:
            piece = queue.pop(0)
            async with worker.transaction():
                filled += await fill(worker, piece)
            if piece.tidy:
                await tidy(worker, "messages")
        return filled

    filled = await asyncio.gather(*map(work, pair))
    assert sum(filled) == 4000 - done
    assert min(filled) > 0
    for worker in pair:
        await worker.close()
    after = {row[0]: row[1] for row in await connection.fetch(versions)}
    assert {pk: after[pk] for pk in before} == before
    assert (
        await connection.fetchval("SELECT count(*) FROM messages WHERE search_vector @@ devora_query('panier')") > 3000
    )


async def test_without_its_trigger_nothing_is_touched(connection: Connection) -> None:
    await set_aside(connection, TABLES)
    await load(connection, 5)
    (table,) = await targets(connection, ["messages"])
    (piece,) = await pieces(connection, table)
    with pytest.raises(RuntimeError):
        await fill(connection, piece)
    with pytest.raises(ConsoleError, match="update_messages_search") as refusal:
        async with connection.transaction():
            await fill(connection, piece)
    assert refusal.value.exit_code is ExitCode.REFUSED
    await triggers_back(connection)
    await connection.execute("ALTER TABLE messages DISABLE TRIGGER update_messages_search")
    with pytest.raises(ConsoleError):
        async with connection.transaction():
            await fill(connection, piece)
    await connection.execute("ALTER TABLE messages ENABLE TRIGGER update_messages_search")
    async with connection.transaction():
        assert await fill(connection, piece) == 5


async def test_a_row_that_cannot_have_a_vector_is_reported_without_its_text(connection: Connection) -> None:
    await set_aside(connection, TABLES)
    await load(connection, 5)
    await triggers_back(connection)
    await connection.execute(
        "CREATE OR REPLACE FUNCTION update_messages_search_vector() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.search_vector := ''; RAISE EXCEPTION 'no: %', NEW.content; END $$"
    )
    (table,) = await targets(connection, ["messages"])
    (piece,) = await pieces(connection, table)
    with pytest.raises(ConsoleError, match="blocks 0 to 0") as refusal:
        async with connection.transaction():
            await fill(connection, piece)
    assert refusal.value.exit_code is ExitCode.NEGATIVE
    assert "n° " not in str(refusal.value)


@pytest.mark.slow
async def test_the_table_ends_little_larger_than_one_loaded_with_its_vectors(connection: Connection) -> None:
    size = "SELECT pg_table_size('messages')"
    await connection.execute("SET devora.loading = 'on'")
    await set_aside(connection, TABLES)
    await triggers_back(connection)
    await load(connection, 6000, words=60)
    fresh = await connection.fetchval(size)
    sizes = []
    for tidily in (True, False):
        await connection.execute(
            "TRUNCATE projects, conversations, messages CASCADE; DROP TRIGGER update_messages_search ON messages"
        )
        await load(connection, 6000, words=60)
        await connection.execute(
            "CREATE TRIGGER update_messages_search BEFORE INSERT OR UPDATE OF content ON messages"
            " FOR EACH ROW EXECUTE FUNCTION update_messages_search_vector()"
        )
        (table,) = await targets(connection, ["messages"])
        assert await fill_all(connection, table, tidily=tidily) == 6000
        sizes.append(await connection.fetchval(size) / fresh)
    assert sizes[0] < 1.25
    assert sizes[1] > 1.25  # what tidying saves


async def test_pieces_cover_the_heap_and_call_for_tidying_in_time(connection: Connection) -> None:
    (table,) = await targets(connection, ["messages"])
    assert await pieces(connection, table) == ()
    await set_aside(connection, TABLES)
    await load(connection, 6000, words=60)
    blocks = await connection.fetchval("SELECT pg_relation_size('messages') / current_setting('block_size')::integer")
    for most, expected in ((500, 16), (7, 7), (1, 1)):
        cut = await pieces(connection, table, most)
        assert {piece.end - piece.start for piece in cut[:-1]} == {expected}
        assert [piece.start for piece in cut] == [0, *(piece.end for piece in cut[:-1])]
        assert cut[-1].end == blocks
        assert sum(piece.tidy for piece in cut) == 9
        assert not cut[-1].tidy
    small = VectorTable("projects", "search_vector", "t", "f", (), True, 0, True)
    await connection.execute("TRUNCATE projects CASCADE")
    await connection.execute(
        "INSERT INTO projects (user_id, name) SELECT md5('u')::uuid, 'x' FROM generate_series(1, 10)"
    )
    assert await pieces(connection, small) == (Piece(small, 0, 1, False),)


async def test_large_tables_are_estimated_and_it_is_said(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_aside(connection, TABLES)
    await load(connection, 6000, words=60)
    await connection.execute("UPDATE messages SET search_vector = '' WHERE ctid < '(200,0)'")
    (exact,) = await targets(connection, ["messages"])
    assert exact.exact
    monkeypatch.setattr(vectors, "_EXACT_BYTES", 0)
    (guess,) = await targets(connection, ["messages"])
    assert (guess.exact, guess.left) == (False, exact.left)  # few blocks: all of them are in the sample
    monkeypatch.setattr(vectors, "_SAMPLE_BLOCKS", 200)
    (guess,) = await targets(connection, ["messages"])
    assert 0.5 * exact.left < guess.left < 1.5 * exact.left


async def test_tidying_gives_way_and_keeps_the_sessions_timeout(target: Dsn, connection: Connection) -> None:
    await connection.execute("SET statement_timeout = '7s'")
    other = await asyncpg.connect(target.reveal())
    async with other.transaction():
        await other.execute("LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE")  # as a vacuum does
        await asyncio.wait_for(tidy(connection, "messages"), 5)
        last = asyncio.create_task(tidy(connection, "messages", last=True))
        await asyncio.sleep(0.2)
        assert not last.done()
    await last
    await other.close()
    assert await connection.fetchval("SHOW statement_timeout") == "7s"


async def test_a_trigger_on_any_update_is_fired_too(connection: Connection) -> None:
    await connection.execute(
        "CREATE TABLE note (id uuid PRIMARY KEY, body text, tsv tsvector);"
        "CREATE FUNCTION note_vector() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.\"tsv\" = to_tsvector('french', NEW.body); RETURN NEW; END $$;"
        "CREATE TRIGGER note_vector BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION note_vector();"
        "ALTER TABLE note DISABLE TRIGGER note_vector"
    )
    await connection.execute(
        "INSERT INTO note VALUES ($1, 'des paniers', NULL), ($2, NULL, NULL)", uuid.uuid4(), uuid.uuid4()
    )
    assert await targets(connection, ["note"]) == ()
    await connection.execute("ALTER TABLE note ENABLE TRIGGER note_vector")
    (table,) = await targets(connection, ["note"])
    assert (table.column, table.columns, table.left) == ("tsv", (), 2)
    # A text without a vector stays without one: only rows that got one are counted.
    assert await fill_all(connection, table) == 1
    assert (await targets(connection, ["note"]))[0].left == 1

"""Setting things aside for a load and bringing them back: exactly, after any crash, and with reasons when it cannot."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.servers import Endpoints
from devora_console.migration import setaside
from devora_console.migration.setaside import bring_back, set_aside, validate, waiting
from devora_console.postgres.connect import LOST
from tests.migration.bulk import all_back, assert_no_drift, load, named
from tests.migration.world import TABLES, do

Connection = asyncpg.Connection

SECONDARY = """
SELECT x.indexrelid::regclass::text FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT x.indisprimary AND c.relname = ANY ($1)
UNION ALL
SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('f', 'u') AND c.relname = ANY ($1)
UNION ALL
SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT tgisinternal AND (tgtype & 4 <> 0 OR tgname ~ '^keep_documents_') AND c.relname = ANY ($1)
"""


@pytest.fixture
async def connection(target: Dsn) -> AsyncIterator[Connection]:
    """A connection to a database with the whole schema."""
    opened = await asyncpg.connect(target.reveal())
    yield opened
    await opened.close()


def dumped(servers: Endpoints, dsn: Dsn) -> list[str]:
    """The whole schema as pg_dump sees it: comments, statistics targets, tablespaces and all."""
    program = str(Path(servers.postgres_bin) / "pg_dump")
    done = subprocess.run([program, "--schema-only", dsn.reveal()], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


async def test_only_primary_keys_are_in_the_way_of_a_load_and_everything_comes_back(
    connection: Connection, servers: Endpoints, target: Dsn
) -> None:
    before = await asyncio.to_thread(dumped, servers, target)
    names = {row[0] for row in await connection.fetch(SECONDARY, TABLES)}
    aside = await set_aside(connection, TABLES)
    assert aside.left == ()
    assert {thing.name for thing in aside.things} == names
    assert await connection.fetch(SECONDARY, TABLES) == []
    assert set(await waiting(connection)) == set(aside.things)
    # What is there while it is aside is no green schema.
    result = await schema.check(connection)
    assert result.verdict == "drift"
    assert [problem.code for problem in result.problems] == ["bulk_load_unfinished"]

    await load(connection)
    kinds = [thing.kind for thing in await waiting(connection)]
    assert kinds == sorted(kinds, key=["unique", "index", "foreign_key", "trigger"].index)
    await all_back(connection)
    await assert_no_drift(connection)
    assert await asyncio.to_thread(dumped, servers, target) == before
    assert await connection.fetchval("SELECT count(*) FROM messages WHERE search_vector IS NULL") == 20


async def test_an_owner_is_all_it_takes(empty_database: Dsn, postgres_admin: Dsn) -> None:
    role = f"bulk_{secrets.token_hex(3)}"
    await do(
        empty_database,
        f"CREATE ROLE {role}",
        "CREATE EXTENSION vector",
        *(
            f"DO $$ BEGIN CREATE ROLE {group} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            for group in ("app_user", "admin_role", "metrics_role")
        ),
        f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO {role}', current_database()); END $$",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {role}",
    )
    connection = await asyncpg.connect(empty_database.reveal())
    try:
        await connection.execute(f"SET SESSION AUTHORIZATION {role}")
        await schema.apply(connection)
        assert (await set_aside(connection, TABLES)).left == ()
        await load(connection)
        await all_back(connection)
        await assert_no_drift(connection)

        await connection.execute("RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION app_user")
        with pytest.raises(ConsoleError) as refusal:
            await set_aside(connection, TABLES)
        assert refusal.value.exit_code is ExitCode.USAGE
    finally:
        await connection.close()
        await do(
            empty_database,
            f"DROP OWNED BY {role} CASCADE",
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), session_user); END $$",
            f"DROP ROLE {role}",
        )


async def test_what_was_aside_when_the_load_died_comes_back_with_the_next(target: Dsn) -> None:
    first = await asyncpg.connect(target.reveal())
    things = (await set_aside(first, TABLES)).things
    await load(first)
    first.terminate()

    second = await asyncpg.connect(target.reveal())
    owed = await waiting(second)
    assert set(owed) == set(things)
    for thing in owed[:8]:
        await bring_back(second, thing)
    second.terminate()

    third = await asyncpg.connect(target.reveal())
    try:
        assert await waiting(third) == owed[8:]
        await all_back(third)
        await assert_no_drift(third)
    finally:
        await third.close()


async def test_a_foreign_key_is_owed_until_it_is_validated(connection: Connection, target: Dsn) -> None:
    await set_aside(connection, ["invoices"])
    key = next(thing for thing in await waiting(connection) if thing.kind == "foreign_key")
    await bring_back(connection, key)
    connection.terminate()

    (again,) = [thing for thing in await waiting(await reopened(target)) if thing.kind == "foreign_key"]
    assert again.added
    other = await reopened(target)
    assert await bring_back(other, again) is False
    await validate(other, again)
    await all_back(other)
    await assert_no_drift(other)


async def reopened(dsn: Dsn) -> Connection:
    """Another connection; the database's end is its own."""
    return await asyncpg.connect(dsn.reveal())


async def test_nothing_is_dropped_by_a_transaction_that_dies(target: Dsn, connection: Connection) -> None:
    dying = await asyncpg.connect(target.reveal())
    await dying.transaction().start()
    assert (await set_aside(dying, TABLES)).things != ()
    await connection.execute("SELECT pg_terminate_backend($1)", dying.get_server_pid())
    await assert_no_drift(connection)


async def test_a_build_that_dies_is_still_owed(target: Dsn, connection: Connection) -> None:
    await set_aside(connection, ["messages"])
    thing = next(t for t in await waiting(connection) if t.name == "idx_messages_search")
    blocker = await asyncpg.connect(target.reveal())
    await blocker.execute("BEGIN; LOCK TABLE messages IN ROW EXCLUSIVE MODE")
    builder = await asyncpg.connect(target.reveal())
    building = asyncio.create_task(bring_back(builder, thing))
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
    for _ in range(500):
        if await connection.fetchval(waits, builder.get_server_pid()):
            break
        await asyncio.sleep(0.01)
    await connection.execute("SELECT pg_terminate_backend($1)", builder.get_server_pid())
    with pytest.raises(LOST):
        await building
    await blocker.close()
    assert thing in await waiting(connection)
    await all_back(connection)
    await assert_no_drift(connection)


async def test_again_does_nothing_more(connection: Connection) -> None:
    first = await set_aside(connection, TABLES)
    assert await set_aside(connection, TABLES) == setaside.Aside((), ())
    await connection.execute("CREATE INDEX idx_messages_role ON messages (conversation_id, role)")
    assert await set_aside(connection, TABLES) == setaside.Aside((), ())
    assert set(await waiting(connection)) == set(first.things)
    # Only these tables: the others keep theirs.
    assert await connection.fetch(SECONDARY, ["embeddings", "user_settings"]) != []


# What pg_dump has to print the same afterwards, and the names that must have been away meanwhile.
EXACT = {
    "a comment on an index": ("COMMENT ON INDEX idx_users_email IS 'it''s \\ \"mine\"'", "idx_users_email"),
    "a comment on a unique constraint": (
        "COMMENT ON CONSTRAINT invoices_stripe_invoice_id_key ON invoices IS 'one of a kind';"
        " COMMENT ON INDEX invoices_stripe_invoice_id_key IS 'its index'",
        "invoices_stripe_invoice_id_key",
    ),
    "a comment on a foreign key": (
        "COMMENT ON CONSTRAINT invoices_user_id_fkey ON invoices IS 'whose'",
        "invoices_user_id_fkey",
    ),
    "a comment on a trigger": (
        "COMMENT ON TRIGGER update_messages_search ON messages IS 'ours'",
        "update_messages_search",
    ),
    "statistics targets of an expression": (
        "CREATE INDEX i1 ON users (lower(email), id, (length(email)) DESC NULLS LAST) INCLUDE (full_name);"
        " ALTER INDEX i1 ALTER COLUMN 3 SET STATISTICS 777",
        "i1",
    ),
    "storage parameters, an opclass and a collation": (
        'CREATE INDEX i2 ON users (email text_pattern_ops, full_name COLLATE "C" DESC) WITH (fillfactor = 61)'
        " WHERE is_admin",
        "i2",
    ),
    "a deferred unique constraint": (
        "ALTER TABLE invoices ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (user_id, paid_at) INCLUDE (amount)"
        " WITH (fillfactor = 71) DEFERRABLE INITIALLY DEFERRED",
        "u",
    ),
    "a name that needs quotes": ('CREATE UNIQUE INDEX "Ü ""x"" y" ON invoices (id, status)', 'Ü "x" y'),
    "a foreign key that is not validated": (
        "ALTER TABLE messages ADD CONSTRAINT f1 FOREIGN KEY (ordinal, source_id) REFERENCES pair (a, b) MATCH FULL"
        " ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID",
        "f1",
    ),
    "a foreign key that is not enforced": (
        "ALTER TABLE messages ADD CONSTRAINT f2 FOREIGN KEY (ordinal, source_id) REFERENCES pair (a, b) NOT ENFORCED",
        "f2",
    ),
    "a foreign key to its own table": (
        "ALTER TABLE messages ADD reply uuid, ADD CONSTRAINT f3 FOREIGN KEY (reply) REFERENCES messages (id)"
        " ON DELETE SET NULL",
        "f3",
    ),
    "a foreign key to a unique key of a loaded table": (
        "ALTER TABLE invoices ADD CONSTRAINT f4 FOREIGN KEY (invoice_pdf) REFERENCES users (stripe_customer_id)",
        "f4",
    ),
    "a trigger that always fires": (
        "ALTER TABLE messages ENABLE ALWAYS TRIGGER update_messages_search",
        "update_messages_search",
    ),
}


_ALL = ("; ".join(change for change, _ in EXACT.values()), {name for _, name in EXACT.values()})
_ALONE = [pytest.param(change, {name}, id=case, marks=pytest.mark.slow) for case, (change, name) in EXACT.items()]


@pytest.mark.parametrize(("change", "names"), [pytest.param(*_ALL, id="all at once"), *_ALONE])
async def test_it_comes_back_exactly_as_it_was(
    connection: Connection, servers: Endpoints, target: Dsn, change: str, names: set[str]
) -> None:
    await connection.execute(f"CREATE TABLE pair (a integer, b text, PRIMARY KEY (a, b)); {change}")
    await schema.accept(connection)
    before = await asyncio.to_thread(dumped, servers, target)
    aside = await set_aside(connection, TABLES)
    assert aside.left == ()
    assert names <= {thing.name for thing in aside.things}
    assert await asyncio.to_thread(dumped, servers, target) != before
    await load(connection, 3)
    await all_back(connection)
    assert await asyncio.to_thread(dumped, servers, target) == before
    await assert_no_drift(connection)


async def test_an_index_returns_to_its_tablespace(connection: Connection) -> None:
    space = f"space_{secrets.token_hex(3)}"
    await connection.execute("SET allow_in_place_tablespaces = on")
    await connection.execute(f"CREATE TABLESPACE {space} LOCATION ''")
    try:
        where = "SELECT s.spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.relname = $1"
        moved = ("idx_users_email", "users_stripe_customer_id_key")
        for name in moved:
            await connection.execute(f"ALTER INDEX {name} SET TABLESPACE {space}")
        await connection.execute(f"SET default_tablespace = {space}")  # must not attract the others
        await set_aside(connection, ["users"])
        await all_back(connection)
        assert [await connection.fetchval(where, name) for name in moved] == [space, space]
        assert await connection.fetchval(where, "idx_users_created_at") is None
        for name in moved:
            await connection.execute(f"ALTER INDEX {name} SET TABLESPACE pg_default")
    finally:
        await connection.execute(f"DROP TABLESPACE {space}")


# (what somebody did before, the thing that must stay, a part of the reason)
STAYS = {
    "somebody's trigger": (
        "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER theirs BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION theirs()",
        "theirs",
        "not one of the schema's own",
    ),
    "a trigger of ours that somebody changed": (
        "CREATE OR REPLACE TRIGGER update_messages_search BEFORE INSERT OR UPDATE ON messages"
        " FOR EACH ROW EXECUTE FUNCTION update_messages_search_vector()",
        "update_messages_search",
        "not as the schema recorded it",
    ),
    "a trigger of ours in another state": (
        "ALTER TABLE messages ENABLE ALWAYS TRIGGER update_messages_search",
        "update_messages_search",
        "not as the schema recorded it",
    ),
    "a disabled trigger": (
        "ALTER TABLE messages DISABLE TRIGGER update_messages_search",
        "update_messages_search",
        "does not fire",
    ),
    "a trigger per statement": (
        "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER theirs AFTER INSERT ON messages EXECUTE FUNCTION theirs()",
        "theirs",
        "once per statement",
    ),
    "a constraint trigger": (
        "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE CONSTRAINT TRIGGER theirs AFTER INSERT ON messages DEFERRABLE FOR EACH ROW EXECUTE FUNCTION theirs()",
        "theirs",
        "constraint trigger",
    ),
    "a replica identity": (
        "ALTER TABLE invoices REPLICA IDENTITY USING INDEX invoices_stripe_invoice_id_key",
        "invoices_stripe_invoice_id_key",
        "replica identity",
    ),
    "a clustered index": ("CLUSTER users USING idx_users_email", "idx_users_email", "clustered"),
    "an exclusion constraint": (
        "ALTER TABLE invoices ADD CONSTRAINT x EXCLUDE (stripe_invoice_id WITH =)",
        "x",
        "exclusion constraint",
    ),
    "a key that another table needs": (
        "CREATE TABLE theirs (customer varchar REFERENCES users (stripe_customer_id))",
        "users_stripe_customer_id_key",
        "theirs",
    ),
    "an index that depends on an extension": (
        "ALTER INDEX idx_projects_name_trgm DEPENDS ON EXTENSION pg_trgm",
        "idx_projects_name_trgm",
        "extension",
    ),
    "a table with heirs": ("CREATE TABLE heirs () INHERITS (invoices)", "idx_invoices_status", "inherits"),
    "a foreign key whose checks are off": (
        "ALTER TABLE invoices DISABLE TRIGGER ALL",
        "invoices_user_id_fkey",
        "switched off",
    ),
}


@pytest.mark.parametrize(("change", "name", "reason"), STAYS.values(), ids=STAYS)
async def test_what_cannot_come_back_as_it_was_stays_and_it_is_said(
    connection: Connection, servers: Endpoints, target: Dsn, change: str, name: str, reason: str
) -> None:
    await connection.execute(change)
    before = await asyncio.to_thread(dumped, servers, target)
    aside = await set_aside(connection, TABLES)
    (left,) = [left for left in aside.left if left.name == name]
    assert reason in left.reason
    assert name not in {thing.name for thing in aside.things}
    assert name in {row[0] for row in await connection.fetch(SECONDARY, TABLES)}
    assert len(aside.things) > 20
    await all_back(connection)
    assert await asyncio.to_thread(dumped, servers, target) == before


async def test_an_index_that_failed_before_stays(connection: Connection) -> None:
    await connection.execute("INSERT INTO users (email, hashed_password) VALUES ('a', 'x'), ('b', 'x')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON users (hashed_password)")
    (left,) = (await set_aside(connection, TABLES)).left
    assert (left.kind, left.name) == ("unique", "broken")
    assert "not valid" in left.reason


async def test_a_table_in_use_is_named_with_who_uses_it(
    connection: Connection, target: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setaside, "LOCK_SECONDS", 0.2)
    other = await asyncpg.connect(target.reveal(), server_settings={"application_name": "billing\x1b[31m worker"})
    await other.execute("BEGIN; SELECT count(*) FROM messages")
    with pytest.raises(ConsoleError) as refusal:
        await set_aside(connection, TABLES)
    assert refusal.value.exit_code is ExitCode.REFUSED
    problem = refusal.value.problem
    assert problem.code == "table_in_use"
    assert "table messages" in problem.message
    assert f"pid {other.get_server_pid()}" in problem.message
    assert "\n" not in str(problem)
    assert "\x1b" not in str(problem)
    await other.close()
    await assert_no_drift(connection)

    await set_aside(connection, TABLES)
    third = await asyncpg.connect(target.reveal())
    await third.execute("BEGIN; LOCK TABLE users IN ROW EXCLUSIVE MODE")
    thing = next(t for t in await waiting(connection) if t.table == "users" and t.kind == "index")
    with pytest.raises(ConsoleError, match=rf"{thing.name}.*pid {third.get_server_pid()}"):
        await bring_back(connection, thing, wait_seconds=0.2)
    await third.close()
    assert thing in await waiting(connection)


async def test_all_who_contend_for_a_key_are_named(connection: Connection) -> None:
    await set_aside(connection, TABLES)
    same = [uuid.UUID(int=n + 1) for n in range(3)]
    for pk, email in zip(same, ("Ana@x.fr", "ana@X.fr", "ANA@x.fr"), strict=True):
        await connection.execute("INSERT INTO users (id, email, hashed_password) VALUES ($1, $2, 'x')", pk, email)
    two = [uuid.UUID(int=n + 9) for n in range(2)]
    for pk in two:
        email = "bob\x1b[1m@x.fr" + "y" * 200
        await connection.execute("INSERT INTO users (id, email, hashed_password) VALUES ($1, $2, 'x')", pk, email)
    await connection.execute("INSERT INTO users (email, hashed_password) VALUES ('alone@x.fr', 'x')")
    thing = await named(connection, "users_email_lower_key")
    with pytest.raises(ConsoleError) as refusal:
        await bring_back(connection, thing)
    error = refusal.value
    message = error.problem.message
    assert (error.exit_code, error.problem.code) == (ExitCode.NEGATIVE, "unique_violated")
    assert "2 keys held by 5 rows of users" in message
    assert all(str(pk) in message for pk in same + two)
    assert "(ana@x.fr)" in message
    assert "alone" not in message
    assert not {"\n", "\x1b"} & set(message)
    assert "y" * 100 not in message
    assert error.__cause__ is None
    assert error.__suppress_context__

    with pytest.raises(ConsoleError) as hidden:
        await bring_back(connection, thing, hidden=frozenset({("users", "email")}))
    assert "x.fr" not in hidden.value.problem.message
    assert all(str(pk) in hidden.value.problem.message for pk in same + two)

    assert await connection.fetchval("SELECT count(*) FROM users") == 6
    assert thing in await waiting(connection)
    await connection.execute("DELETE FROM users WHERE id = ANY ($1)", [*same[1:], two[0]])
    await all_back(connection)
    await assert_no_drift(connection)


async def test_no_more_than_twenty_rows_are_named(connection: Connection) -> None:
    await set_aside(connection, TABLES)
    await connection.execute(
        "INSERT INTO invoices (user_id, stripe_invoice_id, amount, status)"
        " SELECT gen_random_uuid(), 'in_' || n % 3, 1, 'paid' FROM generate_series(1, 75) n"
    )
    with pytest.raises(ConsoleError) as refusal:
        await bring_back(connection, await named(connection, "invoices_stripe_invoice_id_key"))
    message = refusal.value.problem.message
    assert "3 keys held by 75 rows of invoices; the first 20 rows" in message
    named_rows = {row[0] for row in await connection.fetch("SELECT id::text FROM invoices") if row[0] in message}
    assert len(named_rows) == 20

    key = await named(connection, "invoices_user_id_fkey")
    await bring_back(connection, key)
    with pytest.raises(ConsoleError) as refusal:
        await validate(connection, key)
    message = refusal.value.problem.message
    assert (refusal.value.exit_code, refusal.value.problem.code) == (ExitCode.NEGATIVE, "foreign_key_violated")
    assert "75 rows of invoices without the row of users that they name; the first 20" in message
    assert "\n" not in message
    assert len({pk for pk in await ids(connection, "invoices") if pk in message}) == 20
    # It holds for new rows, is still owed, and validates once the orphans are gone.
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute(
            "INSERT INTO invoices (user_id, stripe_invoice_id, amount, status)"
            " VALUES (gen_random_uuid(), 'new', 1, 'paid')"
        )
    assert (await named(connection, "invoices_user_id_fkey")).added
    await connection.execute("DELETE FROM invoices")
    await all_back(connection)
    await assert_no_drift(connection)


async def test_nulls_and_predicates_decide_who_contends(connection: Connection) -> None:
    await connection.execute(
        "CREATE UNIQUE INDEX loose ON invoices (status, paid_at) WHERE amount > 5;"
        "CREATE UNIQUE INDEX narrow ON invoices (status, paid_at) WHERE stripe_invoice_id <> '5';"
        "CREATE UNIQUE INDEX strict ON invoices (currency, paid_at) NULLS NOT DISTINCT"
    )
    await set_aside(connection, TABLES)
    await connection.execute(
        "INSERT INTO invoices (id, user_id, stripe_invoice_id, amount, status, currency, paid_at)"
        " SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, gen_random_uuid(), n::text,"
        "  CASE WHEN n < 4 THEN 9 ELSE 1 END, 'paid', 'EUR', CASE WHEN n > 2 THEN timestamptz '2024-05-01 UTC' END"
        " FROM generate_series(1, 5) n"
    )
    await bring_back(connection, await named(connection, "loose"))
    with pytest.raises(ConsoleError) as refusal:
        await bring_back(connection, await named(connection, "strict"))
    message = refusal.value.problem.message
    assert "2 keys held by 5 rows" in message
    assert "(EUR, null) by" in message
    # 3, 4 and 5 were paid at the same moment; 5 takes no part.
    with pytest.raises(ConsoleError) as refusal:
        await bring_back(connection, await named(connection, "narrow"))
    message = refusal.value.problem.message
    assert "1 key held by 2 rows" in message
    assert [n for n in range(1, 6) if f"{n:012}" in message] == [3, 4]


async def test_half_a_reference_leads_nowhere_with_match_full(connection: Connection) -> None:
    await connection.execute(
        "CREATE TABLE pair (a integer, b text, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (1, 'x');"
        "ALTER TABLE project_files ADD CONSTRAINT f FOREIGN KEY (ordinal, source_id) REFERENCES pair (a, b) MATCH FULL"
    )
    await set_aside(connection, TABLES)
    for name, ordinal, source in (("good", 1, "x"), ("none", None, None), ("half", 1, None), ("bad", 2, "x")):
        await connection.execute(
            "INSERT INTO project_files (project_id, name, ordinal, source_id) VALUES ($1, $2, $3, $4)",
            uuid.uuid4(),
            name,
            ordinal,
            source,
        )
    key = await named(connection, "f")
    await bring_back(connection, key)
    with pytest.raises(ConsoleError) as refusal:
        await validate(connection, key)
    rows = await connection.fetch("SELECT name, id::text FROM project_files")
    assert {row[0] for row in rows if row[1] in refusal.value.problem.message} == {"half", "bad"}


async def test_what_somebody_restored_by_hand_counts(connection: Connection) -> None:
    await set_aside(connection, TABLES)
    by_hand = [t for t in await waiting(connection) if t.table in ("users", "messages")]
    for thing in by_hand:
        for statement in filter(None, (thing.definition, thing.attach)):
            await connection.execute(statement)
    assert [await bring_back(connection, thing) for thing in by_hand] == [False] * len(by_hand)
    await all_back(connection)
    await assert_no_drift(connection)


async def test_an_index_without_its_constraint_is_half_way(connection: Connection) -> None:
    await set_aside(connection, ["users"])
    thing = await named(connection, "users_stripe_customer_id_key")
    await connection.execute(thing.definition)
    assert await bring_back(connection, thing) is True
    await all_back(connection)
    await assert_no_drift(connection)


# (the thing, what stands in its place, a part of the message)
IN_ITS_PLACE = [
    ("idx_users_email", "CREATE INDEX idx_users_email ON users (full_name)", "full_name"),
    ("idx_users_email", "CREATE TABLE idx_users_email ()", "something else"),
    ("users_stripe_customer_id_key", "CREATE VIEW users_stripe_customer_id_key AS SELECT 1", "something else"),
    (
        "invoices_user_id_fkey",
        "ALTER TABLE invoices ADD CONSTRAINT invoices_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)",
        "REFERENCES public.users",
    ),
    (
        "update_messages_search",
        "CREATE TRIGGER update_messages_search AFTER INSERT ON messages"
        " EXECUTE FUNCTION update_messages_search_vector()",
        "AFTER INSERT",
    ),
    (
        "invoices_user_id_fkey",
        "ALTER TABLE invoices ADD CONSTRAINT invoices_user_id_fkey CHECK (true)",
        "something else",
    ),
]


@pytest.mark.parametrize(("name", "other", "said"), IN_ITS_PLACE)
async def test_something_else_with_its_name_is_an_error(
    connection: Connection, name: str, other: str, said: str
) -> None:
    await set_aside(connection, TABLES)
    await connection.execute(other)
    thing = await named(connection, name)
    with pytest.raises(ConsoleError) as refusal:
        await bring_back(connection, thing)
    assert (refusal.value.exit_code, refusal.value.problem.code) == (ExitCode.NEGATIVE, "name_taken")
    assert name in refusal.value.problem.message
    assert said in refusal.value.problem.message
    assert thing in await waiting(connection)


async def test_a_broken_attempt_by_hand_is_an_error(connection: Connection) -> None:
    await set_aside(connection, ["users"])
    await connection.execute("INSERT INTO users (email, hashed_password) VALUES ('a', 'x'), ('A', 'x')")
    thing = await named(connection, "users_email_lower_key")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(thing.definition.replace("UNIQUE INDEX", "UNIQUE INDEX CONCURRENTLY"))
    with pytest.raises(ConsoleError, match="not valid") as refusal:
        await bring_back(connection, thing)
    assert "DROP INDEX" in refusal.value.problem.remedy


async def test_two_connections_bring_back_everything_at_once(target: Dsn, connection: Connection) -> None:
    await connection.execute(
        "ALTER TABLE users ADD favourite uuid CONSTRAINT there REFERENCES projects (id);"
        "ALTER TABLE projects ADD maker uuid CONSTRAINT back REFERENCES users (id)"
    )
    await schema.accept(connection)
    await set_aside(connection, TABLES)
    await load(connection, 3000)
    left = list(await waiting(connection))
    pair = [await asyncpg.connect(target.reveal()) for _ in range(2)]

    async def work(worker: Connection) -> None:
        while left:
            thing = left.pop(0)
            await bring_back(worker, thing, memory_mb=1, workers=0)
            await validate(worker, thing)

    await asyncio.wait_for(asyncio.gather(*map(work, pair)), 60)
    for worker in pair:
        await worker.close()
    await assert_no_drift(connection)


async def test_two_builds_on_one_table_run_side_by_side(target: Dsn, connection: Connection) -> None:
    await set_aside(connection, ["users"])
    one, other = (t for t in await waiting(connection) if t.name in ("idx_users_email", "idx_users_created_at"))
    held = await asyncpg.connect(target.reveal())
    async with held.transaction():
        await bring_back(held, one)  # not committed: it keeps its lock
        await bring_back(connection, other, wait_seconds=0.5)
    await held.close()
    await all_back(connection)
    await assert_no_drift(connection)


async def test_two_at_once_for_one_thing_make_it_once(target: Dsn, connection: Connection) -> None:
    await set_aside(connection, ["users"])
    thing = await named(connection, "users_stripe_customer_id_key")
    other = await asyncpg.connect(target.reveal())
    made = await asyncio.gather(bring_back(connection, thing), bring_back(other, thing))
    await other.close()
    assert thing not in await waiting(connection)
    assert any(made)
    await all_back(connection)
    await assert_no_drift(connection)


async def test_the_schema_is_left_alone_while_something_is_aside(connection: Connection) -> None:
    await schema.rollback(connection, schema.LATEST - 1)
    await set_aside(connection, ["users"])
    changes = (schema.apply(connection), schema.rollback(connection, 12), schema.accept(connection))
    for change in changes:
        with pytest.raises(ConsoleError) as refusal:
            await change
        assert refusal.value.problem.code == "bulk_load_unfinished"
    await all_back(connection)
    await schema.apply(connection)
    await assert_no_drift(connection)
    await set_aside(connection, ["users"])
    await schema.rollback(connection, 0)  # everything goes: nothing is owed any more
    assert await waiting(connection) == ()


async def test_a_schema_without_the_record_is_too_old(connection: Connection) -> None:
    await schema.rollback(connection, 12)
    assert await waiting(connection) == ()
    with pytest.raises(ConsoleError, match="schema apply"):
        await set_aside(connection, ["users"])


async def test_a_table_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(ConsoleError, match="nowhere") as refusal:
        await set_aside(connection, ["users", "nowhere"])
    assert refusal.value.exit_code is ExitCode.USAGE
    await assert_no_drift(connection)


async def test_a_build_gets_no_more_memory_than_the_cap(connection: Connection) -> None:
    await set_aside(connection, ["users"])
    thing = next(t for t in await waiting(connection) if t.kind == "index")
    async with connection.transaction():
        await bring_back(connection, thing, memory_mb=100_000, workers=3)
        assert await connection.fetchval("SHOW maintenance_work_mem") == "256MB"
        assert await connection.fetchval("SHOW max_parallel_maintenance_workers") == "3"
    assert await connection.fetchval("SHOW maintenance_work_mem") == "64MB"


async def ids(connection: Connection, table: str) -> list[str]:
    """The primary keys of a table, as text."""
    return [row[0] for row in await connection.fetch(f"SELECT id::text FROM {table}")]  # noqa: S608 - our own name

"""Row security from where the application stands: a member of app_user that is not the owner."""

from __future__ import annotations

import asyncpg
import pytest

from tests.schema.conftest import Database, MakePerson, Person, count

# Every table that holds something of a user, and how to count one's rows in it.
PRIVATE = (
    "users",
    "user_settings",
    "projects",
    "project_files",
    "conversations",
    "messages",
    "invoices",
    "analytics_events",
    "search_queries",
    "embeddings",
)


async def _two(applied: Database, person: MakePerson) -> tuple[asyncpg.Connection, Person, Person]:
    owner = await applied.as_owner()
    ana, bob = await person(owner, "ana"), await person(owner, "bob")
    await owner.execute("SELECT refresh_all_stats()")
    return await applied.connect("app_user"), ana, bob


async def _be(connection: asyncpg.Connection, user: object) -> None:
    await connection.execute("SELECT set_config('app.user_id', $1, false)", str(user))


@pytest.mark.parametrize("said", [None, ""])
async def test_without_a_user_there_is_nothing(applied: Database, person: MakePerson, said: str | None) -> None:
    connection, *_ = await _two(applied, person)
    if said is not None:
        await _be(connection, said)
    for table in (*PRIVATE, "user_with_subscription_details", "project_with_stats"):
        assert await count(connection, table) == 0, table
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await connection.execute("INSERT INTO projects (user_id, name) SELECT gen_random_uuid(), 'x'")


async def test_each_sees_their_own_and_only_that(applied: Database, person: MakePerson) -> None:
    connection, ana, bob = await _two(applied, person)
    for me, other in ((ana, bob), (bob, ana)):
        await _be(connection, me.user)
        for table in PRIVATE:
            assert await count(connection, table) == 1, table
        assert await connection.fetchval("SELECT id FROM users") == me.user
        assert await connection.fetchval("SELECT conversation_id FROM messages") == me.conversation
        assert await connection.fetchval("SELECT user_id FROM project_with_stats") == me.user
        assert await connection.fetchval("SELECT total_projects FROM user_with_subscription_details") == 1
        assert await connection.fetchval("SELECT get_user_project_count($1)", other.user) == 0


async def test_nobody_writes_for_another(applied: Database, person: MakePerson) -> None:
    connection, ana, bob = await _two(applied, person)
    await _be(connection, ana.user)
    for sql, value in (
        ("INSERT INTO projects (user_id, name) VALUES ($1, 'theirs')", bob.user),
        ("INSERT INTO project_files (project_id, name) VALUES ($1, 'theirs')", bob.project),
        ("INSERT INTO conversations (user_id, title) VALUES ($1, 'theirs')", bob.user),
        ("INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'user', 'x')", bob.conversation),
        ("INSERT INTO invoices (user_id, stripe_invoice_id, amount, status) VALUES ($1, 'i', 1, 'paid')", bob.user),
        ("INSERT INTO analytics_events (user_id, event_name) VALUES ($1, 'x')", bob.user),
        ("INSERT INTO search_queries (user_id, query_text, search_type) VALUES ($1, 'x', 'x')", bob.user),
        ("UPDATE projects SET user_id = $1", bob.user),
        ("UPDATE conversations SET project_id = $1", bob.project),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(sql, value)
    assert await connection.execute("UPDATE projects SET name = 'x' WHERE id = $1", bob.project) == "UPDATE 0"
    assert await connection.execute("DELETE FROM messages WHERE conversation_id = $1", bob.conversation) == "DELETE 0"
    await connection.execute("SELECT soft_delete_project($1)", bob.project)
    superuser = await applied.connect()
    assert await superuser.fetchval("SELECT deleted_at FROM projects WHERE id = $1", bob.project) is None


async def test_one_writes_for_oneself(applied: Database, person: MakePerson) -> None:
    connection, ana, _ = await _two(applied, person)
    await _be(connection, ana.user)
    message = "INSERT INTO messages (conversation_id, role, content, timestamp) VALUES ($1, 'user', 'encore', $2)"
    moment = await connection.fetchval("SELECT now() + interval '1 hour'")
    await connection.execute(message, ana.conversation, moment)
    assert await connection.fetchval("SELECT last_message_at FROM conversations") == moment
    await connection.execute("SELECT soft_delete_project($1)", ana.project)
    assert await connection.fetchval("SELECT count(*) FROM projects WHERE deleted_at IS NOT NULL") == 1
    await connection.execute("INSERT INTO analytics_events (event_name) VALUES ('before signing in')")
    assert await connection.fetchval("SELECT count(*) FROM analytics_events") == 1


async def test_the_application_reaches_nothing_else(applied: Database, person: MakePerson) -> None:
    connection, ana, _ = await _two(applied, person)
    await _be(connection, ana.user)
    for sql in (
        "SELECT * FROM mv_daily_user_activity",
        "SELECT * FROM mv_monthly_revenue",
        "SELECT * FROM mv_user_engagement",
        "SELECT * FROM mv_project_statistics",
        "SELECT * FROM admin_revenue_stats",
        "SELECT * FROM slow_queries",
        "SELECT * FROM devora_console.run",
        "SELECT * FROM devora_console.embeddings_p00",
        "SELECT refresh_all_stats()",
        "SELECT get_monthly_active_users()",
        "UPDATE system_config SET free_trial_days = 365",
        "UPDATE analytics_events SET event_name = 'x'",
        "CREATE TABLE public.mine (id integer)",
        "ALTER TABLE projects DISABLE ROW LEVEL SECURITY",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)


async def test_signing_in_works_before_there_is_a_user(applied: Database, person: MakePerson) -> None:
    connection, ana, _ = await _two(applied, person)
    found = await connection.fetch("SELECT id, email FROM find_login('ANA@example.org')")
    assert [tuple(row) for row in found] == [(ana.user, "ana@example.org")]
    assert await connection.fetch("SELECT * FROM find_login('%')") == []


async def test_administrators_see_all_and_metrics_only_sums(applied: Database, person: MakePerson) -> None:
    _, _, bob = await _two(applied, person)
    admin = await applied.connect("admin_role")
    for table in PRIVATE:
        assert await count(admin, table) == 2, table
    assert await admin.fetchval("SELECT paid_revenue FROM admin_revenue_stats") * 10 == 198
    assert await admin.fetchval("SELECT get_monthly_active_users()") == 2
    await admin.execute("UPDATE projects SET name = 'x' WHERE id = $1", bob.project)

    metrics = await applied.connect("metrics_role")
    await metrics.execute("SELECT refresh_all_stats()")
    assert await metrics.fetchval("SELECT sum(total_messages) FROM mv_user_engagement") == 2
    assert await metrics.fetchval("SELECT sum(paid_revenue) FROM mv_monthly_revenue") * 10 == 198
    assert await metrics.fetchval("SELECT count(*) FROM mv_daily_user_activity") == 2
    assert await metrics.fetchval("SELECT sum(file_count) FROM mv_project_statistics") == 2
    for table in (*PRIVATE, "system_config"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await count(metrics, table)


async def test_refreshing_twice_while_somebody_reads(applied: Database, person: MakePerson) -> None:
    owner = await applied.as_owner()
    ana = await person(owner, "ana")
    reader = await applied.connect("metrics_role")
    async with reader.transaction():
        await reader.fetch("SELECT * FROM mv_daily_user_activity")
        await owner.execute("SET lock_timeout = '2s'")
        await owner.execute("SELECT refresh_daily_activity_stats()")
        await owner.execute("INSERT INTO analytics_events (user_id, event_name) VALUES ($1, 'again')", ana.user)
        await owner.execute("INSERT INTO analytics_events (event_name) VALUES ('nobody')")
        await owner.execute("SELECT refresh_daily_activity_stats()")
    assert await reader.fetchval("SELECT event_count FROM mv_daily_user_activity") == 2

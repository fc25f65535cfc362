"""The queries the guide prints, as it prints them (steps 2.2, 3.3, 6, 8 and its troubleshooting)."""

from __future__ import annotations

import asyncpg
import pytest

from tests.schema.conftest import Database, MakePerson

STEP_2 = (
    """EXPLAIN ANALYZE
SELECT * FROM projects
WHERE search_vector @@ to_tsquery('french', 'application & web');""",
    "SELECT * FROM pg_policies;",
    "SELECT * FROM slow_queries LIMIT 10;",
)
COUNTS = """SELECT 'users' as table_name, COUNT(*) FROM users
UNION ALL
SELECT 'projects', COUNT(*) FROM projects
UNION ALL
SELECT 'conversations', COUNT(*) FROM conversations
UNION ALL
SELECT 'messages', COUNT(*) FROM messages;"""
ORPHANS = """SELECT
    'orphaned_projects' as issue,
    COUNT(*) as count
FROM projects p
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = p.user_id);"""
RANKED = """SELECT name, ts_rank(search_vector, to_tsquery('french', 'web')) as rank
FROM projects
WHERE search_vector @@ to_tsquery('french', 'web')
ORDER BY rank DESC
LIMIT 5;"""
STEP_6 = (
    """SELECT
    query,
    calls,
    mean_exec_time,
    max_exec_time
FROM pg_stat_statements
WHERE mean_exec_time > 100
ORDER BY mean_exec_time DESC
LIMIT 20;""",
    "VACUUM ANALYZE;",
    "ALTER TABLE analytics_events SET (autovacuum_vacuum_scale_factor = 0.05);",
    "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.1);",
)
STEP_8 = (
    """SELECT
    schemaname,
    tablename,
    pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size
FROM pg_tables
WHERE schemaname = 'public'
ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;""",
    """SELECT
    sum(heap_blks_hit) / (sum(heap_blks_hit) + sum(heap_blks_read)) AS cache_hit_ratio
FROM pg_statio_user_tables;""",
)
# These name columns that PostgreSQL's own views do not have, whatever the schema.
WRONG_IN_THE_GUIDE = (
    """SELECT
    schemaname,
    tablename,
    indexname,
    idx_scan as scans,
    idx_tup_read as tuples_read,
    idx_tup_fetch as tuples_fetched
FROM pg_stat_user_indexes
ORDER BY idx_scan ASC;""",
    """SELECT
    schemaname,
    tablename,
    pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size,
    n_dead_tup
FROM pg_stat_user_tables
ORDER BY n_dead_tup DESC;""",
)


async def test_they_run(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    for sql in (*STEP_2, *STEP_6):
        await connection.fetch(sql)
    # On a server without statistics yet the guide's hit ratio divides by zero.
    await connection.execute("SELECT pg_stat_force_next_flush()")
    for sql in STEP_8:
        await connection.fetch(sql)
    policies = await connection.fetch(STEP_2[1])
    assert {"projects_user_isolation", "admin_full_access_projects"} <= {row["policyname"] for row in policies}


async def test_they_answer_rightly(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    await connection.execute(
        "INSERT INTO projects (user_id, name, description) VALUES ($1, 'Boutique web', 'Une application web'),"
        " ($1, 'Blog', 'Articles sur le web'), ($1, 'API', 'Du code')",
        ana.user,
    )
    counts = {row["table_name"]: row["count"] for row in await connection.fetch(COUNTS)}
    assert counts == {"users": 1, "projects": 4, "conversations": 1, "messages": 1}
    assert [tuple(row) for row in await connection.fetch(ORPHANS)] == [("orphaned_projects", 0)]
    assert [row["name"] for row in await connection.fetch(RANKED)] == ["Boutique web", "Blog"]
    plan = await connection.fetch(STEP_2[0])
    assert any("rows=1" in row[0] for row in plan)


@pytest.mark.parametrize("sql", WRONG_IN_THE_GUIDE)
async def test_two_of_them_are_wrong_on_every_server(applied: Database, sql: str) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await (await applied.as_owner()).fetch(sql)


async def test_its_views_and_functions(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    await connection.execute(
        "INSERT INTO project_files (project_id, name, file_size_bytes) VALUES ($1, 'a', 10), ($1, 'b', 32)", ana.project
    )
    await connection.execute(
        "INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'assistant', 'x')", ana.conversation
    )
    stats = await connection.fetchrow("SELECT * FROM project_with_stats")
    assert stats is not None
    # Three files and two messages: counting them in one join would multiply both.
    assert (stats["file_count"], stats["total_size_bytes"], stats["message_count"]) == (3, 42, 2)
    assert await connection.fetchval("SELECT get_user_project_count($1)", ana.user) == 1
    assert await connection.fetchval("SELECT get_monthly_active_users()") == 1
    assert await connection.fetchval("SELECT get_monthly_active_users('2001-01-15')") == 0
    await connection.execute("SELECT soft_delete_project($1)", ana.project)
    deleted = await connection.fetchval("SELECT deleted_at FROM projects")
    await connection.execute("SELECT soft_delete_project($1)", ana.project)
    assert await connection.fetchval("SELECT deleted_at FROM projects") == deleted
    assert await connection.fetchval("SELECT count(*) FROM project_with_stats") == 0
    assert await connection.fetchval("SELECT total_projects FROM user_with_subscription_details") == 0


async def test_months_are_those_of_utc_whatever_the_session(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    await connection.execute("UPDATE invoices SET created_at = '2024-05-31T23:30:00Z', currency = 'eur'")
    await connection.execute(
        "INSERT INTO analytics_events (user_id, event_name, timestamp) VALUES ($1, 'x', '2024-05-31T23:30:00Z')",
        ana.user,
    )
    await connection.execute("SET TimeZone = 'Pacific/Auckland'")
    await connection.execute("SELECT refresh_all_stats()")
    row = await connection.fetchrow("SELECT month::text, currency, paid_revenue::text FROM mv_monthly_revenue")
    assert row is not None
    assert tuple(row) == ("2024-05-01", "EUR", "9.90")
    assert await connection.fetchval("SELECT min(activity_date)::text FROM mv_daily_user_activity") == "2024-05-31"
    assert await connection.fetchval("SELECT get_monthly_active_users('2024-05-10')") == 1

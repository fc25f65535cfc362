"""Drift: every kind of sabotage is named, with a remedy that works; nothing else is called drift."""

from __future__ import annotations

import re
import sys

import asyncpg
import pytest

from devora_console.core.problems import ConsoleError
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.schema import accept, apply, check
from devora_console.schema.catalogue import Catalogue
from devora_console.schema.drift import Drift, compare
from tests.schema.conftest import Database, MakePerson

# What is done to the database; kind, object and aspect of the one drift expected.
SABOTAGE = [
    ("DROP INDEX idx_projects_search", "index", "public.idx_projects_search", "object"),
    ("ALTER TABLE users DROP CONSTRAINT chk_subscription_status", "constraint",
     "public.users.chk_subscription_status", "object"),
    ("ALTER TABLE messages DROP CONSTRAINT messages_conversation_id_fkey", "constraint",
     "public.messages.messages_conversation_id_fkey", "object"),
    ("DROP TRIGGER update_messages_search ON messages", "trigger", "public.messages.update_messages_search", "object"),
    ("ALTER TABLE messages DISABLE TRIGGER update_messages_search", "trigger",
     "public.messages.update_messages_search", "enabled"),
    ("DROP POLICY projects_user_isolation ON projects", "policy",
     "public.projects.projects_user_isolation", "object"),
    ("ALTER POLICY projects_user_isolation ON projects USING (true)", "policy",
     "public.projects.projects_user_isolation", "using"),
    ("ALTER POLICY projects_user_isolation ON projects TO PUBLIC", "policy",
     "public.projects.projects_user_isolation", "roles"),
    ("ALTER TABLE invoices DISABLE ROW LEVEL SECURITY", "table", "public.invoices", "row_security"),
    ("ALTER TABLE invoices FORCE ROW LEVEL SECURITY", "table", "public.invoices", "row_security_forced"),
    ("ALTER TABLE projects ALTER COLUMN github_repo_url TYPE varchar(80)", "column",
     "public.projects.github_repo_url", "type"),
    ("ALTER TABLE projects ALTER COLUMN user_id DROP NOT NULL", "column", "public.projects.user_id", "not_null"),
    ("ALTER TABLE invoices ALTER COLUMN currency SET DEFAULT 'USD'", "column", "public.invoices.currency", "default"),
    ("ALTER TABLE users ADD COLUMN nickname text", "column", "public.users.nickname", "object"),
    ("ALTER TABLE users DROP COLUMN source_extra", "column", "public.users.source_extra", "object"),
    ("CREATE TABLE public.scratch (id integer PRIMARY KEY, note text)", "table", "public.scratch", "object"),
    ("CREATE INDEX idx_extra ON users (full_name)", "index", "public.idx_extra", "object"),
    ("GRANT UPDATE ON system_config TO app_user", "table", "public.system_config", "grants: app_user"),
    ("REVOKE INSERT, DELETE ON projects FROM app_user", "table", "public.projects", "grants: app_user"),
    ("GRANT SELECT ON users TO PUBLIC", "table", "public.users", "grants: PUBLIC"),
    ("GRANT USAGE ON SCHEMA devora_console TO app_user", "schema", "devora_console", "grants: app_user"),
    ("GRANT EXECUTE ON FUNCTION refresh_all_stats() TO PUBLIC", "function",
     "public.refresh_all_stats()", "grants: PUBLIC"),
    ("CREATE OR REPLACE FUNCTION soft_delete_project(p_project_id uuid) RETURNS void LANGUAGE sql AS"
     " 'DELETE FROM public.projects WHERE id = p_project_id'", "function",
     "public.soft_delete_project(p_project_id uuid)", "body_md5"),
    ("ALTER FUNCTION find_login(text) RESET search_path", "function", "public.find_login(p_email text)", "settings"),
    ("ALTER VIEW project_with_stats RESET (security_invoker)", "view", "public.project_with_stats", "options"),
    ("DROP VIEW slow_queries", "view", "public.slow_queries", "object"),
    ("CREATE OR REPLACE VIEW slow_queries AS SELECT query, calls, total_exec_time, mean_exec_time, max_exec_time, rows"
     " FROM pg_stat_statements", "view", "public.slow_queries", "definition"),
    ("ALTER TEXT SEARCH CONFIGURATION devora_french ALTER MAPPING FOR word WITH simple",
     "text search configuration", "public.devora_french", "mapping: word"),
    ("CREATE FUNCTION public.extra() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "function",
     "public.extra()", "object"),
    ("CREATE TYPE public.mood AS ENUM ('calm')", "type", "public.mood", "object"),
    ("ALTER TABLE users OWNER TO postgres", "table", "public.users", "owner"),
]  # fmt: skip


@pytest.mark.parametrize(("sabotage", "kind", "name", "aspect"), SABOTAGE, ids=[s[0][:50] for s in SABOTAGE])
async def test_sabotage_is_named(applied: Database, sabotage: str, kind: str, name: str, aspect: str) -> None:
    superuser, owner = await applied.connect(), await applied.as_owner()
    if "postgres" in sabotage:
        sabotage = sabotage.replace("postgres", await superuser.fetchval("SELECT quote_ident(current_user)"))
    await superuser.execute(sabotage)
    result = await check(owner)
    assert result.verdict == "drift"
    assert (kind, name, aspect) in [(drift.kind, drift.object, drift.aspect) for drift in result.drift]
    assert len(result.drift) <= 2
    assert isinstance(to_json(result), dict)

    if await _follow(superuser, result.drift):
        # What a superuser created again belongs to it; all else is as it was.
        again = [drift for drift in (await check(owner)).drift if drift.aspect != "owner"]
        assert again == [] or name == "public.slow_queries"
    else:
        assert name in _WORDS_ONLY or name == "public.slow_queries" or kind == "table"


# Remedies that are words: the SQL of these lies in the version's file.
_WORDS_ONLY = {"public.soft_delete_project(p_project_id uuid)", "public.find_login(p_email text)"}


async def _follow(superuser: asyncpg.Connection, drifts: tuple[Drift, ...]) -> bool:
    """Do what the remedies say, as a person would paste them; whether all were SQL."""
    for drift in drifts:
        sql = re.sub(r"^[^;]*?(?:wanted|superuser|one): ", "", drift.remedy)
        if "`" in sql:
            return False
        await superuser.execute(sql)
    return True


async def test_an_untouched_schema_has_no_drift_and_rows_do_not_matter(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await connection.execute("SELECT refresh_all_stats(); ANALYZE")
    await connection.execute("ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.1)")  # guide, step 6.3
    result = await check(connection)
    assert (result.verdict, result.drift, result.undecided, result.problems) == ("ok", (), (), ())


async def test_an_invalid_index_is_named(applied: Database) -> None:
    superuser = await applied.connect()
    await superuser.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass")
    (drift,) = (await check(superuser)).drift
    assert (drift.object, drift.aspect, drift.found) == ("public.idx_users_email", "valid", "no")
    assert drift.remedy == "REINDEX INDEX CONCURRENTLY public.idx_users_email;"


async def test_a_missing_table_is_one_line(applied: Database) -> None:
    superuser = await applied.connect()
    await superuser.execute("DROP TABLE user_settings")
    assert [(d.kind, d.object) for d in (await check(superuser)).drift] == [("table", "public.user_settings")]


async def test_a_role_that_escapes_row_security_is_named(applied: Database) -> None:
    superuser = await applied.connect()
    await superuser.execute("ALTER ROLE metrics_role BYPASSRLS")
    try:
        (drift,) = (await check(superuser)).drift
        assert (drift.object, drift.aspect, drift.found) == ("metrics_role", "bypasses_row_security", "yes")
        assert "NOBYPASSRLS" in drift.remedy
    finally:
        await superuser.execute("ALTER ROLE metrics_role NOBYPASSRLS")


async def test_another_owner_throughout_is_one_difference(applied: Database) -> None:
    superuser = await applied.connect()
    me = await superuser.fetchval("SELECT current_user::text")
    await superuser.execute(f'REASSIGN OWNED BY "{applied.owner}" TO "{me}"')
    drifts = (await check(superuser)).drift
    assert [(d.kind, d.aspect, d.expected, d.found) for d in drifts if d.kind == "database"] == [
        ("database", "owner", applied.owner, me)
    ]
    assert all(d.kind in {"database", "schema"} or d.aspect.startswith("grants") for d in drifts)


async def test_another_major_version_prints_differently_and_that_is_unknown_not_drift(applied: Database) -> None:
    connection = await applied.as_owner()
    await connection.execute(
        "UPDATE devora_console.schema_version SET server_version_num = 140023,"
        " catalog = replace(catalog::text, '(user_id = ( SELECT', '(projects.user_id = ( SELECT')::jsonb"
    )
    result = await check(connection)
    assert result.verdict == "unknown"
    assert result.drift == ()
    assert {d.aspect for d in result.undecided} == {"using", "with_check"}
    assert all(isinstance(d.found, Unknown) for d in result.undecided)

    await connection.execute("ALTER TABLE messages DISABLE TRIGGER update_messages_search")
    assert (await check(connection)).verdict == "drift"
    await connection.execute("ALTER TABLE messages ENABLE TRIGGER update_messages_search")

    await accept(connection)
    assert (await check(connection)).verdict == "ok"


async def test_nothing_applied_and_nothing_recorded_are_not_green(bare: Database) -> None:
    connection = await bare.as_owner()
    result = await check(connection)
    assert (result.verdict, result.problems[0].code) == ("unknown", "schema_not_applied")
    await apply(connection)
    await connection.execute("UPDATE devora_console.schema_version SET catalog = NULL")
    result = await check(connection)
    assert (result.verdict, result.problems[0].code) == ("unknown", "schema_not_described")


async def test_a_locked_table_is_not_waited_for(applied: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["devora_console.schema.check"], "LOCK_TIMEOUT", "100ms")
    connection, other = await applied.as_owner(), await applied.as_owner()
    async with other.transaction():
        await other.execute("LOCK TABLE users")
        with pytest.raises(ConsoleError, match="lock timeout"):
            await check(connection)


async def test_check_writes_nothing(applied: Database) -> None:
    connection = await applied.as_owner()
    await connection.execute("SET default_transaction_read_only = on")
    assert (await check(connection)).verdict == "ok"


def test_differences_come_in_a_fixed_order() -> None:
    before: Catalogue = {
        "table": {"public.b": {"owner": "x"}, "public.a": {"owner": "x"}},
        "index": {"public.i": {"valid": True}},
    }
    now: Catalogue = {"table": {}, "index": {"public.i": {"valid": False}}}
    names = [(d.kind, d.object) for d in compare(before, now, same_major=True)]
    assert names == [("index", "public.i"), ("table", "public.a"), ("table", "public.b")]

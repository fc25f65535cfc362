"""Everything in the way is found at once, and the SQL that is shown ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.core.snapshot import to_json
from devora_console.schema import apply, check, preflight
from devora_console.schema.preflight import Finding
from tests.schema.conftest import Database


@pytest.fixture
async def guide_1_2(owner_role: str, empty_database: Dsn) -> AsyncIterator[Database]:
    """What the guide's step 1.2 leaves: a plain user with every privilege on a database of the superuser's."""
    database = Database(empty_database, owner_role)
    superuser = await database.connect()
    await superuser.execute(
        f"DO $$ BEGIN EXECUTE format('GRANT ALL PRIVILEGES ON DATABASE %I TO %I', current_database(),"
        f" '{owner_role}'); END $$; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin;"
        " CREATE EXTENSION pg_stat_statements; CREATE EXTENSION vector"
    )
    yield database
    await database.close()


async def test_after_the_guides_step_1_2(guide_1_2: Database) -> None:
    owner, superuser = await guide_1_2.as_owner(), await guide_1_2.connect()
    look = await preflight(owner)
    assert isinstance(to_json(look), dict)
    assert [problem.code for problem in look.blocking] == ["schema_create_denied"]
    (finding,) = [f for f in look.findings if f.blocking]
    assert f"GRANT USAGE, CREATE ON SCHEMA public TO {guide_1_2.owner};" in finding.sql
    with pytest.raises(ConsoleError, match="permission denied for schema public"):
        await apply(owner)
    assert await superuser.fetchval("SELECT to_regnamespace('devora_console')") is None

    await _obey(superuser, look.findings)
    assert (await preflight(owner)).ok
    result = await apply(owner)
    assert result.waiting == ()
    assert (await check(owner)).verdict == "ok"


async def test_all_problems_at_once(empty_database: Dsn, owner_role: str) -> None:
    database = Database(empty_database, owner_role)
    superuser, owner = await database.connect(), await database.as_owner()
    await superuser.execute("GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE TABLE public.users (id integer)")
    await superuser.execute("ALTER ROLE metrics_role RENAME TO devora_metrics_away")
    try:
        look = await preflight(owner)
        assert not look.ok
        assert [finding.problem.code for finding in look.findings] == [
            "database_create_denied",
            "role_missing",
            "schema_public_open",
            "relation_exists",
            "extension_missing",
            "extension_missing",
            "extension_missing",
            "extension_missing",
            "extension_missing",
            "extension_missing",
        ]
        with pytest.raises(ConsoleError, match="and 2 more problems"):
            await apply(owner)
        assert {"CREATE ROLE metrics_role NOLOGIN;"} <= {sql for f in look.findings for sql in f.sql}
    finally:
        await superuser.execute("ALTER ROLE devora_metrics_away RENAME TO metrics_role")
        await database.close()


async def test_the_application_role_may_not_own_the_schema(bare: Database) -> None:
    look = await preflight(await bare.connect("app_user", as_session=False))
    assert "owner_is_app_role" in [problem.code for problem in look.blocking]


async def test_another_encoding_is_refused(postgres_admin: Dsn) -> None:
    admin = await asyncpg.connect(postgres_admin.reveal())
    try:
        await admin.execute(
            "CREATE DATABASE devora_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        latin = await asyncpg.connect(postgres_admin.reveal(), database="devora_latin")
        look = await preflight(latin)
        await latin.close()
        assert [problem.code for problem in look.blocking] == ["encoding"]
    finally:
        await admin.execute("DROP DATABASE IF EXISTS devora_latin WITH (FORCE)")
        await admin.close()


async def _obey(superuser: asyncpg.Connection, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        for sql in finding.sql:
            await superuser.execute(sql)

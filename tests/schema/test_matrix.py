"""The same schema on older servers, without pgvector and without pg_stat_statements loaded.

The plain run asks the oldest; DEVORA_TEST_MATRIX=all asks every version (14 to 17; 18 is every other test).
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.demo.servers import Endpoints, for_database
from devora_console.schema import LATEST, apply, bootstrap, check, preflight, rollback, script, status
from tests.schema.conftest import MakePerson, Psql, count, move
from tests.schema.old_servers import VERSIONS, server

# Versions 11 and 12 wait for extensions.
HERE = tuple(n for n in range(1, LATEST + 1) if n not in {11, 12, 19})
ASKED = sorted(VERSIONS) if os.environ.get("DEVORA_TEST_MATRIX") == "all" else [min(VERSIONS)]
# owner_role brings the group roles to the newest server, where dumps are restored.
pytestmark = [pytest.mark.matrix, pytest.mark.usefixtures("owner_role"), pytest.mark.parametrize("major", ASKED)]


async def test_the_whole_walk(
    major: int, servers: Endpoints, empty_database: Dsn, person: MakePerson, psql: Psql
) -> None:
    with server(major) as admin_dsn:
        admin = await asyncpg.connect(admin_dsn.reveal())

        async def open_database(name: str) -> asyncpg.Connection:
            return await asyncpg.connect(admin_dsn.reveal(), database=name)

        made = await bootstrap(admin, open_database, database="devora", owner="devora_owner")
        assert [problem.code for problem in made.problems] == ["extension_unavailable", "extension_not_loaded"]
        dsn = for_database(admin_dsn, "devora")
        owner = await asyncpg.connect(dsn.reveal())
        await owner.execute("SET SESSION AUTHORIZATION devora_owner")
        look = await preflight(owner)
        assert look.server_version_num // 10000 == major
        assert (look.ok, [wait.extension for wait in look.waiting]) == (
            True,
            ["vector", "pg_stat_statements", "vector"],
        )
        assert (await apply(owner)).applied == HERE
        assert (await status(owner)).ok
        assert (await check(owner)).verdict == "ok"

        await _row_security(dsn, owner, person, major)
        await owner.execute("SELECT refresh_all_stats()")
        await _upgraded(servers.postgres_bin, dsn, empty_database, major)

        assert (await rollback(owner, 0)).versions == tuple(reversed(HERE))
        code, _, err = psql(dsn, "devora_owner", script())
        assert (code, err) == (0, "")
        assert (await check(owner)).verdict == "ok"

        # Nothing else on this server uses the group roles, and a superuser may drop them.
        superuser = await open_database("devora")
        left = (await rollback(superuser, 0)).left
        assert [problem.code for problem in left] == ["extension_left"] * 3
        assert await superuser.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'app_user'") == 0
        for connection in (admin, owner, superuser):
            await connection.close()


async def _row_security(dsn: Dsn, owner: asyncpg.Connection, person: MakePerson, major: int) -> None:
    ana = await person(owner, "ana")
    await person(owner, "bob")
    assert await owner.fetchval("SELECT count(*) FROM projects WHERE search_vector @@ devora_query('ana')") == 1
    application = await asyncpg.connect(dsn.reveal())
    await application.execute("SET SESSION AUTHORIZATION app_user")
    assert await count(application, "messages") == 0
    await application.execute("SELECT set_config('app.user_id', $1, false)", str(ana.user))
    assert await count(application, "messages") == 1
    if major >= 15:
        assert await count(application, "project_with_stats") == 1
    else:
        # There a view reads past row security, so the application may not read it at all.
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await count(application, "project_with_stats")
    await application.close()


async def _upgraded(programs: Path, old: Dsn, new: Dsn, major: int) -> None:
    """Moved to the newest server by dump and restore: what it prints otherwise is unknown, not drift."""
    admin = await asyncpg.connect(new.reveal())
    await admin.execute(
        "DO $$ BEGIN CREATE ROLE devora_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO devora_owner', current_database()); END $$"
    )
    await asyncio.to_thread(move, programs, old, new)
    result = await check(admin)
    # Schema public has another owner from 15 on; that is a real difference.
    assert [drift for drift in result.drift if drift.kind != "schema"] == []
    assert {d.aspect for d in result.undecided} <= {"definition", "using", "with_check", "default"}
    # 16 changed how expressions in views are printed; from there on all reads the same so far.
    assert bool(result.undecided) == (major < 16)
    await admin.execute("DROP OWNED BY devora_owner CASCADE")
    await admin.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), session_user); END $$"
    )
    await admin.execute("DROP ROLE devora_owner")
    await admin.close()

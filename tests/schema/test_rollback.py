"""Taking versions back: what it would cost, that nothing of ours stays, and that it can begin again."""

from __future__ import annotations

import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.snapshot import to_json
from devora_console.schema import LATEST, apply, check, rollback, rollback_preview, status
from tests.schema.conftest import Database, MakePerson

REMNANTS = """
SELECT 'relation ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'devora_console')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'configuration ' || cfgname FROM pg_ts_config WHERE cfgname LIKE 'devora%'
UNION ALL
SELECT 'dictionary ' || dictname FROM pg_ts_dict WHERE dictname LIKE 'devora%'
UNION ALL
SELECT 'type ' || t.typname FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
   AND NOT EXISTS (SELECT FROM pg_type e JOIN pg_depend d ON d.objid = e.oid AND d.deptype = 'e'
                    WHERE e.oid = t.typelem)
UNION ALL
SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'devora_console'
"""


async def test_back_to_nothing_and_forward_again(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    preview = await rollback_preview(connection, 0)
    assert isinstance(to_json(preview), dict)
    lost = {item.object: item.rows for item in preview.dropped if item.kind == "table"}
    assert lost["public.users"] == 1
    assert lost["public.messages"] == 1
    assert lost["public.embeddings"] == 1
    assert lost["public.system_config"] == 0
    assert await connection.fetchval("SELECT count(*) FROM users") == 1

    done = await rollback(connection, 0)
    assert done.versions == tuple(range(LATEST, 0, -1))
    assert (done.dropped, done.rows) == (preview.dropped, preview.rows)
    assert {problem.code for problem in done.left} == {"extension_left", "role_left"}
    assert await connection.fetch(REMNANTS) == []
    assert (await rollback(connection, 0)).versions == ()

    assert len((await apply(connection)).applied) == LATEST
    assert (await check(connection)).verdict == "ok"


async def test_every_step_back_leaves_a_state_that_checks(applied: Database) -> None:
    connection = await applied.as_owner()
    for to in range(LATEST - 1, 0, -1):
        assert (await rollback(connection, to)).versions == (to + 1,)
        result = await check(connection)
        assert (result.verdict, result.drift) == ("ok", ()), to
        assert result.pending == tuple(range(to + 1, LATEST + 1))
    for to in range(2, LATEST + 1):
        assert (await apply(connection, to=to)).applied == (to,)
    assert (await check(connection)).verdict == "ok"


async def test_vectors_lost_with_a_column_are_counted(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await connection.execute("UPDATE embeddings SET embedding_vector = array_fill(0.5::real, ARRAY[1536])::vector")
    preview = await rollback_preview(connection, 10)
    assert ("column", "public.embeddings.embedding_vector", 1) in [
        (item.kind, item.object, item.rows) for item in preview.dropped
    ]


async def test_what_somebody_built_on_it_stops_it_whole(applied: Database) -> None:
    superuser, connection = await applied.connect(), await applied.as_owner()
    await superuser.execute("CREATE SCHEMA theirs; CREATE VIEW theirs.report AS SELECT email FROM public.users")
    with pytest.raises(ConsoleError) as refusal:
        await rollback(connection, 0)
    assert "theirs.report" in refusal.value.problem.message
    assert (await status(connection)).ok


async def test_a_version_that_does_not_exist(applied: Database) -> None:
    with pytest.raises(ConsoleError) as refusal:
        await rollback_preview(await applied.as_owner(), LATEST + 1)
    assert refusal.value.exit_code == ExitCode.USAGE


async def test_a_role_that_nothing_uses_goes_when_it_may(bare: Database) -> None:
    """The group roles are shared by the server's databases: those that others use stay, and it is said."""
    superuser = await bare.connect()
    await apply(superuser)
    await superuser.execute('CREATE ROLE "devora_test_member"; GRANT metrics_role TO "devora_test_member"')
    try:
        left = (await rollback(superuser, 0)).left
        assert any("metrics_role stays: it has 1 member" in problem.message for problem in left)
    finally:
        await superuser.execute("DROP ROLE devora_test_member")

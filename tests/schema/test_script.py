"""The schema as text for psql, and a dump of it."""

from __future__ import annotations

import asyncio

from devora_console.config.secret import Dsn
from devora_console.demo.servers import Endpoints
from devora_console.schema import LATEST, apply, check, rollback, script, status
from tests.schema.conftest import Database, MakePerson, Psql, move


async def test_psql_leaves_what_apply_leaves(bare: Database, psql: Psql) -> None:
    code, out, err = psql(bare.dsn, bare.owner, script())
    assert (code, err) == (0, "")
    assert "waits for extension vector" in out
    connection = await bare.as_owner()
    states = ["waiting" if n in {11, 12, 19} else "applied" for n in range(1, LATEST + 1)]
    assert [state.state for state in (await status(connection)).versions] == states
    recorded = "SELECT catalog FROM devora_console.schema_version WHERE version = $1"
    newest = max(n for n, state in enumerate(states, start=1) if state == "applied")
    by_psql = await connection.fetchval(recorded, newest)
    assert by_psql is not None
    assert (await check(connection)).verdict == "ok"

    superuser = await bare.connect()
    await superuser.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_stat_statements")
    assert psql(bare.dsn, bare.owner, script())[0] == 0
    assert (await status(connection)).ok
    assert (await apply(connection)).applied == ()
    assert psql(bare.dsn, bare.owner, script())[0] == 0
    assert (await check(connection)).verdict == "ok"

    await rollback(connection, 0)
    await superuser.execute("DROP EXTENSION vector; DROP EXTENSION pg_stat_statements")
    await apply(connection)
    by_apply = await connection.fetchval(recorded, newest)
    assert by_apply == by_psql


async def test_psql_takes_it_all_away_again(applied: Database, psql: Psql) -> None:
    assert psql(applied.dsn, applied.owner, script(down=True))[0] == 0
    connection = await applied.as_owner()
    assert (await status(connection)).versions[0].state == "pending"
    assert psql(applied.dsn, applied.owner, script(down=True))[0] == 0
    assert len((await apply(connection)).applied) == LATEST


async def test_a_script_that_fails_stops_and_keeps_whole_versions(bare: Database, psql: Psql) -> None:
    connection = await bare.as_owner()
    await connection.execute("CREATE TABLE public.users (id integer)")
    code, _, err = psql(bare.dsn, bare.owner, script())
    assert code == 3
    assert 'relation "users" already exists' in err
    assert [state.state for state in (await status(connection)).versions][:4] == ["applied"] * 2 + ["pending"] * 2


async def test_a_dump_restored_elsewhere_is_the_same_schema(
    applied: Database, empty_database: Dsn, servers: Endpoints, person: MakePerson
) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await asyncio.to_thread(move, servers.postgres_bin, applied.dsn, empty_database)
    copy = Database(empty_database, applied.owner)
    result = await check(await copy.as_owner())
    try:
        assert [drift for drift in result.drift if drift.kind != "schema"] == []
        assert result.undecided == ()
        assert await (await copy.connect()).fetchval("SELECT count(*) FROM messages") == 1
    finally:
        await copy.close()

"""Applying: as an ordinary owner, again, side by side, on what is there already, and when it fails half-way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.snapshot import to_json
from devora_console.postgres.locks import MIGRATION
from devora_console.schema import LATEST, apply, check, preflight, rollback, script, status
from devora_console.schema.record import LOCK_KEY
from tests.schema.conftest import Database, Psql

EVERY = tuple(range(1, LATEST + 1))
# An owner may create unaccent and pg_trgm; vector and pg_stat_statements wait for a superuser.
WAITING = (11, 12, 19)
BY_OWNER = tuple(n for n in EVERY if n not in WAITING)


async def test_an_owner_without_special_rights_applies_it_and_again_is_nothing(bare: Database) -> None:
    connection = await bare.as_owner()
    narrated: list[str] = []
    first = await apply(connection, narrate=narrated.append)
    assert first.applied == BY_OWNER
    assert [wait.extension for wait in first.waiting] == ["vector", "pg_stat_statements", "vector"]
    assert first.waiting[0].sql == ("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;",)
    assert len(narrated) == len(BY_OWNER)

    again = await apply(connection)
    assert (again.applied, again.already) == ((), BY_OWNER)
    assert (await check(connection)).verdict == "ok"


async def test_a_version_that_waited_is_applied_once_its_extension_is_there(bare: Database) -> None:
    owner, superuser = await bare.as_owner(), await bare.connect()
    await apply(owner)
    await superuser.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_stat_statements")
    assert (await apply(owner)).applied == WAITING
    assert await owner.fetchval("SELECT count(*) FROM slow_queries") >= 0
    assert (await check(owner)).verdict == "ok"


async def test_the_guide_finds_its_counts(applied: Database) -> None:
    answer = await status(await applied.as_owner())
    counts = {count.kind: count.found for count in answer.counts}
    assert answer.ok
    assert counts["tables"] == 13
    assert counts["indexes"] >= 30
    assert counts["triggers"] >= 8
    assert counts["materialized_views"] == 4
    assert [state.state for state in answer.versions] == ["applied"] * LATEST
    assert isinstance(to_json(answer), dict)


async def test_status_before_anything_is_applied(bare: Database) -> None:
    answer = await status(await bare.as_owner())
    assert not answer.ok
    assert answer.pending == BY_OWNER
    assert {count.kind: count.ok for count in answer.counts}["tables"] is False


async def test_two_at_once_apply_it_once(bare: Database) -> None:
    one, other = await bare.as_owner(), await bare.as_owner()
    results = await asyncio.gather(apply(one), apply(other))
    assert sorted(result.applied for result in results) == [(), BY_OWNER]


async def test_a_busy_schema_is_refused(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devora_console.schema.record.LOCK_WAIT_SECONDS", 0.2)
    other = await bare.connect()
    await other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
    with pytest.raises(ConsoleError) as refusal:
        await apply(await bare.as_owner())
    assert refusal.value.problem.code == "schema_busy"
    assert refusal.value.exit_code == ExitCode.REFUSED


async def test_a_changed_file_is_an_error_that_names_the_version(applied: Database) -> None:
    connection = await applied.as_owner()
    await connection.execute("UPDATE devora_console.schema_version SET checksum = repeat('0', 64) WHERE version = 4")
    with pytest.raises(ConsoleError) as refusal:
        await apply(connection)
    assert refusal.value.problem.code == "checksum_changed"
    assert "0004_indexes" in refusal.value.problem.message
    assert [state.state for state in (await status(connection)).versions if state.version == 4] == ["changed"]
    assert (await check(connection)).verdict == "drift"


async def test_a_newer_schema_is_refused(applied: Database) -> None:
    connection = await applied.as_owner()
    await connection.execute("INSERT INTO devora_console.schema_version SELECT 99, 'later', 'x', now(), 'them', 180000")
    with pytest.raises(ConsoleError) as refusal:
        await apply(connection)
    assert refusal.value.problem.code == "schema_newer"
    assert (await status(connection)).versions[-1].state == "newer"


async def test_a_version_that_fails_leaves_nothing_and_those_before_stay(bare: Database) -> None:
    superuser, owner = await bare.connect(), await bare.as_owner()
    await superuser.execute(
        "CREATE FUNCTION public.deny() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not on a Friday'; END $$;"
        " CREATE EVENT TRIGGER deny ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION deny()"
    )
    with pytest.raises(ConsoleError) as refusal:
        await apply(owner)
    assert refusal.value.problem.code == "schema_sql_failed"
    assert "version 0005_triggers: not on a Friday" in refusal.value.problem.message
    assert [state.state for state in (await status(owner)).versions][:6] == ["applied"] * 4 + ["pending"] * 2
    assert await owner.fetchval("SELECT to_regproc('public.update_updated_at_column')") is None

    await superuser.execute("DROP EVENT TRIGGER deny; DROP FUNCTION public.deny()")
    assert (await apply(owner)).applied == BY_OWNER[4:]


GUIDE = Path(__file__).parent / "guide_schema.sql"


async def test_the_guides_own_schema_is_in_the_way_and_goes_with_the_down_script(bare: Database, psql: Psql) -> None:
    superuser, owner = await bare.connect(), await bare.as_owner()
    await owner.execute(GUIDE.read_text(encoding="utf-8"))
    look = await preflight(owner)
    assert [problem.code for problem in look.blocking] == ["relation_exists"]
    with pytest.raises(ConsoleError) as refusal:
        await apply(owner)
    problem = refusal.value.problem
    assert problem.code == "relation_exists"
    assert refusal.value.exit_code == ExitCode.NEGATIVE
    assert "public.users" in problem.message
    assert "public.projects" in problem.message
    assert "schema sql --down" in problem.remedy
    assert "\n" not in str(refusal.value)
    assert await superuser.fetchval("SELECT to_regnamespace('devora_console')") is None

    assert psql(bare.dsn, bare.owner, script(down=True))[0] == 0
    assert (await apply(owner)).applied == BY_OWNER


async def test_somebodys_view_of_the_same_name_is_in_the_way(bare: Database) -> None:
    owner = await bare.as_owner()
    await owner.execute("CREATE VIEW public.slow_queries AS SELECT 1 AS one")
    with pytest.raises(ConsoleError, match=r"view already exists.*public\.slow_queries"):
        await apply(owner)


async def test_the_record_is_closed_to_others(applied: Database) -> None:
    connection = await applied.connect("app_user")
    with pytest.raises(ConsoleError) as refusal:
        await status(connection)
    assert refusal.value.problem.code == "schema_hidden"
    assert applied.owner in refusal.value.problem.remedy


async def test_a_read_only_session_is_told_so(bare: Database) -> None:
    connection = await bare.as_owner()
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(ConsoleError, match="read-only"):
        await apply(connection)


async def test_a_migration_that_writes_keeps_the_schema_as_it_is(bare: Database) -> None:
    owner = await bare.as_owner()
    await apply(owner)
    writer = await bare.as_owner()
    await writer.execute("SELECT pg_advisory_lock($1)", MIGRATION)
    for change in (rollback(owner, 0), apply(owner)):
        with pytest.raises(ConsoleError) as refused:
            await change
        assert refused.value.exit_code is ExitCode.REFUSED
        assert refused.value.problem.code == "lease_held"
    await writer.execute("SELECT pg_advisory_unlock($1)", MIGRATION)
    await rollback(owner, 0)

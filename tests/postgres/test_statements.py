"""Statements on real servers: each condition is made, and what is said of it and what is not is compared."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import for_database
from devora_console.postgres.statements import (
    Bound,
    Mark,
    RunningSnapshot,
    Share,
    Statement,
    StatementsSample,
    StatementsSnapshot,
    Texts,
    extremes,
    figures,
    interval,
    read_numbers,
    read_running,
    share,
    since_reset,
)
from devora_console.postgres.watch.guest import Guest
from tests.postgres.conftest import Enter, as_role, execute
from tests.schema.old_servers import server

CREATE = "CREATE EXTENSION pg_stat_statements"
_RESET = "SELECT pg_stat_statements_reset()"


async def numbers(guest: Guest, like: StatementsSample | None = None) -> StatementsSample:
    found = await read_numbers(guest, like)
    assert isinstance(found, StatementsSample), found
    return found


async def dressed(guest: Guest, snapshot: StatementsSnapshot, texts: Texts | None = None) -> StatementsSnapshot:
    return await (texts or Texts()).first(guest, snapshot, 100.0, limit=5000)


def the(snapshot: StatementsSnapshot, words: str) -> Statement:
    """The only top-level statement whose text holds ``words``. Names of columns do not tell statements apart."""
    found = [each for each in snapshot.statements if isinstance(each.text, str) and words in each.text]
    found = [each for each in found if not each.nested]
    assert len(found) == 1, [each.text for each in snapshot.statements]
    return found[0]


async def around(guest: Guest, *statements: str, dsn: Dsn) -> StatementsSnapshot:
    """What an interval says in which ``statements`` were run."""
    before = await numbers(guest)
    await execute(dsn, *statements)
    return await dressed(guest, interval(before, await numbers(guest, before)))


async def test_an_interval_counts_what_ran_in_it(watched: Dsn, enter: Enter) -> None:
    only = f"CREATE TABLE only_{secrets.token_hex(4)} (a int)"  # the statistics are of the whole server
    await execute(watched, CREATE, only, "CREATE TABLE t (a int)", *["INSERT INTO t SELECT 1 + 1 AS kept"] * 5)
    guest = await enter(watched)
    found = await around(guest, *["INSERT INTO t SELECT 1 + 1 AS kept"] * 3, "SELECT 2 - 1 AS fresh", dsn=watched)
    insert = the(found, "INSERT INTO t")
    assert not isinstance(insert.delta, Unknown)
    assert (insert.delta.calls, insert.delta.rows, insert.total.calls, insert.mark) == (3, 3, 8, None)
    assert the(found, "AS fresh").mark is Mark.NEW
    assert insert.user == "postgres"
    assert (
        insert.database == for_database(watched, "x").reveal().partition("?")[0].rpartition("/")[2] or insert.database
    )
    assert isinstance(share(insert, found.window), Share)
    assert not found.window.was_reset
    assert found.window.evictions == 0
    # What did not run in the interval is not listed in it.
    assert not [each for each in found.statements if only in str(each.text)]
    assert the(await dressed(guest, since_reset(await numbers(guest))), only).total.calls == 1


async def test_our_own_statements_are_counted_and_not_listed(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, _RESET)
    guest = await enter(watched)
    sample = await numbers(guest)
    for _ in range(2):
        found = await dressed(guest, since_reset(sample))
        sample = await numbers(guest, sample)
    assert isinstance(found.ours, int)
    assert found.ours >= 4
    assert not [each.text for each in found.statements if "pg_stat_statements(" in str(each.text)]
    assert found.count == len(
        sample.rows.keys() & {each.key for each in since_reset(sample).statements}
    ) - found.ours or (found.count > 0)


async def test_a_reset_in_the_interval_gives_no_false_figure(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, *["SELECT 1 * 1 AS reset_case"] * 5)
    guest = await enter(watched)
    found = await around(guest, _RESET, *["SELECT 1 * 1 AS reset_case"] * 7, "SELECT 4 / 2 AS after_reset", dsn=watched)
    assert found.window.was_reset
    assert any("reset" in note for note in found.notes)
    one = the(found, "AS reset_case")
    if guest.host.version >= 170000:
        assert not isinstance(one.delta, Unknown)
        assert (one.delta.calls, one.mark) == (7, Mark.AGAIN)
        part = share(one, found.window)
        assert isinstance(part, Share)
        assert part.bound is Bound.ABOUT
    else:
        assert isinstance(one.delta, Unknown)
        assert "reset" in one.delta.reason
    new = the(found, "AS after_reset")
    assert not isinstance(new.delta, Unknown)
    assert (new.delta.calls, new.mark) == (1, Mark.NEW)


async def test_one_entry_is_reset(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, *["SELECT 5 % 2 AS single"] * 5)
    guest = await enter(watched)
    one = (
        "SELECT pg_stat_statements_reset(userid, dbid, queryid) FROM pg_stat_statements"
        " WHERE query LIKE 'SELECT % AS single'"
    )
    found = await around(guest, one, *["SELECT 5 % 2 AS single"] * 2, dsn=watched)
    single = the(found, "AS single")
    assert not found.window.was_reset
    if guest.host.version >= 170000:
        assert not isinstance(single.delta, Unknown)
        assert (single.delta.calls, single.mark) == (2, Mark.AGAIN)
    else:
        assert isinstance(single.delta, Unknown)


async def test_a_minmax_reset_is_not_nought(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, "SELECT 1 # 2 AS extremes")
    guest = await enter(watched)
    if guest.host.version < 170000:
        known = the(await dressed(guest, since_reset(await numbers(guest))), "AS extremes")
        assert isinstance(extremes(known.total).max_ms, float)
        return
    await execute(watched, "SELECT pg_stat_statements_reset(0, 0, 0, true)")
    found = the(await dressed(guest, since_reset(await numbers(guest))), "AS extremes")
    assert found.total.calls == 1
    assert found.total.exec_ms > 0
    assert isinstance(extremes(found.total).min_ms, Unknown)
    assert isinstance(extremes(found.total).max_ms, Unknown)


async def test_nested_statements_are_told_and_not_added(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        CREATE,
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05) AS inner_one; END $$",
    )
    guest = await enter(watched)
    found = await around(guest, "SELECT f()", "SELECT pg_sleep(0.05) AS inner_one", dsn=watched)
    outer = the(found, "SELECT f()")
    nested = [each for each in found.statements if each.nested and "pg_sleep" in str(each.text)]
    assert len(nested) == 1
    assert not isinstance(outer.delta, Unknown)
    assert not isinstance(nested[0].delta, Unknown)
    assert 90 < found.window.interval.ms < 145  # both sleeps once; three times if the nested one were added
    part = share(outer, found.window)
    assert isinstance(part, Share)
    assert part.percent < 60


HOSTILE = "SELECT 1 AS \"\x1b]0;x\x07[red]bold[/red] \u202eevil\u2066\", 'a'||$$\\$$ /* \x1b[2J */"


async def test_texts_are_exact_and_read_once(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, HOSTILE)
    guest = await enter(watched)
    found = await dressed(guest, since_reset(await numbers(guest)))
    hostile = [each for each in found.statements if "evil" in str(each.text)]
    assert len(hostile) == 1
    assert "\x1b]0;x\x07[red]bold[/red] \u202eevil\u2066" in str(hostile[0].text)
    texts, key = Texts(), hostile[0].key  # one text only: a server that many tests used holds more than are kept
    assert await texts.of(guest, found.place, [key]) == {key: hostile[0].text}
    await execute(watched, "DROP EXTENSION pg_stat_statements")
    assert await texts.of(guest, found.place, [key]) == {key: hostile[0].text}  # the server was not asked


@asynccontextmanager
async def _sql_ascii(dsn: Dsn) -> AsyncIterator[Dsn]:
    name = "raw_bytes"
    await execute(
        dsn,
        f"DROP DATABASE IF EXISTS {name}",
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    try:
        yield for_database(dsn, name)
    finally:
        await execute(dsn, f"{_RESET}", f"DROP DATABASE {name} WITH (FORCE)")


_RAW = "DO $$ BEGIN EXECUTE convert_from('SELECT 1 AS caf'::bytea || '\\xe9'::bytea, 'SQL_ASCII'); END $$"


async def test_one_text_in_another_encoding_takes_texts_only(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, "SELECT 1 & 1 AS plain")
    guest = await enter(watched)
    async with _sql_ascii(watched) as raw:
        await execute(raw, CREATE, _RAW)
        texts, before = Texts(), await numbers(guest)
        await execute(watched, "SELECT 1 & 1 AS plain")
        snapshot = interval(before, await numbers(guest, before))
        found = await dressed(guest, snapshot, texts)
        assert found.window.interval.ms > 0  # the numbers are known
        assert all(isinstance(each.text, Unknown) for each in found.statements)
        text = found.statements[0].text
        assert isinstance(text, Unknown)
        assert "encoding" in text.reason
        assert isinstance(found.ours, Unknown)
        assert any("raw_bytes" in note and "pg_stat_statements_reset" in note for note in found.notes)
        inside = await enter(raw)
        there = await dressed(inside, since_reset(await numbers(inside)))
        assert any("caf\ufffd" in str(each.text) for each in there.statements), [e.text for e in there.statements]
        database = (await inside.query("SELECT oid FROM pg_database WHERE datname = 'raw_bytes'"))[0]["oid"]  # type: ignore[index]
        await inside.leave()
        await execute(watched, f"SELECT public.pg_stat_statements_reset(0, {database}, 0)")
        assert the(await dressed(guest, since_reset(await numbers(guest)), Texts()), "AS plain")


async def test_what_runs_is_shown_before_it_is_counted(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE)
    guest, nobody = await enter(watched), await enter(await as_role(watched))
    async with _sql_ascii(watched) as raw:
        busy = [await asyncpg.connect(dsn.reveal()) for dsn in (watched, raw)]
        tasks = [
            asyncio.create_task(busy[0].execute(f"/* {'x' * 1100} */ SELECT pg_sleep(30) AS long_one")),
            asyncio.create_task(busy[1].execute('SELECT pg_sleep(30) AS "\u00e9\x1b[31m"')),
        ]
        for _ in range(100):
            seen = await read_running(guest, 20.0, (await numbers(guest)).rows)
            assert isinstance(seen, RunningSnapshot)
            running = seen
            ours = [each for each in running.statements if "pg_sleep(30)" in each.text or each.cut]
            if len(ours) == 2:
                break
            await asyncio.sleep(0.05)
        assert {each.cut for each in ours} == {True, False}
        assert not any(each.counted for each in ours)
        assert all(each.key is not None and each.ms >= 20 for each in ours)
        assert any("\u00e9\x1b[31m" in each.text for each in ours)
        assert running.hidden == 0
        blind = await read_running(nobody, 0.0)
        assert isinstance(blind, RunningSnapshot)
        assert not [each for each in blind.statements if "pg_sleep" in each.text]
        assert blind.hidden >= 2
        for each in busy:
            each.terminate()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("old", ["1.8", "1.9", "1.10"])
async def test_an_extension_older_than_its_server(watched: Dsn, enter: Enter, old: str) -> None:
    guest = await enter(watched)
    if guest.host.version < 150000 and old == "1.10":
        pytest.skip("14 has no 1.10")
    await execute(watched, f"{CREATE} VERSION '{old}'", "CREATE TABLE t (a int)")
    found = await around(guest, "INSERT INTO t VALUES (1), (2)", dsn=watched)
    insert = the(found, "INSERT INTO t")
    assert not isinstance(insert.delta, Unknown)
    assert insert.delta.rows == 2
    told = figures(insert.delta, found.place)
    assert isinstance(told.jit_ms, Unknown) is (old != "1.10")
    assert isinstance(found.window.dealloc, Unknown) is (old == "1.8")
    assert (insert.key.toplevel is None) is (old == "1.8")
    assert any("counted twice" in note and "UPDATE" in note for note in found.notes) is (old == "1.8")
    await execute(watched, "ALTER EXTENSION pg_stat_statements UPDATE")
    newer = await numbers(guest)
    assert newer.place.version >= found.place.version
    assert newer.dealloc is not None


async def test_an_extension_too_old_to_be_read(watched: Dsn, enter: Enter) -> None:
    await execute(watched, f"{CREATE} VERSION '1.7'")
    guest = await enter(watched)
    found = await read_numbers(guest)
    assert isinstance(found, Unknown)
    assert "1.7" in found.reason
    assert "ALTER EXTENSION pg_stat_statements UPDATE" in found.remedy
    await execute(watched, "ALTER EXTENSION pg_stat_statements UPDATE")
    await numbers(guest)


async def test_an_extension_in_a_schema_that_is_not_public(watched: Dsn, enter: Enter) -> None:
    await execute(watched, 'CREATE SCHEMA "my ""own"""', f'{CREATE} SCHEMA "my ""own"""', "SELECT 1 | 2 AS elsewhere")
    guest, nobody = await enter(watched), await enter(await as_role(watched))
    assert the(await dressed(guest, since_reset(await numbers(guest))), "AS elsewhere")
    refused = await read_numbers(nobody)
    assert isinstance(refused, Unknown)
    assert "may not read" in refused.reason
    await execute(watched, *refused.remedy.removeprefix("As a superuser: ").rstrip(";").split("; "))
    assert (await numbers(nobody)).complete
    await execute(watched, 'REVOKE EXECUTE ON FUNCTION "my ""own""".pg_stat_statements FROM public')
    monitor = await enter(await as_role(watched, "pg_monitor"))
    refused = await read_numbers(monitor)
    assert isinstance(refused, Unknown)
    assert "pg_read_all_stats" not in refused.remedy  # it has that
    await execute(watched, *refused.remedy.removeprefix("As a superuser: ").rstrip(";").split("; "))
    assert (await numbers(monitor)).complete
    reset = "pg_get_function_identity_arguments(oid) FROM pg_proc WHERE proname = 'pg_stat_statements_reset'"
    found = await monitor.query(f"SELECT has_function_privilege(oid, 'EXECUTE') AS may, {reset}", seconds=5)
    assert not isinstance(found, Unknown)
    assert not found[0]["may"]  # the remedy gives no more than was needed
    before = await numbers(guest)
    await execute(watched, "ALTER EXTENSION pg_stat_statements SET SCHEMA public", 'DROP SCHEMA "my ""own"""')
    assert (await numbers(guest, before)).place.schema == "public"


async def test_an_extension_that_goes_and_comes(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE)
    guest = await enter(watched)
    before = await numbers(guest)
    await execute(watched, "DROP EXTENSION pg_stat_statements")
    gone = await read_numbers(guest, before)
    assert isinstance(gone, Unknown)
    assert "not created in this database" in gone.reason
    await execute(watched, CREATE)
    after = await numbers(guest, before)  # the failure in between is not held against it
    assert after.rows.keys() >= before.rows.keys()


# Who asks: grants, whether they are inherited -> whether statements of others are hidden.
WHO = {
    "nobody": ((), True, True),
    "pg_monitor": (("pg_monitor",), True, False),
    "NOINHERIT": (("pg_monitor",), False, True),
}


@pytest.mark.parametrize(("grants", "inherit", "hides"), WHO.values(), ids=WHO)
async def test_what_may_not_be_seen_is_counted(
    watched: Dsn, enter: Enter, grants: tuple[str, ...], inherit: bool, hides: bool
) -> None:
    await execute(watched, CREATE, "SELECT 1 << 2 AS of_others")
    role = await as_role(watched, *grants, inherit=inherit)
    guest = await enter(role)
    if guest.host.version < 150000:
        hides = hides and inherit  # until 14 membership was enough
    found = await around(guest, "SELECT 8 >> 1 AS my_own", dsn=role)
    ever = await dressed(guest, since_reset(await numbers(guest)))
    others = [each for each in ever.statements if "of_others" in str(each.text)]
    assert (found.hidden > 0) is hides
    assert (not others) is hides
    told = [note for note in found.notes if "GRANT pg_read_all_stats" in note]
    assert bool(told) is hides
    if told:  # the remedy helps, even one that inherits nothing
        await execute(watched, *told[0].partition("superuser: ")[2].rstrip(";").split("; "))
        assert (await numbers(await enter(role))).complete
    mine = the(found, "AS my_own")
    assert not isinstance(mine.delta, Unknown)
    assert mine.delta.calls == 1
    part = share(mine, found.window)
    assert isinstance(part, Share)
    assert (part.bound is Bound.EXACT) is not hides


async def test_not_created_here(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    found = await read_numbers(guest)
    assert isinstance(found, Unknown)
    assert "not created in this database" in found.reason
    assert "preload" not in found.remedy
    await execute(watched, found.remedy.rpartition(": ")[2])
    await numbers(guest)  # nothing was remembered against it


async def test_track_none_for_one_database_only(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE)
    await execute(watched, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_stat_statements.track = none',"
                           " current_database()); END $$")  # fmt: skip
    sample = await numbers(await enter(watched))
    assert any("for this session" in note for note in sample.place.notes)


async def test_a_locked_view_does_not_matter(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE)
    guest = await enter(watched)
    holder = await asyncpg.connect(watched.reveal())
    async with holder.transaction():
        await holder.execute("LOCK TABLE pg_stat_statements IN ACCESS EXCLUSIVE MODE")
        await dressed(guest, since_reset(await numbers(guest)))
    await holder.close()


async def test_entries_that_did_not_change_are_shared(watched: Dsn, enter: Enter) -> None:
    await execute(watched, CREATE, "SELECT 2 ^ 2 AS still")
    guest = await enter(watched)
    first = await numbers(guest)
    second = await numbers(guest, first)
    shared = sum(second.rows[key] is first.rows[key] for key in second.rows if key in first.rows)
    assert shared >= len(first.rows) - 8  # but for our own questions
    assert second.place is first.place


@pytest.fixture(scope="module")
def small() -> Iterator[Dsn]:
    """A server that keeps 100 statements."""
    with server(14, "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.max=100") as dsn:
        yield dsn


async def test_evictions_are_said_and_nothing_is_made_up(small: Dsn, enter: Enter) -> None:
    await execute(small, f"DROP EXTENSION IF EXISTS pg_stat_statements; {CREATE}", *["SELECT 1 < 2 AS often"] * 50)
    guest = await enter(small)
    many = [f"SELECT {', '.join(['1'] * n)}" for n in range(2, 152)]
    found = await around(guest, *many, *["SELECT 1 < 2 AS often"] * 5, dsn=small)
    assert isinstance(found.window.evictions, int)
    assert found.window.evictions > 0
    assert found.window.gone > 0
    assert any("evicted" in note for note in found.notes)
    often = the(found, "AS often")
    # One that was evicted and made anew has another longest execution, nearly always: then it is unknown.
    if isinstance(often.delta, Unknown):
        assert "evicted" in often.delta.reason
    else:
        assert (often.delta.calls, often.mark) == (5, Mark.UNCERTAIN)
        part = share(often, found.window)
        assert isinstance(part, Share)
        assert part.bound is Bound.ABOUT
    new = [each for each in found.statements if each.mark is Mark.NEW]
    assert new
    for each in new:
        part = share(each, found.window)
        assert isinstance(part, Share)
        assert (part.bound, part.least) == (Bound.ABOUT, 0)
    quiet = await around(guest, "SELECT 1 < 2 AS often", dsn=small)
    assert quiet.window.evictions == 0
    again = the(quiet, "AS often").delta
    assert not isinstance(again, Unknown)
    assert again.calls == 1


async def test_track_none(small: Dsn, enter: Enter) -> None:
    await execute(small, f"DROP EXTENSION IF EXISTS pg_stat_statements; {CREATE}")
    await execute(small, "ALTER SYSTEM SET pg_stat_statements.track = 'none'", "SELECT pg_reload_conf()")
    await asyncio.sleep(0.2)
    guest = await enter(small)
    found = await read_numbers(guest)
    assert isinstance(found, Unknown)
    assert "track is none" in found.reason
    await execute(small, *found.remedy.removeprefix("As a superuser: ").rstrip(";").split("; "))
    await asyncio.sleep(0.2)
    await numbers(guest)


async def test_not_loaded(enter: Enter) -> None:
    with server(14, "pg_stat_statements.max=500") as dsn:  # a setting of a library that is not loaded
        guest = await enter(dsn)
        neither = await read_numbers(guest)
        assert isinstance(neither, Unknown)
        assert "neither created" in neither.reason
        assert "CREATE EXTENSION" in neither.remedy
        await execute(dsn, CREATE)
        unloaded = await read_numbers(guest)
        assert isinstance(unloaded, Unknown)
        assert "created in this database, but not loaded" in unloaded.reason
        assert "CREATE EXTENSION" not in unloaded.remedy
        nobody = await read_numbers(await enter(await as_role(dsn)))
        assert isinstance(nobody, Unknown)
        assert "add what the list holds already" in nobody.remedy
        await execute(dsn, "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'")
        kept = await read_numbers(guest)
        assert isinstance(kept, Unknown)
        assert "'auto_explain', 'pg_stat_statements'" in kept.remedy
        await execute(dsn, kept.remedy.partition(";")[0])
        waits = await read_numbers(guest)
        assert isinstance(waits, Unknown)
        assert "not restarted since" in waits.reason
        (row,) = await guest.query("SELECT setting FROM pg_file_settings WHERE name = 'shared_preload_libraries'")  # type: ignore[misc]
        assert row["setting"] == "auto_explain, pg_stat_statements"


async def test_a_failure_to_read_texts_is_not_repeated(
    watched: Dsn, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute(watched, CREATE, "SELECT 3 & 1 AS once")
    guest = await enter(watched)
    asked: list[str] = []
    query = guest.query

    async def spy(text: str, *values: Any, **more: Any) -> Any:
        asked.append(text)
        return await query(text, *values, **more)

    monkeypatch.setattr(guest, "query", spy)
    async with _sql_ascii(watched) as raw:
        await execute(raw, CREATE, _RAW)
        texts, sample = Texts(), await numbers(guest)
        for _ in range(3):
            found = await dressed(guest, since_reset(sample), texts)
            assert all(isinstance(each.text, Unknown) for each in found.statements)
    assert sum("pg_stat_statements(true)" in each for each in asked) == 1

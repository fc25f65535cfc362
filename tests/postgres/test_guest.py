"""A guest's manners: refusals explained and not repeated, locks not waited for, statements tagged, rights told."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import ActivitySettings, HealthSettings
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.read import read as read_activity
from devora_console.postgres.activity.read_locks import read_locks
from devora_console.postgres.health.read import read_health
from devora_console.postgres.indexes import read as read_indexes
from devora_console.postgres.statements import read_running
from devora_console.postgres.watch.guest import TAG
from devora_console.postgres.watch.ring import Ring
from devora_console.postgres.watch.window import StatsWindow, read_window, window_of
from tests.postgres.conftest import Enter, as_role, execute
from tests.postgres.sessions import sessions


async def test_it_knows_where_it_is(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    assert guest.host.superuser
    assert guest.host.reads_stats
    assert guest.host.version // 10_000 >= 14
    assert guest.host.extensions["plpgsql"].version == (1, 0)
    for grants, inherit, reads in (((), True, False), (("pg_monitor",), True, True), (("pg_monitor",), False, False)):
        other = await enter(await as_role(watched, *grants, inherit=inherit))
        assert not other.host.superuser
        # Until 14 membership was enough.
        assert other.host.reads_stats is (reads if guest.host.version >= 150000 or inherit else other.host.reads_stats)


async def test_a_role_whose_transactions_are_serializable_waits_for_nobody(watched: Dsn, enter: Enter) -> None:
    role = await as_role(watched, "pg_monitor")
    name = role.reveal().partition("//")[2].partition(":")[0]
    await execute(
        watched,
        "CREATE TABLE t (a int)",
        f"ALTER ROLE {name} SET default_transaction_isolation = 'serializable'",
        f"ALTER ROLE {name} SET default_transaction_deferrable = on",
    )
    async with sessions(watched) as made:
        await made.open("writer", "BEGIN ISOLATION LEVEL SERIALIZABLE", "INSERT INTO t VALUES (1)")
        guest = await asyncio.wait_for(enter(role), 5)
        rows = await asyncio.wait_for(guest.query("SELECT current_setting('transaction_isolation')"), 5)
        assert not isinstance(rows, Unknown)
        assert rows[0][0] == "read committed"


async def test_it_changes_nothing_and_waits_for_no_lock(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE held (a int)")
    guest = await enter(watched)
    assert isinstance(refused := await guest.query("CREATE TABLE public.t (a int)"), Unknown)
    assert "read-only" in refused.reason
    holder = await asyncpg.connect(watched.reveal())
    async with holder.transaction():
        await holder.execute("LOCK TABLE held")
        began = time.monotonic()
        answer = await guest.query("SELECT count(*) FROM public.held", remember="held")
        assert isinstance(answer, Unknown)
        assert "locked" in answer.reason
        assert time.monotonic() - began < 1
    await holder.close()
    assert not isinstance(await guest.query("SELECT count(*) FROM public.held", remember="held"), Unknown)


async def test_what_takes_too_long_is_ended_by_the_server(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    answer = await guest.query("SELECT pg_sleep(5)", seconds=0.1)
    assert isinstance(answer, Unknown)
    assert "0.1 s" in answer.reason
    assert not isinstance(await guest.query("SELECT 1"), Unknown)


async def test_a_refusal_is_asked_for_once(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE secret (a int)")
    guest = await enter(await as_role(watched))
    text = "SELECT * FROM public.secret"
    first = await guest.query(text, remember="secret")
    assert isinstance(first, Unknown)
    assert "permission denied" in first.reason
    assert first.remedy
    await execute(watched, "GRANT SELECT ON secret TO PUBLIC")
    assert await guest.query(text, remember="secret") is first
    guest.forget()
    assert await guest.query(text, remember="secret") == []


async def test_a_shadowed_catalogue_is_not_believed(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE VIEW public.pg_stat_activity AS SELECT 1 AS pid",
        "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());"
        " END $$",
    )
    guest = await enter(watched)
    assert not guest.host.in_recovery
    rows = await guest.query("SELECT count(*) AS n FROM pg_stat_activity")
    assert not isinstance(rows, Unknown)
    assert rows[0]["n"] > 1


async def test_it_can_be_told_from_others(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    (row,) = await guest.query("SELECT query, application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")  # type: ignore[misc]
    assert row["query"].startswith(TAG)
    assert row["application_name"] == "devora-console test"


async def test_a_lost_line_is_an_error(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    ours = "application_name = 'devora-console test' AND datname = current_database()"
    await execute(watched, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")  # noqa: S608
    with pytest.raises(ConsoleError) as caught:
        await guest.query("SELECT 1")
    assert caught.value.exit_code is ExitCode.STOPPED


async def test_questions_of_several_tasks_take_turns(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    answers = await asyncio.gather(*(guest.query("SELECT $1::int AS n", n) for n in range(20)))
    assert [rows[0]["n"] for rows in answers if not isinstance(rows, Unknown)] == list(range(20))


async def test_the_window_begins_with_a_reset(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    await execute(watched, "SELECT pg_stat_reset()")
    async with asyncio.timeout(10):  # up to 14 a process of its own takes note of it, some time
        while not isinstance(window := await read_window(guest), StatsWindow) or not (  # noqa: ASYNC110
            isinstance(window.since, datetime) and 0 <= (window.now - window.since).total_seconds() < 5
        ):
            await asyncio.sleep(0.1)
    assert window.made is not None
    assert not window.crashed


_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "database", "shared", "since", "crashed", "first"),
    [
        ({}, None, None, None, False, False),
        ({}, None, -400.0, -400.0, True, False),  # lost before the last start, which was a clean one
        ({}, None, -899.5, -899.5, False, True),  # begun by initdb
        ({}, None, 1.0, 1.0, True, False),  # an unclean stop: the database's date is NULL
        ({}, None, 9000.0, 9000.0, True, False),  # a session was killed: the postmaster started long before
        ({}, 5000.0, 1.0, 5000.0, False, False),  # a crash, but a reset by hand since
        ({}, 5000.0, -899.5, 5000.0, False, False),
        ({"at_once": False}, None, 1.0, 1.0, False, False),  # some kinds were reset by hand
        ({"begun_by_start": True}, 900.0, 1.0, 900.0, True, False),  # first used a while after the crash
        ({"begun_by_start": True}, 5000.0, 1.0, 5000.0, False, False),  # or reset by hand: not known which
        ({"standby": True}, None, -899.5, -899.5, False, False),  # the primary's counters, copied at rest
        ({"standby": True}, None, -500.0, -500.0, True, False),  # the date of the making is the primary's
    ],
)
def test_the_window_is_never_assumed(
    more: dict[str, bool],
    database: float | None,
    shared: float | None,
    since: float | None,
    crashed: bool,
    first: bool,
) -> None:
    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else _DAY + timedelta(seconds=seconds)

    row: dict[str, Any] = {
        "database_reset": at(database),
        "shared_reset": at(shared),
        "started": _DAY,
        "now": _DAY + timedelta(days=2),
    }
    row |= {"at_once": True, "begun_by_start": False, "standby": False, **more}
    made = at(-900.0)
    window = window_of(row, made)
    assert (window.crashed, window.first) == (crashed, first)
    if row["begun_by_start"]:
        assert window_of({**row, "database_reset": at(2.0)}, _DAY - timedelta(seconds=3)).first, "its very first start"
    assert not window_of(row).first, "not known without the date of the making"
    assert isinstance(window.since, Unknown) if since is None else window.since == at(since)


@dataclass(frozen=True)
class _Seen:
    as_of: datetime


def test_a_ring_gives_what_an_interval_needs() -> None:
    ring: Ring[_Seen] = Ring(keep=timedelta(seconds=100))
    assert ring.before(5) is None
    for second in range(0, 300, 10):
        ring.add(_Seen(_DAY + timedelta(seconds=second)))
    assert len(ring) == 11
    assert ring.latest == _Seen(_DAY + timedelta(seconds=290))
    assert ring.before(5) == _Seen(_DAY + timedelta(seconds=280))
    assert ring.before(30) == _Seen(_DAY + timedelta(seconds=260))
    assert ring.before(1000) == _Seen(_DAY + timedelta(seconds=190))
    ring.add(_Seen(_DAY))
    assert [*ring] == [_Seen(_DAY)]


async def test_settings_of_a_role_do_not_change_what_we_ask(watched: Dsn, enter: Enter) -> None:
    login = await as_role(watched, "pg_monitor")
    name = (await enter(login)).host.user
    await execute(
        watched,
        *(
            f"ALTER ROLE {name} SET {setting}"
            for setting in (
                "standard_conforming_strings = off",
                "quote_all_identifiers = on",
                "array_nulls = off",
                "bytea_output = 'escape'",
                "datestyle = 'SQL, DMY'",
                "intervalstyle = 'sql_standard'",
                "row_security = off",
                "default_transaction_isolation = 'serializable'",
                "default_transaction_deferrable = on",
                "transform_null_equals = on",
                "backslash_quote = off",
                "escape_string_warning = on",
            )
        ),
        "CREATE TABLE t (a int PRIMARY KEY, b text)",
        "CREATE INDEX t_b ON t (lower(b)) WHERE a > 0",
    )
    guest = await enter(login)
    assert not isinstance(await read_activity(guest, ActivitySettings()), Unknown)
    assert not isinstance(await read_locks(guest, ActivitySettings()), Unknown)
    assert not isinstance(await read_running(guest, 0.0), Unknown)
    parts = (await read_health(guest, HealthSettings())).parts
    assert [name for name, part in parts.items() if isinstance(part, Unknown)] == []
    assert not [note for note in (await read_indexes(guest)).notes if note.startswith("Not known")]

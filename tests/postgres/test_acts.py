"""Acts done for real, refused with the reason, broken off half-way; guarded and logged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.config.thresholds import ActivitySettings
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.read import read
from devora_console.postgres.activity.snapshot import ActivitySnapshot
from devora_console.postgres.acts.effects import reindex_database
from devora_console.postgres.acts.log import CUT_SHORT, STILL, ActLog
from devora_console.postgres.acts.model import Kind, Outcome, Plan, Request, Result
from devora_console.postgres.acts.perform import perform
from devora_console.postgres.acts.prepare import prepare
from devora_console.postgres.acts.refusals import on_database, on_session, on_thing
from devora_console.postgres.acts.things import find
from devora_console.postgres.acts.verify import Before, leftovers
from devora_console.postgres.watch.guest import Guest, Host
from tests.cli.conftest import Run, run  # noqa: F401 - a fixture
from tests.postgres.conftest import Enter, as_role, execute
from tests.postgres.sessions import sessions
from tests.schema.old_servers import VERSIONS, server

LIMITS = ActivitySettings(act_lock_timeout_seconds=0.5)
SHAPES = (
    "CREATE TABLE t (id int PRIMARY KEY, a int, b text, EXCLUDE USING btree (b WITH =))",
    "INSERT INTO t SELECT g, g % 7, g::text FROM generate_series(1, 5000) g",
    "CREATE INDEX t_a ON t (a)",
    'CREATE INDEX "Odd ""name" ON t (a, b)',
    "CREATE UNIQUE INDEX t_target ON t (id, a)",
    "CREATE TABLE child (id int, a int, FOREIGN KEY (id, a) REFERENCES t (id, a))",
    "CREATE TABLE parts (id int, a int) PARTITION BY RANGE (id)",
    "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (100)",
    "CREATE INDEX parts_a ON parts (a)",
    "CREATE SCHEMA other",
    "CREATE TABLE other.t (id int)",
    "CREATE TABLE other.twin (id int)",
    "CREATE TABLE twin (id int)",
    "CREATE TABLE analytics_events (id int)",
    "CREATE TABLE messages (id int)",
)


@pytest.fixture
async def shapes(watched: Dsn) -> Dsn:
    """A database with everything an act may be asked to touch."""
    await execute(watched, *SHAPES)
    return watched


@pytest.fixture
def log(tmp_path: Path) -> ActLog:
    """A log of its own."""
    return ActLog(tmp_path / "data" / "acts.jsonl")


async def do(guest: Guest, dsn: Dsn, request: Request, log: ActLog, said: list[str] | None = None) -> Result:
    """Prepare and perform, as the command does once the guard has permitted it."""
    plan = await prepare(guest, request, LIMITS)
    return await perform(guest, plan, dsn, log, (said if said is not None else []).append)


# act -> (its SQL, what is looked at afterwards)
DONE = [
    (Request(Kind.VACUUM, "public.t"), "VACUUM public.t", ["public.t was vacuumed"]),
    (
        Request(Kind.VACUUM, "public.t", analyze=True),
        "VACUUM (ANALYZE) public.t",
        ["public.t was vacuumed", "public.t was analyzed"],
    ),
    (Request(Kind.VACUUM, "public.t", full=True), "VACUUM (FULL) public.t", ["public.t was rewritten"]),
    (Request(Kind.VACUUM, "parts"), "VACUUM public.parts", ["public.part_1 was vacuumed"]),
    (Request(Kind.ANALYZE, "PUBLIC.T".lower()), "ANALYZE public.t", ["public.t was analyzed"]),
    (Request(Kind.VACUUM, analyze=True), "VACUUM (ANALYZE)", ["8 of 8 tables vacuumed", "8 of 8 tables analyzed"]),
    (Request(Kind.ANALYZE), "ANALYZE", ["8 of 8 tables analyzed"]),
    (
        Request(Kind.REINDEX, "T_A"),
        "REINDEX INDEX CONCURRENTLY public.t_a",
        ["index public.t_a is a new one, and valid"],
    ),
    (
        Request(Kind.REINDEX, 'Odd "name'.replace('"', '""').join('""')),
        'REINDEX INDEX CONCURRENTLY public."Odd ""name"',
        ['index public."Odd ""name" is a new one, and valid'],
    ),
    (
        Request(Kind.REINDEX, "public.t"),
        "REINDEX TABLE CONCURRENTLY public.t",
        ["4 of 4 indexes are new ones, and valid"],
    ),
    (
        Request(Kind.REINDEX, "parts_a"),
        "REINDEX INDEX CONCURRENTLY public.parts_a",
        ["index public.part_1_a_idx is a new one, and valid"],
    ),
    (Request(Kind.DROP_INDEX, "t_a"), "DROP INDEX CONCURRENTLY public.t_a", ["index public.t_a is gone"]),
    (
        Request(Kind.AUTOVACUUM, "analytics_events", options={"autovacuum_vacuum_scale_factor": 0.05}),
        "ALTER TABLE public.analytics_events SET (autovacuum_vacuum_scale_factor = 0.05)",
        ["public.analytics_events has autovacuum_vacuum_scale_factor = 0.05"],
    ),
    (
        Request(
            Kind.AUTOVACUUM,
            "messages",
            options={"autovacuum_vacuum_scale_factor": 0.1, "autovacuum_analyze_scale_factor": 0.00001},
        ),
        "ALTER TABLE public.messages SET (autovacuum_vacuum_scale_factor = 0.1, "
        "autovacuum_analyze_scale_factor = 0.00001)",
        [
            "public.messages has autovacuum_vacuum_scale_factor = 0.1",
            "public.messages has autovacuum_analyze_scale_factor = 0.00001",
        ],
    ),
]


async def test_it_is_done_and_verified(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    got = []
    for request, statement, _ in DONE:
        plan = await prepare(guest, request, LIMITS)
        assert plan.preview.sql == f"{plan.statement};"
        assert plan.preview.consequence
        assert "Lock" in plan.preview.locks
        result = await perform(guest, plan, shapes, log, print)
        assert (result.outcome, result.sqlstate, result.leftovers) == (Outcome.DONE, None, ()), statement
        got.append((request, plan.statement, [check.what for check in result.checks]))
    assert got == DONE
    entries = log.read(99)[0]
    assert [(each.sql, each.result) for each in entries] == [(statement, "done") for _, statement, _ in DONE]


async def test_the_whole_database_is_reindexed(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    plan = await prepare(guest, Request(Kind.REINDEX), LIMITS)
    assert plan.statement.startswith("REINDEX DATABASE CONCURRENTLY watched_")
    assert "act reindex" in plan.preview.locks
    assert plan.preview.type_name == guest.host.database
    result = await perform(guest, plan, shapes, log, print)
    assert (result.outcome, result.leftovers) == (Outcome.DONE, ())
    assert result.checks[0].what == "5 of 5 indexes are new ones, and valid"


async def test_autovacuum_settings_are_taken_back(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    await execute(shapes, "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.3, fillfactor = 70)")
    request = Request(Kind.AUTOVACUUM, "messages", options={"autovacuum_vacuum_scale_factor": 0.1})
    plan = await prepare(guest, request, LIMITS)
    assert plan.undo == "ALTER TABLE public.messages SET (autovacuum_vacuum_scale_factor = 0.3);"
    result = await do(guest, shapes, Request(Kind.AUTOVACUUM, "messages", reset=True), log)
    assert result.outcome is Outcome.DONE
    rows = await guest.query("SELECT reloptions FROM pg_class WHERE relname = 'messages'")
    assert not isinstance(rows, Unknown)
    assert rows[0]["reloptions"] == ["fillfactor=70"]
    with pytest.raises(ConsoleError) as caught:
        await prepare(guest, Request(Kind.AUTOVACUUM, "messages", reset=True), LIMITS)
    assert caught.value.exit_code is ExitCode.REFUSED


# act -> (exit code, what is said)
REFUSED = [
    (Request(Kind.DROP_INDEX, "t_pkey"), 4, "constraint t_pkey of public.t requires index public.t_pkey"),
    (Request(Kind.DROP_INDEX, "t_b_excl"), 4, "constraint t_b_excl"),
    (Request(Kind.DROP_INDEX, "t_target"), 4, "foreign keys child_id_a_fkey"),
    (Request(Kind.DROP_INDEX, "parts_a"), 4, "is partitioned: it cannot be dropped CONCURRENTLY"),
    (Request(Kind.DROP_INDEX, "part_1_a_idx"), 4, "is attached to public.parts_a, which requires it"),
    (Request(Kind.DROP_INDEX, "pg_catalog.pg_class_oid_index"), 4, "system catalogue"),
    (Request(Kind.REINDEX, "t_b_excl"), 4, "exclusion constraint"),
    (Request(Kind.REINDEX, "pg_catalog.pg_class"), 4, "system catalogue"),
    (Request(Kind.AUTOVACUUM, "parts", options={"autovacuum_vacuum_threshold": 5}), 4, "takes no storage parameters"),
    (Request(Kind.VACUUM, "parts", full=True), 4, "holds no rows itself"),
    (Request(Kind.AUTOVACUUM, "public.t", options={"autovacuum_vacuum_scale_factor": 101}), 2, "not between 0 and 100"),
    (Request(Kind.VACUUM, "mesages"), 2, "Did you mean messages?"),
    (Request(Kind.VACUUM, "twin"), 2, "could be other.twin, public.twin"),
    (Request(Kind.VACUUM, "a.b.c"), 2, "is not a name"),
    (Request(Kind.VACUUM, 't"; DROP TABLE t; --'), 2, "is not a name"),
    (Request(Kind.VACUUM, "t_a"), 2, "there is no table t_a"),
    (Request(Kind.CANCEL, "abc"), 2, "is not a process id"),
    (Request(Kind.TERMINATE, "2147483000"), 2, "there is no session"),
]


async def test_what_cannot_work_is_refused_with_the_reason(shapes: Dsn, enter: Enter) -> None:
    guest = await enter(shapes)
    got = []
    for request, _, said in REFUSED:
        with pytest.raises(ConsoleError) as caught:
            await prepare(guest, request, LIMITS)
        got.append((request, int(caught.value.exit_code), said if said in str(caught.value) else str(caught.value)))
    assert got == REFUSED


async def test_rights_are_looked_at_before(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    nobody = await enter(await as_role(shapes))
    for request in (Request(Kind.VACUUM, "messages"), Request(Kind.DROP_INDEX, "t_a"), Request(Kind.REINDEX)):
        with pytest.raises(ConsoleError, match="own") as caught:
            await prepare(nobody, request, LIMITS)
        assert caught.value.exit_code is ExitCode.REFUSED
        assert caught.value.problem.remedy
    if nobody.host.version < 170000:
        return
    keeper = await as_role(shapes, "pg_maintain")
    guest = await enter(keeper)
    assert (await do(guest, keeper, Request(Kind.VACUUM, "messages"), log)).outcome is Outcome.DONE
    assert (await do(guest, keeper, Request(Kind.REINDEX, "t_a"), log)).outcome is Outcome.DONE
    with pytest.raises(ConsoleError, match="does not own"):
        await prepare(guest, Request(Kind.DROP_INDEX, "t_a"), LIMITS)


async def test_a_rebuild_stopped_half_way_tells_what_it_left(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    async with sessions(shapes) as made:
        await made.open("old", "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM t")
        plan = await prepare(guest, Request(Kind.REINDEX, "t_a"), LIMITS)
        assert f"1 transaction open just now: {made.pid('old')} (idle in transaction" in plan.preview.locks
        result = await perform(guest, plan, shapes, log, print)
        assert (result.outcome, result.sqlstate) == (Outcome.STOPPED, "55P03")
        assert isinstance(result.leftovers, tuple)
        (left,) = result.leftovers
        assert left.index == "public.t_a_ccnew"
        assert left.sql == "DROP INDEX CONCURRENTLY public.t_a_ccnew;"
        assert "then rebuild again" in left.why
    await execute(shapes, left.sql)
    again = await do(guest, shapes, Request(Kind.REINDEX, "t_a"), log)
    assert (again.outcome, again.leftovers) == (Outcome.DONE, ())


async def test_a_person_who_interrupts_is_told_what_is_left(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    said: list[str] = []
    async with sessions(shapes) as made:
        pid = await made.open("old", "BEGIN", "UPDATE t SET b = 'x' WHERE id = 1")
        plan = await prepare(guest, Request(Kind.DROP_INDEX, "t_a"), LIMITS, lock_timeout=60)
        assert plan.preview.command == "devora-console act drop-index t_a --yes-i-typed t_a --lock-timeout 60"
        task = asyncio.ensure_future(perform(guest, plan, shapes, log, said.append))
        await asyncio.sleep(1.5)
        task.cancel()
        result = await task
        assert result.outcome is Outcome.INTERRUPTED
        assert isinstance(result.leftovers, tuple)
        assert [each.index for each in result.leftovers] == ["public.t_a"]
        assert any(f"waits for {pid}" in line for line in said)
        assert log.read(1)[0][0].result == "interrupted"


async def test_an_index_that_was_invalid_before_is_not_blamed_on_the_act(
    shapes: Dsn, enter: Enter, log: ActLog
) -> None:
    await execute(shapes, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass")
    result = await do(await enter(shapes), shapes, Request(Kind.REINDEX, "public.t"), log)
    assert result.checks[0].what == "3 of 3 indexes are new ones, and valid"
    assert isinstance(result.leftovers, tuple)
    assert ["it lay there before" in each.why for each in result.leftovers] == [True]


async def test_what_was_renamed_since_the_preview_is_left_alone(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    plan = await prepare(guest, Request(Kind.DROP_INDEX, "t_a"), LIMITS)
    await execute(shapes, "ALTER INDEX t_a RENAME TO t_b", "CREATE INDEX t_a ON t (b)")
    with pytest.raises(ConsoleError, match=r"is called public\.t_b by now") as caught:
        await perform(guest, plan, shapes, log, print)
    assert caught.value.exit_code is ExitCode.REFUSED
    await execute(shapes, "DROP INDEX t_b")
    with pytest.raises(ConsoleError, match="dropped meanwhile") as caught:
        await perform(guest, plan, shapes, log, print)
    assert caught.value.exit_code is ExitCode.USAGE
    assert log.read(9)[0] == []


async def test_a_vacuum_the_server_passes_over_is_not_called_done(
    shapes: Dsn, enter: Enter, log: ActLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devora_console.postgres.acts.verify._STATISTICS_SECONDS", 0.5)
    guest = await enter(shapes)
    plan = await prepare(guest, Request(Kind.ANALYZE, "messages"), LIMITS)
    nothing = Plan(plan.request, plan.oid, plan.quoted, "ANALYZE public.twin", plan.preview, "", 1.0)
    result = await perform(guest, nothing, shapes, log, print)
    assert result.outcome is Outcome.UNVERIFIED
    assert [check.ok for check in result.checks] == [False]


async def test_cancel_then_terminate(watched: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(watched)
    async with sessions(watched) as made:
        pid = await made.begin("busy", "SELECT pg_sleep(60)")
        plan = await prepare(guest, Request(Kind.TERMINATE, str(pid)), LIMITS)
        assert f"cancel first: devora-console act cancel {pid}" in plan.preview.consequence
        assert "SELECT pg_sleep(60)" in plan.preview.consequence
        assert f"--yes-i-typed {pid}" in plan.preview.command
        cancel = await prepare(guest, Request(Kind.CANCEL, str(pid)), LIMITS)
        assert (await perform(guest, cancel, watched, log, print)).outcome is Outcome.DONE
        with pytest.raises(ConsoleError, match="had ended") as caught:  # the statement that was previewed is over
            await perform(guest, cancel, watched, log, print)
        assert caught.value.exit_code is ExitCode.USAGE
        with pytest.raises(ConsoleError, match="no statement to cancel"):
            await prepare(guest, Request(Kind.CANCEL, str(pid)), LIMITS)
        assert (await perform(guest, plan, watched, log, print)).outcome is Outcome.DONE
        seen = await read(guest, LIMITS)
        assert isinstance(seen, ActivitySnapshot)
        assert pid not in {each.pid for each in seen.sessions}


async def test_a_cancel_is_for_the_statement_that_was_seen(watched: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(watched)
    async with sessions(watched) as made:
        pid = await made.begin("busy", "SELECT pg_sleep(60) AS first")
        seen = await read(guest, LIMITS)
        assert isinstance(seen, ActivitySnapshot)
        (session,) = (each for each in seen.sessions if each.pid == pid)
        request = Request(Kind.CANCEL, str(pid), started=session.started, statement=session.statement_started)
        plan = await prepare(guest, request, LIMITS)
        assert session.statement_started is not None
        assert f"--statement {session.statement_started.isoformat()} --yes-i-typed" in plan.preview.command
        await execute(watched, f"SELECT pg_cancel_backend({pid})")
        await made.settled()
        for went_on in ("is idle", "runs: SELECT pg_sleep(60) AS second"):
            if "second" in went_on:
                made.go("busy", "SELECT pg_sleep(60) AS second")
                await asyncio.sleep(0.2)
            with pytest.raises(ConsoleError) as caught:
                await prepare(guest, request, LIMITS)
            assert f"that statement of session {pid} had ended" in str(caught.value.problem.message)
            assert went_on in str(caught.value.problem.message)
            with pytest.raises(ConsoleError) as caught:  # previewed while it was another
                await perform(guest, plan, watched, log, print)
            assert went_on in str(caught.value.problem.message)
        # Even when it changes at the last moment: nobody is hit.
        rows = await guest.query(plan.statement)
        assert rows == []
        now = await read(guest, LIMITS)
        assert isinstance(now, ActivitySnapshot)
        assert [each.query for each in now.sessions if each.pid == pid] == ["SELECT pg_sleep(60) AS second"]
        assert log.read(9)[0] == []


_SLOWLY = ("ALTER DATABASE {} SET vacuum_cost_delay = 100", "ALTER DATABASE {} SET vacuum_cost_limit = 1")
_ACTING = "application_name = 'devora-console act vacuum' AND datname = current_database()"


async def acting(dsn: Dsn) -> int:
    """The process that runs the act, once it does."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for _ in range(100):
            pid = await connection.fetchval(f"SELECT pid FROM pg_stat_activity WHERE state = 'active' AND {_ACTING}")  # noqa: S608
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
    raise AssertionError("the act did not begin")


async def test_an_act_whose_session_is_ended_is_not_said_to_have_ended(
    shapes: Dsn, enter: Enter, log: ActLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devora_console.postgres.acts.verify._STATISTICS_SECONDS", 0.5)
    guest = await enter(shapes)
    await execute(shapes, *(each.format(guest.host.database) for each in _SLOWLY), "UPDATE t SET a = a + 1")
    task = asyncio.ensure_future(do(guest, shapes, Request(Kind.VACUUM, "public.t"), log))
    await execute(shapes, f"SELECT pg_terminate_backend({await acting(shapes)})")
    result = await task
    assert (result.outcome, result.sqlstate) == (Outcome.UNKNOWN, None)
    assert "whether it finished, or still runs, is unknown" in result.message
    assert [(check.what, check.ok) for check in result.checks] == [("public.t was vacuumed", False)]
    (logged,) = log.read(9)[0]
    assert (logged.result, logged.message) == ("unknown", result.message)


@pytest.mark.slow
async def test_an_act_in_which_the_server_crashes_is_unknown(
    tmp_path: Path, enter: Enter, log: ActLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devora_console.postgres.acts.verify._STATISTICS_SECONDS", 0.5)
    with server(min(VERSIONS)) as dsn:
        await execute(
            dsn, "CREATE TABLE t (id int, a int)", "INSERT INTO t SELECT g, g FROM generate_series(1, 5000) g"
        )
        guest = await enter(dsn)
        await execute(dsn, "VACUUM t", *(each.format(guest.host.database) for each in _SLOWLY), "UPDATE t SET a = 1")
        task = asyncio.ensure_future(do(guest, dsn, Request(Kind.VACUUM, "public.t"), log))
        os.kill(await acting(dsn), signal.SIGKILL)
        result = await task
        assert (result.outcome, result.sqlstate) == (Outcome.UNKNOWN, None)
        assert "whether it finished, or still runs, is unknown" in result.message
        (check,) = result.checks
        assert isinstance(check.ok, Unknown)
        assert "lost or reset" in check.ok.reason
        assert log.read(9)[0][0].result == "unknown"


async def test_whom_nobody_may_signal(watched: Dsn, enter: Enter) -> None:
    admin = await enter(watched)
    monitor = await enter(await as_role(watched, "pg_monitor"))
    signaller = await enter(await as_role(watched, "pg_monitor", "pg_signal_backend"))
    rows: Any = await admin.query(
        "SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'logical replication "
        "launcher')"
    )
    async with sessions(watched) as made:
        login = await as_role(watched)
        mine = str(await made.open("theirs", dsn=login))
        supers = str(await made.open("supers"))
        ours = str(admin.connection.get_server_pid())
        cases = [
            (admin, ours, "one of this console's own"),
            *((admin, str(row["pid"]), f"is a {row['backend_type']} of the server") for row in rows),
            (monitor, mine, "may not signal sessions of role_"),
            (signaller, supers, "only superusers may signal it"),
            (await enter(await as_role(watched)), supers, "is hidden from"),
        ]
        for guest, pid, said in cases:
            with pytest.raises(ConsoleError) as caught:
                await prepare(guest, Request(Kind.TERMINATE, pid), LIMITS)
            assert said in str(caught.value)
            assert caught.value.exit_code is ExitCode.REFUSED
        assert (await prepare(signaller, Request(Kind.TERMINATE, mine), LIMITS)).oid == int(mine)
        plan = await prepare(admin, Request(Kind.TERMINATE, mine), LIMITS)
        started = (await prepare(admin, Request(Kind.TERMINATE, supers), LIMITS)).guards[0]
        with pytest.raises(ConsoleError, match="is not the one that was looked at"):
            await prepare(admin, Request(Kind.TERMINATE, mine, started=started), LIMITS)
        same = await prepare(admin, Request(Kind.TERMINATE, mine, started=plan.guards[0]), LIMITS)
        assert same.statement == plan.statement


def test_the_log_is_private_and_survives_a_kill(log: ActLog) -> None:
    first = log.intend(act="vacuum", object_="public.t", server="s", user="u", sql="VACUUM public.t")
    assert log.read(9)[0][0].result == STILL
    log.ended(first, result="done", seconds=1.25, sqlstate=None, message="")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    intent = json.loads(log.path.read_text().splitlines()[0])
    killed = {**intent, "id": "killed", "process": [2**22 - 1, "1"]}
    with log.path.open("a") as stream:
        stream.write(json.dumps(killed) + "\n" + '{"id": "torn", "pha')
    log.intend(act="cancel", object_="7", server="s", user="u", sql="SELECT 1")
    entries, broken = log.read(9)
    assert [each.result for each in entries] == ["done", CUT_SHORT, STILL]
    assert entries[0].seconds == 1.25
    assert broken == 1
    assert [each.act for each in log.read(1)[0]] == ["cancel"]


async def test_an_act_that_cannot_be_recorded_is_not_done(shapes: Dsn, enter: Enter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConsoleError, match="acts are recorded") as caught:
        await do(await enter(shapes), shapes, Request(Kind.DROP_INDEX, "t_a"), ActLog(tmp_path / "file" / "acts.jsonl"))
    assert caught.value.exit_code is ExitCode.REFUSED
    rows = await (await enter(shapes)).query("SELECT 1 FROM pg_class WHERE relname = 't_a'")
    assert len(rows) == 1  # type: ignore[arg-type]


async def test_the_command_door(empty_database: Dsn, run: Run) -> None:  # noqa: F811 - the fixture
    await execute(empty_database, "CREATE TABLE messages (id int)")

    async def act(*words: str) -> Any:
        return await asyncio.to_thread(run, "act", *words, POSTGRES_DSN=empty_database.reveal())

    assert (await act("vacuum", "messages", "--preview")).code == 0
    untyped = await act("vacuum", "messages", "--json")
    assert untyped.code == 4
    assert untyped.json()["preview"]["sql"] == "VACUUM public.messages;"
    assert untyped.json()["result"] is None
    assert untyped.json()["preview"]["command"] == "devora-console act vacuum messages --yes-i-typed messages"
    assert "--yes-i-typed messages" in untyped.json()["problems"][0]["remedy"]
    assert (await act("vacuum", "messages", "--yes-i-typed", "mesages")).code == 4
    assert (await act("vacuum", "messages", "--yes-i-typed", "messages", "--read-only")).code == 4
    assert (await act("vacuum", "nothing", "--yes-i-typed", "nothing")).code == 2
    done = await act("vacuum", "messages", "--yes-i-typed", "messages", "--json")
    assert (done.code, done.json()["result"]["outcome"]) == (0, "done")
    log = (await act("log", "--json")).json()["log"]
    assert [(each["sql"], each["result"]) for each in log] == [("VACUUM public.messages", "done")]
    typed = await act("autovacuum", "messages", "--scale-factor", "0.1", "--yes-i-typed", "messages")
    assert "way back  ALTER TABLE public.messages RESET (autovacuum_vacuum_scale_factor);" in typed.out
    for words in (("activity",), ("activity", "--all"), ("locks",)):
        seen = await asyncio.to_thread(run, *words, "--json", POSTGRES_DSN=empty_database.reveal())
        assert seen.json()["hidden"] == 0
        assert ("roots" if words == ("locks",) else "sessions") in seen.json()
        assert (await asyncio.to_thread(run, *words, POSTGRES_DSN=empty_database.reveal())).out


@pytest.mark.slow
async def test_acts_on_production(empty_database: Dsn, run: Run) -> None:  # noqa: F811 - the fixture
    """Looked at freely; done only when armed and typed, whatever the act."""
    await execute(empty_database, "CREATE TABLE messages (id int PRIMARY KEY)")
    database = target(empty_database).database

    async def act(*words: str) -> Any:
        where = {"POSTGRES_DSN": empty_database.reveal(), "ENVIRONMENT": "production"}
        return await asyncio.to_thread(run, "act", *words, "--json", **where)

    async with sessions(empty_database) as made:
        pid = str(await made.begin("busy", "SELECT pg_sleep(60)"))
        full, whole = ("vacuum", "messages", "--full"), ("reindex", "--database")
        for words, typed, said in (
            (full, "messages", "AccessExclusiveLock: nobody can read or write it"),
            (whole, database, "one after the other"),
            (("cancel", pid), pid, "fails with an error"),
        ):
            seen = await act(*words, "--preview")
            assert seen.code == 0
            assert seen.json()["preview"]["command"].startswith("devora-console --allow-writes act ")
            assert said in seen.json()["preview"]["consequence"] + seen.json()["preview"]["locks"]
            refusals = [
                (await act(*words, "--yes-i-typed", typed)).json(),
                (await act(*words, "--allow-writes")).json(),
            ]
            assert [each["problems"][0]["code"] for each in refusals] == ["read_only", "not_confirmed"]
            assert [each["result"] for each in refusals] == [None, None]
        assert (await act("log")).json()["log"] == []
        for words, typed in ((("cancel", pid), pid), (full, "messages"), (whole, database)):
            done = await act(*words, "--allow-writes", "--yes-i-typed", typed)
            assert (done.code, done.json()["result"]["outcome"]) == (0, "done")
        assert [each["result"] for each in (await act("log")).json()["log"]] == ["done"] * 3


_HOST = Host(180000, "d", 5, "ana", False, True, False, "UTF8", 8192, {})
_PEER: dict[str, Any] = {
    "pid": 7, "leader_pid": None, "backend_start": None, "started_literal": "", "backend_type": "client backend",
    "state": "active", "hidden": False, "user": "bob", "application": "app", "superuser": False, "same_role": True,
    "signals": False, "signals_autovacuum": False, "wraparound": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "host", "said"),
    [
        ({}, {}, ""),
        ({"same_role": False}, {}, "GRANT pg_signal_backend TO ana"),
        ({"same_role": False, "signals": True}, {}, ""),
        ({"same_role": False, "signals": True, "superuser": True}, {}, "only superusers"),
        ({"superuser": True, "same_role": False}, {"superuser": True}, ""),
        ({"leader_pid": 3, "backend_type": "parallel worker"}, {}, "a worker of 3"),
        ({"backend_type": "walsender"}, {"superuser": True}, "is a walsender of the server"),
        ({"backend_type": "autovacuum worker", "wraparound": True}, {"superuser": True}, "to prevent wraparound"),
        ({"backend_type": "autovacuum worker"}, {"superuser": True}, ""),
        ({"backend_type": "autovacuum worker"}, {}, "GRANT pg_signal_autovacuum_worker TO ana"),
        ({"backend_type": "autovacuum worker"}, {"version": 170000}, "Connect as a superuser"),
        ({"backend_type": "autovacuum worker", "signals_autovacuum": True}, {}, ""),
        ({"state": "idle"}, {}, "no statement to cancel"),
        ({"hidden": True}, {}, "GRANT pg_monitor TO ana"),
    ],
)
def test_who_may_be_signalled(row: dict[str, Any], host: dict[str, Any], said: str) -> None:
    reasons = list(on_session(Request(Kind.CANCEL, "7"), {**_PEER, **row}, replace(_HOST, **host)))
    assert said in " ".join(word for reason in reasons for word in reason)
    assert bool(reasons) is bool(said)


async def test_a_standby_is_left_alone(shapes: Dsn, enter: Enter) -> None:
    thing = await find(await enter(shapes), Kind.VACUUM, "messages")
    standby = replace(_HOST, in_recovery=True, superuser=True)
    for kind in (Kind.VACUUM, Kind.ANALYZE, Kind.REINDEX, Kind.AUTOVACUUM):
        assert "standby" in next(on_thing(Request(kind, "messages"), thing, standby))[0]
    assert "standby" in next(on_database(Request(Kind.VACUUM), standby, owned=True))[0]
    assert not [*on_thing(Request(Kind.VACUUM, "messages"), thing, replace(standby, in_recovery=False))]


async def test_no_dead_rows_are_counted_is_not_said_when_nothing_was_counted(shapes: Dsn, enter: Enter) -> None:
    guest = await enter(shapes)
    await execute(shapes, "ANALYZE t", "DELETE FROM t WHERE id > 4000")
    for _ in range(50):  # statistics arrive late
        counted = await prepare(guest, Request(Kind.VACUUM, "public.t"), LIMITS)
        if "1000 dead" in counted.preview.consequence:
            break
        await asyncio.sleep(0.1)
    assert "1000 dead rows counted" in counted.preview.consequence
    await execute(shapes, "SELECT pg_stat_reset()")
    for _ in range(20):
        anew = await prepare(guest, Request(Kind.VACUUM, "public.t"), LIMITS)
        if "nothing" in anew.preview.consequence:
            break
        await asyncio.sleep(0.1)
    assert "how many is ?" in anew.preview.consequence
    assert "0 dead" not in anew.preview.consequence


async def test_a_size_nobody_can_tell_makes_no_short_rewrite(shapes: Dsn, enter: Enter) -> None:
    """Never vacuumed, and locked: its page count is 0, and its file cannot be measured."""
    guest = await enter(shapes)
    async with sessions(shapes) as made:
        await made.open("holder", "BEGIN", "LOCK TABLE t")
        plan = await prepare(guest, Request(Kind.VACUUM, "public.t", full=True), LIMITS)
        assert "for a time that cannot be told" in plan.preview.locks
        assert "needs up to ? bytes free" in plan.preview.consequence


async def test_the_command_of_a_preview_reaches_the_same_server(shapes: Dsn, enter: Enter) -> None:
    guest = await enter(shapes)
    values = {"autovacuum_vacuum_threshold": 1234567.0, "autovacuum_vacuum_scale_factor": 0.00001}
    here = ("devora-console", "--profile", "two words")
    plan = await prepare(guest, Request(Kind.AUTOVACUUM, "messages", options=values), LIMITS, console=here)
    assert plan.preview.command == (
        "devora-console --profile 'two words' act autovacuum messages --threshold 1234567 --scale-factor 0.00001 "
        "--yes-i-typed messages"
    )
    async with sessions(shapes) as made:
        pid = await made.begin("busy", "SELECT pg_sleep(60)")
        plan = await prepare(guest, Request(Kind.CANCEL, str(pid)), LIMITS, console=here)
        assert plan.preview.command.startswith(f"devora-console --profile 'two words' act cancel {pid} --started ")


async def test_transactions_that_cannot_be_seen_are_not_said_to_be_none(shapes: Dsn, enter: Enter) -> None:
    login = await as_role(shapes)
    guest = await enter(login)
    await execute(shapes, f"ALTER TABLE other.twin OWNER TO {guest.host.user}")
    await execute(shapes, f"GRANT USAGE ON SCHEMA other TO {guest.host.user}")
    request = Request(Kind.VACUUM, "other.twin")
    async with sessions(shapes) as made:
        await made.open("reader", "BEGIN", "SELECT count(*) FROM other.twin")
        locks = (await prepare(guest, request, LIMITS)).preview.locks
        assert "No older transaction is open" not in locks
        assert f"not tell {guest.host.user} whether a transaction is open" in locks
        seen = (await prepare(await enter(shapes), request, LIMITS)).preview.locks
        assert f"{made.pid('reader')} (idle in transaction" in seen
        assert "not tell" not in seen


async def test_what_another_act_is_at_is_neither_left_behind_nor_overlooked(
    shapes: Dsn, enter: Enter, log: ActLog
) -> None:
    guest = await enter(shapes)
    async with sessions(shapes) as made:
        await made.open("reader", "BEGIN", "SELECT count(*) FROM t")
        other = await made.open("devora-console act reindex")
        made.go("devora-console act reindex", "REINDEX INDEX CONCURRENTLY t_target")
        for _ in range(100):
            rows = await guest.query("SELECT FROM pg_class WHERE relname = 't_target_ccold'")
            if not isinstance(rows, Unknown) and rows:
                break
            await asyncio.sleep(0.05)
        plan = await prepare(guest, Request(Kind.REINDEX, "t_a"), LIMITS)
        assert f"{other} (active" in plan.preview.locks
        assert f"wait first: {other} holds ShareUpdateExclusiveLock on public.t" in plan.preview.locks
        result = await perform(guest, plan, shapes, log, print)
        assert (result.outcome, result.leftovers) == (Outcome.STOPPED, ())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("devora_console.postgres.acts.verify._RELEASE_SECONDS", 0.0)
            left = await leftovers(guest, plan, Before((await find(guest, Kind.REINDEX, "t_a")).table_oid or 0))
        assert left == Unknown(
            "a session is at work on public.t_target_ccold", "Later: devora-console indexes --invalid"
        )


async def test_limits_of_an_autovacuum_that_is_off(shapes: Dsn, enter: Enter) -> None:
    guest = await enter(shapes)
    request = Request(Kind.AUTOVACUUM, "messages", options={"autovacuum_vacuum_threshold": 7})
    assert "switched off" not in (await prepare(guest, request, LIMITS)).preview.consequence
    await execute(shapes, "ALTER TABLE messages SET (autovacuum_enabled = Off)")
    assert "switched off for this table" in (await prepare(guest, request, LIMITS)).preview.consequence


async def test_a_prepared_transaction_is_told_before() -> None:
    with server(14, "max_prepared_transactions=2") as dsn:
        await execute(dsn, "CREATE TABLE t (id int PRIMARY KEY)")
        connection = await asyncpg.connect(dsn.reveal())
        await connection.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'lost'")
        await connection.close()
        guest = await Guest.enter(dsn, purpose="test")
        plan = await prepare(guest, Request(Kind.VACUUM, "t", full=True), LIMITS)
        assert "wait first: a prepared transaction holds RowExclusiveLock on public.t" in plan.preview.locks
        assert "up to 0.5s (--lock-timeout)" in plan.preview.locks
        plan = await prepare(guest, Request(Kind.REINDEX, "t_pkey"), LIMITS)
        assert "1 transaction open just now: a prepared transaction" in plan.preview.locks
        await guest.leave()


async def test_what_goes_with_a_unique_index(shapes: Dsn, enter: Enter) -> None:
    await execute(
        shapes,
        "CREATE TABLE u (a int, b int, c text)",
        "CREATE UNIQUE INDEX u_ab ON u (a, b)",
        "CREATE UNIQUE INDEX u_ba ON u (b, a) INCLUDE (c)",
        "CREATE UNIQUE INDEX u_abc ON u (a, b, c)",
        "CREATE UNIQUE INDEX u_some ON u (c) WHERE a > 0",
        "CREATE UNIQUE INDEX u_c ON u (lower(c))",
        "CREATE UNIQUE INDEX u_ab_ccold ON u (a, b)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'u_ab_ccold'::regclass",
    )
    guest = await enter(shapes)
    accepted = "duplicates will be accepted"
    for index, said, unsaid in (
        ("u_ab", "public.u_ba goes on refusing the same duplicates.", accepted),
        ("u_ba", "public.u_ab goes on refusing the same duplicates.", accepted),
        ("u_abc", "public.u_ab goes on refusing the same duplicates, but ON CONFLICT", accepted),
        ("u_some", accepted, "goes on"),
        ("u_c", accepted, "goes on"),
        ("u_ab_ccold", "it is invalid, so no query uses it. It is UNIQUE; public.u_ab goes on", "slow down"),
    ):
        words = (await prepare(guest, Request(Kind.DROP_INDEX, index), LIMITS)).preview.consequence
        assert (said in words, unsaid in words) == (True, False), words
    words = (await prepare(guest, Request(Kind.REINDEX, "u_ab_ccold"), LIMITS)).preview.consequence
    assert "better act drop-index" in words
    words = (await prepare(guest, Request(Kind.REINDEX, "u"), LIMITS)).preview.consequence
    assert words.startswith("Builds 5 indexes of table public.u anew")
    assert "Left invalid by something earlier, and stays so: public.u_ab_ccold " in words


def test_a_rebuild_of_no_known_number_of_indexes() -> None:
    effect = reindex_database(Unknown("locked"), "", 10.0)
    assert "0 indexes" not in effect.consequence
    assert "how many: ?" in effect.consequence
    assert "for a time that cannot be told" in effect.locks


async def test_what_a_database_owner_and_a_maintainer_may(shapes: Dsn, enter: Enter, log: ActLog) -> None:
    guest = await enter(shapes)
    login = await as_role(shapes)
    name = (await enter(login)).host.user
    await execute(shapes, f"ALTER DATABASE {guest.host.database} OWNER TO {name}")
    owner = await enter(login)
    assert (await do(owner, login, Request(Kind.VACUUM, "messages"), log)).outcome is Outcome.DONE
    with pytest.raises(ConsoleError, match="does not own"):
        await prepare(owner, Request(Kind.REINDEX, "public.t_a"), LIMITS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):  # the server says the same
        await execute(login, "REINDEX INDEX CONCURRENTLY t_a")
    if guest.host.version >= 170000:
        keeper = await as_role(shapes, "pg_maintain")
        result = await do(await enter(keeper), keeper, Request(Kind.ANALYZE), log)
        assert result.outcome is Outcome.DONE
    await execute(shapes, f"ALTER DATABASE {guest.host.database} OWNER TO postgres")

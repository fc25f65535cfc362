"""Servers in trouble, made so on purpose: what the doctor says of them, and what it must not say.

Most run a cluster of their own, which is killed, copied or kept busy: ``--all`` runs them on every version.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.config.thresholds import ActivitySettings, HealthSettings, IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import for_database
from devora_console.postgres.activity.read import read as read_activity
from devora_console.postgres.activity.read_locks import read_locks
from devora_console.postgres.activity.snapshot import ActivitySnapshot, LocksSnapshot
from devora_console.postgres.activity.words import activity_headline
from devora_console.postgres.acts.model import Kind as Act
from devora_console.postgres.acts.model import Request
from devora_console.postgres.acts.prepare import prepare
from devora_console.postgres.health.headline import headline
from devora_console.postgres.health.read import read_health
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot
from devora_console.postgres.indexes.read import read as read_indexes
from devora_console.postgres.indexes.snapshot import Kind
from devora_console.postgres.observe import PostgresObserver
from devora_console.postgres.statements import StatementsSample, read_numbers, since_reset
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.postgres.watch.window import StatsWindow, read_window
from devora_console.services.observing import KINDS, Observing
from tests.postgres.conftest import PRELOAD, Enter, as_role, execute
from tests.postgres.sessions import Sessions, sessions
from tests.schema.old_servers import LOCALS, VERSIONS, WHEEL, Cluster, Which, cluster, standby_of

EVERY: list[Which] = [*sorted(VERSIONS), WHEEL, *LOCALS]
LOGGED = ("log_line_prefix=%p|%a|%d|", "log_parameter_max_length_on_error=-1")
EAGER = HealthSettings(dead_min_rows=100, horizon_seconds=0, slot_retained_mb=1)


def on(*plain: Which) -> pytest.MarkDecorator:
    """Each version; all but ``plain`` ones are slow."""
    params = [pytest.param(each, marks=() if each in plain else pytest.mark.slow) for each in EVERY]
    return pytest.mark.parametrize("which", params)


async def health(guest: Guest, *sections: str, settings: HealthSettings = EAGER) -> HealthSnapshot:
    return await read_health(guest, settings, sections=sections)


def said(snapshot: HealthSnapshot) -> str:
    """Everything a person may read of it."""
    lines = (f"{line.verdict} {line.title}: {line.text} {line.why} {line.remedy}" for line in snapshot.lines)
    return "\n".join((headline(snapshot), *lines))


def line_of(snapshot: HealthSnapshot, title: str) -> HealthLine:
    (found,) = [line for line in snapshot.lines if title in line.title]
    return found


async def fetch(dsn: Dsn, question: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        return await connection.fetch(question)
    finally:
        await connection.close()


async def until(dsn: Dsn, question: str, seconds: float = 15.0) -> None:
    """Until the question's answer is true."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        async with asyncio.timeout(seconds):
            while not await connection.fetchval(question):  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


# -- A crash ----------------------------------------------------------------------------------------------------------


async def _kill_a_session(server: Cluster) -> None:
    victim = await asyncpg.connect(server.dsn.reveal())
    before = len(server.log)
    os.kill(victim.get_server_pid(), signal.SIGKILL)
    victim.terminate()
    await asyncio.to_thread(server.wait, before)


async def _kill_the_server(server: Cluster) -> None:
    assert server.child is not None
    server.stop((signal.SIGKILL, 5.0))
    deadline = time.monotonic() + 20
    while True:  # its children may be in the way for a moment
        try:
            await asyncio.to_thread(server.start)
        except AssertionError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        else:
            return


async def _stop_at_once(server: Cluster) -> None:
    server.stop((signal.SIGQUIT, 10.0))
    await asyncio.to_thread(server.start)


async def _restart(server: Cluster) -> None:
    server.stop()
    await asyncio.to_thread(server.start)


async def _nothing(server: Cluster) -> None:
    return None


@dataclass(frozen=True)
class Fate:
    """What befalls the server, and whether its counters survive; ``statements_lost`` whether those of
    statements do not, None where versions differ."""

    make: Callable[[Cluster], Awaitable[None]]
    lost: bool
    statements_lost: bool | None


FATES = {
    "new": Fate(_nothing, lost=False, statements_lost=False),
    "restarted": Fate(_restart, lost=False, statements_lost=False),
    "a session killed": Fate(_kill_a_session, lost=True, statements_lost=True),
    "the server killed": Fate(_kill_the_server, lost=True, statements_lost=True),
    "stopped at once": Fate(_stop_at_once, lost=True, statements_lost=None),
}


@on(WHEEL)
async def test_what_a_crash_took_is_not_passed_off_as_nothing(which: Which, enter: Enter) -> None:
    """Each fate of the same server in turn; it is never older than a minute, which must not make a crash its birth."""
    plenty = IndexesSettings(unused_days=0.00001, least_mb=0)
    with cluster(which, *PRELOAD) as server:
        await execute(
            server.dsn,
            "CREATE EXTENSION pg_stat_statements",
            "CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT i, i % 9 AS j FROM generate_series(1, 20000) i",
            "CREATE INDEX t_j ON t (j)",
            "DELETE FROM t WHERE i % 2 = 0",
        )
        for name, fate in FATES.items():
            if name == "a session killed" and which == min(VERSIONS):
                await asyncio.sleep(5)  # up to 14 only the time tells this from the first start of the server
            await fate.make(server)
            guest = await enter(server.dsn)
            window = await read_window(guest)
            assert isinstance(window, StatsWindow)
            assert (window.crashed, window.first) == (fate.lost, not fate.lost), name
            snapshot = await health(guest, "cache", "vacuum", "io")
            summary = line_of(snapshot, "dead rows, all tables")
            found = await read_indexes(guest, IndexesSettings(least_mb=0))
            sample = await read_numbers(guest)
            assert isinstance(sample, StatementsSample), name
            notes = " ".join(since_reset(sample).notes)
            if fate.statements_lost is not None:
                assert ("is lost" in notes) is fate.statements_lost, (name, notes)
            if not fate.lost:
                assert "since the server was made" in summary.text, name
                assert "crash" not in said(snapshot), name
                assert "crash" not in found.unused_unknown, name
                continue
            assert summary.verdict is Verdict.UNKNOWN, name
            assert "after a crash or restore" in summary.text, name
            assert "since the server was made" not in said(snapshot), name
            assert "Nothing needs attention" not in headline(snapshot), name
            assert "after a crash or restore" in found.unused_unknown, name
            (unused,) = [each for each in found.findings if each.kind is Kind.UNUSED]
            assert unused.verdict is Verdict.UNKNOWN, name
            assert not unused.remedy_sql, name
            assert "after a crash" in unused.confidence, name
            # With a threshold that the young window passes, the window is named beside the verdict.
            named = [each for each in (await read_indexes(guest, plenty)).findings if each.kind is Kind.UNUSED]
            assert all(" in " in each.reason for each in named), name
        await execute(server.dsn, "SELECT pg_stat_reset_shared('bgwriter')")
        await until(server.dsn, "SELECT b.stats_reset > a.stats_reset FROM pg_stat_bgwriter b, pg_stat_archiver a")
        window = await read_window(await enter(server.dsn))
        assert isinstance(window, StatsWindow)
        assert not window.crashed, "not all of the server's counters began at once: nothing says that it crashed"
        assert not window.first


# -- A standby, and what a primary keeps for its receivers ------------------------------------------------------------


@contextmanager
def pair(which: Which) -> Iterator[tuple[Cluster, Cluster]]:
    """A primary with slots that nobody uses, and its standby."""
    with cluster(which, *PRELOAD, *LOGGED, "wal_level=logical", "wal_receiver_status_interval=1") as primary:
        asyncio.run(
            execute(
                primary.dsn,
                "CREATE EXTENSION pg_stat_statements",
                "CREATE TABLE t (i int PRIMARY KEY, j int) WITH (autovacuum_enabled = off)",
                "INSERT INTO t SELECT i, i % 9 FROM generate_series(1, 20000) i",
                "CREATE INDEX t_j ON t (j)",
                "ANALYZE t",
                "DELETE FROM t WHERE i % 2 = 0",
                "SELECT pg_create_physical_replication_slot('left_behind', true)",
                "SELECT pg_create_physical_replication_slot('never_used')",
                "SELECT pg_create_logical_replication_slot('it_s_idle', 'pgoutput')",
            )
        )
        with standby_of(primary, "hot_standby_feedback=on") as standby:
            yield primary, standby


@pytest.mark.slow
@pytest.mark.parametrize("which", EVERY)
def test_a_primary_and_its_standby(which: Which) -> None:
    with pair(which) as (primary, standby):
        asyncio.run(_of_a_primary(primary))
        asyncio.run(_of_a_standby(primary, standby))
        noise = [each for server in (primary, standby) for each in ours(server.log)]
        assert not noise


@asynccontextmanager
async def guest_of(dsn: Dsn) -> AsyncIterator[Guest]:
    guest = await Guest.enter(dsn, purpose="test")
    try:
        yield guest
    finally:
        await guest.leave()


async def _of_a_primary(primary: Cluster) -> None:
    await execute(primary.dsn, "INSERT INTO t SELECT i FROM generate_series(100001, 130000) i")
    await until(primary.dsn, "SELECT count(*) = 1 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()")
    nobody = await as_role(primary.dsn)
    async with guest_of(primary.dsn) as guest, guest_of(nobody) as stranger:
        snapshot = await health(guest, "replication", "vacuum")
        assert line_of(snapshot, "receiver replica").verdict is Verdict.OK
        assert "streaming, async: " in line_of(snapshot, "receiver replica").text
        left = line_of(snapshot, "slot left_behind")
        assert left.verdict is Verdict.WARN
        assert "not in use" in left.text
        assert " MB of log" in left.text
        assert line_of(snapshot, "slot it_s_idle").verdict is Verdict.WARN
        never = line_of(snapshot, "slot never_used")
        assert never.verdict is Verdict.NONE
        assert "kept no log yet" in never.text
        seen = await read_activity(guest, ActivitySettings(idle_in_transaction_seconds=0.001))
        assert isinstance(seen, ActivitySnapshot)
        (sender,) = [each for each in seen.sessions if each.backend_type == "walsender"]
        assert sender.finding.verdict is Verdict.NONE
        assert not sender.idle_in_transaction
        assert "0 sessions active, 1 walsender connected" in activity_headline(seen)
        assert "idle in transaction" not in activity_headline(seen)
        hidden = line_of(await health(stranger, "replication"), "receiver replica")
        assert hidden.verdict is Verdict.UNKNOWN
        assert "hidden" in hidden.text
        found = await read_indexes(guest, IndexesSettings(unused_days=0, least_mb=0))
        assert "connected replicas: 1" in found.unused_unknown


async def _of_a_standby(primary: Cluster, standby: Cluster) -> None:
    async with guest_of(standby.dsn) as guest:
        await until(standby.dsn, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()")
        snapshot = await read_health(guest, EAGER)
        assert not [name for name, part in snapshot.parts.items() if isinstance(part, Unknown)]
        words = said(snapshot)
        assert "this server is a standby: no vacuum runs here" in words
        for lie in ("VACUUM does it now", "autovacuum due", "dead rows counted", "autovacuum looks every"):
            assert lie not in words
        here = line_of(snapshot, "this standby")
        assert here.verdict is Verdict.OK
        assert "connected to its primary" in here.text
        found = await read_indexes(guest, IndexesSettings(unused_days=0, least_mb=0))
        assert "this is a replica" in found.unused_unknown
        assert not [each for each in found.findings if each.kind is Kind.UNUSED and each.verdict is not Verdict.UNKNOWN]
        assert any("done on its primary" in note for note in found.notes)
        assert not [each for each in found.findings if "row writes" in each.reason], "they are counted elsewhere"
        assert isinstance(await read_activity(guest, ActivitySettings()), ActivitySnapshot)
        assert isinstance(await read_locks(guest, ActivitySettings()), LocksSnapshot)
        assert isinstance(await read_numbers(guest), StatementsSample)
        for kind, name in ((Act.VACUUM, "t"), (Act.ANALYZE, "t"), (Act.REINDEX, "t_j"), (Act.DROP_INDEX, "t_j")):
            with pytest.raises(ConsoleError) as refused:
                await prepare(guest, Request(kind, name), ActivitySettings())
            assert "a standby" in refused.value.problem.message
            assert "on the primary" in refused.value.problem.remedy
        async with sessions(standby.dsn) as others:
            await others.open("old reader", "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM t")
            holder = line_of(await health(guest, "vacuum"), "xmin horizon")
            assert holder.verdict is Verdict.WARN
            assert "on the primary (hot_standby_feedback is on)" in holder.text
            question = "SELECT bool_or(backend_xmin IS NOT NULL) FROM pg_stat_replication"
            await until(primary.dsn, question)
            async with guest_of(primary.dsn) as other:
                any_age = EAGER.model_copy(update={"horizon_age": 0.0})
                seen = await health(other, "vacuum", settings=any_age)
                (line,) = [each for each in seen.lines if "walsender" in each.text]
                assert "keeps dead rows from being removed" in line.text
                assert "end its long query there" in line.remedy
        await execute(standby.dsn, "SELECT pg_wal_replay_pause()")
        await until(standby.dsn, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
        assert line_of(await health(guest, "replication"), "this standby").verdict is Verdict.WARN
        await execute(standby.dsn, "SELECT pg_wal_replay_resume()")
        primary.stop()
        await until(standby.dsn, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
        alone = line_of(await health(guest, "replication"), "this standby")
        assert alone.verdict is Verdict.WARN
        assert "how far it is behind is not known" in alone.text
        await execute(standby.dsn, "SELECT pg_promote()")
        # The same session goes on, on a server that is a primary now.
        assert "is a standby" not in said(await read_health(guest, EAGER))


# -- Maintenance that runs --------------------------------------------------------------------------------------------

_SLOW = ("SET vacuum_cost_delay = '100ms'", "SET vacuum_cost_limit = 1000", "SET vacuum_cost_page_hit = 100")


@dataclass(frozen=True)
class Running:
    """A command, and what its line must say: title and text hold these."""

    statement: str
    view: str
    title: str
    text: tuple[str, ...]
    settings: tuple[str, ...] = field(default=_SLOW)


COMMANDS = {
    "vacuum": Running("VACUUM t", "vacuum", "vacuum of public.t", (" % of ", "pages scanned")),
    "analyze": Running("ANALYZE t", "analyze", "ANALYZE on public.t", ("acquiring sample rows: ", " % of ")),
    "create index": Running(
        "CREATE INDEX t_slow ON t (slow(i))",
        "create_index",
        "CREATE INDEX on public.t",
        ("building index", " % of ", " pages"),
        ("SET max_parallel_maintenance_workers = 0",),
    ),
    "rewrite": Running(
        "VACUUM FULL t",
        "cluster",
        "VACUUM FULL on public.t",
        ("rebuilding index",),
        ("SET max_parallel_maintenance_workers = 0",),
    ),
    "cluster by an index": Running(
        "CLUSTER t USING t_made", "cluster", "CLUSTER on public.t", ("rebuilding index", "is not told"), ()
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each == "vacuum" else pytest.mark.slow) for each in COMMANDS]
)
async def test_what_runs_shows_how_far_it_is(watched: Dsn, enter: Enter, name: str) -> None:
    running = COMMANDS[name]
    await execute(
        watched,
        "CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " $$BEGIN IF i % 2000 = 1 THEN PERFORM pg_sleep(0.05); END IF; RETURN i; END$$",
        "CREATE TABLE t (i int, w text) WITH (autovacuum_enabled = off)",
        "INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 40000) i",
        "CREATE INDEX t_made ON t (i)",
        "DELETE FROM t WHERE i % 2 = 0",
    )
    guest, stranger = await enter(watched), await enter(await as_role(watched))
    if name in ("rewrite", "cluster by an index"):
        await execute(watched, "CREATE INDEX t_slow ON t (slow(i))")
    async with sessions(watched) as others:
        pid = await others.open("worker", *running.settings)
        task = asyncio.create_task(_in_steps(others, running.statement))
        seen: list[HealthLine] = []
        hidden: list[HealthLine] = []
        deadline = time.monotonic() + 10
        while not task.done() and time.monotonic() < deadline:
            snapshot = await health(guest, "vacuum")
            mine = [line for line in snapshot.lines if line.verdict is Verdict.RUNNING and str(pid) in line.title]
            seen += mine
            if mine:
                assert "autovacuum passes it over" not in said(snapshot)
            others_view = await health(stranger, "vacuum")
            hidden += [line for line in others_view.lines if line.verdict is Verdict.RUNNING]
            if name == "vacuum" and hidden:
                assert not [line for line in others_view.lines if line.title == "vacuum public.t"], "it runs just now"
            if seen and hidden and all(any(word in line.text for line in seen) for word in running.text):
                break
        task.cancel()
    assert any(running.title in line.title for line in seen), seen
    for word in running.text:
        assert any(word in line.text for line in seen), (word, seen)
    assert all("hidden from this user" in line.text for line in hidden), hidden
    assert all("0.00 %" not in line.text for line in hidden)


async def _in_steps(others: Sessions, statements: str) -> None:
    for each in statements.split(";"):
        await others.run("worker", each)


_FILL = "INSERT INTO {} SELECT i, repeat('x', 400) FROM generate_series(1, 30000) i"
_THIN_OUT = "DELETE FROM {} WHERE i % 2 = 0"
_WHO_WORKS = "SELECT pid FROM pg_stat_progress_{} WHERE relid = '{}'::regclass"


@on()
async def test_autovacuum_at_work_is_not_in_its_own_way(which: Which, enter: Enter) -> None:
    """Both kinds of its work, a vacuum and an analyze, seen by three roles."""
    calm = ("autovacuum_naptime=1", "autovacuum_vacuum_cost_delay=0")
    options = "autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 100"
    options += ", autovacuum_vacuum_cost_limit = 20"
    tables = ("dirty", "changed")
    with cluster(which, *calm) as server:
        await execute(
            server.dsn,
            *(
                f"CREATE TABLE {name} (i int, w text) WITH (autovacuum_enabled = off,"
                f" autovacuum_{other}_threshold = 1000000, {options})"
                for name, other in (("dirty", "analyze"), ("changed", "vacuum"))
            ),
            *(statement.format(name) for statement in (_FILL, _THIN_OUT) for name in tables),
        )
        roles = {
            "superuser": await enter(server.dsn),
            "pg_monitor": await enter(await as_role(server.dsn, "pg_monitor")),
            "nobody": await enter(await as_role(server.dsn)),
        }
        await execute(server.dsn, *(f"ALTER TABLE {name} SET (autovacuum_enabled = on)" for name in tables))
        for table, command in (("dirty", "VACUUM"), ("changed", "ANALYZE")):
            running_now = _WHO_WORKS.format(command.lower(), table)
            await until(server.dsn, running_now, 40)
            (row,) = await fetch(server.dsn, running_now)
            for name, guest in roles.items():
                snapshot = await health(guest, "vacuum")
                running = line_of(snapshot, f"pid {row['pid']}")
                words = said(snapshot)
                assert f"session {row['pid']} holds" not in words, name
                assert "Wait for that session" not in words, name
                about = [line.text for line in snapshot.lines if line.title == f"vacuum public.{table}"]
                if command == "VACUUM":
                    assert not about, name
                else:
                    assert all(f"analyze runs on it, pid {row['pid']}" in text for text in about), name
                if name != "nobody":
                    assert running.title.startswith("autovacuum"), name
                    assert table in running.title, name
                else:
                    assert "hidden from this user" in running.text


@on()
async def test_autovacuum_against_wraparound_is_named(which: Which, enter: Enter) -> None:
    options = "autovacuum_freeze_max_age = 100000, autovacuum_enabled = off"
    slowly = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 200"
    with cluster(which, "autovacuum_naptime=1") as server:
        await execute(
            server.dsn,
            f"CREATE TABLE old (i int, w text) WITH ({options}, {slowly})",
            "INSERT INTO old SELECT i, repeat('x', 400) FROM generate_series(1, 30000) i",
            "CREATE TABLE burnt (i int)",
            "DO $$BEGIN FOR i IN 1..110000 LOOP"
            " BEGIN INSERT INTO burnt VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END$$",
        )
        guest = await enter(server.dsn)
        await until(
            server.dsn,
            "SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 'old'::regclass AND heap_blks_total > 0)",
            60,
        )
        line = line_of(await health(guest, "vacuum"), "autovacuum of public.old")
        assert line.verdict is Verdict.RUNNING
        assert "to prevent wraparound: it gives way to nobody" in line.text
        assert " % of " in line.text
        seen = await read_activity(guest, ActivitySettings())
        assert isinstance(seen, ActivitySnapshot)
        (worker,) = [each for each in seen.sessions if "public.old (to prevent wraparound)" in str(each.query)]
        assert "must not be ended" in worker.finding.why
        assert "at work" in activity_headline(seen)


# -- Prepared transactions --------------------------------------------------------------------------------------------


@on()
async def test_a_prepared_transaction_is_the_root_and_the_holder(which: Which, enter: Enter) -> None:
    with cluster(which, "max_prepared_transactions=5") as server:
        await execute(
            server.dsn,
            "CREATE TABLE t (i int PRIMARY KEY, j int)",
            "INSERT INTO t VALUES (1, 1)",
            "BEGIN; UPDATE t SET j = 2; PREPARE TRANSACTION 'it''s é'",
        )
        stranger = await enter(await as_role(server.dsn))
        guest = await enter(server.dsn)
        async with sessions(server.dsn) as others:
            waiter = await others.begin("waiter", "UPDATE t SET j = 3")
            for each in (guest, stranger):
                locks = await read_locks(each, ActivitySettings(lock_wait_seconds=0.001))
                assert isinstance(locks, LocksSnapshot)
                (root,) = locks.roots
                assert root.prepared is not None
                assert root.prepared.gid == "it's é"
                assert [node.pid for node in root.waiters] == [waiter]
                assert "ROLLBACK PREPARED 'it''s é'" in root.sql
                holder = next(line for line in (await health(each, "vacuum")).lines if "it's é" in line.text)
                assert holder.verdict is Verdict.WARN
                assert "pg_terminate_backend" not in holder.sql
            seen = await read_activity(guest, ActivitySettings(lock_wait_seconds=0.001))
            assert isinstance(seen, ActivitySnapshot)
            (session,) = [each for each in seen.sessions if each.pid == waiter]
            assert "a prepared transaction" in session.finding.why
            assert "act terminate 0" not in session.finding.remedy


# -- Names and texts in other encodings -------------------------------------------------------------------------------


@on(WHEEL)
async def test_names_of_other_databases_break_nothing(which: Which, enter: Enter) -> None:
    with cluster(which, *PRELOAD, *LOGGED) as server:
        await execute(
            server.dsn,
            "CREATE EXTENSION pg_stat_statements",
            "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'",
        )
        latin = for_database(server.dsn, "latin")
        await execute(
            latin,
            "CREATE EXTENSION pg_stat_statements",
            'CREATE ROLE "rôle" SUPERUSER',
            'CREATE DATABASE "dé"',
            'CREATE TABLE "té" (i int)',
        )
        async with sessions(latin) as others:
            await others.open("é", 'SET SESSION AUTHORIZATION "rôle"', "BEGIN", 'INSERT INTO "té" VALUES (1)')
            for dsn in (server.dsn, latin):
                guest = await enter(dsn)
                snapshot = await read_health(guest, EAGER)
                assert not [name for name, part in snapshot.parts.items() if isinstance(part, Unknown)]
                assert isinstance(await read_activity(guest, ActivitySettings()), ActivitySnapshot)
                assert isinstance((await read_indexes(guest)).count, int)
                assert isinstance(await read_numbers(guest), StatementsSample)
            holder = [line for line in (await health(await enter(latin), "vacuum")).lines if "session" in line.text]
            assert holder, "the session of the role whose name is in LATIN1"
        # What cannot be passed on at all is an answer, not a defect, and the session goes on.
        guest = await enter(server.dsn)
        found = await guest.query("SELECT datname FROM pg_database", remember="names")
        assert isinstance(found, Unknown)
        assert "another encoding" in found.reason
        assert not isinstance(await guest.query("SELECT 1"), Unknown)
        assert not ours(server.log)


# -- What we leave in the server's log --------------------------------------------------------------------------------


def ours(log: str) -> list[str]:
    """Errors of our sessions, each with its statement and values, in a log that is kept as LOGGED says."""
    found: list[str] = []
    mine = False
    for line in log.splitlines():
        pid, _, rest = line.partition("|")
        if pid.isdecimal():
            application, _, words = rest.partition("|")
            failed = application.startswith("devora-console") and ("ERROR:" in words or "FATAL:" in words)
            mine = failed or (mine and ("STATEMENT:" in words or "CONTEXT:" in words))
            if failed:
                found.append(f"{pid} {words}")
                continue
        if mine:
            found[-1] += f"\n{line}"
    return found


_BYTES = "convert_from('\\x6e6fff'::bytea, 'SQL_ASCII')"  # no text in any encoding


@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.slow)])
@on(WHEEL)
async def test_no_question_that_failed_is_asked_again(which: Which, everywhere: bool) -> None:
    """All samplers, several rounds, beside locks and texts of other encodings: as nobody in two databases, or as three
    roles in four.
    """
    with cluster(which, *PRELOAD, *LOGGED, "max_prepared_transactions=2") as server:
        await execute(
            server.dsn,
            "CREATE EXTENSION pg_stat_statements",
            "CREATE DATABASE bare",
            "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'",
            "CREATE DATABASE sql_ascii TEMPLATE template0 ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'",
            "CREATE TABLE t (i serial PRIMARY KEY, j int)",
            "CREATE SCHEMA shut; CREATE TABLE shut.t (i int REFERENCES t)",
        )
        bare, latin = for_database(server.dsn, "bare"), for_database(server.dsn, "latin")
        ascii_ = for_database(server.dsn, "sql_ascii")
        await execute(
            ascii_,
            "CREATE EXTENSION pg_stat_statements",
            f"DO $$BEGIN EXECUTE format('CREATE TABLE %I (i int PRIMARY KEY)', {_BYTES}); END$$",
        )
        await execute(latin, "CREATE EXTENSION pg_stat_statements", "SELECT 'é'", "CREATE TABLE t (a text)")
        async with sessions(server.dsn) as others:
            await others.open("locker", "BEGIN", "LOCK TABLE t")
            await others.open("latin", "BEGIN", "INSERT INTO t VALUES ('é')", dsn=latin)
            await others.begin("waiter", "SELECT count(*) FROM t")
            for dsn in (server.dsn, bare, latin, ascii_) if everywhere else (bare, ascii_):
                roles = [await as_role(dsn)]
                if everywhere:
                    roles += [dsn, await as_role(dsn, "pg_monitor")]
                await asyncio.gather(*map(_several_rounds, roles))
        errors = ours(server.log)
        repeated = {line: number for line, number in Counter(errors).items() if number > 1}
        assert not repeated


async def _several_rounds(dsn: Dsn) -> None:
    """Three rounds of every sampler: the quick ones as the console runs them, the dear ones without its pauses."""
    looks: Counter[str] = Counter()
    settings = Settings(postgres=PostgresSettings(dsn=dsn))
    quick = [kind for kind in KINDS if kind not in ("indexes", "health")]
    observing = Observing(settings, Target(settings.postgres), lambda kind: looks.update((kind,)), pace=15, only=quick)
    observer = PostgresObserver(dsn)
    observing.start()
    try:
        async with guest_of(dsn) as guest, asyncio.timeout(60):
            for _ in range(3):
                assert not isinstance(await observer.poll(), Problem)
                await read_health(guest, settings.health)
                await read_indexes(guest, settings.indexes)
            while min(looks[kind] for kind in quick) < 3:  # noqa: ASYNC110 - they go on meanwhile
                await asyncio.sleep(0.05)
    finally:
        await observing.stop()
        await observer.close()


async def test_a_session_that_may_only_read_is_enough(watched: Dsn, enter: Enter) -> None:
    """Behind a pooler, or by a setting of the role, every transaction may be read-only."""
    dsn = await as_role(watched, "pg_monitor")
    name = dsn.reveal().partition("//")[2].partition(":")[0]
    await execute(watched, f"ALTER ROLE {name} SET default_transaction_read_only = on", "CREATE TABLE t (i int)")
    guest = await enter(dsn)
    snapshot = await read_health(guest, HealthSettings())
    assert not [part for part in snapshot.parts.values() if isinstance(part, Unknown)]
    assert isinstance(await read_activity(guest, ActivitySettings()), ActivitySnapshot)
    assert isinstance(await read_locks(guest, ActivitySettings()), LocksSnapshot)
    assert not guest._failed

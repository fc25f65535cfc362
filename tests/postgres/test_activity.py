"""Sessions: each condition is manufactured, and what is said of it, and what is not, is compared."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import ActivitySettings
from devora_console.core.console import Verdict
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import for_database
from devora_console.postgres.activity.judge import connections, finding
from devora_console.postgres.activity.read import assemble, read
from devora_console.postgres.activity.snapshot import ABORTED, ActivitySnapshot, IdleKind, Session
from devora_console.postgres.activity.words import activity_headline
from devora_console.postgres.watch.guest import Guest
from devora_console.tui.render.activity import COLUMNS, ORDERS, detail, rows
from devora_console.tui.render.columns import fit_columns
from devora_console.tui.render.look import Look
from tests.postgres.conftest import Enter, as_role, execute
from tests.postgres.sessions import sessions

PATIENT = ActivitySettings()
QUICK = ActivitySettings(
    idle_in_transaction_seconds=0.2, lock_wait_seconds=0.2, long_statement_seconds=0.2, long_transaction_seconds=0.2
)


async def look(guest: Guest, limits: ActivitySettings = PATIENT) -> ActivitySnapshot:
    """A snapshot, which must be there."""
    seen = await read(guest, limits)
    assert isinstance(seen, ActivitySnapshot)
    return seen


def of(seen: ActivitySnapshot, name: str) -> Session:
    """The session of this application."""
    (found,) = (each for each in seen.sessions if each.application == name)
    return found


# condition: (kind, verdict when patient, verdict when quick, holds back vacuum)
EXPECTED = {
    "plain": (IdleKind.PLAIN, Verdict.OK, Verdict.WARN, False),
    "snapshot": (IdleKind.HOLDING, Verdict.OK, Verdict.WARN, True),
    "writer": (IdleKind.HOLDING, Verdict.OK, Verdict.WARN, True),
    "aborted": (IdleKind.ABORTED, Verdict.OK, Verdict.WARN, False),
    "blocker": (IdleKind.BLOCKING, Verdict.OK, Verdict.FAIL, True),
    "waiter": (None, Verdict.RUNNING, Verdict.WARN, True),
    "worker": (None, Verdict.OK, Verdict.WARN, True),
    "quiet": (None, Verdict.OK, Verdict.OK, False),
}


async def test_four_kinds_of_idleness_and_their_look_alikes(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    guest = await enter(watched)
    async with sessions(watched) as made:
        await made.open("plain", "BEGIN", "SELECT * FROM t")
        await made.open("snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1")
        await made.open("writer", "BEGIN", "INSERT INTO t VALUES (3, 3)")
        await made.open("aborted", "BEGIN", "SELECT 1 / 0")
        await made.open("blocker", "BEGIN", "UPDATE t SET v = 0 WHERE id = 1")
        await made.begin("waiter", "UPDATE t SET v = 9 WHERE id = 1")
        await made.begin("worker", "SELECT pg_sleep(30)")
        await made.open("quiet", "SELECT 1")
        await asyncio.sleep(0.3)
        for limits, which in ((PATIENT, 1), (QUICK, 2)):
            seen = await look(guest, limits)
            got = {
                name: (each.idle_kind, each.finding.verdict, each.holds_back_vacuum)
                for name in EXPECTED
                for each in (of(seen, name),)
            }
            assert got == {name: (row[0], row[which], row[3]) for name, row in EXPECTED.items()}
        assert of(seen, "aborted").state == ABORTED
        assert of(seen, "blocker").blocks == 1
        assert of(seen, "waiter").blocked_by == (made.pid("blocker"),)
        assert (of(seen, "waiter").wait_seconds or 0) >= 0.2
        assert seen.sessions[0].application == "blocker"
        assert "holds back" not in of(seen, "plain").finding.why
        assert "limit 0.2s" in of(seen, "writer").finding.why
        words = activity_headline(seen)
        assert f"1 session waits for a lock, 1 of them for {made.pid('blocker')} (idle in transaction)" in words
        assert "5 idle in transaction" in words
        assert "1 aborted" in words
        assert seen.hidden == 0
        assert to_json(seen)


async def test_idleness_is_counted_from_its_beginning_not_from_that_of_the_query(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    async with sessions(watched) as made:
        await made.open("slow", "BEGIN", "SELECT pg_sleep(1)")
        each = of(await look(guest, ActivitySettings(idle_in_transaction_seconds=0.9)), "slow")
        assert (each.statement_seconds or 0) >= 1
        assert (each.state_seconds or 9) < 0.9
        assert each.seconds == each.state_seconds
        assert each.finding.verdict is Verdict.OK


async def test_what_is_hidden_is_counted_and_explained(watched: Dsn, enter: Enter) -> None:
    version = (await enter(watched)).host.version
    async with sessions(watched) as made:
        await made.open("busy", "BEGIN", "SELECT 1 AS secret")
        nobody = await look(await enter(await as_role(watched)))
        each = of(nobody, "busy")
        assert each.hidden
        assert isinstance(each.state, Unknown)
        assert isinstance(each.query, Unknown)
        assert each.finding.verdict is Verdict.UNKNOWN
        assert each.user == "postgres"
        assert nobody.hidden >= 1
        assert nobody.hidden_remedy.startswith("GRANT pg_monitor TO role_")
        assert isinstance(nobody.connections.used, Unknown)
        assert f"{nobody.hidden} of" in activity_headline(nobody)
        assert "is not known here" in activity_headline(nobody)
        assert "Nothing waits" not in activity_headline(nobody)
        monitor = await look(await enter(await as_role(watched, "pg_monitor")))
        assert of(monitor, "busy").state == "idle in transaction"
        assert (monitor.hidden, monitor.hidden_remedy) == (0, "")
        member = await look(await enter(await as_role(watched, "pg_monitor", inherit=False)))
        if version >= 150000:
            assert member.hidden >= 1
            assert "inherit" in member.hidden_remedy.lower()
            assert ("WITH INHERIT TRUE" in member.hidden_remedy) is (version >= 160000)
        else:
            assert member.hidden == 0


@pytest.fixture
async def foreign(watched: Dsn) -> AsyncIterator[dict[str, Dsn]]:
    """Databases in other encodings on the same server."""
    names = {encoding: f"enc_{secrets.token_hex(6)}" for encoding in ("LATIN1", "SQL_ASCII", "EUC_JP")}
    for encoding, name in names.items():
        await execute(
            watched, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    yield {encoding: for_database(watched, name) for encoding, name in names.items()}
    for name in names.values():
        await execute(watched, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_session_in_another_encoding_breaks_nothing(
    watched: Dsn, foreign: dict[str, Dsn], enter: Enter
) -> None:
    hostile = "SELECT 'caf\u00e9 \\ [red]\x1b[31m\u202e' -- "
    async with sessions(watched) as made:
        await made.open("utf", hostile + "日本")
        await made.open("latin", "SELECT 'caf\u00e9 \\x'", dsn=foreign["LATIN1"])
        await made.open("ascii", "SELECT 'caf\u00e9'", dsn=foreign["SQL_ASCII"])
        for place in (watched, foreign["LATIN1"], foreign["SQL_ASCII"]):
            seen = await look(await enter(place))
            assert of(seen, "utf").query == hostile + "日本"
            assert of(seen, "latin").query == "SELECT 'caf\u00e9 \\x'"
            assert of(seen, "ascii").query == "SELECT 'caf\u00e9'"
        for row in rows(seen, Look(), "worst first"):
            words = "".join(cell for cell, _ in row.cells.values())
            assert not {"\x1b", "\u202e"} & set(words)
        # Bytes that a database of another multibyte encoding cannot even hold: no text, but every session.
        await made.open("torn", "SELECT '\u00e9\\'", dsn=foreign["LATIN1"])
        other = await look(await enter(foreign["EUC_JP"]))
        assert isinstance(of(other, "torn").query, Unknown)
        assert (of(other, "utf").state, of(other, "utf").user) == ("idle", "postgres")


async def test_a_text_cut_by_the_server_is_marked(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    async with sessions(watched) as made:
        await made.open("long", f"SELECT '{'x' * 3000}'")
        await made.open("wide", f"SELECT '{'日' * 1000}'")
        await made.open("short", "SELECT 'é'")
        seen = await look(guest)
        assert [of(seen, name).query_truncated for name in ("long", "wide", "short")] == [True, True, False]
        text = detail(seen, str(made.pid("long")), Look())
        assert text is not None
        assert "cut by the server at track_activity_query_size" in text.plain


async def test_our_own_sessions_and_the_servers_are_counted_apart(watched: Dsn, enter: Enter) -> None:
    guest, other = await enter(watched), await enter(watched)
    seen = await look(guest)
    assert other.connection.get_server_pid() not in {each.pid for each in seen.sessions}
    assert seen.own >= 2
    assert seen.background >= 4
    assert isinstance(seen.connections.used, int)
    maximum = (await guest.query("SELECT current_setting('max_connections')::int AS n"))[0]["n"]  # type: ignore[index]
    assert (seen.connections.maximum, seen.connections.usable) == (maximum, maximum - 3)
    async with sessions(watched) as made:
        await made.open("one more")
        after = await look(guest)
        assert isinstance(after.connections.used, int)
        assert "one more" in {each.application for each in after.sessions}


async def test_a_worker_folds_under_its_leader(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    forced = "debug_parallel_query" if guest.host.version >= 160000 else "force_parallel_mode"
    async with sessions(watched) as made:
        await made.open("leader", f"SET {forced} = on")
        task = asyncio.ensure_future(made.run("leader", "SELECT pg_sleep(3)"))
        for _ in range(20):
            await asyncio.sleep(0.1)
            each = of(await look(guest), "leader")
            if each.workers:
                break
        assert each.workers
        assert each.pid == made.pid("leader")
    await asyncio.gather(task, return_exceptions=True)


async def test_one_sample_is_cheap(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    asked: list[str] = []
    guest.connection.add_query_logger(lambda record: asked.append(record.query))
    await look(guest)
    assert len([text for text in asked if text.startswith("/* devora-console */")]) <= 2


@pytest.mark.parametrize(
    ("used", "verdict"), [(10, Verdict.OK), (78, Verdict.WARN), (97, Verdict.FAIL), (99, Verdict.FAIL)]
)
def test_connections_are_judged_by_what_ordinary_users_may_open(used: int, verdict: Verdict) -> None:
    found = connections(used, maximum=100, reserved=3, limits=PATIENT)
    assert (found.usable, found.finding.verdict) == (97, verdict)
    assert "limit 80 %" in found.finding.why


_ROW: dict[str, Any] = {
    "pid": 1, "leader_pid": None, "database_oid": 5, "encoding": "UTF8",
    "texts": [b"d", b"u", b"app", b"SELECT 1", b"client backend"], "client": "local", "has_user": True,
    "hidden": False, "state": "active", "wait_type": None, "wait_event": None, "query_id": None,
    "backend_start": datetime(2026, 1, 1, tzinfo=UTC), "xact_start": None, "query_start": None,
    "transaction_seconds": 1.0, "statement_seconds": 1.0, "state_seconds": 1.0, "xid_age": None, "xmin_age": 3,
    "wait_seconds": None, "blocked_by": None, "now": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip
_SCOPE = {
    "query_bytes": 1024, "max_connections": 100, "reserved": 3, "reads_stats": True, "may_read_stats": True, "user": "u"
}  # fmt: skip


def _seen(*changes: dict[str, Any]) -> ActivitySnapshot:
    seen = assemble([{**_ROW, **each} for each in changes], _SCOPE, PATIENT, 180000)
    assert isinstance(seen, ActivitySnapshot)
    return seen


def test_a_prepared_transaction_is_named_as_what_is_waited_for() -> None:
    lock = {"wait_type": "Lock", "wait_event": "transactionid", "blocked_by": [0], "wait_seconds": 7.0}
    assert "1 session waits for a lock, for a prepared transaction (see locks)" in activity_headline(_seen(lock))


def test_those_that_are_hidden_may_wait_too() -> None:
    lock = {"wait_type": "Lock", "wait_event": "relation", "blocked_by": [2], "wait_seconds": 7.0}
    hidden = {"pid": 2, "hidden": True, "state": None, "texts": [b"d", b"u", b"app", None, None]}
    assert "At least 1 session waits for a lock, 1 of them for 2 (hidden)" in activity_headline(_seen(lock, hidden))


def test_workers_that_wait_make_the_leader_wait_once() -> None:
    worker = [b"d", b"u", b"app", b"SELECT 1", b"parallel worker"]
    lock = {"wait_type": "Lock", "wait_event": "relation", "blocked_by": [9, 9, 1], "wait_seconds": 7.0}
    seen = _seen(
        {}, {"pid": 2, "leader_pid": 1, "texts": worker, **lock}, {"pid": 3, "leader_pid": 1, "texts": worker, **lock},
        {"pid": 9, "state": "idle in transaction"},
    )  # fmt: skip
    leader = next(each for each in seen.sessions if each.pid == 1)
    assert (leader.workers, leader.blocked_by, leader.wait_seconds) == ((2, 3), (9,), 7.0)
    assert {each.pid for each in seen.sessions} == {1, 9}
    assert next(each for each in seen.sessions if each.pid == 9).blocks == 1


@pytest.mark.parametrize(
    ("changes", "verdict", "said", "unsaid"),
    [
        ({"state": "idle", "state_seconds": 90_000.0}, Verdict.OK, "no transaction open", "limit"),
        ({"statement_seconds": 61.0}, Verdict.WARN, "limit 1m00s", "transaction is"),
        ({"transaction_seconds": 61.0}, Verdict.WARN, "its transaction is open for 1m01s", "statement runs"),
        ({"state": "disabled"}, Verdict.UNKNOWN, "track_activities", "idle"),
        (
            {"texts": [b"d", None, b"", b"autovacuum: VACUUM t (to prevent wraparound)", b"autovacuum worker"],
             "statement_seconds": 9_000.0},
            Verdict.NONE, "to prevent wraparound", "limit",
        ),
        ({"texts": [None, b"u", b"s", b"", b"walsender"], "statement_seconds": 9e5}, Verdict.NONE, "walsender", ""),
        ({"wait_type": "Lock", "wait_event": "relation", "blocked_by": [0]}, Verdict.RUNNING, "prepared", "for 0"),
    ],
    ids=["idle", "long-statement", "long-transaction", "no-tracking", "wraparound", "walsender", "behind-prepared"],
)  # fmt: skip
def test_what_is_said_of_a_session(changes: dict[str, Any], verdict: Verdict, said: str, unsaid: str) -> None:
    (session,) = _seen(changes).sessions
    assert session.finding.verdict is verdict
    assert said in session.finding.why
    assert not unsaid or unsaid not in session.finding.why


def test_an_idle_blocker_fails_only_when_somebody_has_waited_long() -> None:
    (session,) = _seen({"state": "idle in transaction", "state_seconds": 0.01}).sessions
    blocking = replace(session, blocks=1, idle_kind=IdleKind.BLOCKING)
    assert finding(blocking, 0.1, PATIENT).verdict is Verdict.OK
    assert finding(blocking, 5.1, PATIENT).verdict is Verdict.FAIL


def test_a_quiet_server_is_said_to_be_quiet() -> None:
    assert activity_headline(_seen({"state": "active"})) == "Nothing waits or lingers: 1 session active."


def test_rows_fit_80_and_120_cells_and_can_be_filtered() -> None:
    seen = _seen({}, {"pid": 7, "texts": [b"other", b"ana", b"x", b"VACUUM", b"client backend"]})
    assert [row.key for row in rows(seen, Look(), "pid", "ANA")] == ["7"]
    assert {row.key for order in ORDERS for row in rows(seen, Look(unicode=False), order)} == {"1", "7"}
    assert "query" in {column.key for column in fit_columns(COLUMNS, 80)}
    assert {"user", "app", "database"} <= {column.key for column in fit_columns(COLUMNS, 120)}
    assert detail(seen, "99", Look()) is None

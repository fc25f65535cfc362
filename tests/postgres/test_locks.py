"""Who waits for whom: the blocking trees of real sessions, and of shapes that are hard to manufacture."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import ActivitySettings
from devora_console.core.console import Verdict
from devora_console.core.snapshot import to_json
from devora_console.postgres.activity.graph import behind, forest, in_cycle, waiters_of
from devora_console.postgres.activity.read_locks import every, read_locks
from devora_console.postgres.activity.snapshot import LockNode, LocksSnapshot
from devora_console.postgres.activity.words import locks_headline
from devora_console.postgres.locks import MIGRATION
from devora_console.postgres.watch.guest import Guest
from devora_console.tui.render.columns import fit_columns
from devora_console.tui.render.locks import COLUMNS, ORDERS, detail, rows
from devora_console.tui.render.look import Look
from tests.postgres.conftest import Enter, as_role, execute
from tests.postgres.sessions import Sessions, sessions
from tests.schema.old_servers import server

QUICK = ActivitySettings(lock_wait_seconds=0.05)


@pytest.fixture(scope="module")
def two_phase() -> Iterator[Dsn]:
    """A server that allows prepared transactions."""
    with server(14, "max_prepared_transactions=5") as dsn:
        yield dsn


async def look(guest: Guest, limits: ActivitySettings = QUICK) -> LocksSnapshot:
    """A snapshot, which must be there."""
    seen = await read_locks(guest, limits)
    assert isinstance(seen, LocksSnapshot)
    return seen


def node(seen: LocksSnapshot, key: int | str) -> LockNode:
    """The one node of this key."""
    (found,) = (each for each in every(seen.roots) if each.key == str(key))
    return found


async def chain(made: Sessions) -> None:
    """A row lock, two that want the row, an ALTER TABLE in the queue, and a SELECT behind that one alone."""
    await made.open("root", "BEGIN", "UPDATE t SET v = 1 WHERE id = 1")
    await made.begin("first", "UPDATE t SET v = 2 WHERE id = 1")
    await made.begin("second", "UPDATE t SET v = 3 WHERE id = 1")
    await made.begin("alter", "ALTER TABLE t ADD COLUMN w int")
    await made.begin("select", "SELECT count(*) FROM t")


async def test_a_chain_of_five_and_an_advisory_lock(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1)")
    guest = await enter(watched)
    assert (await look(guest)).roots == ()
    assert locks_headline(await look(guest)) == "Nobody waits for a lock."
    async with sessions(watched) as made:
        await chain(made)
        await made.open("keeper", "SELECT pg_advisory_lock(42)")
        await made.begin("keyless", "SELECT pg_advisory_lock(42)")
        seen = await look(guest)
        mine = [root for root in seen.roots if root.pid in (made.pid("root"), made.pid("keeper"))]
        root, keeper = mine
        assert (root.blocks, keeper.blocks) == (4, 1)
        assert root.waits is None
        assert root.finding.verdict is Verdict.FAIL
        assert "idle in its transaction" in root.doing
        assert "COMMIT or ROLLBACK" in root.frees
        assert root.sql == f"devora-console act terminate {root.pid}"
        assert "pg_advisory_unlock" in keeper.frees
        first, second = node(seen, made.pid("first")), node(seen, made.pid("second"))
        assert first.waits is not None
        assert first.waits.mode == "ShareLock"
        assert "row (0,1) of public.t" in first.waits.what
        assert second.waits is not None
        assert second.waits.what == "row (0,1) of public.t"
        alter, select = node(seen, made.pid("alter")), node(seen, made.pid("select"))
        assert set(alter.blocked_by) >= {root.key}
        assert (select.blocked_by, select.blocks) == ((alter.key,), 0)
        assert alter.queued
        assert not root.queued
        assert select in alter.waiters
        assert isinstance(alter.waits and alter.waits.seconds, float)
        advisory = node(seen, made.pid("keyless")).waits
        assert advisory is not None
        assert advisory.what == "advisory lock 42"
        keys = [each.key for each in every(seen.roots)]
        assert len(keys) == len(set(keys))
        assert seen.waiting >= 5
        shown = rows(seen, Look(), next(iter(ORDERS)))
        assert [row.key for row in shown] == keys
        assert shown[1].cells["who"][0].lstrip().startswith("└ ")
        assert not shown[0].cells["who"][0].startswith(("└", " "))
        text = detail(seen, root.key, Look())
        assert text is not None
        assert root.sql in text.plain
        assert to_json(seen)


async def test_nobody_sees_the_tree_too(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1)")
    guest = await enter(await as_role(watched))
    async with sessions(watched) as made:
        await chain(made)
        seen = await look(guest)
        assert node(seen, made.pid("root")).blocks == 4
        assert seen.hidden == 5
        assert "GRANT pg_monitor" in seen.hidden_remedy
        assert node(seen, made.pid("root")).doing == "does what this user may not see"
        assert node(seen, made.pid("root")).finding.verdict is not Verdict.FAIL  # it may be at work
        assert node(seen, made.pid("root")).sql == ""
        monitor = await look(await enter(await as_role(watched, "pg_monitor")))
        assert monitor.hidden == 0


async def test_a_held_and_a_queued_exclusive_lock_stop_no_look(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (id int)")
    guest = await enter(watched)
    async with sessions(watched) as made:
        await made.open("holder", "BEGIN", "LOCK TABLE t")
        await made.begin("queued", "BEGIN; LOCK TABLE t")
        await made.begin("reader", "SELECT * FROM t")
        seen = await asyncio.wait_for(look(guest), 2)
        held = node(seen, made.pid("holder")).holds
        assert [(each.mode, each.what) for each in held] == [("AccessExclusiveLock", "public.t")]
        # The reader is placed under who holds it, and still waits for both.
        reader = node(seen, made.pid("reader"))
        assert set(reader.blocked_by) == {str(made.pid("holder")), str(made.pid("queued"))}


async def test_an_object_of_another_database_is_named_by_its_number(
    watched: Dsn, postgres_admin: Dsn, enter: Enter
) -> None:
    await execute(watched, "CREATE TABLE t (id int)")
    (oid,) = [row["oid"] for row in await (await enter(watched)).query("SELECT 'public.t'::regclass::oid AS oid")]  # type: ignore[union-attr]
    elsewhere = Dsn(watched.reveal().replace(watched.reveal().partition("@")[2].partition("?")[0], "/postgres"))
    guest = await enter(elsewhere)
    async with sessions(watched) as made:
        await made.open("holder", "BEGIN", "LOCK TABLE t")
        await made.begin("waiter", "BEGIN; LOCK TABLE t")
        await made.open("key", f"SELECT pg_advisory_lock({MIGRATION})")
        await made.begin("keyless", f"SELECT pg_advisory_lock({MIGRATION})")
        seen = await look(guest)
        waits = node(seen, made.pid("waiter")).waits
        assert waits is not None
        assert waits.what.startswith(f"relation {oid} of database watched_")
        lease = node(seen, made.pid("keyless")).waits
        assert lease is not None
        assert lease.what == "advisory lock of this console's migration"


async def test_a_prepared_transaction_is_a_root(two_phase: Dsn, enter: Enter) -> None:
    await execute(two_phase, "CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1)")
    gid = "it's [red]\x1b[31m"
    literal = "'it''s [red]\x1b[31m'"
    async with sessions(two_phase) as made:
        await made.open("gone", "BEGIN", "UPDATE t SET v = 2 WHERE id = 1", f"PREPARE TRANSACTION {literal}")
        await made.begin("waiter", "UPDATE t SET v = 3 WHERE id = 1")
        await made.begin("alter", "ALTER TABLE t ADD COLUMN w int")
        seen = await look(await enter(two_phase))
        (root,) = seen.roots
        assert (root.pid, root.session, root.blocks) == (0, None, 2)
        assert root.prepared is not None
        assert root.prepared.gid == gid
        shown_as = "E'it''s [red]\\u001B[31m'"  # to be copied from a screen
        assert root.sql == f"COMMIT PREPARED {shown_as};\nROLLBACK PREPARED {shown_as};"
        assert "RowExclusiveLock" in {each.mode for each in root.holds}
        assert "has been prepared for" in root.doing
        assert node(seen, made.pid("waiter")).blocked_by == (root.key,)
        shown = rows(seen, Look(), "longest wait")
        assert not any("\x1b" in cell for row in shown for cell, _ in row.cells.values())
        await execute(two_phase, root.sql.splitlines()[1])


async def test_a_deadlock_survives_until_the_server_ends_it(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    guest = await enter(watched)
    async with sessions(watched) as made:
        for name, row in (("one", 1), ("two", 2)):
            await made.open(name, "SET deadlock_timeout = '60s'", "BEGIN", f"UPDATE t SET v = 0 WHERE id = {row}")  # noqa: S608
        tasks = [asyncio.ensure_future(made.run("one", "UPDATE t SET v = 0 WHERE id = 2"))]
        tasks.append(asyncio.ensure_future(made.run("two", "UPDATE t SET v = 0 WHERE id = 1")))
        await asyncio.sleep(0.2)
        seen = await look(guest)
        both = {str(made.pid("one")), str(made.pid("two"))}
        assert both <= {each.key for each in every(seen.roots)}
        (root,) = (each for each in seen.roots if each.key in both)
        assert root.in_cycle
        assert "deadlock" in root.finding.why
        assert "a circle" in root.frees
        assert root.sql == f"devora-console act cancel {root.pid}"
        assert "1 circle of sessions that wait for each other" in locks_headline(seen)
        shown = detail(seen, root.key, Look())
        assert shown is not None
        assert "none" not in shown.plain  # no empty verdict on the session itself beside that of the lock
    await asyncio.gather(*tasks, return_exceptions=True)


_GRAPHS = st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 8), min_size=1, max_size=4), max_size=9)


@given(_GRAPHS)
def test_every_session_stands_in_the_forest_exactly_once(blocked_by: dict[int, list[int]]) -> None:
    roots, children = forest(blocked_by)
    standing = [*roots, *(child for group in children.values() for child in group)]
    waiters = waiters_of(blocked_by)
    involved = set(waiters) | {waiter for group in waiters.values() for waiter in group}
    assert len(standing) == len(set(standing))
    assert set(standing) == involved
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        at = todo.pop()
        assert at not in seen
        seen.add(at)
        todo += children.get(at, [])
    assert seen == involved
    for parent, group in children.items():
        assert all(parent in blocked_by[child] for child in group)


def test_a_cycle_hangs_together_and_a_queue_reads_from_front_to_end() -> None:
    waiters = waiters_of({1: (2,), 2: (1,), 3: (1,)})
    assert in_cycle(1, waiters)
    assert not in_cycle(3, waiters)
    assert behind(2, waiters) == {1, 3}


def test_columns_suit_80_and_120_cells() -> None:
    assert {"who", "state", "waits", "blocks", "lock"} <= {column.key for column in fit_columns(COLUMNS, 80)}
    assert "query" in {column.key for column in fit_columns(COLUMNS, 120)}

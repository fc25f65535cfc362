"""Whatever fails in the middle: one line, the exit code, a target without halves, and the next run completes it."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.servers import DemoServers, for_database
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, Phase, State
from tests.migration.failing import Interrupted, fails, interrupted, recovers, whole
from tests.migration.world import (
    DATABASE,
    World,
    assert_verified,
    content,
    do,
    dry_run,
    execute,
    fetch,
    held,
    message,
    oid,
    outcome,
    project,
    run,
    settings,
    uid,
    user,
)


@pytest.fixture
async def own_target(own_servers: DemoServers) -> Dsn:
    """A database with the schema in the test's own server."""
    admin = own_servers.postgres.dsn
    await do(admin, "CREATE DATABASE own")
    connection = await asyncpg.connect(for_database(admin, "own").reveal())
    await schema.apply(connection)
    await connection.close()
    return for_database(admin, "own")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_postgres_is_stopped(mode: Any, own_servers: DemoServers, own_target: Dsn, folder: Path) -> None:
    World.of(40).write(folder)
    error = await fails(own_target, folder, Interrupted(lambda: own_servers.postgres.stop(mode), after=60))
    assert (error.exit_code, error.problem.code) == (ExitCode.STOPPED, "postgres_lost")
    own_servers.postgres.start()
    users, invoices = (await fetch(own_target, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM invoices)"))[
        0
    ]
    # An immediate stop may take the last batches with it, whole: they did not wait for the disk.
    assert users == 40 if mode == "fast" else users <= 40
    assert invoices == 0
    await whole(own_target)
    await recovers(own_target, folder)


async def test_mongo_is_stopped(own_servers: DemoServers, own_target: Dsn) -> None:
    url = own_servers.mongo.url
    client: MongoClient[dict[str, Any]] = MongoClient(url.reveal())
    for name, documents in World.of(20).collections.items():
        # Large enough that a batch of the server is not everything.
        client[DATABASE][name].insert_many([{**d, "bulk": "x" * 60_000} for d in documents if isinstance(d, dict)])
    client.close()
    gone = Interrupted(own_servers.mongo.stop, 30, Phase.SURVEY)
    error = await fails(own_target, url, gone, source_timeout_seconds=0.5)
    assert (error.exit_code, error.problem.code) == (ExitCode.STOPPED, "mongo_unreachable")
    await whole(own_target)
    with pytest.raises(ConsoleError) as caught:
        await dry_run(own_target, url, source_timeout_seconds=0.5)
    assert caught.value.exit_code is ExitCode.CONNECT
    own_servers.mongo.start()
    await recovers(own_target, own_servers.mongo.url, batch_bytes=10**6)


async def test_mongo_is_stopped_after_it_was_read(own_servers: DemoServers, own_target: Dsn) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(own_servers.mongo.url.reveal())
    for name, documents in World.of(20).collections.items():
        client[DATABASE][name].insert_many([dict(d) for d in documents if isinstance(d, dict)])
    client.close()
    job = interrupted(own_target, own_servers.mongo.url, Interrupted(own_servers.mongo.stop, 0), batch_bytes=600)
    done = await job.run()
    assert done.state is State.DONE
    assert isinstance(job.control, Interrupted)
    assert job.control.done
    assert len((await content(own_target))["messages"]) == 60


async def test_the_writer_is_terminated(target: Dsn, postgres_admin: Dsn, folder: Path) -> None:
    World.of(30).write(folder)
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'devora-console migration' AND datname = current_database()"
    )
    error = await fails(target, folder, Interrupted(_soon(target, terminate), after=40))
    assert (error.exit_code, error.problem.code) == (ExitCode.STOPPED, "postgres_lost")
    await whole(target)
    await recovers(target, folder)


def _soon(target: Dsn, statement: str) -> Callable[[], None]:
    """Runs a statement from another thread, and waits for it: the job is between two steps meanwhile."""

    def act() -> None:
        import threading

        thread = threading.Thread(target=lambda: asyncio.run(do(target, statement)))
        thread.start()
        thread.join()

    return act


async def test_a_grant_is_revoked(target: Dsn, postgres_admin: Dsn, folder: Path) -> None:
    World.of(10).write(folder)
    await do(
        target,
        "DO $$ BEGIN CREATE ROLE grantee LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    url = _as_role(target, "grantee")
    try:
        await do(target, "ALTER ROLE grantee PASSWORD 'p4ssw0rt-of-grantee'", *_hand_over("grantee"))
        stolen = "REVOKE INSERT, UPDATE ON projects FROM grantee"
        error = await fails(url, folder, Interrupted(_soon(target, stolen), after=3))
        assert (error.exit_code, error.problem.code) == (ExitCode.USAGE, "postgres_permission")
        assert "projects" in error.problem.message
        assert "p4ssw0rt" not in str(error)
        await whole(target)
        await do(target, "GRANT INSERT, UPDATE ON projects TO grantee")
        await recovers(url, folder)
        await do(target, "ALTER TABLE projects OWNER TO CURRENT_USER")
        with pytest.raises(ConsoleError) as caught:
            await dry_run(url, folder)
        assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, "table_not_owned")
    finally:
        await do(target, "DROP OWNED BY grantee CASCADE")
        await do(postgres_admin, "DROP ROLE grantee")


def _as_role(target: Dsn, role: str) -> Dsn:
    head, _, tail = target.reveal().partition("@")
    return Dsn(f"{head.partition('//')[0]}//{role}:p4ssw0rt-of-{role}@{tail}")


def _hand_over(role: str) -> list[str]:
    """Statements that make a role the owner of everything the migration touches."""
    names = "devora_console", "public"
    return [
        f"GRANT ALL ON SCHEMA {', '.join(names)} TO {role}",
        f"DO $$ DECLARE r record; BEGIN FOR r IN SELECT oid::regclass AS name FROM pg_class WHERE relkind IN ('r', 'p')"
        f" AND relnamespace IN ('public'::regnamespace, 'devora_console'::regnamespace) AND NOT relispartition"
        f" LOOP EXECUTE format('ALTER TABLE %s OWNER TO {role}', r.name); END LOOP; END $$",
    ]


async def test_a_check_that_some_documents_violate(target: Dsn, folder: Path) -> None:
    """Made before the run, the dry run knows it; the rows of an earlier run leave the tables."""
    await execute(target, World.of().write(folder))
    await do(target, "ALTER TABLE users ADD CONSTRAINT surprise CHECK (email <> 'user1@example.org') NOT VALID")
    said, done = await dry_run(target, folder), await execute(target, folder)
    assert outcome(said) == outcome(done)
    assert {each.constraint for each in done.quarantine if each.rule == "check"} == {"surprise"}
    assert sorted((await held(target)).values()) == ["check", *["parent_quarantined"] * 3]
    await assert_verified(target, folder)
    await do(target, "ALTER TABLE users DROP CONSTRAINT surprise")
    await recovers(target, folder)
    assert await held(target) == {}


@pytest.mark.parametrize("already_there", [False, True])
async def test_a_check_made_while_the_copy_runs(already_there: bool, target: Dsn, folder: Path) -> None:
    """After the survey; also when a version of an earlier run is in place, with all that hangs on it."""
    world = World.of(12)
    if already_there:
        await execute(target, world.write(folder))
        for n in range(12):
            world.get("users", n)["full_name"] = "changed"
    world.write(folder)
    # Between survey and write: the pruning step reads the books, then users are written.
    surprise = "ALTER TABLE users ADD CONSTRAINT surprise CHECK (email <> 'user11@example.org') NOT VALID"
    done = await interrupted(target, folder, Interrupted(_soon(target, surprise))).run()
    assert done.quarantine_rules == {"check": 1, "parent_quarantined": 3}
    assert await held(target) == {
        ("users", str(oid(11))): "check",
        ("projects", str(oid(1011))): "parent_quarantined",
        ("conversations", str(oid(2011))): "parent_quarantined",
        ("invoices", str(oid(3011))): "parent_quarantined",
    }
    await whole(target)
    await assert_verified(target, folder)
    await do(target, "ALTER TABLE users DROP CONSTRAINT surprise")
    await recovers(target, folder)


async def test_a_trigger_that_refuses(target: Dsn, folder: Path) -> None:
    """The twins have no triggers: only execution meets it. It ends, and ends the same every time."""
    await do(
        target,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.email = 'user2@example.org' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION no()",
    )
    World.of().write(folder)
    for _ in range(2):
        done = await execute(target, folder)
        assert done.quarantine_rules == {"parent_quarantined": 3, "server_refused": 1}
        await whole(target)
    with pytest.raises(ConsoleError) as caught:
        await execute(target, folder, max_quarantine="0")
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.NEGATIVE, "quarantine_over_budget")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the job reports by a plain call, from wherever it is
            await asyncio.sleep(0.005)


async def test_one_runner_at_a_time(target: Dsn, folder: Path) -> None:
    World.of(20).write(folder)
    refused: list[ConsoleError] = []

    async def second() -> None:
        try:
            await execute(target, folder)
        except ConsoleError as error:
            refused.append(error)

    first = Job(Kind.EXECUTE, settings(target, folder))
    first.control.pause()
    running = asyncio.create_task(first.run())
    await _until(lambda: first.snapshot.state is State.PAUSED)
    await second()
    first.control.resume()
    await running
    assert [(error.exit_code, error.problem.code) for error in refused] == [(ExitCode.REFUSED, "lease_held")]
    assert "pid" in refused[0].problem.message
    await assert_verified(target, folder)


async def test_a_runner_that_lost_its_lease_writes_no_more(target: Dsn, folder: Path) -> None:
    World.of(20).write(folder)
    stolen = "UPDATE devora_console.lease SET epoch = epoch + 1"
    error = await fails(target, folder, Interrupted(_soon(target, stolen), after=10))
    assert (error.exit_code, error.problem.code) == (ExitCode.REFUSED, "lease_lost")
    await whole(target)
    await recovers(target, folder)


async def test_over_budget_nothing_is_written(target: Dsn, folder: Path) -> None:
    world = World.of()
    await execute(target, world.write(folder))
    before = await content(target)
    world.get("users", 1)["email"] = None
    world.get("users", 2)["full_name"] = "changed"
    world.write(folder)
    for budget, allowed in (("3", False), ("10%", False), ("4", True), ("25%", True)):
        for kind in (Kind.DRY_RUN, Kind.EXECUTE):
            if allowed:
                await run(kind, target, folder, max_quarantine=budget)
                continue
            with pytest.raises(ConsoleError) as caught:
                await run(kind, target, folder, max_quarantine=budget)
            assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.NEGATIVE, "quarantine_over_budget")
            assert await content(target) == before
            assert await held(target) == {}
        before = await content(target)


@pytest.mark.parametrize("budget", ["", "lots", "-1", "10 %", "1e3", "nan%"])
def test_a_budget_that_makes_no_sense(budget: str, folder: Path) -> None:
    with pytest.raises(ConsoleError) as caught:
        Job(Kind.DRY_RUN, settings(Dsn("postgresql://x/y"), folder, max_quarantine=budget))
    assert caught.value.exit_code is ExitCode.USAGE


async def test_pause_resume_and_stop(target: Dsn, folder: Path) -> None:
    World.of(30).write(folder)
    control = Interrupted(lambda: control.pause(), after=10)  # noqa: PLW0108 - there is no control yet
    job = interrupted(target, folder, control)
    running = asyncio.create_task(job.run())
    await _until(lambda: job.snapshot.state is State.PAUSED)
    counts = await fetch(target, "SELECT count(*) FROM devora_console.document")
    await asyncio.sleep(0.1)
    assert await fetch(target, "SELECT count(*) FROM devora_console.document") == counts
    control.stop()
    with pytest.raises(ConsoleError) as caught:
        await running
    assert caught.value.exit_code is ExitCode.STOPPED
    assert job.snapshot.problem is not None
    await whole(target)
    done = await execute(target, folder, resume=True)
    assert sum(each.unchanged for each in done.collections) > 0
    await assert_verified(target, folder)


async def test_resuming_something_else_is_refused(target: Dsn, folder: Path, tmp_path: Path) -> None:
    World.of().write(folder)
    with pytest.raises(ConsoleError) as caught:
        await execute(target, folder, resume=True)
    assert caught.value.problem.code == "resume_nothing"
    await execute(target, folder)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ConsoleError) as caught:
        await execute(target, World.of(2).write(other), resume=True)
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, "resume_differs")


def _change(world: World, folder: Path) -> Callable[[], None]:
    def act() -> None:
        world.collections["users"].insert(0, user(77))
        world.collections["projects"].append(project(77, 77))
        world.get("conversations", 3)["messages"].append(message(3, 8))
        world.get("conversations", 2)["id"] = uid("moved")
        del world.collections["conversations"][1]
        del world.collections["invoices"][0]
        world.get("templates", 1)["stars"] = 99
        world.write(folder)

    return act


@pytest.mark.parametrize("when", [(Phase.SURVEY, 1), (Phase.WRITE, 0), (Phase.WRITE, 4)])
async def test_the_source_moves_while_it_is_copied(when: tuple[Phase, int], target: Dsn, folder: Path) -> None:
    """Documents that come, change or go between survey and copy: told, left out whole, and brought in next time."""
    world = World.of(8)
    world.write(folder)
    phase, after = when
    job = interrupted(target, folder, Interrupted(_change(world, folder), after, phase), batch_bytes=300)
    with contextlib.suppress(ConsoleError):
        await job.run()
    # What comes while the survey reads may be part of it.
    problem = job.snapshot.problem
    assert job.snapshot.state is (State.STOPPED if problem else State.DONE)
    assert problem is not None or phase is Phase.SURVEY
    assert problem is None or problem.code == "source_moved"
    await recovers(target, folder, prune=True)


async def test_only_children_without_their_parents(target: Dsn, folder: Path) -> None:
    World.of().write(folder)
    error = await fails(target, folder, only=("projects",))
    assert (error.exit_code, error.problem.code) == (ExitCode.USAGE, "only_without_parents")
    await recovers(target, folder)


async def test_scratch_that_cannot_be_used(target: Dsn, folder: Path, tmp_path: Path) -> None:
    World.of().write(folder)
    error = await fails(target, folder, scratch=tmp_path / "nowhere")
    assert (error.exit_code, error.problem.code) == (ExitCode.USAGE, "scratch_unusable")


async def test_connections_that_cannot_be_had(target: Dsn, folder: Path) -> None:
    World.of().write(folder)
    secret = "hunter2secret"
    wrong = Dsn(target.reveal().replace(target.reveal().split(":")[2].split("@")[0], secret))
    cases = {
        wrong: (ExitCode.CONNECT, "postgres_auth"),
        Dsn(f"postgresql://me:{secret}@127.0.0.1:1/x"): (ExitCode.CONNECT, "postgres_unreachable"),
        Dsn(f"postgres:me:{secret}@host"): (ExitCode.USAGE, "postgres_dsn"),
        for_database(target, "nowhere"): (ExitCode.CONNECT, "postgres_database"),
    }
    for dsn, (code, name) in cases.items():
        error = await fails(dsn, folder)
        assert (error.exit_code, error.problem.code) == (code, name)
        assert secret not in str(error)
    for url, (code, name) in {
        f"mongodb://me:{secret}@127.0.0.1:1": (ExitCode.CONNECT, "mongo_unreachable"),
        f"mongodb://me:{secret}@host:port/": (ExitCode.USAGE, "mongo_url"),
        f"http://me:{secret}@host": (ExitCode.USAGE, "source_scheme"),
    }.items():
        with pytest.raises(ConsoleError) as caught:
            await run(Kind.EXECUTE, target, Dsn(url), source_timeout_seconds=0.3)
        assert (caught.value.exit_code, caught.value.problem.code) == (code, name)
        assert secret not in str(caught.value)


async def test_a_target_without_schema(empty_database: Dsn, folder: Path) -> None:
    World.of().write(folder)
    error = await fails(empty_database, folder)
    assert (error.exit_code, error.problem.code) == (ExitCode.USAGE, "schema_missing")

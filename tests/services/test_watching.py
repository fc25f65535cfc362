"""What the watching screens are fed with, on a real server: sampled, explained, recovered, acted upon."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.clock import utc_now
from devora_console.core.guard import Guard
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.snapshot import ActivitySnapshot
from devora_console.postgres.acts.model import Kind, Outcome, Request
from devora_console.postgres.health.snapshot import HealthSnapshot
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import QueriesSnapshot, StatementsSnapshot
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.postgres.watch.ring import Dated
from devora_console.services import ConsoleServices, build_services
from devora_console.services.lookout import Kind as Looked
from devora_console.services.lookout import Lookout
from tests.eventually import eventually
from tests.postgres.conftest import execute

_KINDS = ("activity", "locks", "queries", "indexes", "health")
Build = Callable[..., ConsoleServices]


@pytest.fixture
def build(empty_database: Dsn, tmp_path: Path) -> Iterator[Build]:
    """Services that watch an empty database; stopped afterwards."""
    made: list[ConsoleServices] = []

    def go(dsn: Dsn = empty_database, *, read_only: bool = False) -> ConsoleServices:
        effective = load(
            overrides={"postgres.dsn": dsn.reveal(), "terminal.refresh_seconds": "0.25"},
            environ={"DEVORA_CONSOLE_HOME": str(tmp_path)},
            cwd=tmp_path,
        )
        services = build_services(effective, Guard(production=False, read_only=read_only, allow_writes=False))
        made.append(services)
        return services

    yield go
    for services in made:
        services.loop.call(services.stop(), 10)
        services.loop.close()


def _moment(services: ConsoleServices, kind: str) -> datetime:
    seen = services.seen(kind)
    assert isinstance(seen, ActivitySnapshot | HealthSnapshot)
    return seen.as_of


async def _count(dsn: Dsn) -> int:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'devora-console%'"
                " AND datname = current_database()"
            )
        )
    finally:
        await connection.close()


def test_every_kind_is_seen_over_three_sessions(
    build: Build, empty_database: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(execute(empty_database, "CREATE EXTENSION pg_stat_statements", "CREATE TABLE t (a int PRIMARY KEY)"))
    services = build()
    assert [services.seen(kind) for kind in _KINDS] == [None] * 5
    opened, plain = [], asyncpg.connect

    async def connect(**given: Any) -> asyncpg.Connection[asyncpg.Record]:
        opened.append(given["server_settings"]["application_name"])
        return await plain(**given)

    monkeypatch.setattr(asyncpg, "connect", connect)
    services.loop.call(services.start_watching())
    assert eventually(lambda: all(services.seen(kind) is not None for kind in _KINDS), 30)
    assert isinstance(services.seen("activity"), ActivitySnapshot)
    assert isinstance(services.seen("indexes"), IndexesSnapshot)
    assert isinstance(services.seen("health"), HealthSnapshot)

    def interval() -> bool:
        seen = services.seen("queries")
        return (
            isinstance(seen, QueriesSnapshot)
            and isinstance(seen.statements, StatementsSnapshot)
            and seen.statements.over_interval
        )

    services.loop.call(services.look("queries"))
    assert eventually(interval, 20)
    # The comparison of the schema needs no session of its own.
    assert eventually(lambda: "not applied yet" in {e.id: e for e in services.overview().lines}["schema"].text)
    assert sorted(opened) == ["devora-console look closer", "devora-console watch", "devora-console watch"]
    monkeypatch.undo()
    assert asyncio.run(_count(empty_database)) <= 3
    assert eventually(lambda: {"queries", "indexes", "health", "activity"} <= {e.id for e in services.overview().lines})
    seen = services.seen("queries")
    assert isinstance(seen, QueriesSnapshot)
    assert isinstance(seen.statements, StatementsSnapshot)
    read = replace(seen.statements.statements[0], text="SELECT a FROM public.t WHERE a = $1")
    plan = services.loop.call(services.plan(read), 30)
    assert isinstance(plan, Plan)
    assert plan.kind == "generic"


def test_a_server_that_cannot_be_reached_is_a_problem_not_an_empty_list(build: Build) -> None:
    services = build(Dsn("postgresql://nobody@127.0.0.1:1/nowhere"))
    services.loop.call(services.start_watching())
    assert eventually(lambda: isinstance(services.seen("activity"), Problem), 20)
    assert eventually(lambda: {e.id: e for e in services.overview().lines}["activity"].verdict == "unknown")


def test_sessions_that_were_lost_are_opened_again(build: Build, empty_database: Dsn) -> None:
    services = build()
    services.loop.call(services.start_watching())
    assert eventually(lambda: isinstance(services.seen("activity"), ActivitySnapshot), 20)
    assert eventually(lambda: isinstance(services.seen("health"), HealthSnapshot), 20)
    ours = "application_name LIKE 'devora-console%' AND datname = current_database()"
    asyncio.run(execute(empty_database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"))  # noqa: S608
    before = {kind: _moment(services, kind) for kind in ("activity", "health")}
    services.loop.call(services.look("health"))  # finds its session lost, and opens another without waiting a minute
    assert eventually(lambda: all(_moment(services, kind) > at for kind, at in before.items()), 30)


def test_an_act_needs_its_name_and_is_verified(build: Build, empty_database: Dsn) -> None:
    name = f"t_{secrets.token_hex(4)}"
    asyncio.run(execute(empty_database, f"CREATE TABLE {name} (a int)"))
    services = build()
    plan = services.loop.call(services.prepare_act(Request(Kind.ANALYZE, name)), 20)
    assert plan.preview.type_name == name
    with pytest.raises(ConsoleError) as caught:
        services.loop.call(services.perform_act(plan, "something else"), 20)
    assert caught.value.exit_code is ExitCode.REFUSED
    result = services.loop.call(services.perform_act(plan, name), 20)
    assert result.outcome is Outcome.DONE
    assert services.act_progress() == ""
    with pytest.raises(ConsoleError) as caught:
        services.loop.call(services.prepare_act(Request(Kind.ANALYZE), 999_999), 20)
    assert caught.value.exit_code is ExitCode.USAGE


def test_read_only_services_act_on_nothing(build: Build, empty_database: Dsn) -> None:
    asyncio.run(execute(empty_database, "CREATE TABLE t (a int)"))
    services = build(read_only=True)
    plan = services.loop.call(services.prepare_act(Request(Kind.VACUUM, "t")), 20)
    with pytest.raises(ConsoleError) as caught:
        services.loop.call(services.perform_act(plan, "t"), 20)
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.REFUSED, "read_only")


def test_the_last_hour_is_kept(build: Build) -> None:
    services = build()
    services.loop.call(services.start_watching())
    assert eventually(lambda: len(services.moments("activity")) == 1, 20)
    (first,) = services.moments("activity")
    assert eventually(lambda: _moment(services, "activity") > first)
    then = services.seen("activity", first)
    assert isinstance(then, ActivitySnapshot)
    assert then.as_of == first
    assert services.seen("activity", first + timedelta(minutes=5)) is then  # what was seen last before that
    assert services.seen("activity", first - timedelta(seconds=1)) is None
    assert len(services.moments("activity")) == 1  # another is kept ten seconds later


async def test_looking_now_asks_again_what_was_refused(empty_database: Dsn) -> None:
    """A refusal is remembered, as asking again would fill the server's log; whoever looks now may have granted it."""
    looked = asyncio.Event()
    settings = PostgresSettings(dsn=empty_database)
    lookout = Lookout(settings, Target(settings))

    async def look(guest: Guest) -> Dated | Unknown:
        rows = await guest.query("SELECT a FROM public.later", remember="later")
        return rows if isinstance(rows, Unknown) else HealthSnapshot(utc_now(), "", Unknown(""), 0.0, {})

    watcher = lookout.watch(Looked("later", 0.05, look), lambda name: looked.set())
    lookout.start()
    try:
        await asyncio.wait_for(looked.wait(), 20)
        assert isinstance(watcher.latest, Unknown)
        await execute(empty_database, "CREATE TABLE later (a int)")
        for _ in range(3):  # looks by itself, and asks nothing
            looked.clear()
            await asyncio.wait_for(looked.wait(), 20)
        assert isinstance(watcher.latest, Unknown)
        watcher.hasten()
        for _ in range(2):  # one may have been under way
            looked.clear()
            await asyncio.wait_for(looked.wait(), 20)
        assert isinstance(watcher.latest, HealthSnapshot)
    finally:
        await lookout.stop()

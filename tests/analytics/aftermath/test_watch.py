"""The watch on a real server: figures against rows that were planted, a restart, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devora_console.analytics.aftermath.keeping import Shelf
from devora_console.analytics.aftermath.model import Events, Times
from devora_console.analytics.aftermath.read import Looker
from devora_console.analytics.aftermath.watching import Watch, record
from devora_console.cli.door import Door
from devora_console.cli.watch_going import go_on
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.config.watch import WatchSettings
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import ExitCode
from devora_console.core.unknown import Unknown
from devora_console.postgres.watch.guest import Guest
from tests.cli.conftest import Run, run, target  # noqa: F401 - fixtures

USER = "00000000-0000-4000-8000-00000000000{}"
# Kind, hours ago, milliseconds; only those of the last day count.
SEARCHES = [("all", 1, ms) for ms in (10, 20, 30, 40)] + [("all", 30, 9000), ("rag", 2, 100), ("rag", 2, 300)]
EVENTS = [
    ("feature_used", 1, 1),
    ("feature_used", 2, 1),
    ("page_viewed", 3, 2),
    ("api_error", 3, 2),
    ("slow_request", 3, 1),
    ("console_command_run", 1, None),
    ("error_occurred", 30, 3),
]


async def _plant(dsn: Dsn) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for each in (1, 2, 3):
            await connection.execute(
                "INSERT INTO public.users (id, email, hashed_password) VALUES ($1, $2, '-')",
                USER.format(each), f"{each}@devora.invalid",
            )  # fmt: skip
        for kind, hours, ms in SEARCHES:
            await connection.execute(
                "INSERT INTO public.search_queries (query_text, search_type, execution_time_ms, timestamp) "
                "VALUES ('-', $1, $2, now() - $3::interval)",
                kind, ms, timedelta(hours=hours),
            )  # fmt: skip
        for name, hours, user in EVENTS:
            await connection.execute(
                "INSERT INTO public.analytics_events (event_name, user_id, timestamp) "
                "VALUES ($1, $2, now() - $3::interval)",
                name, USER.format(user) if user else None, timedelta(hours=hours),
            )  # fmt: skip
    finally:
        await connection.close()


def _settings(dsn: Dsn, **watch: Any) -> Settings:
    return Settings(postgres=PostgresSettings(dsn=dsn), watch=WatchSettings(**watch))


async def test_figures_are_those_of_the_rows(target: Dsn) -> None:  # noqa: F811
    await _plant(target)
    guest = await Guest.enter(target, purpose="test")
    try:
        seen = await Looker(100.0).look(guest)
        assert seen.events == Events(count=5, errors=1, users=2)
        assert seen.searches == Times(4, 20.0, 40.0, "search_queries")
        assert seen.rag == Times(2, 100.0, 300.0, "search_queries")
        assert not isinstance(seen.sizes, Unknown)
        assert {"public.users", "public.messages"} <= set(seen.sizes.tables)
        await guest.connection.execute("SET default_transaction_read_only = off")
        await guest.connection.execute("DELETE FROM public.search_queries WHERE search_type = 'rag'")
        told = "UPDATE public.analytics_events SET event_properties = $1::jsonb WHERE event_name = 'page_viewed'"
        for wrong in ('{"retrieval_time_ms": "x"}', '{"retrieval_time_ms": -1}'):
            await guest.connection.execute(told, wrong)
            assert isinstance((await Looker(100.0).look(guest)).rag, Unknown)
        await guest.connection.execute(told, '{"retrieval_time_ms": 12.5}')
        assert (await Looker(100.0).look(guest)).rag == Times(1, 12.5, 12.5, "events with retrieval_time_ms")
        await guest.connection.execute(told, '{"retrieval_time_ms": 1e400}')
        assert (await Looker(100.0).look(guest)).rag == Times(1, 2**31 - 1, 2**31 - 1, "events with retrieval_time_ms")
        await guest.connection.execute("SET ROLE app_user")
        own = await Looker(100.0).look(guest)
        for figure in (own.events, own.searches, own.rag):
            assert isinstance(figure, Unknown)
            assert "own rows" in figure.reason
    finally:
        await guest.leave()


async def test_where_there_is_no_table_nothing_is_told(empty_database: Dsn) -> None:
    guest = await Guest.enter(empty_database, purpose="test")
    seen = await Looker(100.0).look(guest)
    await guest.leave()
    for figure in (seen.events, seen.searches, seen.rag):
        assert isinstance(figure, Unknown)
        assert figure.remedy == "devora-console schema apply"


async def test_a_restart_goes_on_with_the_same_counters(target: Dsn, tmp_path: Path) -> None:  # noqa: F811
    settings, shelf = _settings(target), Shelf(tmp_path)
    guest = await Guest.enter(target, purpose="test")
    try:
        baseline, _ = await record(guest, settings, shelf, {"active_users": 5}, "")
        first = Watch.open(settings, shelf)
        begun = await first.look(guest)
        lines = {line.id: line for line in begun.lines}
        assert isinstance(lines["cache_hit"].now, Unknown)  # what was counted before is not of the watch
        again = Watch.open(settings, shelf, hours=48)
        assert again.run is not None
        assert first.run is not None
        assert (again.run.id, again.baseline) == (first.run.id, baseline)
        assert again.run.until - again.run.began == timedelta(hours=48)
        seen = await again.look(guest)
        assert seen.looks == 2
        assert {line.id for line in seen.lines if isinstance(line.now, Unknown)} >= {"rag"}
        assert {line.id: line for line in seen.lines}["cache_hit"].now != lines["cache_hit"].now
        assert Watch.open(settings, shelf, again=True).run != again.run
    finally:
        await guest.leave()


async def test_a_look_against_other_values_fails_no_line_of_the_watch(target: Dsn, tmp_path: Path) -> None:  # noqa: F811
    await _plant(target)
    settings, shelf = _settings(target, least_searches=1), Shelf(tmp_path)
    guest = await Guest.enter(target, purpose="test")
    try:
        strict, _ = await record(guest, settings, shelf, {"search": 1}, "")
        own, _ = await record(guest, settings, shelf, {"search": 40}, "")
        begun = Watch.open(settings, shelf, since=utc_now() - timedelta(hours=23))
        assert begun.baseline == own
        once = await Watch.open(settings, shelf, baseline=strict.id, begin=False).look(guest)
        assert {line.id: line.verdict for line in once.lines}["search"] is Verdict.FAIL
        assert once.baseline == strict
        seen = await Watch.open(settings, shelf, begin=False).look(guest)
        assert (seen.looks, seen.recovered) == (2, ())
    finally:
        await guest.leave()


async def test_a_line_that_failed_and_is_well_again_is_told(target: Dsn, tmp_path: Path) -> None:  # noqa: F811
    await _plant(target)
    settings, shelf = _settings(target), Shelf(tmp_path)
    settings = settings.model_copy(update={"watch": WatchSettings(least_searches=1)})
    guest = await Guest.enter(target, purpose="test")
    try:
        await record(guest, settings, shelf, {"search": 1}, "")
        seen = await Watch.open(settings, shelf, since=utc_now() - timedelta(hours=23)).look(guest)
        assert ({line.id: line.verdict for line in seen.lines}["search"], seen.recovered) == (Verdict.FAIL, ())
        better, _ = await record(guest, settings, shelf, {"search": 40}, "")
        assert Watch.open(settings, shelf, baseline=better.id, begin=False).run is not None
        (told,) = (await Watch.open(settings, shelf, baseline=better.id).look(guest)).recovered
        assert (told.id, told.looks, told.first) == ("search", 1, seen.as_of)
        assert Watch.open(settings, shelf).baseline == better
    finally:
        await guest.leave()


async def test_a_signal_ends_it_early_and_what_was_kept_stays(
    target: Dsn,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_DSN", target.reveal())
    monkeypatch.chdir(tmp_path)
    door = Door(quiet=True)
    shelf = Shelf(tmp_path)
    watch = Watch.open(door.effective.settings, shelf)
    going = asyncio.create_task(go_on(door, watch))
    while watch.kept() is None:
        await asyncio.sleep(0.02)
        assert not going.done()
    os.kill(os.getpid(), signal.SIGTERM)
    seen, code, problems = await going
    assert (code, problems[0].code, seen.looks) == (ExitCode.STOPPED, "watch_stopped", 1)
    assert Watch.open(door.effective.settings, shelf).kept() == seen


@pytest.mark.slow
async def test_as_a_command(run: Run, target: Dsn) -> None:  # noqa: F811
    await _plant(target)
    env = {"POSTGRES_DSN": target.reveal(), "DEVORA_CONSOLE__WATCH__EVERY_SECONDS": "1"}
    kept = run("watch", "record", "--value", "search=20", "--note", "[red]old", "--json", **env).json()
    assert kept["baseline"]["given"] == {"search": 20.0}
    told = run("watch", "--hours", "0.001", "--json", **env)
    document = json.loads(told.out)
    assert (told.code, document["ok"]) == (0, True)
    assert document["baseline"]["id"] == kept["baseline"]["id"]
    assert document["looks"] >= 2
    assert document["lines"][0]["id"] == "slow_queries"
    once = run("watch", "--once", "--why", **env)
    assert once.code == 0
    assert "search, P95: 40 ms of 4 in 1d00h · before 20 ms (given)" in once.out
    assert run("watch", "--since", "noon", **env).code == 2
    assert run("watch", "--once", "--hours", "2", **env).code == 2

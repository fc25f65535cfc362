"""The watching screens over a real server, at 80x24 and at 120x40, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from textual.widgets import Button

from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.config.thresholds import ActivitySettings
from devora_console.core.console import Preview, Verdict
from devora_console.core.guard import Guard
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Connections, Finding, Session
from devora_console.postgres.acts.model import Kind, Plan, Request
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.postgres.statements import QueriesSnapshot, RunningSnapshot, interval
from devora_console.services import ConsoleServices, build_services
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from devora_console.tui.screens.acting import ActingScreen
from devora_console.tui.screens.activity import ActivityScreen
from devora_console.tui.screens.confirm import ConfirmScreen
from tests.postgres.conftest import execute
from tests.postgres.test_statements_pure import sample
from tests.tui.fake import FakeServices
from tests.tui.test_screens import SMALL_FIRST, press, said, shown, until

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HOSTILE = 'CREATE INDEX "evil[/] [bold]\x1b[31mname" ON t (a)'


@pytest.fixture
def services(empty_database: Dsn, tmp_path: Path) -> Iterator[ConsoleServices]:
    asyncio.run(
        execute(
            empty_database,
            "CREATE EXTENSION pg_stat_statements",
            "CREATE TABLE t (a int PRIMARY KEY, b text)",
            _HOSTILE,
            "CREATE INDEX twice ON t (b)",
            "CREATE INDEX twice_too ON t (b)",
            "/* [bold]\x1b[2J */ SELECT count(*) FROM t",
        )
    )
    effective = load(
        overrides={"postgres.dsn": empty_database.reveal(), "terminal.refresh_seconds": "0.25"},
        environ={"DEVORA_CONSOLE_HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    found = build_services(effective, Guard(production=False, read_only=False, allow_writes=False))
    yield found
    found.loop.close()


@SMALL_FIRST
async def test_every_place_shows_what_was_seen(services: ConsoleServices, size: tuple[int, int]) -> None:
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "duplicate" in said(app))
        assert "\x1b" not in shown(app)
        assert "twice" in said(app)
        await press(pilot, "question_mark")
        await until(pilot, lambda: "DROP INDEX CONCURRENTLY" in said(app) or "evil" in said(app))
        await press(pilot, "escape", "t")
        await until(pilot, lambda: "duplicates waste" not in said(app))  # invalid ones only: there are none
        await press(pilot, "3")
        await until(pilot, lambda: "statement" in said(app) and "total%" in said(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "Statement " in said(app))
        await press(pilot, "p")
        await until(pilot, lambda: "No plan" in said(app) or "estimated cost" in said(app).lower())
        await press(pilot, "escape", "5")
        await until(pilot, lambda: "cache" in said(app) and "xmin horizon" in said(app))
        await press(pilot, "t")
        await until(pilot, lambda: "xmin horizon" not in said(app))
        await press(pilot, "6")
        await until(pilot, lambda: "wait" in said(app) and "session" in said(app))
        await press(pilot, "l")
        await until(pilot, lambda: "Nobody waits" in said(app) or "wait" in said(app))
        await press(pilot, "escape", "1")
        await until(pilot, lambda: "Health" in said(app))
    services.loop.call(services.stop(), 10)


async def test_an_index_is_dropped_after_its_name_was_typed(services: ConsoleServices) -> None:
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "duplicate" in said(app))
        await press(pilot, "slash", *"twice_too", "enter", "D")
        await until(pilot, lambda: "To confirm, type the name" in said(app))
        assert "DROP INDEX CONCURRENTLY" in said(app)
        assert app.screen.query_one("#dialog-words").max_scroll_y == 0
        await press(pilot, *"twice_too", "enter", "enter")
        await until(pilot, lambda: "same as twice" not in said(app), 30)
    services.loop.call(services.stop(), 10)


async def test_ending_a_statement_and_calling_it_off_are_not_named_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeServices()
    preview = Preview("Cancel session 7 of ana", "Its statement fails.", "Locks nothing.", "SELECT 1;", "", "7")

    async def plan(request: Request, oid: int | None = None) -> Plan:
        return Plan(request, 7, "7", "SELECT 1", preview, "", 1.0)

    monkeypatch.setattr(fake, "prepare_act", plan)
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "6")
        assert isinstance(app.screen, ActingScreen)
        app.screen.act_on(Request(Kind.CANCEL, "7"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        names = {str(each.label) for each in app.screen.query(Button)}
        assert names == {"Cancel", "End statement"}


async def test_an_act_under_way_is_not_cut_off_without_a_question() -> None:
    fake = FakeServices()
    fake.acting = "building index: 5 of 20 blocks"
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "Q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "Quit during an act" in said(app) and "building index: 5 of 20" in said(app))


@SMALL_FIRST
@pytest.mark.parametrize("place", ["3", *(pytest.param(each, marks=pytest.mark.slow) for each in ("4", "5", "6"))])
async def test_nothing_seen_yet_and_what_is_in_the_way(place: str, size: tuple[int, int]) -> None:
    fake = FakeServices()
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, place)
        assert "Looking for the first time." in said(app)
        for kind in ("queries", "indexes", "health", "activity"):
            fake.seen_now[kind] = Problem("postgres_lost", "the connection was [lost]", "Check that the server runs")
        await press(pilot, "space", "space")
        assert "the connection was [lost]" in said(app)
        for kind in ("queries", "indexes", "health", "activity"):
            fake.seen_now[kind] = Unknown("not allowed: permission denied", "GRANT pg_monitor to this user")
        await press(pilot, "space", "space")
        assert "Not known: not allowed: permission denied. GRANT pg_monitor to this user." in said(app)
        for key in ("enter", "s", "c", "e", "r", "D", "V", "K", "m"):
            await press(pilot, key)
    fake.loop.close()


@SMALL_FIRST
async def test_what_concerns_all_lines_and_why_there_are_none(size: tuple[int, int]) -> None:
    fake = FakeServices()
    window, note = Unknown("not asked"), "Not known: bloat: [x] permission denied."
    fake.seen_now["indexes"] = IndexesSnapshot(_NOON, "d", window, window, 47, 10**6, "", (), (note,), {}, None, 9)
    fake.seen_now["queries"] = QueriesSnapshot(
        _NOON,
        100.0,
        interval(sample(0, {}), sample(10, {}, hidden=7)),
        RunningSnapshot((), 100.0, 3, 0, 0),
    )
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "9 indexes could not be compared" in said(app))
        await press(pilot, "question_mark")
        await until(pilot, lambda: note in said(app))
        await press(pilot, "escape", "t")
        await until(pilot, lambda: "No finding of the kind invalid; t lists the next kind." in said(app))
        assert "No finding:" not in said(app)
        await press(pilot, "3", "l")
        await until(pilot, lambda: "Slow statements only are listed, and there is none; l lists all." in shown(app))
        await press(pilot, "question_mark")
        await until(pilot, lambda: "7 statements of others are hidden" in said(app))
    fake.loop.close()


async def test_suggested_indexes_are_asked_for(services: ConsoleServices) -> None:
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "duplicate" in said(app))
        await press(pilot, "p")
        await until(pilot, lambda: any("uggested indexes" in each.message for each in app._notifications))
    services.loop.call(services.stop(), 10)


@SMALL_FIRST
async def test_what_an_act_is_doing_is_on_the_screen(size: tuple[int, int]) -> None:
    fake = FakeServices()
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "4")
        assert "building index" not in shown(app)
        fake.acting = "REINDEX: building index [1 of 2]"
        app.screen.draw()  # type: ignore[attr-defined]  # as the wake of the services does
        await until(pilot, lambda: "REINDEX: building index [1 of 2]" in shown(app))
    fake.loop.close()


def _session(pid: int) -> Session:
    return Session(
        pid=pid, workers=(), hidden=False, backend_type="client backend", database="d", user="u", application="",
        client=None, state="active", wait_type=None, wait_event=None, query="SELECT 1", query_truncated=False,
        query_id=None, started=_NOON, statement_started=_NOON, transaction_seconds=1.0, statement_seconds=1.0,
        state_seconds=1.0, wait_seconds=None, xid_age=None, xmin_age=None,
    )  # fmt: skip


@SMALL_FIRST
async def test_what_was_seen_before_is_shown_as_such(size: tuple[int, int]) -> None:
    def seen(minutes: int) -> ActivitySnapshot:
        connections = Connections(3, 97, 100, 3, Finding(Verdict.OK, ""))
        sessions = tuple(_session(pid) for pid in range(101, 101 + minutes))
        at = _NOON + timedelta(minutes=minutes)
        return ActivitySnapshot(at, sessions, 0, "", 0, 0, connections, ActivitySettings().model_dump())

    fake = FakeServices()
    fake.seen_now["activity"] = seen(3)
    fake.seen_then = {("activity", _NOON + timedelta(minutes=n)): seen(n) for n in (1, 2)}
    app = DevoraApp(fake, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: "103" in said(app))
        assert app.screen.check_action("cancel", ()) is True
        await press(pilot, "less_than_sign")
        await until(pilot, lambda: "At 12:02:00Z" in said(app) and "‖ 12:02:00Z" in said(app))
        assert "102" in said(app)
        assert "103" not in said(app)
        assert app.screen.check_action("cancel", ()) is None  # what is not now is not acted upon
        await press(pilot, "less_than_sign", "less_than_sign")  # the second finds nothing older
        await until(pilot, lambda: "At 12:01:00Z" in said(app) and "102" not in said(app))
        await press(pilot, "greater_than_sign", "greater_than_sign")
        await until(pilot, lambda: "103" in said(app) and "At 12:" not in said(app))
        await press(pilot, "less_than_sign", "escape")
        await until(pilot, lambda: "103" in said(app) and "At 12:" not in said(app))
        await press(pilot, "less_than_sign")
        fake.seen_then.clear()  # an hour went by
        cast(ActivityScreen, app.screen).draw()
        await until(pilot, lambda: "not kept any more" in said(app))
        await press(pilot, "greater_than_sign")
        await until(pilot, lambda: "103" in said(app))

"""Steering a run from the screen: pause, resume, and the throttle with its three fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from devora_console.core.problems import refused
from devora_console.migration.progress import Kind, MigrationSnapshot, State, Wishes
from devora_console.tui.app import DevoraApp
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.migration import MigrationScreen
from devora_console.tui.screens.throttle import ThrottleScreen
from devora_console.tui.widgets.line import Line
from tests.tui.fake import FakeServices, copied, copying, finishing
from tests.tui.test_screens import LARGE, SMALL, SMALL_FIRST, make, press, said, shown, until

LOOKS = pytest.mark.parametrize("unicode", ["always", "never"])


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    found.migration_now = copying()
    yield found
    found.loop.close()


async def opened(pilot: Pilot[int], app: DevoraApp) -> None:
    """Press T on the Migration screen."""
    await press(pilot, "2", "T")
    await until(pilot, lambda: isinstance(app.screen, ThrottleScreen))
    await pilot.pause()


@SMALL_FIRST
@LOOKS
async def test_the_throttle_begins_with_the_present_wishes(
    services: FakeServices, size: tuple[int, int], unicode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    services.migration_now = replace(copying(), wishes=Wishes(rows_per_second=2_500.0, batch_bytes=2_000_000))
    app = make(services, unicode=unicode)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        text = shown(app)
        for words in ("Throttle the copy", "rows per second", "workers", "batch bytes", "Enter applies, Esc cancels"):
            assert words in text
        assert [field.value for field in app.screen.query(Input)] == ["2500", "", "2M"]
        assert "the console decides" in text
        assert unicode == "always" or text.isascii()
        assert "STAGING" in text.split("\n")[0]
        await press(pilot, "escape")
        assert isinstance(app.screen, MigrationScreen)
        assert services.asked == ["start_watching"]


@SMALL_FIRST
async def test_what_is_typed_is_wanted_from_then_on(services: FakeServices, size: tuple[int, int]) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        await press(pilot, *"1000", "tab", "1", "down", *"500k", "up", "enter")
        await until(pilot, lambda: services.asked[-1] == "throttle 1000.0 1 500000")
        assert isinstance(app.screen, MigrationScreen)


@SMALL_FIRST
async def test_the_run_goes_on_behind_the_dialog(services: FakeServices, size: tuple[int, int]) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        services.migration_now = copying(0.9)
        services.publish()
        await until(pilot, lambda: "Copy running: 89 % of 2.13 M rows" in shown(app))
        services.migration_now = copied()
        services.publish()
        await until(pilot, lambda: "Not yet verified: press v" in shown(app))
        assert isinstance(app.screen, ThrottleScreen)


async def test_what_is_typed_ahead_goes_to_its_field(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, app)
        for key in (*"3000", "tab", "1", "down", *"2M", "shift+tab", "2", "enter"):  # all at once; 2 replaces 1
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: services.asked[-1] == "throttle 3000.0 2 2000000")


async def test_empty_fields_leave_it_to_the_console_again(services: FakeServices) -> None:
    services.migration_now = replace(copying(), wishes=Wishes(False, 1_000.0, 2, 2_000_000))
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, app)
        for _ in range(3):
            await press(pilot, "end", "ctrl+u", "tab")
        await press(pilot, "enter")
        await until(pilot, lambda: services.asked[-1] == "throttle None None None")


@SMALL_FIRST
@pytest.mark.parametrize(
    ("keys", "words", "name"),
    [
        pytest.param(["0"], "rows per second: a number from 1 on, or nothing", "wish-rows", marks=pytest.mark.slow),
        pytest.param([*"nan"], "rows per second: a number from 1 on, or nothing", "wish-rows", marks=pytest.mark.slow),
        ([*"[red"], "rows per second: a number from 1 on, or nothing", "wish-rows"),
        pytest.param(
            ["tab", *"65"], "workers: a whole number from 1 to 64, or nothing", "wish-workers", marks=pytest.mark.slow
        ),
        (["tab", *"1.5"], "workers: a whole number from 1 to 64, or nothing", "wish-workers"),
        pytest.param(
            ["tab", "tab", *"2G"], "batch bytes: from 10k to 256M, as 500k, 2M or", "wish-batch", marks=pytest.mark.slow
        ),
        (["tab", "tab", *"9999", "up"], "batch bytes: from 10k to 256M, as 500k, 2M or", "wish-batch"),
    ],
)
async def test_what_makes_no_sense_is_said_in_a_line_and_not_applied(
    services: FakeServices, size: tuple[int, int], keys: list[str], words: str, name: str
) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        await press(pilot, *keys, "enter")
        await until(pilot, lambda: f"✗ {words}" in said(app))
        assert app.focused is not None
        assert app.focused.id == name
        assert services.asked == ["start_watching"]
        await press(pilot, "end", "ctrl+u")
        assert "✗" not in said(app)
        await press(pilot, "enter")
        await until(pilot, lambda: services.asked[-1] == "throttle None None None")


@pytest.mark.parametrize(
    ("snapshot", "possible"),
    [
        (copying(), True),
        (replace(copying(), state=State.PAUSED), True),
        pytest.param(finishing(1, 3), True, marks=pytest.mark.slow),
        (replace(copying(), state=State.STOPPING), False),
        (replace(copying(), kind=Kind.DRY_RUN), False),
        pytest.param(replace(copying(), kind=Kind.VERIFY), False, marks=pytest.mark.slow),
        (copied(verified=True), False),
        pytest.param(replace(copying(), state=State.FAILED), False, marks=pytest.mark.slow),
    ],
)
async def test_only_a_copy_under_way_is_throttled(
    services: FakeServices, snapshot: MigrationSnapshot, possible: bool
) -> None:
    services.migration_now = snapshot
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "T")
        await pilot.pause(0.1)
        assert isinstance(app.screen, ThrottleScreen) is possible
        assert ("T throttle" in shown(app)) is possible


async def test_a_refused_throttle_is_a_banner(services: FakeServices) -> None:
    services.fails = refused("not_running", "no copy is running here", "Start one with X")
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: "no copy is running here" in shown(app))


@SMALL_FIRST
async def test_a_pause_from_another_terminal_shows_and_p_resumes(services: FakeServices, size: tuple[int, int]) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        assert "P pause" in shown(app)
        services.migration_now = replace(copying(), state=State.PAUSED, wishes=Wishes(paused=True))
        services.publish()
        await until(pilot, lambda: "Copy paused at 60 % of 2.13 M rows. Press P to resume." in shown(app))
        assert "copy ‖ 60 %" in shown(app)
        assert "P resume" in shown(app)
        await press(pilot, "P")
        await until(pilot, lambda: services.asked[-1] == "resume")


@SMALL_FIRST
async def test_a_pause_that_waits_for_an_index_shows_and_p_takes_it_back(
    services: FakeServices, size: tuple[int, int]
) -> None:
    services.migration_now = replace(finishing(1, 12, "index idx_messages_search"), wishes=Wishes(paused=True))
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        assert "Pausing after what is in flight; press P to go on." in shown(app)
        assert "building indexes: 12 of 28 (idx_messages_search)" in said(app)
        await press(pilot, "P")
        await until(pilot, lambda: services.asked[-1] == "resume")


@pytest.mark.parametrize("key", ["S", "Q"])
async def test_who_stops_a_bulk_load_hears_what_stays_aside(services: FakeServices, key: str) -> None:
    services.migration_now = finishing(1, 12)
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", key)
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert app.screen.query_one("#dialog-text", Line).words == (
            "The copy ends at 12 of 28 indexes, after what is in flight. What is written stays. "
            "Indexes and keys that are set aside come back only when it is executed again."
        )
        await press(pilot, "escape")
        assert app.return_value is None
        assert services.asked == ["start_watching"]


@SMALL_FIRST
@LOOKS
async def test_every_line_of_a_running_copy_is_in_view(
    services: FakeServices, size: tuple[int, int], unicode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    services.migration_now = replace(copying(), bulk=True)
    app = make(services, unicode=unicode)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        text = shown(app)
        assert unicode == "always" or text.isascii()
        for collection in services.migration_now.collections:
            assert collection.name in text
        dot, running, times = ("·", "…", "×") if unicode == "always" else ("-", "~", "x")
        assert f"copy {running} 60 % {dot} {'search vectors' if size == LARGE else 'vectors'} {dot} indexes" in text
        assert f" workers  2 {times} 55.0 k rows/s {dot} 40 % waiting for PostgreSQL {dot} batches of 2.00 MB" in text
        assert f"61.2 k rows/s {dot} 44.1 MB/s" in text
        assert " conversions  iso date" in text
        assert ("29317" in text) is (size == LARGE)
        assert ("rows/s of the copy" in text) is (size == LARGE)
        await press(pilot, "?")
        seen = said(app)
        for _ in range(3):
            await press(pilot, "pagedown")
            seen += said(app)
        assert "Copy: phases" in seen
        assert "29317" in seen


@SMALL_FIRST
@pytest.mark.parametrize("round_", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4))])
async def test_after_the_copy_nothing_is_called_rows_that_is_none(
    services: FakeServices, size: tuple[int, int], round_: int
) -> None:
    services.migration_now = finishing(round_, 3)
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        text = shown(app)
        assert "workers  " not in text
        assert "14.2 k rows/s of the copy on average" in text
        assert ("3 of 28" in text) is (round_ == 1)
        assert "31.9 k" not in text

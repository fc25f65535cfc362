"""The screens over fixed services, at 80x24 and at 120x40, driven by keys."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, refused
from devora_console.migration.progress import MigrationSnapshot, State
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.migration import MigrationScreen
from devora_console.tui.screens.quarantine import QuarantineScreen
from tests.tui.fake import FakeServices, copied, copying, header, lost

SMALL, LARGE = (80, 24), (120, 40)
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
SMALL_FIRST = pytest.mark.parametrize(
    "size", [pytest.param(SMALL, id="80x24"), pytest.param(LARGE, id="120x40", marks=pytest.mark.slow)]
)


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    yield found
    found.loop.close()


def make(services: FakeServices, **options: Any) -> DevoraApp:
    return DevoraApp(services, TuiOptions(**({"unicode": "always"} | options)))


def shown(app: DevoraApp) -> str:
    """What is on the screen, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips(app.size)
    text = "\n".join("".join(segment.text for segment in line) for line in lines[:height])
    assert all(len(line) <= width for line in text.split("\n"))
    return text.replace("\u202f", " ")


def said(app: DevoraApp) -> str:
    """What is on the screen as one run of words, however it is broken into lines."""
    return " ".join(shown(app).split())


async def until(pilot: Pilot[int], condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a condition, so many seconds at most."""
    for _ in range(int(seconds * 50)):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come about; shown:\n{shown(pilot.app)}")  # type: ignore[arg-type]


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Type, and let the screen settle before and after."""
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()


@SIZES
async def test_overview_shows_every_line_and_explains_it(services: FakeServices, size: tuple[int, int]) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = shown(app)
        lines = text.split("\n")
        assert lines[0].startswith(" STAGING  pg devora@db1 16.4 ✓")
        assert "ARMED" in lines[0]
        assert lines[0].rstrip().endswith("Z")
        assert ("1 Overview" if size == LARGE else "1 Over ") in lines[1]
        assert set(lines[2]) == {"─"}
        assert lines[3].strip() == services.overview_now.headline
        for line in services.overview_now.lines:
            assert line.title in text
            assert line.text[:40] in text
        await press(pilot, "down", "down", "down", "?")
        assert "threshold: 0" in shown(app)
        await press(pilot, "escape", "enter")
        assert isinstance(app.screen, MigrationScreen)


async def test_wide_terminals_show_the_detail_beside_the_list(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        assert "dbStats answered" in shown(app)
        await press(pilot, "end", "down")
        await pilot.resize_terminal(*SMALL)
        await pilot.pause(0.1)
        assert "dbStats answered" not in shown(app)


@SIZES
async def test_migration_while_copying(services: FakeServices, size: tuple[int, int]) -> None:
    services.migration_now = copying()
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        text = shown(app)
        assert "Copy running: 60 % of 2.13 M rows" in text
        assert "58 058/120 k" in text
        assert "… writing 48 %" in text
        assert "61.2 k rows/s" in text
        for collection in services.migration_now.collections:
            assert collection.name in text
        assert ("rows by table" in text) is (size == LARGE)
        assert ("rows/s of the copy" in text) is (size == LARGE)


@SIZES
async def test_the_verification_table(services: FakeServices, size: tuple[int, int]) -> None:
    services.migration_now = copied(verified=False)
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        assert ("✗ mismatch      3" in shown(app)) is (size == LARGE)
        await press(pilot, "t", "down", "down", "down", "down")
        text = shown(app)
        assert "✗ mismatch      3      1     12" in text
        assert ("role: user → system" in text) is (size == LARGE)
        await press(pilot, "escape")
        assert "collection" in shown(app)


async def test_keys_reach_the_services(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "d", "v")
        await until(pilot, lambda: services.asked == ["start_watching", "dry_run", "verify"])
        services.migration_now = copying()
        services.publish()
        await press(pilot, "P")
        await until(pilot, lambda: services.asked[-1] == "pause")
        services.migration_now = replace(copying(), state=State.PAUSED)
        services.publish()
        await until(pilot, lambda: "P resume" in shown(app))
        await press(pilot, "P")
        await until(pilot, lambda: services.asked[-1] == "resume")
        await press(pilot, "d", "X", "v")  # not while a run is active
        assert services.asked[-1] == "resume"
        await press(pilot, "S", "right", "enter")
        await until(pilot, lambda: services.asked[-1] == "stop_migration")


@SMALL_FIRST
async def test_execute_needs_the_name_and_starts_at_cancel(services: FakeServices, size: tuple[int, int]) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2", "X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        text = shown(app)
        assert "Copies 249 208 documents" in text
        assert "type the name: devora" in text
        assert "STAGING" in text.split("\n")[0]
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await press(pilot, "enter")
        assert isinstance(app.screen, MigrationScreen)
        await press(pilot, "X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await press(pilot, "tab", *"devor", "enter", "tab", "enter")
        assert "execute devora" not in services.asked
        await until(pilot, lambda: isinstance(app.screen, MigrationScreen))  # back at Cancel, then Enter
        await press(pilot, "X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await press(pilot, "tab", *"devora", "enter", "enter")
        await until(pilot, lambda: services.asked[-1] == "execute devora")


async def test_a_name_typed_ahead_is_not_lost(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "X")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        for key in "devora":  # all at once, as a slow line delivers them
            app.post_message(Key(key, key))
        await until(pilot, lambda: app.screen.query_one(Input).value == "devora")
        await press(pilot, "enter")
        assert services.asked == ["start_watching"]
        await press(pilot, "enter")
        await until(pilot, lambda: services.asked[-1] == "execute devora")


async def test_read_only_greys_the_acts_and_the_services_refuse_too(services: FakeServices) -> None:
    services.read_only = True
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "X")
        await pilot.pause(0.1)
        assert isinstance(app.screen, MigrationScreen)
        assert app.screen.check_action("execute", ()) is None
        assert app.screen.check_action("dry_run", ()) is True
        assert "READ-ONLY" in shown(app)
        app.act("execute", lambda: services.execute("devora"))
        await until(pilot, lambda: "the console is read-only" in shown(app))
        await press(pilot, "escape")
        assert "the console is read-only" not in shown(app)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused("lease", "another console runs the migration", "Wait for it"), "another console runs the migration"),
        (ValueError("postgresql://ana:hunter2@db1/devora"), "a defect in the console (ValueError)"),
    ],
)
async def test_a_refused_act_becomes_the_banner(services: FakeServices, error: Exception, words: str) -> None:
    services.fails = error
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "d")
        await until(pilot, lambda: words in shown(app))
        assert "hunter2" not in shown(app)
        assert services.asked == ["start_watching"]


@SMALL_FIRST
async def test_quarantine_list_document_and_back(services: FakeServices, size: tuple[int, int]) -> None:
    services.migration_now = copying()
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2", "q")
        await until(pilot, lambda: "3 documents could not be converted" in shown(app))
        await press(pilot, "/", *"owner", "enter")
        await until(pilot, lambda: "1 match the filter" in said(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "Refonte du portail client" in shown(app))
        assert services.asked[-1] == "document 65a1f0c2b7d4e8f901234567"
        await press(pilot, "escape", "escape")
        assert isinstance(app.screen, QuarantineScreen)
        assert "match the filter" not in shown(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, MigrationScreen)


async def test_filter_and_sort_the_collections(services: FakeServices) -> None:
    services.migration_now = copying()
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "/", *"inv")
        text = shown(app)
        assert "invoices" in text
        assert "projects" not in text
        await press(pilot, "escape")
        assert "projects" in shown(app)
        await press(pilot, "s")
        await until(pilot, lambda: shown(app).find("api_keys") < shown(app).find("users "))


async def test_freeze_keeps_the_body_and_says_so(services: FakeServices) -> None:
    services.migration_now = copying(0.305)
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "space")
        before = shown(app)
        assert "‖ refresh paused" in before
        assert "◌ stale" in before
        services.migration_now = copying(0.905)
        services.publish()
        await pilot.pause(0.1)
        assert "Copy running: 30 %" in shown(app)
        await press(pilot, "space")
        assert "Copy running: 90 %" in shown(app)


async def test_a_lost_server_is_a_banner_and_stale_data_until_it_returns(services: FakeServices) -> None:
    services.migration_now = copying()
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2")
        services.header_now = lost(header())
        services.publish("header")
        await until(pilot, lambda: "✗ lost PostgreSQL devora@db1" in shown(app))
        text = shown(app)
        assert "attempt 3" in text
        assert "◌ stale" in text
        services.header_now = header()
        services.publish("header")
        await until(pilot, lambda: "lost" not in shown(app))
        assert "stale" not in shown(app)


async def test_hidden_screens_do_not_draw(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = MigrationScreen.draw

    def counted(screen: MigrationScreen) -> None:
        drawn.append("migration")
        draw(screen)

    monkeypatch.setattr(MigrationScreen, "draw", counted)
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "1")
        drawn.clear()
        services.migration_now = copying()
        services.publish()
        await pilot.pause(0.2)
        assert drawn == []
        await press(pilot, "2")
        assert drawn
        assert "Copy running" in shown(app)


async def test_export_writes_json_only_its_owner_reads(services: FakeServices, tmp_path: Path) -> None:
    services.migration_now = copied(verified=True)
    app = make(services, export_dir=tmp_path / "exports")
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await press(pilot, "2", "e")
        await until(pilot, lambda: "written:" in shown(app))
        (path,) = (tmp_path / "exports").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = json.loads(path.read_text(encoding="utf-8"))
        assert found["state"] == "done"
        assert len(found["collections"]) == 13


async def test_export_into_a_file_is_a_banner(services: FakeServices, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    app = make(services, export_dir=tmp_path / "taken")
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "e")
        await until(pilot, lambda: "cannot write into" in shown(app))


async def test_copy_as_command(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "y")
        await until(pilot, lambda: app.clipboard == "devora-console migrate --dry-run")
        services.migration_now = copied(verified=True)
        await press(pilot, "y")
        await until(pilot, lambda: "--execute" in app.clipboard)


@SMALL_FIRST
@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_runs_actions(services: FakeServices, size: tuple[int, int], key: str) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2", key)
        await until(pilot, lambda: "Convert every document" in shown(app))
        await press(pilot, *"dry run")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        await until(pilot, lambda: services.asked[-1] == "dry_run")


async def test_quitting_asks_while_a_run_is_active(services: FakeServices) -> None:
    services.migration_now = copying()
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "Q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await press(pilot, "enter")
        assert app.return_value is None
        services.migration_now = MigrationSnapshot(as_of=utc_now())
        await press(pilot, "Q")
        await pilot.pause()
    assert app.return_value == 0


async def test_a_keymap_moves_a_key(services: FakeServices) -> None:
    app = make(services, keymap={"migration.dry_run": "D"})
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "2", "d")
        await pilot.pause(0.1)
        assert services.asked == ["start_watching"]
        assert "D dry run" in shown(app)
        await press(pilot, "D")
        await until(pilot, lambda: services.asked[-1] == "dry_run")


async def test_plain_terminals_get_plain_ascii_on_every_screen(services: FakeServices) -> None:
    services.migration_now = copied(verified=False)
    app = make(services, unicode="never")
    async with app.run_test(size=LARGE) as pilot:
        for keys in (
            (),
            ("2",),
            ("t",),
            ("t", "q"),
            ("enter",),
            ("escape", "escape", "X"),
            ("escape", "?"),
            ("escape", "colon"),
        ):
            await press(pilot, *keys)
            await pilot.pause(0.2)
            strange = {char for char in shown(app) if ord(char) > 126}
            assert not strange, (keys, strange)
            assert "rows by table" in shown(app) or keys != ("2",)


def test_unusable_options_are_refused_by_name(services: FakeServices) -> None:
    with pytest.raises(ConsoleError, match="no theme 'neon'"):
        make(services, theme="neon")

"""The analytics screen, driven by keys: over fixed answers, then over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from devora_console.analytics.aftermath.model import Events, WatchSnapshot
from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.guard import Guard
from devora_console.core.problems import Problem
from devora_console.services import build_services
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from devora_console.tui.widgets.headline import Headline
from tests.analytics.aftermath.readings import before
from tests.cli.conftest import target  # noqa: F401 - a fixture
from tests.tui.fake import FakeServices
from tests.tui.fake_analytics import delivery, report, watch
from tests.tui.test_analytics_render import benched
from tests.tui.test_screens import LARGE, SMALL, SMALL_FIRST, make, press, said, shown, until


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    yield found
    found.loop.close()


@SMALL_FIRST
async def test_views_are_turned_and_only_the_shown_one_is_asked(
    services: FakeServices, size: tuple[int, int], tmp_path: Path
) -> None:
    port = services.analytics
    app = make(services, export_dir=tmp_path)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "9")
        assert "Looking for the first time." in said(app)
        port.report, port.delivery, port.bench = report(), delivery(refused=2), benched()
        port.watch = watch(before(), events=Events(10_000, 900, 400))
        services.publish("analytics")
        await until(pilot, lambda: "active users" in said(app))
        assert ("figures (1 of 5)" if size == LARGE else "9 Anlt ? help") in said(app)
        assert size == LARGE or "Figures: 44 active today" in said(app)
        await press(pilot, "t")
        assert "active users by day" in said(app)
        assert "▃?▆█" in said(app)
        await press(pilot, "t")
        assert "Events do not all arrive: 2 undelivered" in said(app)
        await press(pilot, "t")
        assert "before: a stand-in for MongoDB" in said(app)
        await press(pilot, "t")
        assert "Worse than before: error rate (9.00 %)" in said(app)
        assert "✗ fail" in said(app)
        assert ("before 0.20 %" in said(app)) == (size == LARGE) or size == SMALL
        await press(pilot, "up", "up", "up", "enter")  # in depth, also where there is no pane
        assert "fails for the whole database" in said(app)
        await press(pilot, "escape", "w", "b")
        await until(pilot, lambda: "keep" in port.asked)
        assert "begin" in port.asked
        await press(pilot, "w")  # one is going on
        assert port.asked.count("begin") == 1
        await press(pilot, "e")
        await until(pilot, lambda: any(tmp_path.glob("analytics-watch*")))
        await press(pilot, "escape")
        assert "44 active today" in said(app)
        await press(pilot, "1")
        await until(pilot, lambda: port.asked[-1] == "show None")
        views = [each for each, _ in groupby(each for each in port.asked if each.startswith("show"))]
        turned = ("figures", "trends", "events", "bench", "watch")
        assert views[:5] == [f"show {each}" for each in turned]
        assert views[-2:] == ["show figures", "show None"]


async def test_what_is_in_the_way_is_said_and_what_is_old_is_stale(services: FakeServices) -> None:
    app = make(services)
    services.analytics.report = Problem("metrics_role", "this login sees its own rows only", "Connect as the owner")
    services.analytics.watch = replace(watch(before()), as_of=utc_now().replace(year=2025))
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "9")
        assert "Not known: this login sees its own rows only" in said(app)
        await press(pilot, "t", "t", "t", "t")
        assert "stale" in shown(app).splitlines()[2]


@pytest.mark.slow
async def test_over_a_real_server(target: Dsn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path))
    for name in ("POSTHOG_API_KEY", "MONGO_URL"):
        monkeypatch.delenv(name, raising=False)
    effective = load(environ={"POSTGRES_DSN": target.reveal(), "DEVORA_CONSOLE_HOME": str(tmp_path)})
    services = build_services(effective, Guard(production=False, read_only=False, allow_writes=False, typed=None))
    app = DevoraApp(services, TuiOptions(unicode="always", start="analytics"))
    try:
        async with app.run_test(size=LARGE) as pilot:
            await until(pilot, lambda: "total users" in said(app), 20)
            await press(pilot, "t", "t")
            await until(pilot, lambda: "not sent to PostHog" in said(app), 20)
            await press(pilot, "t")
            await until(pilot, lambda: "Nothing was measured yet" in said(app), 20)
            await press(pilot, "t")
            await until(pilot, lambda: "No watch is going on" in said(app), 20)
            await press(pilot, "b")
            await until(pilot, (tmp_path / "data" / "watch" / "baselines").is_dir, 20)
            await press(pilot, "w")
            await until(pilot, partial(_going, services), 20)
            assert services.analytics.watching
            await press(pilot, "1")
            await until(pilot, lambda: "Events" in said(app) and "not sent to PostHog" in said(app), 20)
    finally:
        services.loop.call(services.stop(), 10)
        services.loop.close()


def _going(services: object) -> bool:
    seen = services.analytics.watch  # type: ignore[attr-defined]
    return isinstance(seen, WatchSnapshot) and not seen.ended


async def test_a_headline_that_has_no_room_ends_with_an_ellipsis(services: FakeServices, tmp_path: Path) -> None:
    app = make(services, export_dir=tmp_path)
    async with app.run_test(size=SMALL) as pilot:
        line = app.screen.query_one(Headline)
        line.show("word " * 200)
        await until(pilot, lambda: line.words.endswith("…"))
        assert line.words.count("\n") == 2
        await pilot.resize_terminal(400, 24)
        await until(pilot, lambda: not line.words.endswith("…"))
        line.show("short")
        assert line.words == "short"

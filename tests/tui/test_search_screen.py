"""The search screen, driven by keys: over fixed answers, then over a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from devora_console.config.load import load
from devora_console.config.rag import RagSettings
from devora_console.config.secret import Dsn
from devora_console.core.guard import Guard
from devora_console.core.safetext import safe
from devora_console.search.model import Method
from devora_console.services import ConsoleServices, build_services
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from devora_console.tui.screens.search import SearchScreen
from devora_console.tui.screens.search_sql import SqlScreen
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.search.world import ALICE, BOB, execute, prepare
from tests.tui.fake import FakeServices
from tests.tui.fake_search import EVIL
from tests.tui.test_screens import LARGE, SMALL, SMALL_FIRST, make, press, said, shown, until


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    yield found
    found.loop.close()


async def typed(pilot: Pilot[int], text: str) -> None:
    """Type a query over what is there."""
    await press(pilot, "slash")
    pilot.app.screen.query_one("#query", Input).value = text
    await pilot.pause(0.1)


def ranks(folder: Path) -> list[int]:
    """Those of the hybrid's hits in the one file that is there."""
    written = json.loads(next(folder.iterdir()).read_text("utf-8"))
    return [each["rank"] for each in written["methods"]["hybrid"]["hits"]]


@SMALL_FIRST
async def test_typing_searches_and_keys_go_deeper(
    services: FakeServices, size: tuple[int, int], tmp_path: Path
) -> None:
    app = make(services, export_dir=tmp_path)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "7")
        assert "Nothing asked yet. Press /" in said(app)
        await press(pilot, "slash", "f", "u", "7", "space", "q")  # all of it belongs to the query
        await until(pilot, lambda: services.searching.asked[-1:] != [] and services.searching.asked[-1].text == "fu7 q")
        await press(pilot, "enter")
        assert "semantic is unknown: there are no vectors" in said(app)
        assert "as owner, past row-level security" in said(app)
        assert ("full text 2/10 ! short" in said(app)) == (size == LARGE)
        await press(pilot, "enter")
        assert "where each method has it" in said(app) or size == SMALL
        assert "rank 1" in said(app)
        await press(pilot, "escape", "x")
        await until(pilot, lambda: "there is no server" in said(app))
        await press(pilot, "escape", "a")
        await until(pilot, lambda: "The index finds 50%" in said(app))
        await press(pilot, "escape", "w", "right", "right", "up", "escape")
        await pilot.pause(0.1)
        assert services.searching.asked[-1].knobs.weights[Method.SEMANTIC] == 1.25
        assert "compared with the answer before" in said(app) or size == SMALL
        await press(pilot, "e")
        await until(pilot, lambda: any(tmp_path.iterdir()))
        assert ranks(tmp_path) == [1, 2, 3]
        await press(pilot, "s", "r")
        assert isinstance(app.screen, SqlScreen)
        await until(pilot, lambda: "1 row in 0.3 ms" in said(app))
        await press(pilot, "escape", "slash", "ctrl+u")
        await until(pilot, lambda: "Nothing asked yet" in said(app))


async def test_a_user_is_chosen_and_hits_are_judged(services: FakeServices, tmp_path: Path) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "7")
        await typed(pilot, "fuite")
        await press(pilot, "enter", "j")
        await until(pilot, lambda: "from everybody's documents" in said(app))
        assert "0, 1 or 2; p another file" in said(app)
        everybody = tmp_path / "everybody.json"
        await press(pilot, "p")
        app.screen.query_one(Input).value = str(everybody)
        await press(pilot, "enter", "1")
        await until(pilot, everybody.exists)
        assert json.loads(everybody.read_text("utf-8"))["as_owner"] is True
        await until(pilot, lambda: isinstance(app.screen, SearchScreen) and app.screen.at == 1)
        await press(pilot, "up", "u")
        await press(pilot, "b", "o", "b")
        await until(pilot, lambda: "bob@devora.invalid" in said(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "as user bob@devora.invalid (row-level security)" in said(app))
        path = tmp_path / "suite.json"
        await press(pilot, "j", "2")
        await until(pilot, lambda: "is judged as owner" in said(app))
        await press(pilot, "escape", "j", "p")
        app.screen.query_one(Input).value = str(path)
        await press(pilot, "enter", "2")
        await until(pilot, path.exists)
        assert isinstance(app.screen, SearchScreen)
        await until(pilot, lambda: "[2]" in said(app))
        assert app.screen.at == 1


async def test_ascii_terminals_get_ascii(services: FakeServices) -> None:
    app = make(services, unicode="never")
    async with app.run_test(size=LARGE) as pilot:
        await press(pilot, "7")
        await typed(pilot, "fuite")
        await press(pilot, "enter", "enter")
        query = shown(app).split("\n")
        assert "\n".join(query).isascii()


@pytest.fixture
async def world(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    return await database_from(await template_database("search_world", prepare))


@pytest.fixture
def real(world: Dsn, tmp_path: Path) -> Iterator[ConsoleServices]:
    effective = load(
        overrides={"postgres.dsn": world.reveal(), "search.statement_seconds": "2"},
        environ={"DEVORA_CONSOLE_HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    found = build_services(effective, Guard(production=False, read_only=True, allow_writes=False))
    yield found
    found.loop.close()


async def test_a_real_server_answers_as_each_user(real: ConsoleServices, world: Dsn) -> None:
    app = DevoraApp(real, TuiOptions(unicode="always", start="search"))

    def complete() -> bool:
        snapshot = real.searching.seen.snapshot
        return snapshot is not None and snapshot.complete and real.searching.seen.asking is None

    def answered(text: str) -> bool:
        snapshot = real.searching.seen.snapshot
        return complete() and snapshot is not None and snapshot.asked.text == text

    async with app.run_test(size=LARGE) as pilot:
        await press(pilot, "u")
        await until(pilot, lambda: "bob@devora.invalid" in said(app), 20)
        await press(pilot, *"alice", "enter")
        for text in ("fuite mémoire", "fuite memoir", "c++", "'; drop table users; --", "le la", "-cache", EVIL,
                     "x\x00y", "é" * 10_000, "🚲"):  # fmt: skip
            await typed(pilot, text)
            await until(pilot, partial(answered, safe(text)), 20)
            assert "\x1b" not in shown(app)
        await typed(pilot, "fuite mémoire")
        await until(pilot, lambda: complete() and "all this user's" in said(app))
        assert "Fuite mémoire dans le worker" in said(app)
        assert "DKIM" not in said(app)  # Bob's
        await press(pilot, "enter", "x")
        await until(pilot, lambda: "Nothing is wrong" in said(app) or "rows expected" in said(app))
        await press(pilot, "escape", "r")
        await until(pilot, lambda: "No model was asked" in said(app), 20)
        await press(pilot, "v")
        await until(pilot, lambda: "the question stands alone" in said(app) and "Fuite mémoire dans" in said(app), 20)
        assert "Courriels" not in said(app)  # Bob's
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "goes on with Fuite mémoire dans le worker: 2 turns" in said(app), 20)
        await press(pilot, "A")
        await until(pilot, lambda: "no key for OpenAI" in said(app), 20)
        real.searching._settings = real.searching._settings.model_copy(
            update={"rag": RagSettings(base_url="http://127.0.0.1:9/v1")}
        )
        await press(pilot, "A")
        await until(pilot, lambda: "goes to a program on this machine" in said(app), 20)
        assert "leaves this machine" not in said(app)
        await press(pilot, "escape")
        assert (await execute(world, "SELECT count(*) FROM public.users"))[0][0] == 2
        assert {ALICE, BOB}  # both are still there


@pytest.mark.slow
async def test_a_server_that_hangs_holds_nobody_up(real: ConsoleServices, world: Dsn) -> None:
    app = DevoraApp(real, TuiOptions(unicode="always", start="search"))
    async with app.run_test(size=SMALL) as pilot:
        await typed(pilot, "mémoire")
        await until(pilot, lambda: real.searching.seen.snapshot is not None, 20)
        await execute(
            world,
            "CREATE OR REPLACE FUNCTION public.devora_query(words text) RETURNS tsquery LANGUAGE sql AS "
            "$$SELECT NULL::tsquery FROM pg_sleep(60)$$",
        )
        await typed(pilot, "serveur")
        await until(pilot, lambda: real.searching.seen.asking is not None)
        await press(pilot, "enter", "down")  # keys are answered meanwhile
        await pilot.pause(0.5)
        assert "below is still the answer to: mémoire" in said(app)
        await press(pilot, "escape")
        await until(pilot, lambda: real.searching.seen.asking is None)
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%devora_query(%' AND state = 'active' AND pid <> pg_backend_pid()"  # noqa: E501
        await until(pilot, lambda: real.searching.seen.asking is None)
        await pilot.pause(0.3)
        assert (await execute(world, sleeping))[0][0] == 0

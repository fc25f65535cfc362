"""The cutover's screen over fixed snapshots, at 80x24 and 120x40, driven by keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Button, Input

from devora_console.core.problems import Problem, refused
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import RunState
from devora_console.tui.app import DevoraApp
from devora_console.tui.render.cutover_can import Here, suggested
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.cutover import CutoverScreen
from devora_console.tui.screens.cutover_depth import CutoverDepthScreen
from devora_console.tui.widgets.follow_table import FollowTable
from tests.tui.cutover_states import STATES, run_at, seen_of
from tests.tui.fake import FakeServices
from tests.tui.test_hostile import HOSTILE
from tests.tui.test_screens import LARGE, SMALL, SMALL_FIRST, make, press, said, shown, until


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    yield found
    found.loop.close()


async def opened(services: FakeServices, pilot: Pilot[int], state: str | CutoverSnapshot) -> None:
    """Go to the screen in a state."""
    services.cutover_now = STATES[state]() if isinstance(state, str) else state
    await press(pilot, "8")


# What has to be read in each state, and the key that leads on.
READ: dict[str, tuple[str, ...]] = {
    "no runbook": ("There is no runbook to walk", "variables missing: site", "[cutover.vars]"),
    "gates shut": (
        "2 of 2 gates are not open",
        "no run",
        "✗ fail",
        "MEASURED",
        "ATTESTED",
        "! waived",
        "next: O open run",
    ),
    "draft": ("real draft", "nobody drives", "next: m measure"),
    "ready": ("ready for GO", "real draft 2 of 2 open for GO", "next: G GO", "window ends"),
    "poll": ("any strong objections? GO for run in 2", "J objects", "go: cy", "armed", "next: J object"),
    "poll of a watcher": ("step 5/6 ‖ waiting 1m11s", "GO for open in 2", "Any strong objections?", "next: J object"),
    "running": ("… running step 3/6 … running 2m11s", "next: P pause", "back now: 20s (undo 2)", "to spare", "line 39"),
    "verifying": ("… verifying", "waits for http://front/ answers 503 (found: 200)"),
    "failed": ("‖ paused step 3/6 ✗ failed 1m11s", "exit code 3", "next: R retry"),
    "unknown": ("‖ paused step 3/6 ? unknown", "next: Y it happened"),
    "inconclusive": ("‖ paused step 3/6 ? inconclusive", "next: R retry"),
    "paused": ("‖ paused step 4/6", "next: C continue", "asked to by ana"),
    "no return": (
        "step 5/6 ‖ waiting 1m11s",
        "next: G GO",
        "point of no return: needs its own GO and 2 people",
        "go: ana",
    ),
    "past": ("past the point of no return: going back loses writes and needs 2 people", "next: R retry"),
    "rolling back": ("rolling back step 2/6 … undoing 2m11s", "still to go back: 20s (undo 2)"),
    "done": ("✓ real done 6/6 steps passed, ended", "next: O open run, B roll back", "loses writes and needs 2 people"),
    "rolled back": ("Rolled back: the team decided so.", "! real rolled back"),
    "watcher": ("watching, driven by bob@bastion", "next: N note", "… running 2m11s"),
}


@SMALL_FIRST
async def test_every_state_says_where_it_stands_and_what_to_press(
    services: FakeServices, size: tuple[int, int]
) -> None:
    app = make(services)
    async with app.run_test(size=size) as pilot:
        for state in STATES:
            await opened(services, pilot, state)
            services.publish("cutover")
            for words in READ[state]:
                await until(pilot, lambda words=words: words in said(app))  # type: ignore[misc]


@SMALL_FIRST
async def test_three_views_and_each_line_in_depth(services: FakeServices, size: tuple[int, int]) -> None:
    services.printed["save"] = ("first line", "[red]last[/red] line")
    app = make(services)
    async with app.run_test(size=size) as pilot:
        await opened(services, pilot, "failed")
        table = app.screen.query_one("#steps", FollowTable)
        assert table.current_key == "save"
        await press(pilot, "enter")
        assert isinstance(app.screen, CutoverDepthScreen)
        await until(pilot, lambda: "[red]last[/red] line" in shown(app) or size == SMALL)
        text = app.screen.query_one("#document-text").words  # type: ignore[attr-defined]
        for words in ("✗ failed", "command", "backup mongo", "gate backup.mongo is open", "way back", "exit code 0"):
            assert words in text
        await until(pilot, lambda: "first line" in app.screen.query_one("#document-text").words)  # type: ignore[attr-defined]
        await press(pilot, "escape", "t")
        assert "MEASURED" in shown(app)
        await press(pilot, "enter")
        assert "the last dry run" in shown(app)
        assert "item 1 of the guide" in shown(app)
        await press(pilot, "escape", "t")
        assert "note: the mail went out" in shown(app)
        assert "00000005" in shown(app)
        assert app.screen.query_one("#timeline", FollowTable).current_key == "5"
        await press(pilot, "enter")
        assert '"state": "failed"' in shown(app)
        await press(pilot, "escape", "escape")
        assert app.screen.query_one("#steps").display


async def test_the_cursor_follows_the_current_step_until_it_is_moved(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "verifying")
        table = app.screen.query_one("#steps", FollowTable)
        assert table.current_key == "shut"
        services.cutover_now = STATES["running"]()
        services.publish("cutover")
        await until(pilot, lambda: table.current_key == "save")
        await press(pilot, "up", "up")
        services.cutover_now = STATES["paused"]()
        services.publish("cutover")
        await until(pilot, lambda: "4/6" in shown(app))
        assert table.current_key == "preflight"
        await press(pilot, "down", "down", "down")
        services.cutover_now = STATES["running"]()
        services.publish("cutover")
        await until(pilot, lambda: table.current_key == "save")


# --- acts ---------------------------------------------------------------------------------------------


async def test_go_is_typed_and_starts_once(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "ready")
        services.holds = asyncio.Event()
        await press(pilot, "G", "G", "G")
        assert isinstance(app.screen, ConfirmScreen)
        assert sum(isinstance(each, ConfirmScreen) for each in app.screen_stack) == 1
        assert "measured again now" in said(app)
        assert "devora-console cutover run --resume --yes-i-typed staging" in said(app)
        for field in app.screen.query(Input):
            field.value = ""
        app.screen.query_one("#cancel").focus()
        await press(pilot, "enter", "enter", "enter")  # key repeat: Cancel, then a look in depth
        assert not [each for each in services.asked if each.startswith("cutover")]
        await press(pilot, "escape", "G")
        await press(pilot, *"staging", "enter", "enter", "enter", "enter")
        await until(pilot, lambda: "cutover go" in services.asked)
        await press(pilot, "escape", "G", "G")
        assert not isinstance(app.screen, ConfirmScreen)
        assert services.asked.count("cutover go") == 1
        assert "… GO" in shown(app)
        services.release()
        await until(pilot, lambda: "… GO" not in shown(app))


async def test_a_name_that_is_wrong_starts_nothing(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "no return")
        await press(pilot, "G", *"staging", "enter", "enter")
        assert app.screen.query_one("#confirm", Button).disabled
        assert "cannot be undone" in said(app)
        await press(pilot, "tab", *" open", "enter", "enter")
        await until(pilot, lambda: "cutover go open" in services.asked)


# State, keys up to the question, what is said, what is typed, what is asked of the services.
ACTS: tuple[tuple[str, tuple[str, ...], str | None, str, str], ...] = (
    ("gates shut", ("m",), None, "", "cutover measure"),
    ("gates shut", ("r",), None, "", "cutover measure migration.dry_run"),
    ("gates shut", ("O",), "", "", "cutover open"),
    ("gates shut", ("H",), "", "", "cutover rehearse"),
    ("draft", ("W",), "known since monday", "migration.dry_run", "cutover waive migration.dry_run known since monday"),
    ("draft", ("down", "A"), "mail of noon", "", "cutover attest team.informed mail of noon"),
    ("paused", ("C",), "", "", "cutover resume"),
    ("paused", ("B",), "it is too late", "staging", "cutover roll_back  it is too late"),
    ("running", ("P",), "", "", "cutover pause"),
    ("running", ("X",), "", "", "cutover stop_step save"),
    ("failed", ("R",), "", "", "cutover retry save"),
    ("failed", ("S",), "done by hand", "save", "cutover skip save done by hand"),
    ("unknown", ("Y",), "I have seen it", "", "cutover happened save I have seen it"),
    ("unknown", ("U",), "nothing is there", "", "cutover did_not_happen save nothing is there"),
    ("no return", ("V",), "", "", "cutover vote_go open"),
    ("past", ("V",), "", "", "cutover vote_go open"),
    ("past", ("up", "up", "V"), "", "", "cutover vote_go rollback"),
    ("done", ("V",), "", "", "cutover vote_go rollback"),
    ("poll", ("J",), "not without Eve", "", "cutover object run not without Eve"),
    ("watcher", ("N",), "hello", "", "cutover note  hello"),
)


@pytest.mark.parametrize(
    "acts", [pytest.param(ACTS[::5], id="some"), pytest.param(ACTS, id="all", marks=pytest.mark.slow)]
)
async def test_each_act_asks_and_then_acts(
    services: FakeServices, acts: tuple[tuple[str, tuple[str, ...], str | None, str, str], ...]
) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "8")
        for state, keys, words, name, asked in acts:
            services.cutover_now = STATES[state]()
            services.asked.clear()
            services.publish("cutover")
            await press(pilot, *keys)
            if words is not None:
                assert app.screen.query_one("#cancel").has_focus
                await _fill(pilot, words, name)
            await until(pilot, lambda asked=asked: asked in services.asked)  # type: ignore[misc]
            assert [each for each in services.asked if each.startswith("cutover")] == [asked]


async def _fill(pilot: Pilot[int], words: str, name: str) -> None:
    """Say and type, and press the button."""
    screen = pilot.app.screen
    assert screen.query_one("#confirm", Button).disabled == bool(words or name)
    if words:
        screen.query_one("#say", Input).value = words
    if name:
        screen.query_one("#typed", Input).value = name
    await pilot.pause()
    screen.query_one("#confirm").focus()
    await press(pilot, "enter")


async def test_what_a_rollback_would_lose_is_measured_before_it_is_asked_for(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        lost = ("invoices: 3 rows written since would be lost",)
        await opened(services, pilot, replace(STATES["done"](), loss=lost))
        await press(pilot, "B")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert services.asked[-1] == "cutover measure_loss"
        for words in ("invoices: 3 rows", "2 more people have to"):
            assert words in said(app)
        await _fill(pilot, "visitors see errors", "staging")
        await until(pilot, lambda: "cutover roll_back  visitors see errors" in services.asked)


async def test_evidence_that_says_nothing_is_not_taken(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "draft")
        await press(pilot, "down", "A", *"ok", "enter", "enter", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        assert "at least 10 characters" in said(app)
        assert app.screen.query_one("#confirm", Button).disabled
        await press(pilot, "escape")
        assert "cutover" not in " ".join(services.asked)


async def test_a_refusal_is_told(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "ready")
        services.fails = refused("gates_shut", "no GO: source.silent is fail: 12 writes", "Open it")
        await press(pilot, "G", *"staging", "enter", "enter")
        await until(pilot, lambda: "no GO: source.silent is fail: 12 writes" in said(app))


async def test_leaving_a_run_without_a_driver_is_asked_first(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "running")
        await press(pilot, "Q")
        assert "until somebody takes the run up again" in said(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, CutoverScreen)


async def test_whoever_watches_may_speak_and_nothing_else(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "watcher")
        screen = app.screen
        usable = {
            each.verb
            for each in app.actions
            if each.id.startswith("cutover.") and screen.check_action(each.verb, ()) is True
        }
        assert usable == {"open", "views", "vote_go", "object", "note"}
        await press(pilot, *"GDCPRYUSBX")
        assert isinstance(app.screen, CutoverScreen)
        await press(pilot, "t")  # the checklist: an attested gate
        await press(pilot, "down")
        assert screen.check_action("attest", ()) is True
        assert screen.check_action("waive", ()) is None


async def test_read_only_greys_what_changes(services: FakeServices) -> None:
    services.read_only = True
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "gates shut")
        assert app.screen.check_action("begin", ()) is None
        assert app.screen.check_action("measure", ()) is True
        assert "next: m measure" in said(app)


async def test_command_and_export(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "unknown")
        screen = app.screen
        assert isinstance(screen, CutoverScreen)
        assert screen.command() == "devora-console cutover resolve save --done --reason WORDS"
        await press(pilot, "e")
        await until(pilot, lambda: any(app.options.exports().glob("cutover-*.json")))
        path = next(iter(app.options.exports().glob("cutover-*.json")))
        assert json.loads(path.read_text())["run"]["state"] == "paused"


# --- hostile text, other terminals --------------------------------------------------------------------


def _spoilt(seen: CutoverSnapshot, text: str) -> CutoverSnapshot:
    steps = tuple(
        replace(each, planned=replace(each.planned, title=text, about=text, command=text)) for each in seen.steps
    )
    gates = tuple(replace(each, title=text, value=text, why=text, waiver=text, waived_by=text) for each in seen.gates)
    events = tuple(replace(each, actor=text, payload={**each.payload, "text": text}) for each in seen.events)
    run = replace(seen.run, reason=text) if seen.run is not None else None
    problem = Problem("x", text, text) if seen.problem is not None else None
    return replace(
        seen, steps=steps, gates=gates, events=events, output=(text, text), waits_for=text, driver=text, run=run,
        problem=problem,
    )  # fmt: skip


def _drawn(app: DevoraApp) -> str:
    """What is on the screen; no line is wider than it, in cells."""
    width, height = app.size
    lines = ["".join(part.text for part in line) for line in app.screen._compositor.render_strips(app.size)][:height]
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert not {"\x1b", "\x00", "\x07", "\u202e"} & set(text)
    return text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name, marks=() if name == "all at once" else pytest.mark.slow)
        for name, text in HOSTILE.items()
    ],
)
async def test_hostile_text_stays_text(services: FakeServices, text: str) -> None:
    services.printed["save"] = (text,)
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, _spoilt(STATES["failed"](), text))
        for keys in (("enter",), ("escape", "t", "enter"), ("escape", "t", "enter"), ("escape", "t", "B"), ("escape",)):
            await press(pilot, *keys)
            _drawn(app)
        assert "paused  step 3/6 ✗ failed" in _drawn(app)
        assert "next: R retry" in _drawn(app)
        await pilot.resize_terminal(*LARGE)
        await pilot.pause()
        _drawn(app)


async def test_ascii_terminals_get_ascii(services: FakeServices) -> None:
    app = make(services, unicode="never")
    async with app.run_test(size=SMALL) as pilot:
        for state in ("gates shut", "running", "no return"):
            await opened(services, pilot, state)
            services.publish("cutover")
            await pilot.pause(0.1)
            assert shown(app).isascii(), shown(app)


async def test_what_is_equal_is_not_painted_again(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await opened(services, pilot, "paused")
        table = app.screen.query_one("#steps", FollowTable)
        before = table._update_count
        services.publish("cutover")
        await pilot.pause(0.1)
        assert table._update_count == before


# --- what leads on, without a terminal ----------------------------------------------------------------


def test_nobody_drives_a_run_that_was_left() -> None:
    seen = seen_of(run_at(RunState.RUNNING, 2), driving=False, driver="")
    assert suggested(Here(seen)) == ("take_up",)
    assert not Here(seen).can("go")
    assert not Here(seen).can("roll_back")


def test_nothing_can_be_done_to_a_run_that_has_ended() -> None:
    here = Here(STATES["rolled back"]())
    acts = ("go", "take_up", "pause_run", "roll_back", "note", "vote_go", "attest", "skip", "retry", "stop_step")
    assert not any(here.can(verb) for verb in acts)
    assert here.can("begin")

"""A real walk from the screen, by keys: to the end, and back. The steps append to a file, so that each is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from devora_console.config.load import load
from devora_console.core.guard import Guard
from devora_console.cutover.opening import Intent
from devora_console.cutover.runbook import Given
from devora_console.cutover.runbook_values import Surroundings
from devora_console.cutover.state import RunState, Vote
from devora_console.services import ConsoleServices, build_services, cutting
from devora_console.services.cutting import Aim
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from tests.tui.test_screens import SMALL, press, said, shown, until

ANA, BO = "ana@here", "bo@there"
TINY = """\
[runbook]
name = "tiny"
title = "Tiny"
strategy = "big-bang"
window_minutes = 30
objection_seconds = 0

[vars]
log = ""

[[gate]]
id = "team.informed"
attested = true
title = "Team informed"
about = "Who, when, where"

[[step]]
id = "shut"
title = "Shut the [red]site"
kind = "command"
run = ["sh", "-c", "echo shut >> {log}; echo '[bold]shut[/bold] it is'"]
timeout_seconds = 20
expect_seconds = 1
  [[step.probe]]
  run = ["grep", "-q", "shut", "{log}"]
  [step.undo]
  run = ["sh", "-c", "echo reopened >> {log}"]
  expect_seconds = 1
    [[step.undo.probe]]
    run = ["grep", "-q", "reopened", "{log}"]

[[step]]
id = "move"
title = "Move"
kind = "command"
run = ["sh", "-c", "echo move >> {log}"]
pause = true
timeout_seconds = 20
expect_seconds = 1
  [[step.probe]]
  run = ["true"]
  [step.undo]
  run = ["sh", "-c", "echo moved back >> {log}"]
  expect_seconds = 1
    [[step.undo.probe]]
    run = ["true"]

[[step]]
id = "open"
title = "Open the site"
kind = "command"
run = ["sh", "-c", "echo open >> {log}"]
timeout_seconds = 20
expect_seconds = 1
ponr = true
  [[step.probe]]
  run = ["true"]
  [step.rehearsal]
  how = "skip"
  reason = "it lets visitors in"
"""


class _Ours:
    """A lease that is always ours: who drives from another machine is not asked here."""

    why = ""

    def __init__(self, *_: object) -> None:
        pass

    async def take(self) -> bool:
        return True

    async def give(self) -> None:
        return


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ConsoleServices, ConsoleServices]]:
    """The console of ana, and another one, of bo."""
    monkeypatch.setenv("DEVORA_CUTOVER_ALLOW_TMPFS", "1")
    monkeypatch.setattr(cutting, "TargetLease", _Ours)
    (tmp_path / "tiny.toml").write_text(TINY)
    effective = load(
        overrides={"environment": "test", "cutover.home": str(tmp_path / "runs")},
        environ={"DEVORA_CONSOLE_HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    given = Given(Surroundings(environment="test"), {"log": str(tmp_path / "log")})
    aim = Aim(Intent("tiny.toml", tmp_path, given), ANA, "login")
    found = build_services(effective, Guard(production=False, read_only=False, allow_writes=False), aim)
    bo = build_services(effective, Guard(production=False, read_only=False, allow_writes=False), replace(aim, who=BO))
    yield found, bo
    for each in (found, bo):
        each.loop.call(each.stop(), 20)
        each.loop.close()


@pytest.fixture
def services(both: tuple[ConsoleServices, ConsoleServices]) -> ConsoleServices:
    return both[0]


async def _answer(pilot: Pilot[int], key: str, say: str = "", name: str = "") -> None:
    """A key, and its question answered."""
    screen = pilot.app.screen
    await until(pilot, lambda: screen.check_action(_verb(pilot, key), ()) is True, 15)
    await press(pilot, key)
    if say:
        pilot.app.screen.query_one("#say", Input).value = say
    if name:
        pilot.app.screen.query_one("#typed", Input).value = name
    await pilot.pause()
    pilot.app.screen.query_one("#confirm").focus()
    await press(pilot, "enter")


def _verb(pilot: Pilot[int], key: str) -> str:
    app = pilot.app
    assert isinstance(app, DevoraApp)
    return next(each.verb for each in app.actions if each.id.startswith("cutover.") and each.key == key)


def _log(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().split("\n")[:-1]


def _state(services: ConsoleServices) -> RunState | None:
    run = services.cutover().run
    return run.state if run is not None else None


def _votes(services: ConsoleServices) -> tuple[Vote, ...]:
    run = services.cutover().run
    return run.votes if run is not None else ()


def _notes(services: ConsoleServices) -> str:
    run = services.cutover().run
    return " ".join(str(each.payload["text"]) for each in run.notes) if run is not None else ""


async def _to_the_key(pilot: Pilot[int], services: ConsoleServices) -> None:
    """Open a run, attest, GO, and the first step done."""
    app = pilot.app
    assert isinstance(app, DevoraApp)
    await press(pilot, "8")
    await until(pilot, lambda: "0 of 1 open for GO" in said(app), 10)
    await _answer(pilot, "O")
    await until(pilot, lambda: "real draft" in shown(app), 10)
    await _answer(pilot, "A", "told everybody at noon")
    await until(pilot, lambda: "ready for GO" in said(app), 10)
    await _answer(pilot, "G", name="test")
    await until(pilot, lambda: "‖ waiting" in shown(app) and "next: C continue" in shown(app), 20)


async def test_a_walk_to_the_end(services: ConsoleServices, tmp_path: Path) -> None:
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=SMALL) as pilot:
        await _to_the_key(pilot, services)
        assert _log(tmp_path) == ["shut"]
        await press(pilot, "up", "enter")
        await until(pilot, lambda: "[bold]shut[/bold] it is" in app.screen.query_one("#document-text").words)  # type: ignore[attr-defined]
        await press(pilot, "escape")
        await _answer(pilot, "C")
        await until(pilot, lambda: "step 3/3 ‖ waiting" in shown(app) and "next: G GO" in shown(app), 20)
        await _answer(pilot, "G", name="test open")
        await until(pilot, lambda: "Done: every step passed" in said(app), 20)
        assert _log(tmp_path) == ["shut", "move", "open"]
        await until(pilot, lambda: "next: O open run, B roll back" in shown(app), 10)
        await press(pilot, "1")
        await until(pilot, lambda: "✓ ok" in shown(app) and "run done" in said(app), 10)


@pytest.mark.slow
async def test_a_run_that_is_done_is_taken_back_by_two(
    both: tuple[ConsoleServices, ConsoleServices], tmp_path: Path
) -> None:
    ana, bo = both
    app = DevoraApp(ana, TuiOptions(unicode="always"))
    async with app.run_test(size=SMALL) as pilot:
        await _to_the_key(pilot, ana)
        await _answer(pilot, "C")
        await until(pilot, lambda: "next: G GO" in shown(app), 20)
        await _answer(pilot, "G", name="test open")
        await until(pilot, lambda: "next: O open run, B roll back" in shown(app), 20)
        await _answer(pilot, "V")
        await _answer(pilot, "B", "visitors see errors", "test")
        await until(pilot, lambda: "1 more person has to approve (so far: ana@here)" in said(app), 20)
        assert _log(tmp_path) == ["shut", "move", "open"]
    app = DevoraApp(bo, TuiOptions(unicode="always"))
    async with app.run_test(size=SMALL) as pilot:  # a console that was started after the end
        await press(pilot, "8")
        await until(pilot, lambda: "✓ real done  3/3 steps passed" in shown(app), 20)
        await _answer(pilot, "V")
        await until(pilot, lambda: {each.actor for each in _votes(bo)} == {ANA, BO}, 20)
        await _answer(pilot, "B", "visitors see errors", "test")
        await until(pilot, lambda: "rolling back  step 3/3 ‖ waiting" in shown(app), 20)
        await until(pilot, lambda: "next: V vote go, Y it happened" in shown(app), 20)
        assert "what was written since is not known: no mark was taken" in _notes(bo)
        assert _log(tmp_path) == ["shut", "move", "open"]
        ana.loop.call(ana.cutover_act("vote_go", "open", ""), 20)
        await _answer(pilot, "V")
        await until(pilot, lambda: {each.actor for each in _votes(bo) if each.scope == "open"} == {ANA, BO}, 20)
        await _answer(pilot, "Y", "the site is shut, as we both see")
        await until(pilot, lambda: "Rolled back: visitors see errors." in said(app), 20)
        assert _log(tmp_path) == ["shut", "move", "open", "moved back", "reopened"]


@pytest.mark.slow
async def test_a_walk_that_is_taken_back(services: ConsoleServices, tmp_path: Path) -> None:
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=SMALL) as pilot:
        await _to_the_key(pilot, services)
        await _answer(pilot, "C")
        await until(pilot, lambda: "step 3/3 ‖ waiting" in shown(app), 20)
        assert "back now: 2.0s (undo 2, 1)" in shown(app)
        await _answer(pilot, "B", "the team decided so", "test")
        await until(pilot, lambda: "Rolled back: the team decided so." in said(app), 20)
        assert _log(tmp_path) == ["shut", "move", "moved back", "reopened"]
        assert _state(services) is RunState.ROLLED_BACK

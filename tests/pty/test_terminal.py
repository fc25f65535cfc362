"""The program in a real pseudo-terminal: hang-up, signals, a stalled reader, quiet when nothing changes."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal

CHILD = ("-m", "tests.pty.child")


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals of a test, closed at its end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def started(opened: list[Terminal], scene: str, **how: object) -> Terminal:
    """A child whose overview is on the screen."""
    terminal = Terminal(*CHILD, scene, **how)  # type: ignore[arg-type]
    opened.append(terminal)
    terminal.read_until(b"Over")
    terminal.read(0.5)
    return terminal


@pytest.mark.parametrize(
    ("session", "ignored"),
    [
        pytest.param(True, False, id="signalled-default"),
        pytest.param(True, True, id="signalled-ignored", marks=pytest.mark.slow),
        pytest.param(False, False, id="no-signal-default", marks=pytest.mark.slow),
        pytest.param(False, True, id="no-signal-ignored", marks=pytest.mark.slow),
    ],
)
def test_a_lost_terminal_ends_the_process_without_spinning(
    terminals: list[Terminal], ignored: bool, session: bool
) -> None:
    # Without a controlling terminal no SIGHUP is sent at all: only looking at the terminal helps then.
    terminal = started(terminals, "plain", ignore_hangup=ignored, session=session)
    before = terminal.cpu()
    terminal.hang_up()
    end = time.monotonic() + 5.0
    while terminal.alive() and time.monotonic() < end:
        time.sleep(0.02)
    assert not terminal.alive()
    assert terminal.cpu() - before < 1.0
    assert terminal.wait(0.5) is not None
    assert terminal.status == 129


def test_services_that_never_end_do_not_keep_the_process(terminals: list[Terminal]) -> None:
    terminal = started(terminals, "hanging", ignore_hangup=True)
    terminal.hang_up()
    took = terminal.wait(5.0)
    assert took is not None
    assert terminal.status == 129


def test_sigterm_ends_it_and_gives_the_terminal_back(terminals: list[Terminal], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    terminal = started(terminals, "plain", environ={"DEVORA_TEST_REPORT": str(report)})
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait(3.0) is not None
    assert terminal.status == 143
    assert b"\x1b[?1049l" in terminal.output
    assert json.loads(report.read_text(encoding="utf-8"))["stopped"] is True


@pytest.mark.slow
def test_sigterm_ends_it_while_the_terminal_is_stalled(terminals: list[Terminal]) -> None:
    terminal = started(terminals, "busy")
    terminal.press("2")
    terminal.stall()
    time.sleep(1.0)  # now Textual's queue fills up, too
    os.kill(terminal.pid, signal.SIGTERM)
    end = time.monotonic() + 5.5
    while terminal.alive() and time.monotonic() < end:
        time.sleep(0.05)
    assert not terminal.alive()


@pytest.mark.parametrize("seconds", [3.0, pytest.param(10.0, marks=pytest.mark.slow)])
def test_an_unread_terminal_does_not_slow_the_services(
    terminals: list[Terminal], tmp_path: Path, seconds: float
) -> None:
    report = tmp_path / "report.json"
    terminal = started(terminals, "busy", environ={"DEVORA_TEST_REPORT": str(report)})
    terminal.press("2")
    terminal.stall()
    time.sleep(seconds)
    terminal.read(1.5)
    terminal.press("1")
    terminal.read(1.0)
    terminal.press("Q")
    terminal.read(0.5)
    terminal.press("\x1b[C\r")  # a run is active: from Cancel to Quit
    assert terminal.wait(5.0) is not None
    found = json.loads(report.read_text(encoding="utf-8"))
    assert terminal.status == 0
    assert found["beats"] > 18 * seconds
    assert found["worst_gap"] < 1.0  # with a loop of their own they never stand still for as long as the terminal


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_equal_snapshots_cost_next_to_nothing(terminals: list[Terminal], size: tuple[int, int]) -> None:
    terminal = started(terminals, "steady", size=size)
    terminal.read(1.0)
    quiet = terminal.read(2.0)  # two ticks of every snapshot, and of the clock
    assert len(quiet) < 100, quiet
    terminal.press("2")
    terminal.read(1.5)
    quiet = terminal.read(2.0)
    assert len(quiet) < 100, quiet


@pytest.mark.parametrize("keys", ["Q", pytest.param("\x03", marks=pytest.mark.slow)], ids=["Q", "ctrl+c"])
def test_keys_quit_politely(terminals: list[Terminal], keys: str) -> None:
    terminal = started(terminals, "plain")
    terminal.press(keys)
    assert terminal.wait(3.0) is not None
    assert terminal.status == 0


def test_a_crash_shows_where_but_no_secret(terminals: list[Terminal], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    environ = {"DEVORA_TEST_REPORT": str(report), "DEVORA_CONSOLE_HOME": str(tmp_path / "home")}
    terminal = started(terminals, "crashing", environ=environ)
    terminal.press("2")
    terminal.read(0.5)
    terminal.press("y")
    assert terminal.wait(5.0) is not None
    terminal.read(0.3)
    assert terminal.status == 1
    assert b"a defect in the console (RuntimeError)" in terminal.output
    (kept,) = (tmp_path / "home" / "log").iterdir()
    assert "as_command" in kept.read_text(encoding="utf-8")
    for shown in (bytes(terminal.output).decode(), kept.read_text(encoding="utf-8")):
        assert "hunter2" not in shown
        assert "locals" not in shown
    assert json.loads(report.read_text(encoding="utf-8"))["stopped"] is True


@pytest.mark.slow
def test_no_color_means_no_colour(terminals: list[Terminal]) -> None:
    terminal = started(terminals, "plain", environ={"NO_COLOR": "1", "COLORTERM": "truecolor"})
    terminal.press("2")
    terminal.read(1.0)
    colours = [
        code
        for sequence in re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.output))
        for code in re.split(rb";", sequence)
        if code and (30 <= int(code) <= 38 or 40 <= int(code) <= 48 or 90 <= int(code) <= 107)
    ]
    assert colours == []
    assert re.search(rb"\x1b\[(?:[0-9;]*;)?7[;m]", bytes(terminal.output))  # the cursor is still seen: reversed


def test_over_ssh_fewer_frames_are_drawn(terminals: list[Terminal]) -> None:
    code = "import devora_console.tui, textual.constants as c; print('FPS', c.MAX_FPS, c.TEXTUAL_ANIMATIONS)"
    terminal = Terminal("-c", code, environ={"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    terminals.append(terminal)
    terminal.read_until(b"FPS 15 none")

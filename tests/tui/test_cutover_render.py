"""What is drawn of a cutover, without a terminal: nothing that matters gives way at any width."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from devora_console.core.clock import utc_now
from devora_console.cutover.state import RunState, StepState
from devora_console.tui.render.cutover import now_line, step_rows
from devora_console.tui.render.cutover_can import Here, suggested
from devora_console.tui.render.cutover_lines import back_line, output_lines, window_line
from devora_console.tui.render.cutover_lists import gate_rows
from devora_console.tui.render.look import Look
from tests.tui.cutover_states import STATES, run_at, seen_of

LOOK = Look()
KEYS = [("R", "retry"), ("Y", "it happened"), ("B", "roll back")]


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("state", STATES)
def test_step_state_elapsed_and_next_key_never_give_way(state: str, width: int) -> None:
    seen = STATES[state]()
    long = tuple(replace(each, planned=replace(each.planned, title="a very long title " * 9)) for each in seen.steps)
    line = now_line(replace(seen, steps=long), KEYS, "", width, LOOK).plain
    assert cell_len(line) <= width
    if seen.problem is None:
        assert "next: R retry" in line
    if seen.current is not None:
        current = seen.step(seen.current)
        assert current is not None
        assert f"{current.planned.number}/{len(seen.steps)} " in line
        assert current.state.value in line


def test_a_window_that_is_too_short_says_so_with_a_sign() -> None:
    run = run_at(RunState.RUNNING, 2, window_ends=utc_now() + timedelta(seconds=60))
    words, style = window_line(seen_of(run), 80, LOOK)
    assert words.startswith("! window ends")
    assert "too short by" in words
    assert style == LOOK.warn


def test_the_way_back_names_its_steps_and_who() -> None:
    assert back_line(STATES["running"](), 80, LOOK) == "back now: 20s (undo 2)"
    assert "needs 2 people" in back_line(STATES["past"](), 80, LOOK)
    assert "needs 2 people" in back_line(STATES["done"](), 80, LOOK)
    assert back_line(STATES["rolled back"](), 80, LOOK) == ""


def test_a_waiver_is_never_green() -> None:
    rows = {row.key: row for row in gate_rows(STATES["ready"](), LOOK)}
    assert rows["source.silent"].cells["state"] == ("! waived", LOOK.warn)
    assert rows["source.silent"].cells["value"][0] == "by ana: the nightly job is known"
    assert rows["migration.dry_run"].cells["class"][0] == "MEASURED"
    assert rows["team.informed"].cells["class"][0] == "ATTESTED"


def test_nothing_waits_in_a_run_that_has_ended() -> None:
    words = [row.cells["state"][0] for row in step_rows(STATES["rolled back"](), LOOK) if row.cells]
    assert words == ["✓ passed"] + ["· not reached"] * 5


def test_a_line_of_fifty_megabytes_is_cut() -> None:
    assert cell_len(output_lines(("x" * 50_000_000,), 2, 80, LOOK)) <= 78


def test_the_poll_and_manual_work_lead_on() -> None:
    armed = replace(STATES["watcher"](), run=run_at(RunState.ARMED))
    assert suggested(Here(armed))[0] == "object"
    assert suggested(Here(STATES["unknown"]()))[:2] == ("happened", "did_not_happen")
    assert StepState.UNKNOWN is STATES["unknown"]().step("save").state  # type: ignore[union-attr]

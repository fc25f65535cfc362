"""The overview's line about the cutover: a word for every state, and nothing red where there is no runbook."""

from __future__ import annotations

import pytest

from devora_console.core.console import Verdict
from devora_console.doctor.cutover import cutover_line
from tests.tui.cutover_states import STATES

SAID = {
    "no runbook": (Verdict.NONE, "no runbook yet"),
    "gates shut": (Verdict.NONE, "no run · 0 of 2 gates open for GO"),
    "ready": (Verdict.NONE, "run open, no GO yet · 2 of 2 gates open for GO"),
    "running": (Verdict.RUNNING, "Run running: step 3 of 6, Save is running"),
    "failed": (Verdict.PAUSED, "Run paused: step 3 of 6, Save is failed"),
    "rolling back": (Verdict.RUNNING, "Rolling back (the team decided so)"),
    "done": (Verdict.OK, "run done"),
    "rolled back": (Verdict.WARN, "run rolled back"),
}


@pytest.mark.parametrize("state", SAID)
def test_a_word_for_every_state(state: str) -> None:
    line = cutover_line(STATES[state]())
    verdict, words = SAID[state]
    assert line.verdict is verdict
    assert line.text.startswith(words)
    assert line.screen == "cutover"


def test_what_is_missing_is_told() -> None:
    line = cutover_line(STATES["no runbook"]())
    assert "variables missing: site" in line.why
    assert line.remedy == "Set them under [cutover.vars]"

"""What is said first is true: of waived gates, of skipped steps, of what was not rehearsed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devora_console.core.console import Verdict
from devora_console.cutover.headline import headline
from devora_console.cutover.snapshot import succeeded
from devora_console.cutover.state import GateStanding, RunMode, RunState, StepState
from devora_console.services.showing import Seen, shown
from tests.cutover.walking import Scene, book, opening, step

_GATE = '[[gate]]\nid = "migration.dry_run"\n'


async def test_a_waived_gate_is_not_called_open(scene: Scene) -> None:
    scene.write(book(step("one"), opening(), gates=_GATE))
    walk = scene.walk(scene.open())
    shut = GateStanding("migration.dry_run", False, Verdict.FAIL, "3 documents", measured_at=walk.run.created)

    def said(gate: GateStanding) -> str:
        run = replace(walk.run, gates={gate.id: gate})
        return headline(shown(Seen("test", walk.runbook, run=run, registry=scene.registry)))

    assert "1 of 1 gates are not open" in said(shut)
    assert "Every gate is open but 1, which is waived: ready for GO." in said(
        replace(shut, waiver="as agreed", waived_by="ana")
    )
    assert "Every gate is open: ready for GO." in said(replace(shut, verdict=Verdict.OK))


@pytest.mark.parametrize(
    ("mode", "state", "by", "words", "well"),
    [
        (RunMode.REAL, RunState.DONE, "person", "done without one, which somebody skipped", True),
        (RunMode.REHEARSAL, RunState.ROLLED_BACK, "person", "Rolled back", False),
        (RunMode.REHEARSAL, RunState.ROLLED_BACK, "runbook", "Rehearsed to the end", True),
    ],
)
async def test_what_was_skipped_was_not_done(
    scene: Scene, mode: RunMode, state: RunState, by: str, words: str, well: bool
) -> None:
    scene.write(book(step("one"), opening()))
    walk = scene.walk(scene.open())
    steps = tuple(
        replace(each, state=StepState.SKIPPED, by=by)
        if each.id == "one"
        else replace(each, state=StepState.PASSED, passed=True)
        for each in walk.run.steps
    )
    run = replace(walk.run, mode=mode, state=state, steps=steps, reason="over")
    assert words in headline(shown(Seen("test", walk.runbook, run=run)))
    assert succeeded(run) is well

"""Blue-Green on the demo's site, by the console as a process: to the end, back again, and through what goes wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from devora_console.cutover.state import RunState, StepState
from devora_console.demo.site.web import ask
from tests.cutover.blue_green import GO_GATES, Scene
from tests.demo.conftest import Stage, made, stage, target  # noqa: F401 - fixtures

SHORT = {
    "observe_seconds": "10",
    "look_seconds": "1",
    "recent_seconds": "30",
    "recent_floor": "3",
    "patience_seconds": "60",
    "p95_ratio": "1000",  # two small servers on a busy machine: how fast each is says nothing here
    "sample_floor": "5",
    "percent": "50",
    "silence_seconds": "1",
    "retire_seconds": "2",
}


@pytest.fixture
def scene(stage: Stage, open_folder: Path) -> Scene:  # noqa: F811 - the fixture
    """A site with visitors, and a console configured for it."""
    found = Scene(stage, open_folder)
    found.configure(**SHORT)
    stage.did("traffic", "start")
    return found


def _health(url: str) -> dict[str, object]:
    return ask(url + "/health").json()


@pytest.mark.slow
def test_a_green_that_dies_is_left_by_itself_and_nothing_is_lost(scene: Scene) -> None:
    scene.configure(**SHORT | {"observe_seconds": "600"})
    console = scene.begin(*scene.walk_words(waived=GO_GATES))
    try:
        scene.until(scene.observing)
        assert _health(scene.stage.site.green_url)["writes"] == "read-only"
        scene.end("green")
        said, _ = console.communicate(timeout=120)
    finally:
        console.kill()
    run = scene.run()
    assert run.state is RunState.ROLLED_BACK, said
    assert "errors" in run.reason
    assert run.step("observe").state is StepState.FAILED
    assert {run.step(name).state for name in ("route-some", "deploy-green")} == {StepState.UNDONE}
    assert _health(scene.stage.site.front_url)["instance"] == "blue"
    assert scene.stage.site.place.run("green") is None
    scene.stage.did("traffic", "stop")
    assert scene.lost_in_mongo() == []


@pytest.mark.slow
async def test_to_the_end_with_every_gate_opened_honestly(scene: Scene) -> None:
    scene.open_gates()
    said = scene.walk(code=5)
    run = scene.run()
    assert run.step("open").state is StepState.WAITING, said
    assert not run.step("open").touched
    assert ask(scene.stage.site.front_url + "/").status == 503
    before = scene.stage.ids()
    assert scene.lost_in_mongo() == []
    scene.walk("--resume", "--go")
    run = scene.run()
    assert run.state is RunState.DONE
    assert {each.state for each in run.steps} == {StepState.PASSED}
    assert {name for name, gate in run.gates.items() if gate.waiver} == {"tests.passed"}
    await asyncio.sleep(3)  # visitors find green open
    scene.stage.did("traffic", "stop")
    assert _health(scene.stage.site.front_url)["instance"] == "green"
    assert await scene.lost_in_postgres() == []
    assert scene.stage.ids() == before  # frozen: kept as it was
    assert scene.stage.site.place.run("blue") is None


@pytest.mark.slow
def test_back_from_after_everybody_was_sent_to_green_and_once_more(scene: Scene) -> None:
    for _ in range(2):
        said = scene.walk(waived=GO_GATES, code=5)
        assert scene.run().step("open").state is StepState.WAITING, said
        scene.console("cutover", "rollback", "--reason", "the drill wants the way back", "--yes-i-typed", "demo")
        run = scene.run()
        assert run.state is RunState.ROLLED_BACK
        assert _health(scene.stage.site.front_url)["backend"] == "mongo"
        assert not any(each.state is StepState.UNDO_FAILED for each in run.steps)
    scene.stage.did("smoke", "--instance", "blue", "--expect", "mongo")
    scene.stage.did("traffic", "stop")
    assert scene.lost_in_mongo() == []


@pytest.mark.slow
def test_back_from_the_ten_percent(scene: Scene) -> None:
    scene.configure(**SHORT | {"observe_seconds": "600"})
    console = scene.begin(*scene.walk_words(waived=GO_GATES))
    scene.until(scene.observing)
    console.terminate()  # lets go: the observation waits for somebody
    assert console.wait(60) != 0
    scene.console("cutover", "rollback", "--reason", "the drill wants the way back", "--yes-i-typed", "demo")
    assert scene.run().state is RunState.ROLLED_BACK
    assert _health(scene.stage.site.front_url)["instance"] == "blue"
    scene.stage.did("traffic", "stop")
    assert scene.lost_in_mongo() == []


@pytest.mark.slow
def test_too_few_visitors_prove_nothing_and_pause(scene: Scene) -> None:
    scene.configure(**SHORT | {"recent_floor": "100000", "patience_seconds": "5"})
    scene.walk(waived=GO_GATES, code=5)
    run = scene.run()
    assert run.state is RunState.PAUSED
    assert run.step("observe").state is StepState.INCONCLUSIVE
    assert "too few" in run.reason
    assert run.step("observe").observed_seconds == 0
    assert scene.stage.site.place.flags().green_percent == 50  # type: ignore[union-attr]  # there are flags
    scene.console("cutover", "rollback", "--reason", "nobody comes to this site", "--yes-i-typed", "demo")
    assert scene.run().state is RunState.ROLLED_BACK


@pytest.mark.slow
def test_time_without_a_console_was_not_observed(scene: Scene) -> None:
    scene.configure(**SHORT | {"observe_seconds": "8"})
    console = scene.begin(*scene.walk_words(waived=GO_GATES))
    scene.until(lambda run: scene.observing(run) and run.step("observe").observed_seconds >= 2)
    console.kill()
    console.wait()
    before = scene.run().step("observe").observed_seconds
    time.sleep(15)
    scene.walk("--resume", waived=GO_GATES, code=5)  # up to the point of no return
    times = {word: event.at for event in scene.events() if event.step == "observe" for word in [_state(event)] if word}
    took = (times["passed"] - times["running"]).total_seconds()
    observed = scene.run().step("observe").observed_seconds
    assert before < 8 <= observed
    assert took >= observed + 15


@pytest.mark.slow
def test_a_sync_that_does_not_hold_sends_nobody_to_green(scene: Scene) -> None:
    """Declared, and found not to be so: neither a sync that is none, nor a read-only green that takes writes."""
    scene.configure(**SHORT | {"sync": ""})
    assert "vars.sync: has no value" in scene.walk(waived=GO_GATES, code=2)
    for sync, script, why in (
        ("command", scene.stage.site.script, "this site copies nothing"),
        ("read-only", _forgets_read_only(scene), "green takes writes"),
    ):
        scene.configure(**SHORT | {"sync": sync, "site": str(script)}, within="3")
        scene.walk(waived=GO_GATES, code=5)
        run = scene.run()
        assert (run.state, run.step("deploy-green").state) == (RunState.PAUSED, StepState.FAILED)
        assert why in run.reason
        assert run.step("route-some").state is StepState.PENDING
        assert scene.stage.site.place.flags().green_percent == 0  # type: ignore[union-attr]  # there are flags
        scene.console("cutover", "rollback", "--reason", "the sync does not hold", "--yes-i-typed", "demo")
        assert scene.run().state is RunState.ROLLED_BACK


def _forgets_read_only(scene: Scene) -> Path:
    """A site's script that deploys green without its read-only."""
    script = scene.folder / "forgets"
    script.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "deploy green" ] && exec {scene.stage.site.script} deploy green\n'
        f'exec {scene.stage.site.script} "$@"\n'
    )
    script.chmod(0o755)
    return script


def _state(event: object) -> str:
    payload = getattr(event, "payload", {})
    return str(payload.get("state", ""))

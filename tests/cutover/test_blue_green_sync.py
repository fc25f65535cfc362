"""Blue-Green with ``sync = "command"``: a sync of the site's own copies both ways while green takes writes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from devora_console.cutover.state import RunState, StepState
from devora_console.demo.site.traffic import written
from devora_console.demo.site.web import ask
from tests.cutover import own_sync
from tests.cutover.blue_green import GO_GATES, Scene
from tests.cutover.test_blue_green import SHORT
from tests.demo.conftest import Stage, made, stage, target  # noqa: F401 - fixtures


@dataclass
class Own:
    """The scene, and the folder of its sync."""

    scene: Scene
    folder: Path

    def write(self, limit: float) -> None:
        """Where everything is, and how far behind it may be."""
        on = self.scene.stage
        said = {"mongo": on.mongo_url.reveal(), "database": on.database, "postgres": on.owner.reveal()}
        (self.folder / "sync.json").write_text(json.dumps(said | {"site": str(on.site.script), "limit": limit}))

    def configure(self, **variables: str) -> None:
        """As the team would: their own script, their own sync."""
        self.scene.configure(**SHORT | {"sync": "command", "site": str(self.folder / "site")} | variables, within="5")

    def looks(self) -> list[float]:
        """How long each look took, in seconds: no side was behind by more than two of them and the pause between."""
        lines = (self.folder / "looks.jsonl").read_text().splitlines()
        return [float(json.loads(line)["took"]) for line in lines]


@pytest.fixture
def own(stage: Stage, open_folder: Path) -> Iterator[Own]:  # noqa: F811 - the fixture
    """A site with visitors and a sync of its own."""
    folder = open_folder / "sync"
    folder.mkdir(mode=0o700)
    found = Own(Scene(stage, open_folder), folder)
    script = folder / "site"
    script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, own_sync.__file__, str(folder)])} "$@"\n')
    script.chmod(0o700)
    found.write(limit=3.0)
    found.configure()
    stage.did("traffic", "start")
    yield found
    with suppress(FileNotFoundError, ProcessLookupError):
        if own_sync.runs(folder):
            os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def _sides(own: Own) -> set[str]:
    return {line["side"] for line in written(own.scene.stage.site.place)}


@pytest.mark.slow
async def test_both_sides_take_writes_and_none_is_lost(own: Own) -> None:
    own.configure(observe_seconds="15")  # three looks of several programs each, on a busy machine
    said = own.scene.walk(waived=GO_GATES, code=5)
    run = own.scene.run()
    assert run.step("open").state is StepState.WAITING, said
    assert _sides(own) == {"blue", "green"}  # the ten percent wrote on green
    assert own.scene.lost_in_mongo() == []  # and blue has it all: going back now loses nothing
    assert await own.scene.lost_in_postgres() == []
    assert not own_sync.runs(own.folder)  # what the smoke tests wrote on green stayed there
    assert run.step("still-silent").state is StepState.PASSED
    assert max(own.looks()) < 3.0  # the limit; the measure asked all the while
    assert run.step("observe").samples > 0
    own.scene.walk("--resume", "--go")
    assert own.scene.run().state is RunState.DONE
    own.scene.stage.did("traffic", "stop")
    assert await own.scene.lost_in_postgres() == []


@pytest.mark.slow
def test_a_sync_that_falls_behind_leads_back_and_loses_nothing(own: Own) -> None:
    own.configure(observe_seconds="600")
    console = own.scene.begin(*own.scene.walk_words(waived=GO_GATES))
    try:
        own.scene.until(own.scene.observing)
        (own.folder / "slow").write_text("4.5")
        said, _ = console.communicate(timeout=180)
    finally:
        console.kill()
    run = own.scene.run()
    assert run.state is RunState.ROLLED_BACK, said
    assert "behind by" in run.reason
    assert ask(own.scene.stage.site.front_url + "/health").json()["instance"] == "blue"
    assert not own_sync.runs(own.folder)
    own.scene.stage.did("traffic", "stop")
    assert "green" in _sides(own)
    assert own.scene.lost_in_mongo() == []


@pytest.mark.slow
@pytest.mark.parametrize("why", ["behind by", "does not run"])
def test_a_sync_that_does_not_hold_from_the_start_sends_nobody_to_green(own: Own, why: str) -> None:
    if why == "behind by":
        own.write(limit=0.0)
    else:
        (own.folder / "sync.json").write_text((own.folder / "sync.json").read_text().replace("mongodb://", "nodb://"))
    own.scene.walk(waived=GO_GATES, code=5)
    run = own.scene.run()
    assert (run.state, run.step("deploy-green").state) == (RunState.PAUSED, StepState.FAILED)
    assert why in run.reason
    assert run.step("route-some").state is StepState.PENDING
    assert own.scene.stage.site.place.flags().green_percent == 0  # type: ignore[union-attr]  # there are flags
    own.scene.console("cutover", "rollback", "--reason", "the sync does not hold", "--yes-i-typed", "demo")
    assert own.scene.run().state is RunState.ROLLED_BACK
    assert _sides(own) <= {"blue"}

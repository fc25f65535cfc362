"""The poll for strong objections, as whoever looks on sees it: from the journal alone."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from devora_console.cli.cutover_after import Countdown
from devora_console.cli.cutover_keys import keys
from devora_console.core.clock import utc_now
from devora_console.core.snapshot import to_json
from devora_console.cutover.events import Kind
from devora_console.cutover.headline import headline
from devora_console.cutover.state import RunState, StepState
from devora_console.cutover.voting import polled
from devora_console.cutover.walk import Walk
from devora_console.services.showing import Seen, shown
from tests.cutover.walking import Scene, book, rest, state_of, step, until

KEYS = {"scope", "opened_at", "ends_at", "seconds_left", "votes", "objections"}


async def _asked(scene: Scene, seconds: float = 60) -> Walk:
    scene.write(book(step("one")))
    walk = scene.walk(scene.open())
    await walk.drive()
    await walk.people.go(poll_seconds=seconds)
    return walk


async def test_another_console_sees_the_countdown_and_who_said_what(scene: Scene) -> None:
    walk = await _asked(scene)
    await scene.says("bo", "run")
    seen = shown(Seen("demo", walk.runbook, run=scene.run()), walk.run.created + timedelta(seconds=1))
    document: Any = to_json(keys(seen))
    told = document["poll"]
    assert told.keys() == KEYS
    assert 0 < told["seconds_left"] <= 60
    assert [(each["actor"], each["vote"]) for each in told["votes"]] == [("bo", "go")]
    assert "Any strong objections? GO in " in headline(seen)
    assert "(go: bo)" in headline(seen)
    await scene.says("cy", "run", "objection", "the bastion is slow")
    await until(lambda: walk.run.state is RunState.DRAFT)
    assert scene.run().poll is None
    assert "cy objects: the bastion is slow" in scene.run().reason


@pytest.mark.slow
async def test_as_data_for_scripts(scene: Scene) -> None:
    await _asked(scene)
    code, said = await asyncio.to_thread(scene.ran, "status", "--json")
    assert code == 5, said
    poll = json.loads(said[said.index("{") :])["poll"]
    assert poll.keys() == KEYS
    assert (poll["scope"], poll["objections"]) == ("run", [])
    assert 0 < poll["seconds_left"] <= 60


async def test_a_poll_of_which_the_driver_is_gone_is_over(scene: Scene) -> None:
    walk = await _asked(scene)
    await walk.close()
    assert scene.run().poll is not None  # nobody has said otherwise
    walk = scene.walk(scene.again())
    await walk.drive()
    await until(lambda: walk.run.state is RunState.DRAFT)
    assert walk.run.poll is None
    assert scene.log() == []


@pytest.mark.slow
async def test_the_poll_past_the_point_of_no_return_is_in_the_journal_too(scene: Scene) -> None:
    walk = await scene.begun(book(step("one")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert not scene.events(Kind.POLL)  # nobody was asked: no time was given
    await walk.people.go("open", poll_seconds=0.5)
    found = polled(scene.run(), walk.runbook.plan_sha, utc_now())
    assert found is not None
    assert found.scope == "open"
    assert (await rest(walk)).state is RunState.DONE
    assert walk.run.poll is None


async def test_lines_count_down_without_flooding(scene: Scene) -> None:
    walk = await _asked(scene)
    run, count = walk.run, Countdown()
    assert run.poll is not None
    ends, sha = run.poll.ends, walk.runbook.plan_sha
    lines = [count.line(run, sha, ends - timedelta(seconds=half / 2)) for half in range(119, -3, -1)]
    said = [each.split(": ", 1)[1].split(" · ")[0] for each in lines if each]
    assert said == [f"{left} s left" for left in (60, 50, 40, 30, 20, 10, 5, 4, 3, 2, 1, 0)]

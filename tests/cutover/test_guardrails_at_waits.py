"""A pause is not blind: guardrails while a run is paused, or waits for people."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError
from devora_console.cutover.events import Kind
from devora_console.cutover.state import RunState, StepState
from devora_console.cutover.walk import Walk
from tests.cutover.walking import Scene, book, opening, rest, state_of, step, until

OFTEN = "every_seconds = 0.05\nwithin_seconds = 0.3"
BAD = f'run = ["sh", "-c", "! test -e {{dir}}/bad"]\n{OFTEN}'
ASK = '[[step]]\nid = "ask"\ntitle = "Ask"\nkind = "approval"\nwords = "well?"\npeople = 2\n'


def baking(guardrail: str = BAD, *, until: str = "", seconds: float = 60) -> str:
    reaches = f'until = "{until}"\n' if until else ""
    return (
        f'[[step]]\nid = "bake"\ntitle = "Bake"\nkind = "wait"\nwait_seconds = {seconds}\n'
        f'[[step.probe]]\nrun = ["true"]\nevery_seconds = 0.05\n[[step.guardrail]]\n{reaches}{guardrail}\n'
    )


def guarded(scene: Scene, name: str = "bake") -> list[str]:
    """The verdicts of its guardrail that the journal holds."""
    return [
        str(each.payload["verdict"])
        for each in scene.events(Kind.PROBED)
        if (each.step, each.payload["phase"]) == (name, "guardrail")
    ]


async def _paused(scene: Scene, seconds: float = 60, **keys: Any) -> Walk:
    walk = await scene.begun(book(step("one"), baking(seconds=seconds), **keys))
    await until(lambda: bool(guarded(scene)))
    await walk.people.pause()
    await until(lambda: len(guarded(scene)) >= 2)  # of the wait, and the first of the pause
    return walk


async def test_a_guardrail_that_fails_while_it_is_paused_goes_back(scene: Scene) -> None:
    walk = await _paused(scene)
    (scene.out / "bad").touch()
    await until(lambda: walk.run.state is RunState.ROLLED_BACK)
    assert scene.log() == ["one", "undo-one"]
    assert "bake: guardrail guardrail.1" in walk.run.reason
    assert "failed" in [each.payload["state"] for each in scene.events(Kind.STEP) if each.step == "bake"]


@pytest.mark.slow
async def test_where_a_guardrail_only_pauses_the_reason_is_seen_and_the_step_decided(scene: Scene) -> None:
    walk = await _paused(scene, on_guardrail="pause")
    (scene.out / "bad").touch()
    await until(lambda: state_of(walk, "bake") is StepState.FAILED and "guardrail" in walk.run.reason)
    assert (walk.run.state, scene.log()) == (RunState.PAUSED, ["one"])
    with pytest.raises(ConsoleError, match="bake is failed"):
        await walk.people.resume()


@pytest.mark.slow
async def test_the_journal_keeps_changes_the_first_and_the_last_and_paused_time_is_not_counted(scene: Scene) -> None:
    walk = await _paused(scene, 2)
    seconds, kept = walk.run.step("bake").observed_seconds, guarded(scene)
    await asyncio.sleep(0.8)  # asked some fifteen times meanwhile
    assert guarded(scene) == kept
    await walk.close()
    (scene.out / "bad").touch()
    await asyncio.sleep(0.3)  # nobody is there
    walk = scene.walk(scene.again())
    assert (walk.run.state, state_of(walk, "bake")) == (RunState.PAUSED, StepState.RUNNING)
    assert guarded(scene) == kept
    (scene.out / "bad").unlink()
    await walk.drive()
    await until(lambda: len(guarded(scene)) == len(kept) + 1)  # the first of another console
    assert walk.run.state is RunState.PAUSED
    assert walk.run.step("bake").observed_seconds == seconds


@pytest.mark.slow
async def test_a_guardrail_without_an_answer_is_told_and_takes_nothing_back(scene: Scene) -> None:
    mute = f'run = ["sh", "-c", "test -e {{dir}}/up || exit 9"]\n{OFTEN}'
    asks = ASK + f"[[step.guardrail]]\n{mute}\n"
    walk = await scene.begun(book(step("one"), asks))
    run = await rest(walk)
    assert (run.state, state_of(walk, "ask")) == (RunState.PAUSED, StepState.INCONCLUSIVE)
    assert "has not been answered" in run.reason
    assert scene.log() == ["one"]
    (scene.out / "up").touch()
    await walk.people.retry("ask")
    for who in ("bo", "cy"):
        await scene.says(who, "ask")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)


SPAN = baking(until="open", seconds=0.2)


@pytest.mark.parametrize(
    "wait", [*(pytest.param(each, marks=pytest.mark.slow) for each in ("approval", "own GO")), "poll"]
)
async def test_a_guardrail_until_a_step_is_asked_at_every_wait_before_it(scene: Scene, wait: str) -> None:
    walk = await scene.begun(book(step("one"), SPAN, *([ASK] if wait == "approval" else [])))
    waiting = "ask" if wait == "approval" else "open"
    await until(lambda: state_of(walk, waiting) is StepState.WAITING)
    if wait == "poll":
        await walk.people.go("open", poll_seconds=60)
        assert walk.run.poll is not None
    (scene.out / "bad").touch()
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert walk.run.poll is None
    assert scene.log() == ["one", "undo-one"]
    assert guarded(scene)[-1] == Verdict.FAIL.value


@pytest.mark.slow
async def test_past_its_end_and_past_the_point_of_no_return_a_guardrail_takes_nothing_back(scene: Scene) -> None:
    asks = ASK.replace("people = 2", "people = 1")
    text = book(step("one"), SPAN, opening(), baking(until="last", seconds=0.2).replace("bake", "after"), asks,
                step("last", undo=None))  # fmt: skip
    walk = await scene.begun(text)
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.go("open")
    await until(lambda: state_of(walk, "ask") is StepState.WAITING)
    (scene.out / "bad").touch()
    await until(lambda: walk.run.state is RunState.PAUSED)
    assert walk.run.reason.startswith("after: guardrail")
    await walk.people.resume()  # on record, and heeded again once it has said yes
    assert walk.run.despite == {"after/guardrail.1"}
    await asyncio.sleep(0.4)
    assert walk.run.state is RunState.RUNNING
    (scene.out / "bad").unlink()
    await until(lambda: not walk.run.despite)
    (scene.out / "bad").touch()
    await until(lambda: walk.run.state is RunState.PAUSED)
    await scene.says("bo", "ask")
    await walk.people.resume()
    assert (await rest(walk)).state is RunState.DONE
    assert scene.log() == ["one", "open", "last"]


@pytest.mark.slow
async def test_a_program_that_its_guardrail_stops_while_the_run_is_paused_goes_back(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), step("two", "sleep 60", guardrail=BAD)))
    await until(lambda: state_of(walk, "two") is StepState.RUNNING)
    await walk.people.pause()
    (scene.out / "bad").touch()
    await until(lambda: walk.run.state is RunState.ROLLED_BACK)
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]


async def test_what_is_paused_during_a_poll_gets_no_go_by_silence(scene: Scene) -> None:
    walk = await scene.begun(book(step("one")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.go("open", poll_seconds=0.3)
    await walk.people.pause()
    await asyncio.sleep(0.4)
    await walk.people.resume()
    await asyncio.sleep(0.4)
    assert state_of(walk, "open") is StepState.WAITING
    assert scene.log() == ["one"]

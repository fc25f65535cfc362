"""The way back, from wherever a run stands; and what commands print on the way."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from devora_console.config.secret import Secret
from devora_console.core.problems import ConsoleError
from devora_console.cutover.apart import machine
from devora_console.cutover.attempt import read_started
from devora_console.cutover.events import Kind
from devora_console.cutover.journal import home
from devora_console.cutover.state import RunState, StepState
from tests.cutover.walking import WITHOUT, Scene, book, opening, rest, state_of, step, until
from tests.eventually import eventually

GOING = "while test ! -e {dir}/end; do sleep 0.05; done"
FAILS = "test -e {dir}/mended"


async def test_nothing_is_taken_back_where_nothing_was_done(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", pause=True)))
    await until(lambda: state_of(walk, "one") is StepState.WAITING)
    await walk.people.rollback("we do not go tonight")
    assert (await rest(walk)).state is RunState.ABORTED
    assert scene.log() == []


async def test_what_is_in_flight_is_ended_first(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), step("two", GOING)))
    await until(lambda: "two" in scene.log())
    await walk.people.rollback("it takes too long")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]
    assert scene.whole()


async def test_what_is_only_being_looked_at_is_looked_at_no_longer(scene: Scene) -> None:
    hanging = 'run = ["sleep", "600"]\nwithin_seconds = 600\ntimeout_seconds = 600'
    walk = await scene.begun(book(step("one", probe=hanging)))
    await until(lambda: state_of(walk, "one") is StepState.VERIFYING)
    await walk.people.rollback("the probe hangs")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "undo-one"]


@pytest.mark.parametrize(
    ("work", "state"),
    [("false", StepState.FAILED), ("sleep 60", StepState.TIMED_OUT), ("kill -9 $$", StepState.FAILED)],
)
async def test_what_failed_is_taken_back_too(scene: Scene, work: str, state: StepState) -> None:
    limit = 1.0 if state is StepState.TIMED_OUT else 30
    walk = await scene.begun(book(step("one"), step("two", work, timeout_seconds=limit)))
    run = await rest(walk)
    assert (run.state, state_of(walk, "two")) == (RunState.PAUSED, state)
    with pytest.raises(ConsoleError, match="not declared idempotent"):
        await walk.people.retry("two")
    await walk.people.rollback("it failed")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]


async def test_an_undo_that_fails_waits_for_a_person_and_is_tried_again(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", undo=FAILS), step("two", "false")))
    await rest(walk)
    await walk.people.rollback("two failed")
    await until(lambda: state_of(walk, "one") is StepState.UNDO_FAILED)
    assert walk.run.state is RunState.ROLLING_BACK
    for act in (walk.people.skip("one", "we leave it so"), walk.people.retry("two"), walk.people.resume()):
        with pytest.raises(ConsoleError):
            await act
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]
    (scene.out / "mended").touch()
    await walk.people.retry("one")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "two", "undo-two", "undo-one", "undo-one"]


async def test_an_undo_that_ends_with_0_is_not_done_before_its_probe_says_so(scene: Scene) -> None:
    no = 'run = ["sh", "-c", "exit 1"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'
    walk = await scene.begun(book(step("one", undo_probe=no)))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.rollback("we do not go tonight")
    await until(lambda: state_of(walk, "one") is StepState.UNDO_FAILED)
    await walk.people.resolve("one", done=True, reason="I looked: it is gone")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert walk.run.step("one").by == "person"


async def test_what_only_a_person_can_take_back_waits_for_one(scene: Scene) -> None:
    by_hand = (
        '[[step]]\nid = "hand"\ntitle = "By hand"\nkind = "manual"\nwords = "switch the light on"\n'
        '[step.undo]\nwords = "switch the light off"\n'
    )
    walk = await scene.begun(book(step("one"), by_hand))
    await until(lambda: "light on" in walk.run.step("hand").reason)
    await walk.people.done("hand", "the light is on, I see it")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.rollback("we do not go tonight")
    await until(lambda: "light off" in walk.run.step("hand").reason)
    await walk.people.resolve("hand", done=False, reason="the switch is broken, wait")
    await until(lambda: state_of(walk, "hand") is StepState.UNDO_FAILED)
    await walk.people.retry("hand")
    await until(lambda: state_of(walk, "hand") is StepState.WAITING)
    await walk.people.resolve("hand", done=True, reason="the light is off, I see it")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "undo-one"]


async def test_a_rollback_that_dies_midway_is_gone_on_with(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), step("two", undo=GOING)))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.rollback("we do not go tonight")
    await until(lambda: "undo-two" in scene.log())
    await walk.close()
    (scene.out / "end").touch()
    walk = scene.walk(scene.again())
    assert walk.run.state is RunState.ROLLING_BACK
    await walk.drive()
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]


@pytest.mark.parametrize("probe", ["yes", "no"])
async def test_an_undo_that_was_killed_is_looked_at(scene: Scene, probe: str) -> None:
    done = "rm {dir}/one;" if probe == "yes" else ""
    walk = await scene.begun(book(step("one", undo=f"{done} {GOING}")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.rollback("we do not go tonight")
    await until(lambda: "undo-one" in scene.log() and bool(walk.run.step("one").attempts[-1].pid))
    await asyncio.to_thread(eventually, lambda: probe == "no" or not (scene.out / "one").exists())
    who = read_started(scene.attempt("one", undo=True))
    assert who is not None
    for pid in (who.shim, who.pid):
        os.kill(pid, signal.SIGKILL)
    if probe == "no":
        await until(lambda: state_of(walk, "one") is StepState.UNDO_FAILED)
        assert "had not happened" in walk.run.step("one").reason
        (scene.out / "end").touch()
        await walk.people.retry("one")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "undo-one"] + (["undo-one"] if probe == "no" else [])


def test_the_command_line_stops_where_a_rollback_needs_a_person(scene: Scene) -> None:
    scene.write(book(step("one", undo=FAILS), step("two")))
    code, said = scene.ran("run", *WITHOUT)
    assert code == 5, said
    code, said = scene.ran("rollback", "--reason", "we do not go tonight")
    assert (code, scene.run().state) == (5, RunState.ROLLING_BACK), said
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert code == 5, said
    assert "the way back is at one, undo failed" in said
    code, said = scene.ran("resolve", "one", "--done", "--reason", "took it back by hand")
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert (code, scene.run().state) == (1, RunState.ROLLED_BACK), said
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]
    code, said = scene.ran("verify")
    assert code == 0, said


# --- what commands print ----------------------------------------------------------------------------


LOUD = [
    pytest.param("print((chr(120) * 79 + chr(10)) * 65000)", id="5 MB"),
    pytest.param("print(chr(120) * 1000000)", id="one line of 1 MB"),
    pytest.param("[print(chr(120) * 99) for _ in range(2000000)]", id="200 MB", marks=pytest.mark.slow),
    pytest.param("[print(end=chr(120) * 1000000) for _ in range(50)]", id="one line of 50 MB", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("work", LOUD)
async def test_a_command_may_print_as_much_as_it_likes(scene: Scene, work: str) -> None:
    walk = await scene.begun(book(step("one", f"python3 -I -S -c '{work}'")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING, 180)
    attempt = walk.run.step("one").attempts[-1]
    kept = (scene.attempt("one") / "out.raw").stat().st_size
    assert attempt.out_bytes == kept <= 64_000_000
    lines = await walk.output("one", 20)
    assert 1 <= len(lines) <= 20
    assert max(map(len, lines)) < 20_000
    assert scene.whole()


async def test_escapes_markup_and_broken_text_are_shown_as_text(scene: Scene) -> None:
    evil = "printf '\\033[2J\\033]0;owned\\007[bold]x[/bold] \\377\\376 \\342\\200\\256 |`<b>\\n'"
    says = evil.replace("\\", "\\\\").replace('"', '\\"')
    probe = f'run = ["sh", "-c", "{says}; exit 0"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'
    walk = await scene.begun(book(step("one", evil, probe=probe)))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    shown = "\n".join(await walk.output("one", 20)) + walk.run.step("one").probes["post.1"].value
    assert "[bold]x[/bold]" in shown
    assert not any(ord(each) < 32 and each != "\n" for each in shown)
    assert "\u202e" not in shown
    await walk.close()
    code, said = scene.ran("export")
    assert code == 0
    assert "\033" not in said


@pytest.mark.slow  # it is given ten seconds to end
async def test_a_command_that_ignores_being_asked_to_end_is_ended_with_what_it_started(scene: Scene) -> None:
    child = "trap : TERM; echo $$ > {dir}/child; while true; do sleep 1; done"
    work = f"trap : TERM; sh -c '{child}' & while true; do sleep 1; done"
    walk = await scene.begun(book(step("one", work, timeout_seconds=0.5)))
    await until(lambda: (scene.out / "child").exists() and bool((scene.out / "child").read_text().strip()))
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.TIMED_OUT)
    pid = int((scene.out / "child").read_text())
    assert machine.start_time(pid) is None
    assert scene.log() == ["one"]


async def test_no_secret_reaches_the_disk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "postgresql://devora:Xk29-vT7q.Lm4@db.internal/devora"
    scene.secrets = (Secret("Xk29-vT7q.Lm4"),)
    monkeypatch.setenv("POSTGRES_DSN", secret)
    probe = 'run = ["sh", "-c", "echo asked $POSTGRES_DSN; exit 0"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'
    walk = await scene.begun(book(step("one", "env; echo $POSTGRES_DSN >&2; false", probe=probe), step("two")))
    await rest(walk)
    await walk.note(f"it says {secret}")
    await walk.people.resolve("one", done=True, reason="its password is Xk29-vT7q.Lm4, as one sees")
    await walk.people.rollback("we looked at Xk29-vT7q.Lm4")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    await walk.close()
    code, said = scene.ran("export")
    assert code == 0
    assert "Xk29" not in said
    for path in home.find(scene.root).rglob("*"):
        if path.is_file():
            assert b"Xk29" not in path.read_bytes(), path


async def test_an_attempt_for_which_there_is_no_room_was_not_made(scene: Scene) -> None:
    scene.write(book(step("one")))
    opened = scene.open()
    taken = home.attempt_folder(opened.folder, "one", 1)
    taken.mkdir()
    walk = scene.walk(opened)
    await walk.drive()
    await walk.people.go()
    run = await rest(walk)
    assert (state_of(walk, "one"), run.state) == (StepState.FAILED, RunState.PAUSED)
    assert "nothing was started" in run.reason
    await walk.people.retry("one")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one"]


async def test_past_the_point_of_no_return_the_way_back_is_peoples(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), opening()))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.go("open")
    assert (await rest(walk)).state is RunState.DONE
    await walk.hold()
    with pytest.raises(ConsoleError, match="loses writes"):
        await walk.people.rollback("visitors see errors")
    await scene.says("ana", "rollback")
    with pytest.raises(ConsoleError, match="1 more person has to approve"):
        await walk.people.rollback("visitors see errors")
    assert walk.run.state is RunState.DONE
    await scene.says("bo", "rollback")
    await walk.people.rollback("visitors see errors")
    await walk.drive()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)  # visitors are shut out by a person
    assert scene.log() == ["one", "open"]
    with pytest.raises(ConsoleError, match="two people say"):
        await walk.people.resolve("open", done=True, reason="the site is shut, as I see")
    await scene.says("ana", "open")
    await scene.says("bo", "open")
    await walk.people.resolve("open", done=True, reason="the site is shut, as I see")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "open", "undo-one"]
    assert [each.payload["scope"] for each in scene.events(Kind.GO)] == ["run", "open"]
    assert scene.whole()

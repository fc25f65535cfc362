"""Whoever dies on the way, every effect happens once, every state is true, and nothing begins again by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError
from devora_console.cutover.apart import machine
from devora_console.cutover.attempt import read_started
from devora_console.cutover.events import Kind
from devora_console.cutover.journal import connect, home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.state import RunState, StepState
from tests.cutover.walking import WITHOUT, Scene, book, counts, opening, rest, state_of, step, told, until
from tests.eventually import eventually

SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 55))]
TRUE = {StepState.INTENT, StepState.RUNNING, StepState.VERIFYING}


def three() -> str:
    """Three steps that take a moment, the last of them past the point of no return."""
    return book(
        step("one", "sleep 0.2", already=told("one")),
        step("two", "sleep 0.2", already=told("two")),
        opening(already=told("open")),
    )


def decide(scene: Scene) -> None:
    """What a person does about a run that is paused: looks what became of the step, and says so."""
    for each in scene.run().steps:
        if each.state in (StepState.UNKNOWN, StepState.FAILED):
            done = "--done" if (scene.out / each.id).exists() else "--not-done"
            code, said = scene.ran("resolve", each.id, done, "--reason", "looked whether its mark is there")
            assert code in (0, 5), said


@pytest.mark.parametrize("seed", SEEDS)
def test_the_console_is_killed_at_any_moment_and_every_effect_happens_once(scene: Scene, seed: int) -> None:
    scene.write(three())
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    words: tuple[str, ...] = ("run", *WITHOUT, "--go")
    for life in range(12):
        console = scene.console(*words)
        if console.wait(chance.uniform(0.1, 1.6) if life < 3 else 60) is None:
            console.signal(signal.SIGKILL)
        code, said = console.end()
        if not any((run / home.HEAD).exists() for run in home.runs(scene.root)):
            continue  # it died before there was a run
        assert scene.whole(), said
        assert all(number == 1 for number in counts(scene.log()).values()), (scene.log(), said)
        if scene.run().state is RunState.DONE:  # it may have been killed after that
            break
        assert code in (5, -9), said
        decide(scene)
        words = ("run", "--resume", *WITHOUT, "--go")
    assert scene.run().state is RunState.DONE
    assert scene.log() == ["one", "two", "open"]


def victims(scene: Scene, name: str) -> tuple[int, int]:
    """The shim and the command of a step."""
    assert eventually(lambda: name in scene.log() and read_started(scene.attempt(name)) is not None, 20)
    started = read_started(scene.attempt(name))
    assert started is not None
    return started.shim, started.pid


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: all(machine.start_time(pid) is None for pid in pids), 20)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_shim_and_command_are_killed_and_the_step_had_not_happened(scene: Scene, idempotent: bool) -> None:
    text = book(step("one", "test -e {dir}/again || sleep 60", already=told("one"), idempotent=idempotent))
    walk = await scene.begun(text)
    shim, pid = await asyncio.to_thread(victims, scene, "one")
    (scene.out / "again").touch()
    await asyncio.to_thread(kill, shim, pid)
    if not idempotent:
        await until(lambda: state_of(walk, "one") is StepState.PENDING)
        assert walk.run.state is RunState.PAUSED
        assert "had not happened" in walk.run.reason
        assert scene.log() == ["one"]
        await walk.people.resume()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one", "one"]
    assert len(walk.run.step("one").attempts) == 2


async def test_shim_and_command_are_killed_and_the_step_had_happened(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "touch {dir}/one; sleep 60", already=told("one")), step("two")))
    shim, pid = await asyncio.to_thread(victims, scene, "one")
    await asyncio.to_thread(eventually, (scene.out / "one").exists)
    await asyncio.to_thread(kill, shim, pid)
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one", "two"]
    states = [each.payload["state"] for each in scene.events(Kind.STEP) if each.step == "one"]
    assert states == ["unknown", "verifying", "passed"]


CANNOT_TELL = 'run = ["sh", "-c", "exit 7"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'


@pytest.mark.parametrize("already", [None, CANNOT_TELL], ids=["no probe", "cannot tell"])
async def test_what_no_probe_can_tell_a_person_has_to_say(scene: Scene, already: str | None) -> None:
    keys: dict[str, str] = {} if already is None else {"already": already}
    walk = await scene.begun(book(step("one", "sleep 60", **keys), step("two")))
    shim, pid = await asyncio.to_thread(victims, scene, "one")
    await asyncio.to_thread(kill, shim, pid)
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.UNKNOWN)
    for act in (walk.people.resume(), walk.people.retry("one")):
        with pytest.raises(ConsoleError):
            await act
    await walk.people.resolve("one", done=True, reason="I looked, it is there")
    await walk.people.resume()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    standing = walk.run.step("one")
    assert (standing.by, standing.reason, scene.log()) == ("person", "I looked, it is there", ["one", "two"])


async def test_the_command_alone_is_killed_and_its_shim_tells(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "sleep 60")))
    _, pid = await asyncio.to_thread(victims, scene, "one")
    await asyncio.to_thread(kill, pid)
    run = await rest(walk)
    assert state_of(walk, "one") is StepState.FAILED
    assert "signal 9" in run.reason


async def test_the_shim_alone_is_killed_and_the_command_runs_on_to_an_unknown_end(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "while test ! -e {dir}/end; do sleep 0.05; done", already=told("one"))))
    shim, _ = await asyncio.to_thread(victims, scene, "one")
    await asyncio.to_thread(kill, shim)
    await asyncio.sleep(0.6)
    assert state_of(walk, "one") is StepState.RUNNING
    (scene.out / "end").touch()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    states = [each.payload["state"] for each in scene.events(Kind.STEP) if each.step == "one"]
    assert states[0] == "unknown"
    assert scene.log() == ["one"]


async def test_a_restart_of_the_machine_leaves_the_step_unknown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = await scene.begun(book(step("one", "sleep 60")))
    shim, pid = await asyncio.to_thread(victims, scene, "one")
    await walk.close()
    monkeypatch.setattr(machine, "boot_id", lambda: "another boot")
    monkeypatch.setattr("devora_console.cutover.machine.boot_id", lambda: "another boot")
    walk = scene.walk(scene.again())
    await walk.drive()
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.UNKNOWN)
    assert "restarted" in run.step("one").reason
    await walk.people.rollback("the machine was restarted in the middle")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "undo-one"]
    monkeypatch.undo()
    await asyncio.to_thread(kill, shim, pid)


@pytest.mark.parametrize(
    "end",
    [
        signal.SIGHUP,
        signal.SIGKILL,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_console_that_goes_leaves_the_step_running_and_the_next_takes_it_in(
    scene: Scene, end: signal.Signals
) -> None:
    scene.write(book(step("one", "sleep 1.5"), step("two")))
    console = scene.console("run", *WITHOUT)
    victims(scene, "one")
    console.signal(end)
    console.end()
    assert not (scene.out / "one").exists()
    assert scene.run().step("one").state in TRUE
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert code == 5, said
    assert scene.log() == ["one", "two"]
    assert scene.run().step("open").state is StepState.WAITING
    (ended,) = [each.payload for each in scene.events(Kind.EXITED) if each.step == "one"]
    assert (ended["rc"], ended["ingested"]) == (0, False)


@pytest.mark.slow
def test_a_terminal_that_is_closed_leaves_the_step_running(scene: Scene) -> None:
    scene.write(book(step("one", "sleep 1"), step("two")))
    ours, theirs = os.openpty()
    console = scene.console("run", *WITHOUT, terminal=os.ttyname(theirs))
    victims(scene, "one")
    os.close(theirs)
    os.close(ours)  # the system hangs up
    assert console.end()[0] != 0
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert code == 5, said
    assert scene.log() == ["one", "two"]


@pytest.mark.parametrize("moment", ["intent", "started", "exited", "step"])
async def test_a_driver_that_dies_after_any_event_is_followed_by_one_who_knows(scene: Scene, moment: str) -> None:
    """Death right after a certain event, at every place where it can be: the next driver does the rest once."""
    kinds = {"intent": Kind.INTENT, "started": Kind.STARTED, "exited": Kind.EXITED, "step": Kind.STEP}
    walk = await scene.begun(three())
    await until(lambda: any(each.kind is kinds[moment] for each in walk.events(3)))
    task = walk._task
    assert task is not None
    task.cancel()  # nothing more is written, as after a kill
    await walk.close()
    walk = scene.walk(scene.again())
    await walk.drive()
    await until(lambda: state_of(walk, "open") is StepState.WAITING or walk.run.state is RunState.PAUSED)
    if walk.run.state is RunState.PAUSED:  # begun so little before that there is no trace
        await walk.people.resume()
        await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one", "two"]


async def test_a_death_between_not_happened_and_paused_begins_nothing(scene: Scene) -> None:
    """What is free to be started is never in the journal before the pause that keeps it from being started."""
    walk = await scene.begun(book(step("one", "sleep 60", already=told("one"))))
    shim, pid = await asyncio.to_thread(victims, scene, "one")
    await asyncio.to_thread(kill, shim, pid)
    await until(lambda: state_of(walk, "one") is StepState.PENDING)
    kinds = [(each.kind, each.payload["state"]) for each in scene.events(Kind.STEP, Kind.RUN)][-3:]
    assert kinds == [(Kind.STEP, "unknown"), (Kind.RUN, "paused"), (Kind.STEP, "pending")]


# --- several consoles -------------------------------------------------------------------------------


ROUNDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 22))]


@pytest.mark.parametrize("seed", ROUNDS)
def test_consoles_that_press_go_together_are_one_driver(scene: Scene, seed: int) -> None:
    scene.write(three())
    many = [scene.console("run", *WITHOUT, "--go") for _ in range(2 + seed % 3)]
    ended = [console.end() for console in many]
    assert sorted(code for code, _ in ended) == [0, *[4] * (len(many) - 1)], ended
    assert all("drives this run" in said or "opened it" in said for code, said in ended if code == 4), ended
    assert scene.log() == ["one", "two", "open"]
    assert len(home.runs(scene.root)) == 1
    assert scene.whole()


def test_a_driver_that_stands_still_is_not_replaced_and_a_dead_one_is(scene: Scene) -> None:
    scene.write(book(step("one", "sleep 0.5"), step("two")))
    first = scene.console("run", *WITHOUT)
    victims(scene, "one")
    first.signal(signal.SIGSTOP)
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert code == 4, said
    assert f"process {first.pid}" in said
    for words in (("rollback", "--reason", "we do not go tonight"), ("skip", "two", "--reason", "not needed tonight")):
        code, said = scene.ran(*words, typed="two" if words[0] == "skip" else "demo")
        assert code == 4, said
    first.signal(signal.SIGKILL)
    first.end()
    code, said = scene.ran("run", "--resume", *WITHOUT)
    assert code == 5, said
    assert scene.log() == ["one", "two"]


async def test_a_driver_without_his_token_writes_nothing(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "sleep 0.6"), step("two")))
    await until(lambda: state_of(walk, "one") is StepState.RUNNING)
    # The lock is gone with its file, as on a file system that loses locks: the token is what is left.
    (walk._folder / home.DRIVER_LOCK).unlink()
    with Journal.open(walk._folder, "bo") as other:
        other.take_driver("bo@elsewhere")
        await walk.ended()
        assert walk.problem is not None
        assert walk.problem.code == "cutover_taken_over"
        assert "bo@elsewhere" in str(walk.problem)
        await asyncio.sleep(0.5)
        assert scene.log() == ["one"]


# --- disk and clock ---------------------------------------------------------------------------------


def test_a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room(scene: Scene, tmp_path: Path) -> None:
    import resource

    scene.write(book(step("one"), step("two"), *(step(f"more-{n}") for n in range(3))))
    console = scene.console("run", *WITHOUT)
    victims(scene, "one")
    limit = (home.find(scene.root) / "journal.db-wal").stat().st_size + 5_000
    resource.prlimit(console.pid, resource.RLIMIT_FSIZE, (limit, limit))
    code, said = console.end()
    assert code == 5, said
    assert "journal" in said, said
    assert scene.whole()
    before = scene.log()
    for _ in range(4):
        code, said = scene.ran("run", "--resume", *WITHOUT)
        if "point of no return" in said or scene.run().step("open").state is StepState.WAITING:
            break
        decide(scene)
    log = scene.log()
    assert log[: len(before)] == before
    assert log == ["one", "two", "more-0", "more-1", "more-2"]
    assert scene.whole()


async def test_a_jump_of_the_wall_clock_is_recorded(scene: Scene) -> None:
    from dataclasses import replace
    from datetime import timedelta

    from devora_console.cutover import machine as machines

    walk = await scene.begun(book(step("one")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)

    def later() -> machines.Moment:
        return replace(now := machines.now(), at=now.at + timedelta(minutes=5))

    with Journal.open(walk._folder, "bo", clock=later) as other:
        other.append(Kind.NOTE, {"text": "the clock was put right"})
    (jump,) = scene.events(Kind.CLOCK)
    assert 295 < float(str(jump.payload["seconds"])) < 305
    assert scene.whole()


def test_time_is_kept(scene: Scene) -> None:
    """What took long is not told from the wall clock."""
    began = time.monotonic()
    scene.write(book(step("one", "sleep 0.3")))
    scene.ran("run", *WITHOUT)
    seconds = scene.run().step("one").seconds
    assert seconds is not None
    assert 0.3 <= seconds <= time.monotonic() - began


def test_a_draft_gets_no_go_while_another_run_has_begun(scene: Scene) -> None:
    scene.write(book(step("one")))
    names = []
    for _ in range(2):  # as of two consoles that opened one each
        opened = scene.open()
        opened.journal.close()
        names.append(opened.folder.name)
    name, other = names
    code, said = scene.ran("run", "--run", name, *WITHOUT)
    assert code == 5, said
    code, said = scene.ran("run", "--run", other, *WITHOUT)
    assert code == 4, said
    assert f"run {name} of this environment is running" in said
    assert scene.log() == ["one"]


def test_a_run_that_never_came_to_be_is_no_run(scene: Scene) -> None:
    scene.write(book(step("one")))
    home.prepare(scene.root)
    half = home.make_run(scene.root, home.new_run_id("big-bang"))
    (half / home.JOURNAL).touch()
    connect.writer(half / home.JOURNAL).close()  # and then it died
    assert home.runs(scene.root) == ()
    opened = scene.open()
    opened.journal.close()
    assert home.find(scene.root) == opened.folder

"""What lets a step begin and what makes it green: gates, votes, keys, probes, guardrails, the lease."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError
from devora_console.cutover import gating, voting
from devora_console.cutover.events import Kind
from devora_console.cutover.gating import GateLine
from devora_console.cutover.state import RunMode, RunState, StepState
from tests.cutover.walking import WITHOUT, Measured, Scene, book, opening, rest, state_of, step, told, until

GATE = '[[gate]]\nid = "{}"\n'
BEFORE = '[[gate]]\nid = "{}"\nbefore = "{}"\n'
SECONDS_OF_POLL = 60.0
INFORMED = '[[gate]]\nid = "team.informed"\nattested = true\ntitle = "Told"\nabout = "Who"\n'


async def test_every_step_is_done_once_and_the_last_waits_for_its_own_go(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), step("two")))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one", "two"]
    await walk.people.go("open")
    assert (await rest(walk)).state is RunState.DONE
    assert scene.log() == ["one", "two", "open"]
    assert scene.whole()
    assert scene.lease.taken == 0  # given back


# --- gates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
async def test_a_gate_that_is_not_open_takes_the_go_and_a_waiver_lets_it_pass(scene: Scene, verdict: Verdict) -> None:
    scene.gates["migration.dry_run"] = Measured(verdict, "12 documents do not fit")
    scene.write(book(step("one"), gates=GATE.format("migration.dry_run")))
    walk = scene.walk(scene.open())
    await walk.drive()
    with pytest.raises(ConsoleError, match="12 documents do not fit"):
        await walk.people.go()
    assert (walk.run.state, scene.log()) == (RunState.DRAFT, [])
    await walk.waive("migration.dry_run", "they are drafts that nobody reads")
    await walk.people.go()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    standing = walk.run.gates["migration.dry_run"]
    assert (standing.verdict, standing.waived_by) == (verdict, "ana")


async def test_what_was_attested_too_long_ago_is_stale(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.write(book(step("one"), gates=INFORMED + "ttl_hours = 0.0001\n"))
    walk = scene.walk(scene.open())
    await walk.attest("team.informed", "told everybody just now")
    await asyncio.sleep(0.5)
    await walk.drive()
    with pytest.raises(ConsoleError, match=r"team\.informed is stale"):
        await walk.people.go()


async def test_a_gate_before_a_step_is_measured_right_before_it_and_keeps_it_waiting(scene: Scene) -> None:
    silent = scene.gates["source.silent"] = Measured(Verdict.FAIL, "3 writes since the freeze")
    walk = await scene.begun(book(step("one"), step("two"), gates=BEFORE.format("source.silent", "two")))
    await until(lambda: "3 writes" in walk.run.step("two").reason)
    assert (state_of(walk, "two"), scene.log(), silent.asked) == (StepState.WAITING, ["one"], 1)
    silent.verdict, silent.value = Verdict.OK, "silent"
    await walk.people.retry("two")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert (scene.log(), silent.asked) == (["one", "two"], 2)


@pytest.mark.slow
async def test_a_gate_that_stays_shut_is_measured_again_by_itself(scene: Scene) -> None:
    silent = scene.gates["source.silent"] = Measured(answers=[Verdict.FAIL, Verdict.UNKNOWN])
    text = book(step("one"), gates=BEFORE.format("source.silent", "one"), horizon_seconds=1)
    walk = await scene.begun(text)
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert (scene.log(), silent.asked) == (["one"], 3)


async def test_a_waiver_lets_a_step_pass_its_gate_at_once(scene: Scene) -> None:
    scene.gates["source.silent"] = Measured(Verdict.UNKNOWN, "nobody knows")
    walk = await scene.begun(book(step("one"), gates=BEFORE.format("source.silent", "one")))
    await until(lambda: "nobody knows" in walk.run.step("one").reason)
    await walk.waive("source.silent", "the source has no counters")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)


async def test_what_was_green_earlier_is_measured_again_before_the_step(scene: Scene) -> None:
    silent = scene.gates["source.silent"] = Measured()
    scene.write(book(step("one"), gates=BEFORE.format("source.silent", "one")))
    walk = scene.walk(scene.open())
    await walk.measure(walk.runbook.gates)
    silent.verdict, silent.value = Verdict.FAIL, "a write slipped in"
    await walk.drive()
    await walk.people.go()
    await until(lambda: "slipped in" in walk.run.step("one").reason)
    assert scene.log() == []


async def test_people_can_act_while_a_gate_is_being_measured(scene: Scene) -> None:
    scene.gates["source.silent"] = Measured(seconds=60)
    walk = await scene.begun(book(step("one"), gates=BEFORE.format("source.silent", "one")))
    await until(lambda: state_of(walk, "one") is StepState.WAITING)
    assert walk.run.step("one").reason == "its gates to be measured"
    await walk.people.rollback("we do not go tonight")
    assert (await rest(walk)).state is RunState.ABORTED


@pytest.mark.slow
async def test_gates_of_go_are_measured_again_when_they_are_old_at_the_first_step(scene: Scene) -> None:
    dry = scene.gates["migration.dry_run"] = Measured(answers=[Verdict.OK, Verdict.FAIL])
    text = book(step("one"), step("two"), gates=GATE.format("migration.dry_run"), horizon_seconds=0.5)
    scene.write(text)
    walk = scene.walk(scene.open())
    await walk.drive()
    await walk.people.go(poll_seconds=0.8)
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    kept = [each.payload["reason"] for each in scene.events(Kind.STEP) if each.payload["state"] == "waiting"]
    assert any("migration.dry_run is fail" in str(each) for each in kept)
    assert scene.log() == ["one", "two"]
    assert dry.asked == 3  # before GO, before the first step, and again because that was a no; not before the second


async def test_a_gate_of_go_that_somebody_finds_shut_during_the_poll_stops_the_first_step(scene: Scene) -> None:
    dry = scene.gates["migration.dry_run"] = Measured()
    scene.write(book(step("one"), gates=GATE.format("migration.dry_run")))
    walk = scene.walk(scene.open())
    await walk.drive()
    await walk.people.go(poll_seconds=0.5)
    dry.verdict, dry.value = Verdict.FAIL, "the mapping has changed"
    await walk.measure(walk.runbook.gates)
    await until(lambda: "the mapping has changed" in walk.run.step("one").reason)
    assert scene.log() == []


async def test_a_step_that_measures_gates_fails_with_the_reason_and_is_asked_again(scene: Scene) -> None:
    dry = scene.gates["migration.dry_run"] = Measured(answers=[Verdict.OK, Verdict.FAIL], value="hm")
    check = '[[step]]\nid = "check"\ntitle = "Check"\nkind = "gates"\n'
    walk = await scene.begun(book(step("one"), check, gates=GATE.format("migration.dry_run")))
    run = await rest(walk)
    assert (run.state, state_of(walk, "check")) == (RunState.PAUSED, StepState.FAILED)
    assert "migration.dry_run is fail: hm" in run.reason
    await walk.people.retry("check")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert dry.asked == 3


def test_whoever_goes_on_measures_again_what_was_shut_and_takes_the_key_of_the_last_step_as_given(scene: Scene) -> None:
    scene.write(
        book(step("one"), step("two"), opening(pause=True), gates=GATE.format("tests.passed") + 'before = "two"\n')
    )
    with (scene.folder / "console.toml").open("a") as file:
        file.write(f'tests = "test -e {scene.out}/green"\n')
    for words in ((), ("--resume",)):
        code, said = scene.ran("run", *words, *WITHOUT)
        assert code == 5
        assert "two waits for its gates: tests.passed is fail" in said
    (scene.out / "green").touch()
    code, said = scene.ran("run", "--resume", "--go", *WITHOUT)
    assert (code, scene.run().state, scene.log()) == (0, RunState.DONE, ["one", "two", "open"]), said


def test_what_could_not_be_found_out_is_said_once_for_all_gates_with_what_helps() -> None:
    def line(name: str, verdict: Verdict, value: str, why: str = "", remedy: str = "") -> GateLine:
        return GateLine(name, name, None, False, verdict, value, "", why, remedy, 1.0, 60.0, "", "", "", "", "start")

    away = ("not known", "PostgreSQL at ana@db1 cannot be reached", "Check that it runs")
    shut = [line("a.one", Verdict.UNKNOWN, *away), line("b", Verdict.FAIL, "3 rows", "x", "y")]
    shut.append(line("c", Verdict.UNKNOWN, *away))
    assert gating.why_blocked(shut) == (
        "a.one, c are unknown: PostgreSQL at ana@db1 cannot be reached (Check that it runs); b is fail: 3 rows"
    )


async def test_a_step_that_fails_says_what_its_program_said_last(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "echo so far so good; echo the server db1 is away >&2; echo; exit 3")))
    run = await rest(walk)
    assert run.step("one").reason == "exit code 3: the server db1 is away"
    assert "the server db1 is away" in run.reason


# --- people -----------------------------------------------------------------------------------------


async def test_an_objection_during_the_poll_takes_the_go_back(scene: Scene) -> None:
    scene.write(book(step("one")))
    walk = scene.walk(scene.open())
    await walk.drive()
    await walk.people.go(poll_seconds=SECONDS_OF_POLL)
    with pytest.raises(ConsoleError, match="asked already"):
        await walk.people.go()
    await scene.says("bo", "run", "objection", "the bastion is slow")
    await until(lambda: walk.run.state is RunState.DRAFT)
    assert "bo objects: the bastion is slow" in walk.run.reason
    assert scene.log() == []
    await scene.says("bo", "run", "go")  # whoever votes again has changed his mind
    await walk.people.go()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)


async def test_a_step_of_two_waits_for_two_different_people(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", people=2)))
    await until(lambda: state_of(walk, "one") is StepState.WAITING)
    for who in ("bo", "Bo ", "bo"):
        await scene.says(who, "one")
    await until(lambda: "1 more person" in walk.run.step("one").reason)
    assert scene.log() == []
    await scene.says("cy", "one")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one"]


async def test_votes_for_another_plan_or_runbook_or_of_yesterday_do_not_count(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", people=2)))
    await scene.says("bo", "one")
    await until(lambda: len(walk.run.votes) == 1)
    run, sha = walk.run, walk.runbook.plan_sha
    vote = run.votes[0]

    def people(**changes: object) -> tuple[str, ...]:
        other = replace(run, votes=(replace(vote, **changes),))  # type: ignore[arg-type]
        return voting.counted(other, "one", 2, sha, vote.at).people

    assert people() == ("bo",)
    assert people(sha="0" * 64) == people(plan_sha="0" * 64) == people(scope="two") == ()
    late = vote.at + voting._COUNTS_FOR * 1.01
    assert voting.counted(run, "one", 2, sha, late).people == ()
    assert voting.counted(run, "one", 2, sha, vote.at, since=late).people == ()


async def test_a_step_waits_for_its_key_and_a_person_for_evidence(scene: Scene) -> None:
    by_hand = (
        '[[step]]\nid = "hand"\ntitle = "By hand"\nkind = "manual"\nwords = "switch the light on"\n'
        f"[[step.probe]]\n{told('light')}\n"
        '[step.undo]\nwords = "switch it off"\n'
    )
    walk = await scene.begun(book(step("one", pause=True), by_hand))
    await until(lambda: walk.run.step("one").reason == "the key to go on")
    walk.people.release()
    await until(lambda: "switch the light on" in walk.run.step("hand").reason)
    await walk.people.done("hand", "the light is on, I see it")
    run = await rest(walk)  # the probe does not see it
    assert (run.state, state_of(walk, "hand")) == (RunState.PAUSED, StepState.FAILED)
    (scene.out / "light").touch()
    await walk.people.retry("hand")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert run.step("hand").touched  # a rollback has to look at it


async def test_pause_lets_what_runs_come_to_its_end_and_skip_says_who(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "sleep 0.5"), step("two"), step("three")))
    await until(lambda: state_of(walk, "one") is StepState.RUNNING)
    await walk.people.pause()
    await until(lambda: state_of(walk, "one") is StepState.PASSED)
    with pytest.raises(ConsoleError, match="cannot pause"):
        await walk.people.pause()
    await walk.people.skip("two", "it was done by hand an hour ago")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one", "three"]
    with pytest.raises(ConsoleError, match="point of no return"):
        await walk.people.skip("open", "no reason is good enough")


# --- green ------------------------------------------------------------------------------------------


async def test_exit_code_0_is_not_enough_and_its_probes_can_be_asked_again(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "true || true", probe=told("proof"))))
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.FAILED)
    with pytest.raises(ConsoleError, match="failed"):
        await walk.people.resume()
    (scene.out / "proof").touch()
    await walk.people.retry("one")
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert scene.log() == ["one"]  # only asked again, not done again


FLAPPING = (
    'run = ["sh", "-c", "if test -e {dir}/flip; then rm {dir}/flip; exit 1; fi; touch {dir}/flip"]\n'
    "within_seconds = 0.6\nevery_seconds = 0.05\ntimes = 3"
)
HANGING = 'run = ["sleep", "600"]\nwithin_seconds = 0.2\nevery_seconds = 0.1\ntimeout_seconds = 0.2'
BROKEN = 'run = ["{dir}/none"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'


@pytest.mark.parametrize("probe", [FLAPPING, HANGING, BROKEN], ids=["flapping", "hanging", "broken"])
async def test_a_probe_without_a_steady_answer_is_inconclusive(scene: Scene, probe: str) -> None:
    walk = await scene.begun(book(step("one", probe=probe)))
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.INCONCLUSIVE)
    assert scene.log() == ["one"]


async def test_a_gate_that_breaks_as_a_probe_is_inconclusive(scene: Scene) -> None:
    class Broken(Measured):
        async def measure(self) -> object:  # type: ignore[override]
            raise KeyError("a fault of the gate")

    scene.gates["source.silent"] = Broken()
    probe = 'gate = "source.silent"\nwithin_seconds = 0.1\nevery_seconds = 0.1'
    walk = await scene.begun(book(step("one", probe=probe)))
    run = await rest(walk)
    assert (run.state, state_of(walk, "one")) == (RunState.PAUSED, StepState.INCONCLUSIVE)
    assert "the gate itself failed" in run.reason


def bad(name: str) -> str:
    """A guardrail that says no once this step has had its effect."""
    return f'run = ["sh", "-c", "! grep -qx {name} {{dir}}/log"]\nevery_seconds = 0.1'


@pytest.mark.parametrize("how", ["rollback", "pause"])
async def test_a_guardrail_that_fails_twice_stops_the_step(scene: Scene, how: str) -> None:
    walk = await scene.begun(book(step("one"), step("two", "sleep 60", guardrail=bad("two")), on_guardrail=how))
    run = await rest(walk)
    if how == "pause":
        assert (run.state, state_of(walk, "two")) == (RunState.PAUSED, StepState.FAILED)
        assert scene.log() == ["one", "two"]
    else:
        assert run.state is RunState.ROLLED_BACK
        assert scene.log() == ["one", "two", "undo-two", "undo-one"]
    assert "guardrail" in run.reason


async def test_past_the_point_of_no_return_a_guardrail_takes_nothing_back(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), opening(), step("after", "sleep 60", undo=None, guardrail=bad("after"))))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.go("open")
    run = await rest(walk)
    assert (run.state, state_of(walk, "after")) == (RunState.PAUSED, StepState.FAILED)
    with pytest.raises(ConsoleError, match="2 more people"):
        await walk.people.rollback("visitors see errors")
    await scene.says("bo", "rollback")
    await until(lambda: len(walk.run.votes) == 1)
    with pytest.raises(ConsoleError, match="1 more person"):
        await walk.people.rollback("visitors see errors")
    await scene.says("cy", "rollback")
    await walk.people.rollback("visitors see errors")
    await until(lambda: "a person" in walk.run.step("after").reason)
    assert scene.log() == ["one", "open", "after"]


async def test_past_the_point_of_no_return_two_people_say_what_became_of_a_step(scene: Scene) -> None:
    after = step("after", "false", undo=None, people=2)
    walk = await scene.begun(book(step("one"), opening(), after))
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    await walk.people.go("open")
    for who in ("bo", "cy"):  # that it may begin says nothing of how it ends
        await scene.says(who, "after")
    await rest(walk)
    assert state_of(walk, "after") is StepState.FAILED
    with pytest.raises(ConsoleError, match="two people say"):
        await walk.people.resolve("after", done=True, reason="it is there, I looked")
    for who in ("bo", "cy"):
        await scene.says(who, "after")
    await walk.people.resolve("after", done=True, reason="it is there, we looked")
    await walk.people.resume()
    assert (await rest(walk)).state is RunState.DONE


# --- waits ------------------------------------------------------------------------------------------


def waiting(seconds: float, *, floor: int = 0, guardrail: str = "", probe: str = "") -> str:
    probe = probe or 'run = ["true"]\nevery_seconds = 0.1\nwithin_seconds = 0.1'
    guard = f"[[step.guardrail]]\n{guardrail}\n" if guardrail else ""
    return (
        f'[[step]]\nid = "bake"\ntitle = "Bake"\nkind = "wait"\nwait_seconds = {seconds}\nsample_floor = {floor}\n'
        f"[[step.probe]]\n{probe}\n{guard}"
    )


@pytest.mark.slow
async def test_only_time_that_was_looked_at_counts_as_waited(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), waiting(1.5)))
    await until(lambda: walk.run.state is RunState.BAKING and walk.run.step("bake").observed_seconds > 0)
    await walk.close()
    seen = scene.run().step("bake").observed_seconds
    assert 0 < seen < 1.5
    await asyncio.sleep(1.0)  # nobody looks
    walk = scene.walk(scene.again())
    assert (walk.run.state, state_of(walk, "bake")) == (RunState.BAKING, StepState.RUNNING)
    await walk.drive()
    await until(lambda: walk.run.step("bake").observed_seconds > seen)
    assert walk.run.step("bake").observed_seconds < seen + 1.0  # what was away was not added
    await walk.people.pause()
    await walk.people.resume()
    assert walk.run.state is RunState.BAKING
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    assert walk.run.step("bake").observed_seconds >= 1.5
    assert scene.log() == ["one"]


async def test_a_wait_whose_probe_does_not_answer_does_not_pass_time(scene: Scene) -> None:
    probe = 'run = ["sh", "-c", "test -e {dir}/up || exit 9"]\nevery_seconds = 0.1\nwithin_seconds = 0.1'
    walk = await scene.begun(book(step("one"), waiting(0.5, probe=probe)))
    await until(lambda: bool(walk.run.step("bake").probes))
    await asyncio.sleep(0.8)
    standing = walk.run.step("bake")
    assert (standing.state, standing.observed_seconds, standing.samples) == (StepState.RUNNING, 0.0, 0)
    (scene.out / "up").touch()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)


async def test_too_few_samples_prove_nothing_and_a_second_wait_begins_anew(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), waiting(0.4, floor=1000)))
    run = await rest(walk)
    assert (run.state, state_of(walk, "bake")) == (RunState.PAUSED, StepState.INCONCLUSIVE)
    assert "1000 are needed" in run.reason
    await walk.people.retry("bake")
    await until(lambda: state_of(walk, "bake") is StepState.RUNNING)
    assert walk.run.step("bake").observed_seconds == 0.0


async def test_a_guardrail_that_fails_during_a_wait_goes_back(scene: Scene) -> None:
    walk = await scene.begun(book(step("one"), waiting(60, guardrail=bad("one"))))
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "undo-one"]


# --- the lease --------------------------------------------------------------------------------------


async def test_a_lease_that_is_lost_pauses_before_the_next_step_and_is_in_the_journal(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", "sleep 0.5"), step("two")))
    await until(lambda: state_of(walk, "one") is StepState.RUNNING)
    scene.lease.why = "the target did not answer within 5 s"
    run = await rest(walk)
    assert (run.state, scene.log()) == (RunState.PAUSED, ["one"])
    assert "did not answer" in run.reason
    scene.lease.override = "the target restarts, nobody else is here"
    await walk.people.resume()
    await until(lambda: state_of(walk, "open") is StepState.WAITING)
    scene.lease.why = ""
    await walk.people.go("open")
    assert (await rest(walk)).state is RunState.DONE
    assert [each.payload["state"] for each in scene.events(Kind.LEASE)] == ["taken", "lost", "override", "taken"]


async def test_no_go_without_the_lease(scene: Scene) -> None:
    scene.lease.why = "bo@elsewhere drives a cutover of this target"
    scene.write(book(step("one")))
    walk = scene.walk(scene.open())
    await walk.drive()
    with pytest.raises(ConsoleError, match="bo@elsewhere"):
        await walk.people.go()
    assert (walk.run.state, scene.log()) == (RunState.DRAFT, [])


async def test_a_rehearsal_asks_nobody_and_takes_everything_back(scene: Scene) -> None:
    walk = await scene.begun(book(step("one", people=2), step("two")), RunMode.REHEARSAL)
    run = await rest(walk)
    assert run.state is RunState.ROLLED_BACK
    assert scene.log() == ["one", "two", "undo-two", "undo-one"]
    assert run.step("open").state is StepState.SKIPPED


async def test_a_rehearsal_measures_the_gates_of_a_step_that_it_leaves_out(scene: Scene) -> None:
    fresh = scene.gates["verification.fresh"] = Measured(Verdict.FAIL, "3 differences")
    vectors = scene.gates["search.vectors"] = Measured(Verdict.UNKNOWN, "no vectors on the scratch target")
    gates = BEFORE.format("verification.fresh", "two") + BEFORE.format("search.vectors", "two")
    left_out = step("two", rehearsal='how = "skip"\nreason = "it would be an outage"', pause=True)
    walk = await scene.begun(book(step("one"), left_out, gates=gates), RunMode.REHEARSAL)
    await until(lambda: "verification.fresh is fail: 3 differences" in walk.run.step("two").reason)
    assert "vectors" not in walk.run.step("two").reason
    assert walk.missing("two").startswith("its gates:")
    fresh.verdict = Verdict.OK
    await walk.people.retry("two")
    assert (await rest(walk)).state is RunState.ROLLED_BACK
    two = walk.run.step("two")
    assert (two.state, two.by) == (StepState.SKIPPED, "runbook")
    assert "not found out here: search.vectors (no vectors on the scratch target)" in two.reason
    assert (fresh.asked, vectors.asked) == (2, 2)
    assert scene.log() == ["one", "undo-one"]

"""What people say and decide about a run, from any terminal: notes, votes, attestations, waivers, the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import click

from devora_console.cli.cutover_command import command
from devora_console.cli.cutover_hold import cutting_of, reason_of, run_option, who_option
from devora_console.cli.cutover_keys import keys
from devora_console.cli.cutover_status import exit_code, snapshot_of
from devora_console.cli.cutover_view import print_run
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.guard import Act
from devora_console.core.problems import ExitCode, refused, usage_error
from devora_console.cutover.state import ENDED, RunMode, RunState
from devora_console.cutover.voting import ROLLBACK_SCOPE, RUN_SCOPE
from devora_console.cutover.walk import Walk
from devora_console.services.cutting import Cutting

Said = Callable[[Walk], Awaitable[None]]


@door_command(command, "note")
@run_option
@who_option
@click.argument("text")
def _note(door: Door, run_id: str, name: str | None, text: str) -> Answer:
    """Write a word into the timeline of a run."""
    return _say(door, cutting_of(door, name=name), run_id, lambda walk: walk.note(text))


@door_command(command, "vote")
@run_option
@who_option
@click.option("--scope", default=RUN_SCOPE, help="run (the GO), a step's id, or rollback.")
@click.option("--go", "vote", flag_value="go", help="Approve.")
@click.option("--no-go", "vote", flag_value="no_go", help="Say no.")
@click.option("--object", "vote", flag_value="objection", help="A strong objection: it takes the GO back.")
@click.option("--reason", default="", help="Why; needed for anything but --go.")
def _vote(door: Door, run_id: str, name: str | None, scope: str, vote: str | None, reason: str) -> Answer:
    """Say what you think about going on. It counts for this run, this runbook and this plan."""
    if vote is None:
        raise usage_error("vote", "say --go, --no-go or --object", "See: cutover vote --help")
    said = reason if vote == "go" else reason_of(reason, "--reason")

    async def say(walk: Walk) -> None:
        known = {RUN_SCOPE, ROLLBACK_SCOPE, *(each.id for each in walk.runbook.steps)}
        if scope not in known:
            raise usage_error("scope", f"--scope: there is no step {scope}", f"Known: {', '.join(sorted(known))}")
        await walk.vote(scope, vote, said)

    return _say(door, cutting_of(door, name=name), run_id, say)


@door_command(command, "attest")
@run_option
@who_option
@click.argument("gate")
@click.option("--evidence", required=True, help="What was done, and how one knows.")
def _attest(door: Door, run_id: str, name: str | None, gate: str, evidence: str) -> Answer:
    """Say that an attested gate is open. Without a run one is opened, to keep it."""
    said = reason_of(evidence, "--evidence")
    cutting = cutting_of(door, name=name)

    async def say(walk: Walk) -> None:
        use = next((each for each in walk.runbook.gates if each.id == gate), None)
        if use is None or not use.attested:
            known = ", ".join(each.id for each in walk.runbook.gates if each.attested)
            what = "has no gate" if use is None else "has measured, not attested:"
            raise usage_error("gate", f"the runbook {what} {gate}", f"Attested: {known}")
        await walk.attest(gate, said)

    if not run_id and cutting.unfinished(RunMode.REAL) is None:
        opened = cutting.open(RunMode.REAL)
        run_id = opened.folder.name
        opened.journal.close()
    return _say(door, cutting, run_id, say)


@door_command(command, "waive")
@run_option
@who_option
@click.argument("gate")
@click.option("--reason", required=True, help="Why the run may pass it although it is shut.")
def _waive(door: Door, run_id: str, name: str | None, gate: str, reason: str) -> Answer:
    """Let this run pass a gate that is shut. Typed by name: --yes-i-typed GATE."""
    said = reason_of(reason, "--reason")
    door.guard.permit(Act(f"waive {gate}", gate, always_typed=True))

    async def say(walk: Walk) -> None:
        if all(each.id != gate for each in walk.runbook.gates):
            raise usage_error("gate", f"the runbook has no gate {gate}", "See: cutover status")
        await walk.waive(gate, said)

    return _say(door, cutting_of(door, name=name), run_id, say)


@door_command(command, "resolve")
@run_option
@who_option
@click.argument("step")
@click.option("--done/--not-done", "done", default=None, help="Whether it happened.")
@click.option("--reason", required=True, help="How you know.")
def _resolve(door: Door, run_id: str, name: str | None, step: str, done: bool | None, reason: str) -> Answer:
    """Say what became of a step that failed, timed out, or is unknown. Then: cutover run --resume."""
    if done is None:
        raise usage_error("done", "say --done or --not-done", "See: cutover resolve --help")
    said = reason_of(reason, "--reason")
    _permit(door, f"decide about step {step}")
    return _decide(door, name, run_id, lambda walk: walk.people.resolve(step, done=done, reason=said))


@door_command(command, "retry")
@run_option
@who_option
@click.argument("step")
def _retry(door: Door, run_id: str, name: str | None, step: str) -> Answer:
    """Have a step start again (or only its probes) with the next: cutover run --resume."""
    _permit(door, f"start step {step} again")
    return _decide(door, name, run_id, lambda walk: walk.people.retry(step))


@door_command(command, "skip")
@run_option
@who_option
@click.argument("step")
@click.option("--reason", required=True, help="Why the run may go on without it.")
def _skip(door: Door, run_id: str, name: str | None, step: str, reason: str) -> Answer:
    """Go on without a step. Typed by name: --yes-i-typed STEP."""
    said = reason_of(reason, "--reason")
    door.guard.permit(Act(f"skip step {step}", step, always_typed=True))
    return _decide(door, name, run_id, lambda walk: walk.people.skip(step, said))


@door_command(command, "rollback")
@run_option
@who_option
@click.option("--reason", required=True, help="Why.")
def _rollback(door: Door, run_id: str, name: str | None, reason: str) -> Answer:
    """Take back what a run has done, in reverse. The environment's name is typed: --yes-i-typed.

    Past the point of no return two people have to want it first: cutover vote --scope rollback --go. What would be lost
    is measured and shown, and kept as files in the run's folder before anything is taken back.
    """
    said = reason_of(reason, "--reason")
    environment = door.effective.settings.environment
    door.guard.permit(Act(f"roll the cutover of {environment} back", environment, always_typed=True))

    async def back(walk: Walk) -> None:
        if walk.beyond:
            await _plan_b(door, cutting_of(door, name=name), walk)
        await walk.people.rollback(said)
        if walk.run.state not in ENDED:
            await walk.drive()
            await _until_back(walk)

    answer = _decide(door, name, run_id, back)
    state = answer.keys["run"]
    assert isinstance(state, dict)
    well = state["state"] in (RunState.ROLLED_BACK.value, RunState.ABORTED.value)
    return replace(answer, exit_code=ExitCode.DONE if well else ExitCode.STOPPED)


async def _plan_b(door: Door, cutting: Cutting, walk: Walk) -> None:
    """Say what going back would lose; it is kept first."""
    for line in await cutting.loss(walk):
        door.narrate(f"! {line}")
    await walk.people.may_roll_back()
    folder = await cutting.keep_delta(walk)
    if folder is not None:
        door.narrate(f"kept in {folder}")


async def _until_back(walk: Walk) -> None:
    """Until it is back, or waits for a person."""
    while walk.driving and walk.run.state not in ENDED:
        if walk.stuck_on_the_way_back() is not None:
            return
        await asyncio.sleep(0.2)
    await walk.ended()


def _permit(door: Door, what: str) -> None:
    environment = door.effective.settings.environment
    door.guard.permit(Act(what, environment))


def _say(door: Door, cutting: Cutting, run_id: str, said: Said) -> Answer:
    """Something that needs no driver."""
    return _with(door, cutting, run_id, said, hold=False)


def _decide(door: Door, name: str | None, run_id: str, said: Said) -> Answer:
    """Something that only the driver may do: refused while another console drives."""
    return _with(door, cutting_of(door, name=name), run_id, said, hold=True)


def _with(door: Door, cutting: Cutting, run_id: str, said: Said, *, hold: bool) -> Answer:
    folder = cutting.find(run_id) if run_id else cutting.unfinished()
    if folder is None:
        raise refused("no_run", "no run of this environment is unfinished", "Name one with --run, or: cutover run")

    async def work() -> None:
        walk = cutting.walk(cutting.take_up(folder), lambda: None)
        try:
            if hold:
                await cutting.prepare(walk.run)
                await walk.hold()
            await said(walk)
            await cutting.clear_up(walk.run)
        finally:
            await walk.close()

    asyncio.run(work())
    seen = snapshot_of(door, cutting, folder.name)
    ended = seen.run is not None and seen.run.state in ENDED
    return Answer(keys(seen), lambda out: print_run(out, seen), exit_code(seen) if ended and hold else ExitCode.DONE)

"""``cutover run``: the walk without a screen. What a person has to decide ends it, resumable."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from devora_console.cli.cutover_command import command
from devora_console.cli.cutover_given import runbook_options, window_end, window_options
from devora_console.cli.cutover_hold import cutting_of, reason_of, run_option, who_option
from devora_console.cli.cutover_keys import keys
from devora_console.cli.cutover_status import exit_code, snapshot_of
from devora_console.cli.cutover_view import print_run
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.clock import utc_now
from devora_console.core.guard import Act
from devora_console.core.problems import ConsoleError, ExitCode, Problem, refused, usage_error
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.ground import STUCK
from devora_console.cutover.opening import Opened
from devora_console.cutover.state import ENDED, RunMode, RunState, StepState
from devora_console.cutover.telling import words
from devora_console.cutover.waits import A_PERSON, KEY, OWN_GO
from devora_console.cutover.walk import Walk
from devora_console.services.cutting import Cutting

_QUIET = frozenset({Kind.CREATED, Kind.OBSERVED, Kind.NOTIFIED, Kind.STARTED})
_OTHERS = frozenset({"cutover_driven", "cutover_taken_over"})  # another console has the run: nothing of it is ours
_GO_ON = "Then: cutover run --resume (--without-lease REASON goes on while nobody can be asked)"
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said beforehand: evidence of gates and manual steps, waivers, GO past the point of no return."""

    attested: Mapping[str, str]
    waived: Mapping[str, str]
    done: Mapping[str, str]
    go: bool
    without_lease: str = ""


@door_command(command, "run")
@runbook_options
@window_options
@who_option
@run_option
@click.option("--rehearsal", is_flag=True, help="On a scratch target, taken back at the end; the site is left alone.")
@click.option("--resume", is_flag=True, help="Go on with a run that has not ended.")
@click.option(
    "--attest", multiple=True, metavar="GATE=EVIDENCE", help="Say that an attested gate is open (repeatable)."
)
@click.option("--waive", multiple=True, metavar="GATE=REASON", help="Pass a gate that is shut (repeatable).")
@click.option("--done", multiple=True, metavar="STEP=EVIDENCE", help="Manual work that will have been done.")
@click.option("--go", is_flag=True, help="GO past the point of no return, too, without stopping before it.")
@click.option(
    "--without-lease", default="", metavar="REASON", help="Go on while the target cannot be asked who else drives."
)
def _run(
    door: Door,
    runbook: str | None,
    variables: tuple[str, ...],
    window_ends: str | None,
    window_minutes: float | None,
    name: str | None,
    run_id: str,
    rehearsal: bool,
    resume: bool,
    attest: tuple[str, ...],
    waive: tuple[str, ...],
    done: tuple[str, ...],
    go: bool,
    without_lease: str,
) -> Answer:
    """Walk the runbook. The environment's name is typed: --yes-i-typed. Keys that steps wait for are taken as given.

    It stops, resumable (exit 5), where a person has to decide: a step that failed or is unknown, manual work, the
    point of no return without --go. Ctrl-C lets go of the run: a step in flight goes on, and --resume finds it.
    """
    override = reason_of(without_lease, "--without-lease") if without_lease else ""
    answers = Answers(_pairs(attest, "--attest"), _pairs(waive, "--waive"), _pairs(done, "--done"), go, override)
    cutting = cutting_of(door, runbook, variables, name)
    environment = door.effective.settings.environment
    what = "rehearse" if rehearsal else "run"
    door.guard.permit(Act(f"{what} the cutover of {environment}", environment, always_typed=True))
    ends = None
    if window_ends is not None or window_minutes is not None:
        ends = window_end(door, cutting.runbook(), utc_now(), window_ends, window_minutes)[0]
    mode = RunMode.REHEARSAL if rehearsal else RunMode.REAL
    opened = _opened(cutting, mode, run_id, ends, resume=resume or bool(run_id))
    stopped, caught = asyncio.run(_walked(door, cutting, opened, answers))
    seen = snapshot_of(door, cutting, opened.folder.name)
    code = ExitCode.INTERRUPTED if caught else exit_code(seen)
    problems = (stopped,) if stopped is not None else ()
    return Answer(keys(seen), lambda out: print_run(out, seen), code, problems)


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in given:
        name, separator, text = word.partition("=")
        if not separator:
            raise usage_error("pair", f"{option}: should be NAME=WORDS", "Quote it for the shell")
        found[name] = reason_of(text, f"{option} {name}")
    return found


def _opened(cutting: Cutting, mode: RunMode, run_id: str, ends: datetime | None, *, resume: bool) -> Opened:
    """The run that is meant: the one to go on with, a draft with its attestations, or a new one."""
    if resume:
        folder: Path | None = cutting.find(run_id) if run_id else cutting.unfinished()
        if folder is None:
            raise refused("nothing_to_resume", "no run of this environment is unfinished", "Leave --resume out")
        return cutting.take_up(folder)
    folder = cutting.unfinished(mode)
    if folder is not None:
        opened = cutting.take_up(folder)
        run = opened.journal.state()
        if run.state is RunState.DRAFT and run.sha == cutting.runbook().sha:
            return opened
        opened.journal.close()
        if run.state is RunState.DRAFT:
            raise refused(
                "runbook_changed",
                f"the runbook has changed since run {run.id} was opened: what was attested there is void",
                f"End it (cutover rollback --run {run.id} --reason ...), then open another",
            )
    return cutting.open(mode, window_ends=ends)


async def _walked(door: Door, cutting: Cutting, opened: Opened, answers: Answers) -> tuple[Problem | None, int | None]:
    """Drive it as far as it goes without a person; why it stopped, and the signal that ended it."""
    changed = asyncio.Event()
    walk = cutting.walk(opened, changed.set, without_lease=answers.without_lease)
    loop, caught = asyncio.get_running_loop(), list[int]()

    def ask(number: int) -> None:
        caught.append(number)
        changed.set()

    for number in _ENDINGS:
        loop.add_signal_handler(number, ask, number)
    teller = _Teller(door, walk)
    try:
        await cutting.prepare(walk.run)
        await _prepare(walk, answers)
        stopped = await _drive(walk, answers, changed, teller, caught)
        await cutting.clear_up(walk.run)
    except ConsoleError as error:
        stopped = error.problem
        ours = error.exit_code is ExitCode.REFUSED and stopped.code not in _OTHERS
        if not ours or walk.run.state is RunState.DRAFT:
            teller.tell()
            raise
    finally:
        teller.tell()
        await walk.close()
        for number in _ENDINGS:
            loop.remove_signal_handler(number)
    return stopped, caught[0] if caught else None


async def _prepare(walk: Walk, answers: Answers) -> None:
    known = {each.id: each for each in walk.runbook.gates}
    for gate, text in (*answers.attested.items(), *answers.waived.items()):
        if gate not in known:
            raise usage_error("no_gate", f"the runbook has no gate {gate}", f"Known: {', '.join(known)}")
        if gate in answers.attested and not known[gate].attested:
            raise usage_error("measured_gate", f"{gate} is measured: nobody can say it", f"Or: --waive {gate}=REASON")
        await (walk.attest if gate in answers.attested else walk.waive)(gate, text)


async def _drive(
    walk: Walk, answers: Answers, changed: asyncio.Event, teller: _Teller, caught: Sequence[int]
) -> Problem | None:
    await walk.drive()
    if walk.run.state is RunState.DRAFT:
        await walk.people.go()
    elif walk.run.state is RunState.PAUSED:
        await walk.people.resume()
    while walk.driving and not caught:
        changed.clear()
        teller.tell()
        if walk.run.state in ENDED:
            await walk.ended()
            break
        stopped = await _help(walk, answers)
        if stopped is not None:
            return stopped
        try:
            await asyncio.wait_for(changed.wait(), 1.0)
        except TimeoutError:
            continue
    if caught:
        return Problem("let_go", "let go of the run; a step in flight goes on", "cutover run --resume")
    return walk.problem


async def _help(walk: Walk, answers: Answers) -> Problem | None:
    """Give what was said beforehand; the problem where that does not suffice."""
    run = walk.run
    if run.state is RunState.PAUSED:
        undecided = any(each.state in STUCK for each in run.steps)
        how = "Decide (cutover resolve, retry, skip, rollback)" if undecided else _GO_ON
        return Problem("paused", f"the run is paused: {run.reason}", how)
    if run.state is RunState.DRAFT and walk.poll is None:
        return Problem("no_go", run.reason or "no GO", "cutover run --resume")
    if run.state is RunState.ROLLING_BACK:
        stuck = walk.stuck_on_the_way_back()
        if stuck is None:
            return None
        how = f"Decide: cutover retry {stuck.id}, or cutover resolve {stuck.id} --done"
        return Problem("by_hand", f"the way back is at {stuck.id}, {stuck.state.value}: {stuck.reason}", how)
    waiting = next((each for each in run.steps if each.state is StepState.WAITING), None)
    if waiting is None:
        return None
    step, missing = walk.runbook.step(waiting.id), walk.missing(waiting.id)
    if missing == OWN_GO:
        if not answers.go:
            return Problem("point_of_no_return", f"{step.id} waits for {missing}", "cutover run --resume --go")
        if walk.poll is None:
            await walk.people.go(step.id)
    elif missing == KEY:
        walk.people.release()
    elif missing.startswith(A_PERSON):
        if step.id not in answers.done:
            return Problem("by_hand", f"{step.id} waits for {missing}", f"cutover run --resume --done {step.id}=...")
        await walk.people.done(step.id, answers.done[step.id])
    elif missing:
        return Problem("waits", f"{step.id} waits for {missing}", "Then: cutover run --resume")
    return None


class _Teller:
    """New events on stderr, as they come."""

    def __init__(self, door: Door, walk: Walk) -> None:
        self._door = door
        self._walk = walk
        self._told = walk.run.last_seq

    def tell(self) -> None:
        for event in self._walk.events(self._walk.run.last_seq - self._told):
            self._told = event.seq
            if event.kind not in _QUIET:
                self._door.narrate(line(event))


def line(event: Event) -> str:
    """An event in one line."""
    return f"{event.at:%H:%M:%SZ} {words(event)}"

"""``cutover watch|export|verify|list``: what looks at runs and changes none."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.cutover_command import command
from devora_console.cli.cutover_hold import cutting_of, run_option
from devora_console.cli.cutover_keys import keys
from devora_console.cli.cutover_run import line
from devora_console.cli.cutover_status import exit_code, snapshot_of
from devora_console.cli.cutover_view import print_run
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.safetext import safe
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.journal.verify import verify
from devora_console.cutover.outputs import last_lines
from devora_console.cutover.report import Attempted, markdown
from devora_console.cutover.state import ENDED, Run
from devora_console.cutover.voting import polled

_EVERY = 0.5
_TAIL = 40
_LAST, _STEP = 5, 10  # seconds


class Countdown:
    """A poll for objections in lines: at its beginning, at each vote, every ten seconds, and each of the last five."""

    def __init__(self) -> None:
        self._said: tuple[str, str, int] | None = None

    def line(self, run: Run, plan_sha: str, now: datetime) -> str:
        """What there is to say now; empty when that was said already, or no poll is under way."""
        poll = polled(run, plan_sha, now)
        if poll is None:
            self._said = None
            return ""
        left = math.ceil(poll.seconds_left)
        mark = left if left <= _LAST else -(-left // _STEP) * _STEP
        said = (poll.scope, poll.people, mark)
        if said == self._said:
            return ""
        self._said = said
        return f"{now:%H:%M:%SZ} poll for {poll.scope}: {left} s left · {poll.people or 'nobody has said anything yet'}"


@door_command(command, "watch")
@run_option
@click.option("--plain", is_flag=True, help="Lines instead of the screen.")
@click.option("--once", is_flag=True, help="Print what there is, and end.")
def _watch(door: Door, run_id: str, plain: bool, once: bool) -> Answer | int:
    """Follow a run, read-only, until it has ended: on the Cutover screen, or as lines (--plain, --json, a pipe).

    A poll for objections is counted down, with who said what. On the screen one can note, vote and attest. Ctrl-C
    stops looking.
    """
    if not (plain or once or door.as_json or run_id) and sys.stdin.isatty() and sys.stdout.isatty():
        from devora_console.cli.console_command import open_console  # noqa: PLC0415 - Textual is loaded only here

        door.read_only = True
        return open_console(door, start="cutover")
    cutting = cutting_of(door)
    folder = cutting.find(run_id)
    with contextlib.closing((opened := cutting.look_at(folder)).journal):
        plan_sha = opened.runbook.plan_sha
    told, countdown = 0, Countdown()
    with contextlib.suppress(KeyboardInterrupt), Journal.watch(folder) as journal:
        while True:
            for event in journal.events(told):
                told = event.seq
                door.narrate(line(event))
            said = countdown.line(journal.state(), plan_sha, utc_now())
            if said:
                door.narrate(said)
            if once or journal.state().state in ENDED:
                break
            time.sleep(_EVERY)
    seen = snapshot_of(door, cutting, folder.name)
    return Answer(keys(seen), lambda out: print_run(out, seen), exit_code(seen))


@door_command(command, "export")
@run_option
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Instead of stdout.")
def _export(door: Door, run_id: str, output: Path | None) -> Answer:
    """The timeline for the post-mortem, as Markdown: who, what, why, evidence with hashes, outputs, notes."""
    folder = cutting_of(door).find(run_id)

    def printed(attempted: Attempted) -> str:
        step, number, undo = attempted
        return "\n".join(last_lines(home.attempt_folder(folder, step, number, undo=undo), _TAIL))

    with Journal.watch(folder) as journal:
        run, events = journal.state(), journal.events()
    titles = {each.id: each.title for each in cutting_of(door).look_at(folder).runbook.steps}
    text = markdown(run, events, titles, printed)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise usage_error(
                "output", f"--output {output}: {error.strerror}", "Give a file that can be made"
            ) from None
        return Answer({"run": run.id, "path": str(output)}, lambda out: out.print(Text(f"✓ wrote {safe(str(output))}")))

    def show(out: Console) -> None:
        out.file.write(text)  # as it is: Rich would fold it

    return Answer({"run": run.id, "markdown": text}, show)


@door_command(command, "verify")
@click.argument("run_id", default="", metavar="[RUN]")
def _verify(door: Door, run_id: str) -> Answer:
    """Recompute the chain of hashes, and the hash of every output and artifact. Exit 1 where anything differs."""
    folder = cutting_of(door).find(run_id)
    found = verify(folder)
    problems = tuple(
        Problem("cutover_chain", each.words, "Somebody or something changed it") for each in found.findings
    )

    def show(out: Console) -> None:
        sign = "✓" if found.whole else "✗"
        out.print(Text(f"{sign} {folder.name}: {found.events} events, {found.files} files, last hash {found.last}"))

    shown = {"run": folder.name, "events": found.events, "files": found.files, "last": found.last, "whole": found.whole}
    code = ExitCode.DONE if found.whole else ExitCode.NEGATIVE
    return Answer({**shown, "findings": found.findings}, show, code, problems)


@door_command(command, "list")
def _list(door: Door) -> Answer:
    """Every run that is kept here, the latest first."""
    cutting = cutting_of(door)
    rows: list[dict[str, object]] = []
    broken: list[Problem] = []
    for folder in home.runs(cutting.root):
        try:
            with Journal.watch(folder) as journal:
                run = journal.state()
        except ConsoleError as error:
            broken.append(error.problem)
            continue
        rows.append(
            {"id": run.id, "state": run.state.value, "mode": run.mode.value, "environment": run.environment,
             "runbook": run.runbook, "created": run.created, "last": run.last_at}
        )  # fmt: skip

    def show(out: Console) -> None:
        if not rows:
            out.print(Text(f"No run yet in {cutting.root}."))
        for row in rows:
            out.print(Text(f"{row['id']}  {row['state']}  {row['mode']}  {row['environment']}  {row['runbook']}"))

    return Answer({"home": str(cutting.root), "runs": rows}, show, problems=tuple(broken))

"""``cutover status``: where a run stands; nothing is measured and nothing is done."""

from __future__ import annotations

import contextlib

from devora_console.cli.cutover_command import command
from devora_console.cli.cutover_hold import cutting_of, run_option
from devora_console.cli.cutover_keys import keys
from devora_console.cli.cutover_view import print_run
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.problems import ExitCode
from devora_console.cutover.snapshot import CutoverSnapshot, succeeded
from devora_console.cutover.state import ENDED
from devora_console.cutover.timing import timings
from devora_console.services.cutting import Cutting
from devora_console.services.showing import Seen, shown


@door_command(command, "status")
@run_option
def _status(door: Door, run_id: str) -> Answer:
    """Where a run stands, the latest by default. Exit 0 when it has ended well, 1 when badly, 5 while it has not."""
    seen = snapshot_of(door, cutting_of(door), run_id)
    return Answer(keys(seen), lambda out: print_run(out, seen), exit_code(seen))


def exit_code(seen: CutoverSnapshot) -> ExitCode:
    """What the end of a run means."""
    assert seen.run is not None
    if seen.run.state not in ENDED:
        return ExitCode.STOPPED
    return ExitCode.DONE if succeeded(seen.run) else ExitCode.NEGATIVE


def snapshot_of(door: Door, cutting: Cutting, run_id: str) -> CutoverSnapshot:
    """A run as its journal tells it."""
    opened = cutting.look_at(cutting.find(run_id))
    with contextlib.closing(opened.journal) as journal:
        run = journal.state()
        environment = door.effective.settings.environment
        return shown(
            Seen(
                environment=environment,
                runbook=opened.runbook,
                run=run,
                registry=cutting.gates(opened.runbook),
                timings=timings(cutting.runs(), opened.runbook, environment),
                driver=journal.driver() or "",
                told=cutting.told(opened),
            )
        )

"""``cutover plan``: what would be done, how it is seen to be done, how it is taken back, and whether time suffices."""

from __future__ import annotations

from devora_console.cli.cutover_command import command
from devora_console.cli.cutover_given import read_runbook, runbook_options, window_end, window_options
from devora_console.cli.cutover_hold import cutting_of
from devora_console.cli.cutover_plan_view import print_plan
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.clock import iso, span, utc_now
from devora_console.core.problems import ExitCode, Problem
from devora_console.cutover.plan import Plan, plan
from devora_console.cutover.timing import timings, total
from devora_console.services.showing import begun


@door_command(command, "plan")
@runbook_options
@window_options
def _plan(
    door: Door, runbook: str | None, variables: tuple[str, ...], window_ends: str | None, window_minutes: float | None
) -> Answer:
    """Show the whole runbook; nothing is done, no server is asked. Exit 1 when the window is too short.

    While a run of this very plan is under way, the window is that of what is left of it.
    """
    book = read_runbook(door, runbook, variables)
    now = utc_now().replace(microsecond=0)
    ends, given = window_end(door, book, now, window_ends, window_minutes)
    cutting = cutting_of(door, runbook, variables)
    run = cutting.under_way(book)
    if run is not None and run.window_ends is not None and window_ends is None and window_minutes is None:
        ends, given = run.window_ends, f"run {run.id}"
    measured = timings(cutting.runs(), book, door.effective.settings.environment)
    found = plan(book, measured, now, ends, given, begun(book, run) if run is not None else None)
    fits = found.window.fits
    return Answer(
        _keys(found, door.effective.settings.environment),
        lambda out: print_plan(out, found, door.effective.settings.environment),
        ExitCode.DONE if fits else ExitCode.NEGATIVE,
        () if fits else (_too_short(found),),
    )


def _keys(found: Plan, environment: str) -> dict[str, object]:
    window = found.window
    return {
        "run": None,
        "environment": environment,
        "runbook": {
            "name": found.runbook,
            "title": found.title,
            "strategy": found.strategy,
            "path": found.path,
            "sha": found.sha,
            "plan_sha": found.plan_sha,
            "variables": found.variables,
        },
        "gates": found.gates,
        "approvals": found.approvals,
        "steps": found.steps,
        "point_of_no_return": found.point_of_no_return.id if found.point_of_no_return else None,
        "window": {
            "ends": window.ends,
            "given_by": window.given,
            "seconds": window.seconds,
            "forward": window.forward,
            "rollback": window.rollback,
            "after": window.after,
            "needed_seconds": window.needed_seconds,
            "last_safe_start": window.last_safe_start,
            "spare_seconds": window.spare_seconds,
            "fits": window.fits,
            "begun": window.begun,
        },
        "rollback": {"steps": found.rollback, "total": total(each.time for each in found.rollback if each.time)},
    }


def _too_short(found: Plan) -> Problem:
    window = found.window
    message = (
        f"the window is too short by {span(-window.spare_seconds)}: forward {span(window.forward.p95)} and back "
        f"{span(window.rollback.p95)} do not fit until {iso(window.ends)}"
    )
    return Problem("window", message, f"The last safe start was {iso(window.last_safe_start)}")

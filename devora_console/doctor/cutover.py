"""The overview's line about the cutover. Pure."""

from __future__ import annotations

from devora_console.core.clock import span
from devora_console.core.console import OverviewLine, Verdict
from devora_console.cutover.gating import GateLine, blocking
from devora_console.cutover.headline import headline
from devora_console.cutover.snapshot import CutoverSnapshot, succeeded
from devora_console.cutover.state import ENDED, Run, RunMode, RunState
from devora_console.doctor.words import at, plural

_TITLE = "Cutover"
_VERDICTS = {
    RunState.DRAFT: Verdict.NONE,
    RunState.ARMED: Verdict.RUNNING,
    RunState.RUNNING: Verdict.RUNNING,
    RunState.BAKING: Verdict.RUNNING,
    RunState.ROLLING_BACK: Verdict.RUNNING,
    RunState.PAUSED: Verdict.PAUSED,
    RunState.DIVERGED: Verdict.FAIL,
    RunState.DONE: Verdict.OK,
    RunState.ROLLED_BACK: Verdict.WARN,
    RunState.ABORTED: Verdict.NONE,
}


def verdict_of_run(run: Run) -> Verdict:
    """The sign of a run's state; its word is the state's own. A rehearsal that was taken back is what it should be."""
    return Verdict.OK if succeeded(run) else _VERDICTS[run.state]


def gates_for_go(seen: CutoverSnapshot) -> tuple[GateLine, ...]:
    """The gates that have to be open at GO; the others are shut until a step has opened them."""
    return tuple(each for each in seen.gates if each.phase == "start")


def cutover_line(seen: CutoverSnapshot) -> OverviewLine:
    """None, ready, running, paused or done. A console without a runbook is not at fault: few ever need one."""
    why = f"the runbook's file and the journals of runs here, at {at(seen.as_of)}"
    if seen.problem is not None:
        why += f": {seen.problem.message}"
        return OverviewLine("cutover", _TITLE, Verdict.NONE, "no runbook yet", why, seen.problem.remedy, "cutover")
    run = seen.run
    if run is None:
        return _before(seen, why)
    kind = "rehearsal" if run.mode is RunMode.REHEARSAL else "run"
    why += f": {kind} {run.id}, {len(run.steps)} steps"
    if run.state in ENDED:
        ago = span(max(0.0, (seen.as_of - run.last_at).total_seconds()))
        rehearsed = run.mode is RunMode.REHEARSAL and succeeded(run)
        text = f"{'rehearsed to the end' if rehearsed else f'{kind} {run.state.value}'} {ago} ago"
        return OverviewLine("cutover", _TITLE, verdict_of_run(run), text, why, screen="cutover")
    if run.state is RunState.DRAFT:
        text = f"{kind} open, no GO yet · {_gates(seen)}"
        return OverviewLine("cutover", _TITLE, Verdict.NONE, text, why, "Open its gates, then give GO (8)", "cutover")
    remedy = "See what it waits for (8)" if run.state is RunState.PAUSED else ""
    return OverviewLine("cutover", _TITLE, verdict_of_run(run), headline(seen), why, remedy, "cutover")


def _before(seen: CutoverSnapshot, why: str) -> OverviewLine:
    if seen.plan is None:
        return OverviewLine("cutover", _TITLE, Verdict.NONE, "not looked at yet", why, screen="cutover")
    shut = blocking(gates_for_go(seen))
    if not shut:
        text = f"ready: {_gates(seen)}"
        return OverviewLine("cutover", _TITLE, Verdict.OK, text, why, "Open a run (8, O)", "cutover")
    why += f": {', '.join(each.id for each in shut)} not open"
    return OverviewLine("cutover", _TITLE, Verdict.NONE, f"no run · {_gates(seen)}", why, "Measure (8, m)", "cutover")


def _gates(seen: CutoverSnapshot) -> str:
    asked = gates_for_go(seen)
    return f"{len(asked) - len(blocking(asked))} of {plural(len(asked), 'gate')} open for GO"

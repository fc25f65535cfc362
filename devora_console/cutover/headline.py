"""What to say first about a cutover: where it stands, what it waits for, and what to do next. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.cutover.gating import blocking
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine, succeeded
from devora_console.cutover.state import ENDED, Run, RunMode, RunState, StepState
from devora_console.cutover.voting import RUN_SCOPE, PollSeen

_STUCK = frozenset({StepState.FAILED, StepState.TIMED_OUT, StepState.INCONCLUSIVE, StepState.UNKNOWN})


def headline(seen: CutoverSnapshot, keys: Mapping[str, str] | None = None) -> str:
    """One or two sentences, the worst first. ``keys`` are the keys of acts, for doors that have any."""
    if seen.problem is not None:
        return f"There is no runbook to walk: {seen.problem}" if seen.plan is None else str(seen.problem)
    run = seen.run
    if run is None or run.state is RunState.DRAFT:
        return _before(seen, keys or {})
    if run.state in ENDED:
        return _ended(run)
    words = [_where(seen, run)]
    if seen.poll is not None:
        words.append(_polled(seen.poll))
    elif seen.waits_for:
        words.append(f"It waits for {seen.waits_for}.")
    if run.state is RunState.PAUSED and run.reason:
        words.append(_sentence(run.reason))
    if not seen.driver:
        words.append("Nobody drives it: take it up to go on.")
    return " ".join(words)


def _before(seen: CutoverSnapshot, keys: Mapping[str, str]) -> str:
    asked = [each for each in seen.gates if each.phase == "start"]
    shut = blocking(asked)
    total = len(asked)
    if not shut:
        waived = sum(bool(each.waiver) and each.verdict is not Verdict.OK for each in asked)
        rest = f" but {waived}, which {'is' if waived == 1 else 'are'} waived" if waived else ""
        words = f"Every gate is open{rest}: ready for GO." if total else "No gate is asked for: ready for GO."
    else:
        named = ", ".join(each.id for each in shut[:3]) + (f" and {len(shut) - 3} more" if len(shut) > 3 else "")
        words = f"Not ready: {len(shut)} of {total} gates are not open ({named})."
    if seen.run is not None and seen.run.reason:
        words += f" {_sentence(seen.run.reason)}"
    if seen.window is not None and not seen.window.fits:
        words += f" The window is too short by {span(-seen.window.spare_seconds)}."
    if "measure" in keys and any(each.age_seconds is None for each in shut):
        words += f" {keys['measure']} measures them."
    return words


def _where(seen: CutoverSnapshot, run: Run) -> str:
    kind = "Rehearsal" if run.mode is RunMode.REHEARSAL else "Run"
    if run.state is RunState.ARMED:
        return f"{kind} armed{'.' if seen.poll is not None else f': {_sentence(run.reason)}'}"
    number = f"of {len(seen.steps)}"
    line = seen.step(seen.current) if seen.current else None
    if line is None:
        return f"{kind} {run.state.value}."
    at = f"step {line.planned.number} {number}, {line.planned.title}"
    if run.state is RunState.ROLLING_BACK:
        return f"Rolling back ({one_line(run.reason, 120)}): {at} is {line.state.value}{_time(line)}."
    return f"{kind} {run.state.value}: {at} is {line.state.value}{_time(line)}."


def _polled(poll: PollSeen) -> str:
    what = "GO" if poll.scope == RUN_SCOPE else f"GO for {one_line(poll.scope, 40)}"
    left = f"in {math.ceil(poll.seconds_left)} s, at {iso(poll.ends_at.replace(microsecond=0))}"
    said = f" ({poll.people})" if poll.people else ""
    return f"Any strong objections? {what} {left}, unless somebody objects{said}."


def _time(line: StepLine) -> str:
    if line.going_seconds is None:
        return ""
    expected = line.planned.time
    kind = f"rehearsal {span(expected.p50)}" if expected.measured else f"estimate {span(expected.p50)}"
    return f" for {span(line.going_seconds)} ({kind})"


def _ended(run: Run) -> str:
    took = span((run.last_at - run.created).total_seconds())
    if run.state is RunState.DONE:
        skipped = [each.id for each in run.steps if each.state is StepState.SKIPPED]
        passed = f"done without {', '.join(skipped)}, which somebody skipped" if skipped else "every step passed"
        return f"Done: {passed}, {took} after the run was opened."
    if succeeded(run):
        return "Rehearsed to the end, and everything was taken back."
    if run.state is RunState.ROLLED_BACK:
        return f"Rolled back: {_sentence(run.reason)}"
    return f"Aborted before anything was done: {_sentence(run.reason)}"


def _sentence(text: str) -> str:
    words = one_line(text, 400)
    return words if words.endswith((".", "?", "!")) else f"{words}."


def stuck(seen: CutoverSnapshot) -> bool:
    """Whether a person has to decide about the current step."""
    line = seen.step(seen.current) if seen.current else None
    return line is not None and line.state in (*_STUCK, StepState.UNDO_FAILED)

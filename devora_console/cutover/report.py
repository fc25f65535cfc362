"""The timeline of a run for the post-mortem, as Markdown: from its events only, in their order, each with its hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devora_console.core.clock import iso, span
from devora_console.core.safetext import one_line, safe
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.state import Attempt, Run, StepStanding, StepState
from devora_console.cutover.telling import words
from devora_console.cutover.voting import RUN_SCOPE

_SIGNS = {
    StepState.PASSED: "✓",
    StepState.SKIPPED: "·",
    StepState.UNDONE: "↩",
    StepState.FAILED: "✗",
    StepState.TIMED_OUT: "✗",
    StepState.UNDO_FAILED: "✗",
    StepState.UNKNOWN: "?",
    StepState.INCONCLUSIVE: "?",
}
_HASH = 12  # hex digits of a hash that a person compares
_LINK = re.compile(r"(?i)(?:https?|ftp|mailto|xmpp):|www\.")  # what Markdown makes a link of by itself
_TAIL = 40  # lines of a step's output that are printed


def markdown(run: Run, events: Sequence[Event], titles: Mapping[str, str], output: Callable[[Attempted], str]) -> str:
    """The whole report. ``titles`` are the steps' names, ``output`` gives the end of what an attempt printed."""
    parts = [
        _head(run, events),
        _steps(run, events, titles),
        _gates(run),
        _decisions(run, events, titles),
        _timeline(events),
        _outputs(run, titles, output),
        _end(run, events),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


Attempted = tuple[str, int, bool]
"""A step's id, the attempt's number, whether it was of the undo."""


def _md(text: object, limit: int = 300) -> str:
    """Foreign text inside a line of Markdown: shown as it is, never as markup, and no address of it a link."""
    plain = one_line(str(text), limit)
    marked = "".join("\\" + char if char in "\\`*_{}[]<>|#!~&$" else char for char in plain)
    return _LINK.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], marked)


def _head(run: Run, events: Sequence[Event]) -> str:
    first = events[0]
    rows = [
        f"# {_md(run.title)}: {run.state.value}",
        "",
        f"Run `{run.id}`, {run.mode.value}, in **{_md(run.environment)}**, by runbook `{_md(run.runbook)}`"
        f" (SHA-256 `{run.sha[:_HASH]}…`).",
        "",
        f"- from {iso(first.at.replace(microsecond=0))} to {iso(run.last_at.replace(microsecond=0))}"
        f" ({span((run.last_at - first.at).total_seconds())})",
    ]
    rows += [f"- {_md(name)}: {_md(where)}" for name, where in run.targets.items()]
    if run.window_ends:
        rows.append(f"- window until {iso(run.window_ends.replace(microsecond=0))}")
    rows.append(f"- {_beyond(run, events)}")
    if run.reason:
        rows.append(f"- {run.state.value} because: {_md(run.reason)}")
    return "\n".join([*rows, ""])


def _beyond(run: Run, events: Sequence[Event]) -> str:
    """Whether the point of no return was passed: its step was started, after a GO of its own."""
    for event in events:
        if event.kind is Kind.INTENT and event.step in run.gone and not event.payload.get("undo"):
            return f"past the point of no return since {iso(event.at.replace(microsecond=0))} (step {_md(event.step)})"
    return "the point of no return was not passed"


def _steps(run: Run, events: Sequence[Event], titles: Mapping[str, str]) -> str:
    people = {each.step: each.actor for each in events if each.kind is Kind.STEP and each.payload.get("by") == "person"}
    rows = ["## Steps", "", "| | step | state | began | took | decided by |", "|---|---|---|---|---|---|"]
    for each in run.steps:
        began = f"{each.began:%H:%M:%SZ}" if each.began else ""
        took = span(each.seconds) if each.seconds is not None else ""
        state = each.state.value + (f": {_md(each.reason)}" if each.reason else "")
        name = _md(titles.get(each.id, each.id))
        by = people.get(each.id, each.by) if each.by == "person" else each.by
        rows.append(f"| {_SIGNS.get(each.state, ' ')} | {name} | {state} | {began} | {took} | {_md(by)} |")
    return "\n".join([*rows, ""])


def _gates(run: Run) -> str:
    if not run.gates:
        return ""
    rows = [
        "## Gates",
        "",
        "| gate | class | verdict | value | needed | at | by | waiver |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in run.gates.values():
        at = iso(each.measured_at.replace(microsecond=0)) if each.measured_at else ""
        waiver = f"{_md(each.waived_by)}: {_md(each.waiver)}" if each.waiver else ""
        kind = "attested" if each.attested else "measured"
        rows.append(
            f"| {_md(each.id)} | {kind} | {each.verdict.value} | {_md(each.value)} | {_md(each.threshold)} | {at} |"
            f" {_md(each.actor)} | {waiver} |"
        )
    return "\n".join([*rows, ""])


def _decisions(run: Run, events: Sequence[Event], titles: Mapping[str, str]) -> str:
    """What people said and decided, in its order."""
    rows = [
        f"- {_at(each)} **{_md(each.actor)}** {_md(said, 2000)}" for each in events if (said := _decided(each, titles))
    ]
    return "\n".join(["## Decisions and notes", "", *rows, ""]) if rows else ""


def _at(event: Event) -> str:
    return iso(event.at.replace(microsecond=0))


def _decided(event: Event, titles: Mapping[str, str]) -> str:
    """A person's decision in plain words; '' for what no person decided."""
    said: Mapping[str, Any] = event.payload
    match event.kind:
        case Kind.GO:
            scope = str(said["scope"])
            return "gave GO for the run" if scope == RUN_SCOPE else f"gave GO for {titles.get(scope, scope)}"
        case Kind.VOTE:
            return f"{words(event)} ({said.get('source', '')})"
        case Kind.NOTE | Kind.WAIVED | Kind.ATTESTED:
            return words(event)
        case Kind.EVIDENCE:
            return f"{titles.get(event.step or '', event.step)}: {said['text']}"
        case Kind.STEP if said.get("by") == "person":
            reason = f" because: {said['reason']}" if said.get("reason") else ""
            return f"decided that {titles.get(event.step or '', event.step)} is {said['state']}{reason}"
        case Kind.LEASE if said["state"] == "override":
            return words(event)
    return ""


def _timeline(events: Sequence[Event]) -> str:
    rows = ["## Timeline", "", "| # | UTC | who | what | hash |", "|---|---|---|---|---|"]
    for each in events:
        who = _md(each.actor if each.host in each.actor else f"{each.actor} on {each.host}", 100)
        rows.append(
            f"| {each.seq} | {each.at:%Y-%m-%d %H:%M:%S} | {who} | {_md(words(each))} | `{each.hash[:_HASH]}` |"
        )
    return "\n".join([*rows, ""])


def _outputs(run: Run, titles: Mapping[str, str], output: Callable[[Attempted], str]) -> str:
    rows: list[str] = []
    for step in run.steps:
        for attempt in step.attempts:
            rows += _output(step, titles, output((step.id, attempt.number, attempt.undo)), attempt.number, attempt.undo)
            rows += [_ended(attempt), ""]
    return "\n".join(["## Output of the steps", "", *rows]) if rows else ""


def _output(step: StepStanding, titles: Mapping[str, str], text: str, number: int, undo: bool) -> list[str]:
    what = "undo, attempt" if undo else "attempt"
    head = [f"### {_md(titles.get(step.id, step.id))} ({what} {number})", ""]
    lines = safe(text, 20_000).splitlines()[-_TAIL:]
    if not any(line.strip() for line in lines):
        return [*head, "It printed nothing.", ""]
    # A fence that is longer than any in the text: nothing of the text ends it.
    fence = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", "\n".join(lines))), default=0))
    said = [f"The last {_TAIL} lines:", ""] if len(lines) == _TAIL else []
    return [*head, *said, f"{fence}text", *lines, fence, ""]


def _ended(attempt: Attempt) -> str:
    """How an attempt ended, and what there is of its output."""
    if not attempt.exited:
        return "How it ended is not known."
    how = f"signal {attempt.signal}" if attempt.signal else f"exit code {attempt.rc}"
    late = ", because its time was over" if attempt.timed_out else ""
    took = f" after {span(attempt.seconds)}" if attempt.seconds is not None else ""
    kept = f" `out.raw`: {attempt.out_bytes} bytes, SHA-256 `{attempt.out_sha}`." if attempt.out_sha else ""
    return f"Ended with {how}{took}{late}.{kept}"


def _end(run: Run, events: Sequence[Event]) -> str:
    return (
        f"---\nWritten from {len(events)} events of the journal; the last hash is `{events[-1].hash}`."
        f" Recompute the chain: `devora-console cutover verify {run.id}`."
    )

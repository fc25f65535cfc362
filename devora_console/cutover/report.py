"""The timeline of a run for the post-mortem, as Markdown: from its events only, in their order, each with its hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from devora_console.core.clock import iso, span
from devora_console.core.safetext import one_line, safe
from devora_console.cutover.events import Event
from devora_console.cutover.state import Run, StepStanding, StepState
from devora_console.cutover.telling import words

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
_TAIL = 40  # lines of a step's output that are printed


def markdown(run: Run, events: Sequence[Event], titles: Mapping[str, str], output: Callable[[Attempted], str]) -> str:
    """The whole report. ``titles`` are the steps' names, ``output`` gives the end of what an attempt printed."""
    parts = [
        _head(run, events),
        _steps(run, titles),
        _gates(run),
        _people(run),
        _timeline(events),
        _outputs(run, titles, output),
        _end(run, events),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


Attempted = tuple[str, int, bool]
"""A step's id, the attempt's number, whether it was of the undo."""


def _md(text: object, limit: int = 300) -> str:
    """Foreign text inside a line of Markdown: shown as it is, never as markup."""
    plain = one_line(str(text), limit)
    return "".join("\\" + char if char in "\\`*_{}[]<>|#!~" else char for char in plain)


def _head(run: Run, events: Sequence[Event]) -> str:
    first, last = events[0], events[-1]
    rows = [
        f"# {_md(run.title)}: {run.state.value}",
        "",
        f"Run `{run.id}`, {run.mode.value}, in **{_md(run.environment)}**, by runbook `{_md(run.runbook)}`"
        f" (SHA-256 `{run.sha[:_HASH]}…`).",
        "",
        f"- from {iso(first.at.replace(microsecond=0))} to {iso(last.at.replace(microsecond=0))}"
        f" ({span((last.at - first.at).total_seconds())})",
    ]
    rows += [f"- {_md(name)}: {_md(where)}" for name, where in run.targets.items()]
    if run.window_ends:
        rows.append(f"- window until {iso(run.window_ends.replace(microsecond=0))}")
    if run.reason:
        rows.append(f"- {run.state.value} because: {_md(run.reason)}")
    return "\n".join([*rows, ""])


def _steps(run: Run, titles: Mapping[str, str]) -> str:
    rows = ["## Steps", "", "| | step | state | began | took | decided by |", "|---|---|---|---|---|---|"]
    for each in run.steps:
        began = f"{each.began:%H:%M:%SZ}" if each.began else ""
        took = span(each.seconds) if each.seconds is not None else ""
        state = each.state.value + (f": {_md(each.reason)}" if each.reason else "")
        name = _md(titles.get(each.id, each.id))
        rows.append(f"| {_SIGNS.get(each.state, ' ')} | {name} | {state} | {began} | {took} | {_md(each.by)} |")
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


def _people(run: Run) -> str:
    if not run.votes and not run.notes:
        return ""
    rows = ["## People", ""]
    for vote in run.votes:
        reason = f": {_md(vote.reason)}" if vote.reason else ""
        rows.append(
            f"- {iso(vote.at.replace(microsecond=0))} **{_md(vote.actor)}** {vote.vote.replace('_', ' ')}"
            f" for {_md(vote.scope)}{reason} ({_md(vote.source)})"
        )
    for note in run.notes:
        text = _md(note.payload.get("text", ""), 2000)
        rows.append(f"- {iso(note.at.replace(microsecond=0))} **{_md(note.actor)}** notes: {text}")
    return "\n".join([*rows, ""])


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
            if attempt.out_sha:
                rows += [f"{attempt.out_bytes} bytes, SHA-256 `{attempt.out_sha}`", ""]
    return "\n".join(["## Output of the steps", "", *rows]) if rows else ""


def _output(step: StepStanding, titles: Mapping[str, str], text: str, number: int, undo: bool) -> list[str]:
    what = "undo, attempt" if undo else "attempt"
    lines = safe(text, 20_000).replace("`" * 3, "'" * 3).splitlines()[-_TAIL:]
    return [f"### {_md(titles.get(step.id, step.id))} ({what} {number})", "", "```text", *lines, "```", ""]


def _end(run: Run, events: Sequence[Event]) -> str:
    return (
        f"---\nWritten from {len(events)} events of the journal; the last hash is `{events[-1].hash}`."
        f" Recompute the chain: `devora-console cutover verify {run.id}`."
    )

"""The steps of a cutover, and the one line that says where it stands and what to press. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.cutover.events import Kind
from devora_console.cutover.gating import blocking
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine, verdict_of_step
from devora_console.cutover.state import ENDED, RunState, StepState
from devora_console.doctor.cutover import gates_for_go, verdict_of_run
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look

STEP_COLUMNS = (
    Column("number", "", 2, right=True, rank=3),
    Column("state", "state", 14, rank=1),
    Column("title", "step", 20, grows=True, rank=0),
    Column("began", "began", 8, rank=5),
    Column("took", "took", 6, right=True, rank=2),
    Column("expected", "expect", 7, right=True, rank=4),
)
NO_RETURN = "no-return:"


def step_rows(seen: CutoverSnapshot, look: Look) -> list[Row]:
    """Every step, and the line that may be crossed once."""
    rows: list[Row] = []
    for line in seen.steps:
        if line.planned.point_of_no_return:
            rows.append(Row(NO_RETURN + line.planned.id, {}, (no_return_words(line), "")))
        rows.append(_row(seen, line, look))
    return rows


def no_return_words(line: StepLine) -> str:
    """What the rule before the point of no return says: what crossing it takes."""
    people = line.planned.people
    return f"point of no return: needs its own GO{f' and {people} people' if people > 1 else ''}"


def step_of(key: str | None) -> str | None:
    """The step that a row belongs to."""
    return key.removeprefix(NO_RETURN) if key else None


def _row(seen: CutoverSnapshot, line: StepLine, look: Look) -> Row:
    verdict = verdict_of_step(line.state)
    standing = line.standing
    began = standing.began if standing else None
    word = line.state.value
    if seen.run is not None and seen.run.state in ENDED and line.state in (StepState.WAITING, StepState.PENDING):
        verdict, word = Verdict.NONE, "not reached"  # nobody waits for anything any more
    cells = {
        "number": (str(line.planned.number), ""),
        "state": (look.state(verdict, word), look.style(verdict)) if standing else ("", ""),
        "title": (look.text(line.planned.title), ""),
        "began": (moment(began, seen.as_of) if began else "", ""),
        "took": (took(line), ""),
        "expected": (expected(line), look.muted),
    }
    return Row(line.planned.id, cells)


def moment(at: datetime, now: datetime) -> str:
    """A time of day in UTC, with the day when that was another one; eight cells."""
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%d %H:%M}"


def took(line: StepLine) -> str:
    """How long it has been going, or took; empty where it did neither."""
    if line.going_seconds is not None:
        return span(line.going_seconds)
    seconds = line.standing.seconds if line.standing else None
    return span(seconds) if seconds is not None else ""


def expected(line: StepLine) -> str:
    """The median of rehearsals; with ~ where it is the runbook's estimate."""
    time = line.planned.time
    return span(time.p50) if time.measured else f"~{span(time.p50)}"


# --- the line that is always there ------------------------------------------------------------------


def now_line(seen: CutoverSnapshot, keys: Sequence[tuple[str, str]], busy: str, width: int, look: Look) -> Text:
    """Current step, state, elapsed, and the next key: none of them ever gives way, only the step's title does.

    ``keys`` are keys with words, the likeliest first; ``busy`` is an act that is under way.
    """
    if seen.problem is not None:
        return Text("", end="")
    left, style, title = _where(seen, look)
    right = f"{look.plain('…')} {busy}" if busy else _next(keys, width - cell_len(left) - 4)
    room = width - cell_len(left) - cell_len(right) - 6
    shown = look.fit(look.text(title), room) if room > 5 else ""
    line = Text(" ", no_wrap=True, end="")
    line.append(left, style=style)
    line.append(f"  {shown}" if shown else "")
    line.append(" " * max(2, width - line.cell_len - cell_len(right) - 1))
    line.append(right, style="bold")
    line.truncate(width)
    return line


def _next(keys: Sequence[tuple[str, str]], room: int) -> str:
    words = "next:"
    for index, (key, what) in enumerate(keys):
        more = f"{words} {key} {what}" if index == 0 else f"{words}, {key} {what}"
        if index and cell_len(more) > room:
            break
        words = more
    return words if keys else ""


def _where(seen: CutoverSnapshot, look: Look) -> tuple[str, str, str]:
    run = seen.run
    asked = gates_for_go(seen)
    gates = f"{len(asked) - len(blocking(asked))} of {len(asked)} open for GO"
    if run is None:
        return f"{look.state(Verdict.NONE, 'no run')}  {gates}", "", ""
    verdict = verdict_of_run(run)
    state = look.state(verdict, f"{run.mode.value} {run.state.value}" if run.state in ENDED else run.state.value)
    line = seen.step(seen.current) if seen.current else None
    if run.state is RunState.DRAFT:
        opened = span(max(0.0, (seen.as_of - run.created).total_seconds()))
        return f"{look.state(verdict, f'{run.mode.value} draft')}  {gates}, opened {opened} ago", "", ""
    if line is None:
        ago = span(max(0.0, (seen.as_of - run.last_at).total_seconds()))
        over = sum(each.passed for each in run.steps)
        return f"{state}  {over}/{len(run.steps)} steps passed, ended {ago} ago", look.style(verdict), ""
    step = verdict_of_step(line.state)
    at = f"{state}  step {line.planned.number}/{len(seen.steps)} {look.state(step, line.state.value)}"
    elapsed = _elapsed(seen, line)
    return f"{at} {elapsed}".rstrip(), look.style(step), line.planned.title


def _elapsed(seen: CutoverSnapshot, line: StepLine) -> str:
    """How long the step has been in its state: by its own clock while it goes, else since the journal says so."""
    if line.going_seconds is not None:
        return span(line.going_seconds)
    told = [each.at for each in seen.events if each.step == line.planned.id and each.kind is Kind.STEP]
    told = told or [each.at for each in seen.events if each.kind is Kind.RUN]  # it has not begun: since the run says so
    return span(max(0.0, (seen.as_of - told[-1]).total_seconds())) if told else ""

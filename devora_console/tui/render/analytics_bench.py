"""A kept result of a bench on the analytics screen, from what the benches' own renderer draws. Pure."""

from __future__ import annotations

from rich.text import Text

from devora_console.bench.seen import Benched
from devora_console.tui.render.bench import (
    change_bars,
    condition_lines,
    history_line,
    question_lines,
    question_rows,
    warning_lines,
)
from devora_console.tui.render.bench import headline as bench_headline
from devora_console.tui.render.columns import Row
from devora_console.tui.render.look import Look

NOTHING = "Nothing was measured yet: devora-console bench latency, before the switch with --before."


def rows(seen: Benched, look: Look) -> list[Row]:
    """A row for each question of the result that is shown."""
    return question_rows(seen.lines, look)


def headline(seen: Benched, look: Look) -> str:
    """What the result says; which of how many it is, where there are several."""
    faults = f" {len(seen.problems)} files cannot be read: {seen.problems[0]}" if seen.problems else ""
    if seen.shown is None or seen.goal is None:
        return NOTHING + faults
    place = next(at for at, each in enumerate(seen.results, 1) if each.id == seen.shown.id)
    words = bench_headline(seen.shown, seen.lines, seen.goal, look)
    return f"{words}. Result {place} of {len(seen.results)}, {seen.shown.at:%d %b %Y %H:%MZ}.{faults}"


def bar_lines(seen: Benched, width: int, height: int, look: Look) -> list[str]:
    """The changes as bars under a title; no lines where there is too little room for all of them."""
    drawn = change_bars(seen.lines, width, look)
    title = look.plain(" change of the average, 95 % interval")
    return [look.fit(title, width), *drawn] if drawn and len(drawn) < height else []


def detail(seen: Benched, key: str, look: Look) -> Text | None:
    """One question in depth, then what was measured on."""
    line = next((each for each in seen.lines if each.id == key), None)
    if line is None or seen.shown is None:
        return None
    first, *rest = question_lines(line, look)
    out = Text(end="")
    out.append(first, style="bold")
    out.append("".join(f"\n{_narrow(each)}" for each in rest))
    history = history_line(seen.results, key, 60, look)
    if history:
        out.append("\n\nPostgreSQL over time\n", style=look.muted)
        out.append(history)
    warnings = warning_lines(seen.lines, look)
    for title, lines in (("warnings", warnings), ("measured on", condition_lines(seen.shown, look))):
        if lines:
            out.append(f"\n\n{title}\n", style=look.muted)
            out.append("\n".join(map(_narrow, lines)))
    return out


def _narrow(line: str) -> str:
    """A line without a name stands below the one before it; here lines are broken, and a deep margin is not kept."""
    return f"  {line.strip()}" if line.startswith(" ") else line

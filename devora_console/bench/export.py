"""A result as the before-and-after table of a report, in Markdown. Pure. Holds no figure that was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devora_console.bench.judge import Goal, Line, Reached, Verdict
from devora_console.bench.result import Place, Result
from devora_console.bench.statistics import Change, Figures
from devora_console.bench.words import answers, between, conditions, milliseconds, percent, verdict
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

_SHOWN = (("Average", "average"), ("P95", "p95"), ("P99", "p99"))


def markdown(result: Result, lines: Sequence[Line], goal: Goal) -> str:
    """The whole text."""
    parts = ["## Performance Benchmarks", "", f"### Before ({_who(result.mongo, 'MongoDB')})", ""]
    if isinstance(result.mongo, Unknown):
        parts += [f"Not measured: {_plain(result.mongo.reason)}.", ""]
    else:
        parts += _stand_in(result.mongo)
        parts += ["```", *_joined(list(_before(line)) for line in lines), "```", ""]
    parts += [f"### After ({_who(result.postgres, 'PostgreSQL')})", ""]
    if isinstance(result.postgres, Unknown):
        parts += [f"Not measured: {_plain(result.postgres.reason)}.", ""]
    else:
        parts += ["```", *_joined(list(_after(line)) for line in lines), "```", ""]
    parts += [_goal(goal), "", "### What it rests on", "", *_changes(lines), ""]
    parts += [f"- {_plain(f'{name}: {words}' if name else words)}" for name, words in conditions(result)]
    return "\n".join(parts) + "\n"


def _who(place: Place | Unknown, engine: str) -> str:
    return engine if isinstance(place, Unknown) else _plain(place.words)


def _stand_in(place: Place) -> list[str]:
    if not place.stand_in:
        return []
    return [f"**Not {place.engine}**: {_plain(place.stand_in)}. These times say nothing about {place.engine}.", ""]


def _joined(blocks: Iterator[list[str]] | Sequence[list[str]]) -> list[str]:
    out: list[str] = []
    for block in blocks:
        out += ["", *block] if out else block
    return out


def _before(line: Line) -> Iterator[str]:
    yield f"Query: {_code(line.title)}"
    if isinstance(line.first, Unknown):
        yield f"- {_code(_absent(line.first))}"
        return
    for name, metric in _SHOWN:
        yield f"- {name}: {_ms(line.first, metric)}"


def _after(line: Line) -> Iterator[str]:
    yield f"Query: {_code(line.title)}"
    if isinstance(line.second, Unknown):
        yield f"- {_code(_absent(line.second))}"
        return
    for name, metric in _SHOWN:
        yield f"- {name}: {_ms(line.second, metric)}{_change(line, metric)}"
    if line.without is not None:
        yield f"- Includes the query's embedding ({_code(line.apart_by)})"
        yield f"- Without it: average {_ms(line.without, 'average')}, P95 {_ms(line.without, 'p95')}"


def _absent(found: Unknown) -> str:
    reason = found.reason
    return reason if reason.startswith("Not ") else f"Not measured: {reason}"


def _ms(figures: Figures, metric: str) -> str:
    value = figures.of(metric)
    return f"not known ({value.reason})" if isinstance(value, Unknown) else f"{milliseconds(value)}ms"


def _change(line: Line, metric: str) -> str:
    """`` (-71% ✓)``; a sign only where the interval and the verdict bear it."""
    if "mongo" in line.missing:
        return " (NEW)" if metric == "average" else ""
    found = line.changes[metric]
    if isinstance(found, Unknown):
        return ""
    sign = "?"
    if line.verdict in (Verdict.FASTER, Verdict.SLOWER) and found.sure:
        sign = "✓" if found.high < 0 else "✗"
    return f" ({percent(found).replace(' ', '')} {sign})"


def _goal(goal: Goal) -> str:
    mark = {Reached.YES: " ✅", Reached.NO: " ❌", Reached.UNSHOWN: ""}[goal.reached]
    return f"**Goal of -{goal.percent:g}%: {goal.reached}{mark}** ({_plain(goal.words)})"


def _changes(lines: Sequence[Line]) -> Iterator[str]:
    yield "| Query | measurements | change of the average | 95 % interval | answers | verdict |"
    yield "|---|---|---|---|---|---|"
    for line in lines:
        n = [str(each.n) if isinstance(each, Figures) else "-" for each in (line.first, line.second)]
        found = line.changes["average"]
        known = isinstance(found, Change)
        cells = (line.title, " and ".join(n), percent(found) if known else "-", between(found) if known else "-")
        yield "| " + " | ".join(_plain(each) for each in (*cells, answers(line), verdict(line))) + " |"


def _plain(text: str) -> str:
    """On one line, with nothing that Markdown would take for its own."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in one_line(text, 500))


def _code(text: str) -> str:
    """On one line of a block of code, which it cannot end."""
    return one_line(text, 200).replace("```", "'''")

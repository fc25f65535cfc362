"""Before and after on a screen: questions with both sides' times, the change as a bar with its interval, what it was
measured on, and results over time. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from devora_console.bench.judge import Goal, Line, Reached, Verdict
from devora_console.bench.result import Place, Result, Series
from devora_console.bench.statistics import METRICS, Change, Figures, figures
from devora_console.bench.words import answers, between, conditions, differing, milliseconds, percent, verdict
from devora_console.core import console
from devora_console.core.clock import iso
from devora_console.core.unknown import Unknown
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.trend import spark

COLUMNS = (
    Column("title", "question", 22, rank=0),
    Column("mongo", "MongoDB ms", 10, right=True, rank=1),
    Column("mongo95", "P95", 6, right=True, rank=4),
    Column("mongo99", "P99", 6, right=True, rank=6),
    Column("postgres", "PostgreSQL", 10, right=True, rank=1),
    Column("postgres95", "P95", 6, right=True, rank=4),
    Column("postgres99", "P99", 6, right=True, rank=6),
    Column("change", "change", 8, right=True, rank=0),
    Column("interval", "95 % interval", 18, right=True, rank=3),
    Column("verdict", "verdict", 12, grows=True, rank=2),
)
RESULT_COLUMNS = (
    Column("id", "id", 27, rank=0),
    Column("at", "measured", 20, rank=2),
    Column("questions", "questions", 9, right=True, rank=4),
    Column("subjects", "users", 6, right=True, rank=5),
    Column("postgres", "PostgreSQL side", 16, rank=3),
    Column("mongo", "MongoDB side", 24, grows=True, rank=3),
)
_SIGNS = {
    Verdict.FASTER: console.Verdict.OK,
    Verdict.SLOWER: console.Verdict.FAIL,
    Verdict.UNCLEAR: console.Verdict.UNKNOWN,
    Verdict.NONE: console.Verdict.NONE,
}
_WIDEST_TITLE = 24
_LEAST_BAR = 12
_LABEL = 16


def question_rows(lines: Sequence[Line], look: Look) -> list[Row]:
    """A row for each question."""
    return [Row(line.id, dict(_cells(line, look))) for line in lines]


def _cells(line: Line, look: Look) -> Iterator[tuple[str, tuple[str, str]]]:
    yield "title", (look.text(line.title), "")
    for name, side in (("mongo", line.first), ("postgres", line.second)):
        for key, metric in ((name, "average"), (f"{name}95", "p95"), (f"{name}99", "p99")):
            known = isinstance(side, Figures)
            words = milliseconds(side.of(metric)) if isinstance(side, Figures) else look.plain(NIL)
            yield key, (words, "" if known else look.muted)
    found = line.changes["average"]
    new = "mongo" in line.missing and isinstance(line.second, Figures)
    yield "change", ("new" if new else percent(found) if isinstance(found, Change) else look.plain(NIL), "")
    yield "interval", (between(found) if isinstance(found, Change) else "", look.muted)
    sign = _SIGNS[line.verdict]
    yield "verdict", (look.state(sign, str(line.verdict)), look.style(sign))


def change_bars(lines: Sequence[Line], width: int, look: Look) -> list[str]:
    """The changes of the averages, a bar from one end of the interval to the other on one scale, 0 marked.

    Questions without a change are left out; no lines where there is none, or too little room.
    """
    known = [(line, found) for line in lines if isinstance(found := line.changes["average"], Change)]
    name = min(_WIDEST_TITLE, max((cell_len(line.title) for line, _ in known), default=0))
    room = width - name - 12
    if not known or room < _LEAST_BAR:
        return []
    low = min(-100.0, *(found.low for _, found in known))
    high = max(20.0, *(found.high for _, found in known))

    def at(value: float) -> int:
        return round((value - low) / (high - low) * (room - 1))

    out = []
    for line, found in known:
        cells = [" "] * room
        for place in range(at(found.low), at(found.high) + 1):
            cells[place] = "─"
        cells[at(0)] = "┼" if cells[at(0)] == "─" else "│"
        cells[at(found.percent)] = "●" if look.unicode else "o"
        title = look.fit(look.text(line.title), name)
        bar = look.plain("".join(cells)) if look.unicode else "".join(cells).translate(_BAR)
        out.append(f" {title}{' ' * (name - cell_len(title))} {bar} {percent(found):>9}")
    ends = f"{low:.0f} %", f"{high:+.0f} %"
    out.append(" " * (name + 2) + ends[0] + " " * max(1, room - len(ends[0]) - len(ends[1])) + ends[1])
    return [look.fit(line, width) for line in out]


_BAR = str.maketrans({"─": "-", "│": "|", "┼": "+"})


def question_lines(line: Line, look: Look) -> list[str]:
    """One question in depth: every figure of both sides, its changes, answers, verdict."""
    out = [look.text(f"{line.title}{': ' + line.about if line.about else ''}")]
    for name, side in (("MongoDB", line.first), ("PostgreSQL", line.second)):
        out.append(_labelled(name, _side(side), look))
    if line.without is not None:
        out.append(_labelled("", f"without the embedding: {_side(line.without)}", look))
        out.append(_labelled("", f"with it, by {line.apart_by}", look))
    for metric in METRICS:
        found = line.changes[metric]
        if isinstance(found, Change):
            out.append(_labelled("change", f"{metric} {percent(found)} ({between(found)})", look))
    out.append(_labelled("answers", answers(line), look))
    out.append(_labelled("verdict", verdict(line), look))
    out += [_labelled("", each, look) for each in line.failed]
    return out


def _labelled(name: str, words: str, look: Look) -> str:
    return f"{look.text(name):<{_LABEL}}{look.text(words, 600)}".rstrip()


def _side(side: Figures | Unknown) -> str:
    if isinstance(side, Unknown):
        return f"? {side.reason}" + (f" ({side.remedy})" if side.remedy else "")
    values = [f"{metric} {_known(side.of(metric))}" for metric in METRICS]
    return f"{', '.join(values)} (n {side.n}, {side.subjects} users)"


def _known(value: float | Unknown) -> str:
    return f"? ({value.reason})" if isinstance(value, Unknown) else f"{milliseconds(value)} ms"


def headline(result: Result, lines: Sequence[Line], goal: Goal, look: Look) -> str:
    """What a run says, in one line: first of all what stood on MongoDB's side."""
    counts = {each: sum(line.verdict is each for line in lines) for each in Verdict}
    parts = [f"{count} {each}" for each, count in counts.items() if count]
    mongo = result.mongo
    against = "MongoDB not measured" if isinstance(mongo, Unknown) else f"before: {mongo.words}"
    sign = {Reached.YES: console.Verdict.OK, Reached.NO: console.Verdict.FAIL, Reached.UNSHOWN: console.Verdict.UNKNOWN}
    target = look.state(sign[goal.reached], f"goal of -{goal.percent:g} % {goal.reached}")
    return look.text(f"{against}; {', '.join(parts)}; {target} ({goal.words})", 400)


def condition_lines(result: Result, look: Look) -> list[str]:
    """All that the figures depend on."""
    return [_labelled(name, words, look) for name, words in conditions(result)]


def warning_lines(lines: Sequence[Line], look: Look) -> list[str]:
    """What went wrong, and which answers differ: a speed is worth nothing without its answer."""
    out = [f"{line.title}: {each}" for line in lines for each in line.failed]
    out += [f"{line.title}: the answers {answers(line)}" for line in lines if differing(line)]
    return [look.state(console.Verdict.WARN, look.text(each, 400)) for each in out]


def result_rows(results: Sequence[Result], look: Look) -> list[Row]:
    """Kept results, in the order given."""
    return [
        Row(
            each.id,
            {
                "id": (each.id, ""),
                "at": (iso(each.at.replace(microsecond=0)), ""),
                "mongo": (look.text(_stood(each.mongo)), ""),
                "postgres": (look.text(_stood(each.postgres)), ""),
                "questions": (str(len(each.questions)), ""),
                "subjects": (str(len(each.subjects)), ""),
            },
        )
        for each in results
    ]


def _stood(place: Place | Unknown) -> str:
    return NIL if isinstance(place, Unknown) else place.words


def history_line(results: Sequence[Result], question: str, width: int, look: Look) -> str:
    """PostgreSQL's average of one question over results, the oldest first, as a row of blocks; '' without two.

    Only what was asked as in the latest of them, and measured in the same way: the rest does not compare.
    """
    every = [
        (each.manner, asked.digest, asked.postgres)
        for each in results
        for asked in each.questions
        if asked.id == question and isinstance(asked.postgres, Series)
    ]
    alike = [took for manner, digest, took in every if digest == every[-1][1] and not every[-1][0].differs(manner)]
    found = [figures(each.samples).average for each in alike]
    averages = [each for each in found if not isinstance(each, Unknown)]
    if len(averages) < 2:
        return ""
    drawn = spark(averages, max(8, min(30, width - 40)), look)
    words = f"{milliseconds(averages[-1])} ms now, {milliseconds(max(averages))} at most"
    return look.fit(look.plain(f"{drawn}  {words}, {len(averages)} results"), width)

"""The first day after the switch as rows: now, before, a verdict. Pure."""

from __future__ import annotations

from rich.text import Text

from devora_console.analytics.aftermath.headline import headline as watch_headline
from devora_console.analytics.aftermath.model import WatchLine, WatchSnapshot
from devora_console.analytics.aftermath.words import value_words
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.render.trend import curve

COLUMNS = (
    Column("state", "state", 9, rank=0),
    Column("what", "what", 18, rank=0),
    Column("now", "now", 17, grows=True, rank=1),
    Column("before", "before", 14, grows=True, rank=2),
)


def rows(seen: WatchSnapshot, look: Look) -> list[Row]:
    """A row for each line of the guide's list."""
    return [Row(line.id, _cells(line, look)) for line in seen.lines]


def worst(seen: WatchSnapshot) -> str | None:
    """The key of the line to look at first."""
    order = (Verdict.FAIL, Verdict.WARN)
    ranked = sorted(seen.lines, key=lambda line: order.index(line.verdict) if line.verdict in order else len(order))
    return ranked[0].id if ranked else None


def _cells(line: WatchLine, look: Look) -> dict[str, tuple[str, str]]:
    def words(text: str, value: object) -> tuple[str, str]:
        return look.text(text, 300), look.muted if isinstance(value, Unknown) else ""

    return {
        "state": (look.state(line.verdict), look.style(line.verdict)),
        "what": (look.text(line.title, 60), ""),
        "now": words(line.text, line.now),
        "before": words(line.before_text, line.before),
    }


def headline(seen: WatchSnapshot, *, going: bool, keys: tuple[str, str]) -> str:
    """The worst first. ``going``: a watch keeps its looks; ``keys`` begin one, and keep the values before."""
    words = watch_headline(seen)
    if not going:
        words += f" No watch is going on: {keys[0]} begins one at the switch, {keys[1]} keeps the values before it."
    return words


def plot_lines(seen: WatchSnapshot, key: str | None, width: int, height: int, look: Look) -> list[str]:
    """One line over the looks that were kept, as a plot under a title; no lines where there is nothing to plot."""
    line = next((each for each in seen.lines if each.id == key), None)
    if line is None or len(seen.history) < 2:
        return []
    times = [(point.at - seen.as_of).total_seconds() for point in seen.history]
    heights = [point.values.get(line.id) for point in seen.history]

    def ago(at: float) -> str:
        return "now" if at > -1 else f"-{span(-at)}"

    def label(value: float) -> str:
        return look.plain(value_words(line.unit, value))

    drawn = curve(times, heights, width, height, look, ago, label)
    return [look.fit(f" {look.text(line.title)}, {len(seen.history)} looks", width), *drawn] if drawn else []


def detail(seen: WatchSnapshot, key: str, look: Look) -> Text | None:
    """One line in depth: both values, how it was judged, what to do, and what it is compared with."""
    line = next((each for each in seen.lines if each.id == key), None)
    if line is None:
        return None
    out = Text(end="")
    out.append(look.text(line.title, 100), style="bold")
    out.append("\n" + look.state(line.verdict), style=look.style(line.verdict))
    out.append(f"\n\nnow     {look.text(line.text, 300)}\nbefore  {look.text(line.before_text, 300)}")
    for title, words in (("why", line.why), ("what to do", line.remedy), ("compared with", _compared(seen))):
        if words:
            out.append(f"\n\n{title}\n", style=look.muted)
            out.append(look.lines(words, 2_000))
    for begin, end in seen.gaps[-3:]:
        out.append(look.text(f"\nnobody looked from {begin:%d %b %H:%M} for {span((end - begin).total_seconds())}"))
    return out


def _compared(seen: WatchSnapshot) -> str:
    found = seen.baseline
    if isinstance(found, Unknown):
        return f"{found}. {found.remedy}"
    return f"{found.id}, kept {iso(found.kept_at.replace(microsecond=0))}. {found.note}".rstrip()

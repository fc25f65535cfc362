"""The health screen as rows, a headline and details: findings, worst first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.headline import headline as health_headline
from devora_console.postgres.health.snapshot import SECTIONS, Figure, HealthLine, HealthSnapshot, badness
from devora_console.postgres.watch.window import StatsWindow
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look

COLUMNS = (
    Column("state", "state", 9, rank=0),
    Column("section", "section", 10, rank=3),
    Column("what", "what", 26, rank=1),
    Column("finding", "finding", 28, grows=True, rank=2),
)
ORDERS: Mapping[str, Callable[[HealthLine], tuple[Any, ...]]] = {
    "worst": lambda line: (badness(line), _place(line)),
    "section": lambda line: (_place(line), badness(line)),
    "what": lambda line: (line.title, badness(line)),
}


def rows(snapshot: HealthSnapshot, look: Look, order: str = "worst", keep: str = "") -> list[Row]:
    """One row per finding that holds ``keep`` in its words, by verdict or by section."""
    needle = keep.casefold()
    found: list[Row] = []
    for line in sorted(snapshot.lines, key=ORDERS[order]):
        words = (line.verdict.value, line.section, line.title, line.text)
        if not any(needle in word.casefold() for word in words):
            continue
        style = look.style(line.verdict)
        cells = {
            "state": (look.state(line.verdict), style),
            "section": (look.text(line.section, 20), look.muted),
            "what": (look.text(line.title, 200), ""),
            "finding": (look.text(line.text, 600), ""),
        }
        found.append(Row(line.id, cells))
    return found


def headline(snapshot: HealthSnapshot) -> str:
    """The health in a sentence or two, worst thing first."""
    return health_headline(snapshot)


def detail(snapshot: HealthSnapshot, key: str, look: Look) -> Text | None:
    """One finding in depth: value, threshold, window, how it was reached, what mends it, and the SQL."""
    line = next((each for each in snapshot.lines if each.id == key), None)
    if line is None:
        return None
    out = Text(end="")
    out.append(look.text(line.title, 300), style="bold")
    out.append("\n" + look.state(line.verdict), style=look.style(line.verdict))
    out.append("  " + look.text(line.text, 2_000))
    out.append(f"\n\nvalue      {_figure(line.value, look)}")
    out.append(f"\nthreshold  {_figure(line.threshold, look)}")
    out.append(f"\nwindow     {look.text(_window(snapshot.window), 300)}")
    out.append(f"\nas of      {iso(snapshot.as_of.replace(microsecond=0))}")
    for title, words in (("why", line.why), ("remedy", line.remedy), ("SQL", line.sql)):
        if words:
            out.append(f"\n\n{title}\n", style=look.muted)
            out.append(look.lines(words, 4_000))
    return out


def _place(line: HealthLine) -> int:
    return SECTIONS.index(line.section)


def _figure(figure: Figure, look: Look) -> str:
    if figure is None:
        return look.plain(NIL)
    if isinstance(figure, Unknown):
        return look.text(str(figure), 300)
    return look.text(_two_decimals(figure) if isinstance(figure, float) else str(figure), 100)


def _two_decimals(number: float) -> str:
    """Cut and never rounded up: 100 is all, 0 is nothing.

    >>> [_two_decimals(each) for each in (99.99997, 100.0, 0.29, 0.001, 0.0, 1234.5)]
    ['99.99', '100.00', '0.29', '<0.01', '0.00', '1 234.50']
    """
    cut = floor(round(number * 100, 6)) / 100  # 0.29 times 100 is a little less than 29
    return "<0.01" if number > 0 and not cut else f"{cut:,.2f}".replace(",", " ")


def _window(window: StatsWindow | Unknown) -> str:
    if isinstance(window, Unknown):
        return str(window)
    since = window.since
    if isinstance(since, Unknown):
        return str(since)
    seconds = window.seconds
    length = span(seconds) if not isinstance(seconds, Unknown) else "?"
    cause = f", after {window.cause}" if window.cause else ""
    return f"counters since {iso(since.replace(microsecond=0))} ({length}{cause})"

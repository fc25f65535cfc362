"""Statements as a table, one of them in depth, and what to say first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    SORTS,
    Bound,
    Figures,
    Key,
    QueriesSnapshot,
    Running,
    RunningSnapshot,
    Share,
    Statement,
    StatementsSnapshot,
    Window,
    change_percent,
    figures,
    in_window,
    over_interval,
    ranking,
    share,
    share_since,
    slow,
)
from devora_console.tui.render.columns import Cell, Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import plural, short, size
from devora_console.tui.render.queries_detail import percent_of, running_detail, statement_detail, trend_line

__all__ = [
    "COLUMNS",
    "ORDERS",
    "columns_for",
    "detail",
    "find",
    "headline",
    "original",
    "rows",
    "running_words",
    "slow_words",
]

COLUMNS = (
    Column("share", "total%", 6, right=True, rank=1),
    Column("mean", "mean", 8, right=True, rank=1),
    Column("trend", "trend", 6, rank=6),
    Column("calls", "calls", 6, right=True, rank=2),
    Column("rows", "rows", 6, right=True, rank=4),
    Column("hit", "hit%", 5, right=True, rank=5),
    Column("change", "change", 6, right=True, rank=3),
    Column("io", "I/O", 7, right=True, rank=7),
    Column("temp", "temp", 7, right=True, rank=8),
    Column("wal", "WAL", 7, right=True, rank=9),
    Column("statement", "statement", 22, grows=True, rank=0),
)
ORDERS: Mapping[str, Callable[[Statement], tuple[float, ...]]] = {
    **{name: partial(ranking, order=name) for name in SORTS},
    "slow": partial(ranking, order="mean"),
}
"""What comes first; unknown intervals come last. "slow" lists only what is slow in the window the figures are of."""


def columns_for(order: str, *, interval: bool) -> tuple[Column, ...]:
    """The columns of one look without history: the one that ``order`` sorts by is left out last."""
    absent = {"trend"} if interval else {"trend", "change"}
    return tuple(replace(each, rank=0) if each.key == order else each for each in COLUMNS if each.key not in absent)


def rows(snapshot: QueriesSnapshot, look: Look, order: str, keep: str = "") -> list[Row]:
    """What runs first, then the statements in ``order``, of both those that hold ``keep`` in text, user or database."""
    needle = keep.casefold()
    found = []
    if not isinstance(snapshot.running, Unknown):
        found = [
            Row(_running_key(each), _running_cells(each, look))
            for each in snapshot.running.statements
            if _holds(needle, each.text, each.user, each.database)
        ]
    statements = snapshot.statements
    if isinstance(statements, Unknown):
        return found
    for each in sorted(statements.statements, key=ORDERS[order]):
        if order == "slow" and not slow(in_window(each, statements), snapshot.slow_ms):
            continue
        if _holds(needle, each.text, each.user, each.database):
            found.append(Row(_key(each.key), _cells(each, statements, snapshot.slow_ms, look)))
    return found


def headline(snapshot: QueriesSnapshot) -> str:
    """The worst first: no statistics, statistics that began anew, slow statements and what takes most; what runs."""
    statements, running = snapshot.statements, snapshot.running
    words = []
    if isinstance(statements, Unknown):
        words.append(f"Statements are unknown: {statements.reason}. {statements.remedy}".rstrip(" .;") + ".")
    else:
        words += _judged(statements, snapshot.slow_ms)
    return " ".join([*words, *running_words(running)])


def running_words(running: RunningSnapshot | Unknown) -> list[str]:
    """What runs now, and how much of it may not be seen."""
    if isinstance(running, Unknown):
        return [f"What runs now is unknown: {running.reason}."]
    words, count = [], len(running.statements)
    if count:
        words.append(
            f"{plural(count, 'statement')} {'runs' if count == 1 else 'run'} now for {running.threshold_ms:g} ms"
            f" or longer, the longest for {span(running.statements[0].ms / 1000)}."
        )
    if running.hidden:
        words.append(f"{plural(running.hidden, 'session')} hidden by privilege.")
    return words


def detail(snapshot: QueriesSnapshot, key: str, look: Look) -> Text | None:
    """The statement of a row in depth; None when it is not there any more."""
    found = find(snapshot, key)
    if isinstance(found, Running):
        return running_detail(found, look)
    if found is None or isinstance(snapshot.statements, Unknown):
        return None
    return statement_detail(found, snapshot.statements, snapshot.slow_ms, look)


def original(snapshot: QueriesSnapshot, key: str) -> str | None:
    """The exact text of a row, for copying: neither cut nor laid out nor made safe."""
    found = find(snapshot, key)
    return None if found is None or isinstance(found.text, Unknown) else found.text


def find(snapshot: QueriesSnapshot, key: str) -> Statement | Running | None:
    """The statement of a row, or what runs in it; None when it is not there any more."""
    if not isinstance(snapshot.running, Unknown):
        for running in snapshot.running.statements:
            if _running_key(running) == key:
                return running
    if not isinstance(snapshot.statements, Unknown):
        return next((each for each in snapshot.statements.statements if _key(each.key) == key), None)
    return None


def _key(key: Key) -> str:
    return "/".join(map(str, key))


def _running_key(running: Running) -> str:
    return f"running {running.pid} {iso(running.started)}"


def _holds(needle: str, *words: str | Unknown) -> bool:
    return not needle or any(needle in word.casefold() for word in words if isinstance(word, str))


def when(window: Window) -> str:
    """What time the figures are of."""
    if not isinstance(window.seconds, Unknown):
        return f"in the last {span(window.seconds)}"
    if isinstance(window.since, Unknown):
        return "since an unknown time"
    return f"since {iso(window.since.replace(microsecond=0))}"


def slow_words(snapshot: QueriesSnapshot) -> str:
    """What is listed in the order "slow"."""
    statements = snapshot.statements
    of = "" if isinstance(statements, Unknown) else f" {when(statements.window)}"
    return f"slow statements: a mean of {snapshot.slow_ms:g} ms or more{of}"


def _judged(statements: StatementsSnapshot, slow_ms: float) -> list[str]:
    window = statements.window
    words = []
    if window.was_reset:
        cause = f", after {window.lost_by}" if window.lost_by else ""
        words.append(f"The statistics were reset in this interval{cause}.")
    else:
        words += ["The server was restarted in this interval."] if window.restarted else []
        if not isinstance(window.evictions, Unknown) and window.evictions:
            words.append("Statements were evicted in this interval.")
    if statements.over_interval and window.unknown:
        words.append(f"{window.unknown} of {plural(statements.count, 'statement')} unknown {when(window)}.")
    none = "No visible statement" if statements.hidden else "No statement"
    count = none if not statements.slow else plural(statements.slow, "statement")
    first = _most(statements)
    words.append(f"{count} with a mean of {slow_ms:g} ms or more {when(window)}{first}.")
    if statements.hidden:
        words.append(f"{plural(statements.hidden, 'statement')} hidden by privilege.")
    return words


def _most(statements: StatementsSnapshot) -> str:
    """What the first one takes, where that is known."""
    shares = [
        share(each, statements.window) if statements.over_interval else share_since(each, statements.window)
        for each in statements.statements
    ]
    known = [each for each in shares if isinstance(each, Share)]
    if not known:
        return ""
    most = max(known, key=lambda each: each.percent)
    bound = {Bound.EXACT: "", Bound.AT_MOST: "at most ", Bound.ABOUT: "about "}[most.bound]
    return f"; the most expensive one listed takes {bound}{percent_of(most)} % of all time"


def _cells(each: Statement, statements: StatementsSnapshot, slow_ms: float, look: Look) -> dict[str, Cell]:
    found = over_interval(each, statements.place) if statements.over_interval else figures(each.total, statements.place)
    is_slow = slow(in_window(each, statements), slow_ms)
    style = look.style(Verdict.WARN) if is_slow else ""
    cells: dict[str, Cell] = {
        "trend": (trend_line(statements.trends.get(each.key, ()), 6, look), ""),
        "statement": (_words(each, is_slow, look), style),
    }
    if isinstance(found, Unknown):
        return cells | dict.fromkeys(_FIGURES, ("?", look.muted))
    return cells | {
        "share": (
            _share(
                share(each, statements.window) if statements.over_interval else share_since(each, statements.window),
                look,
            ),
            style,
        ),
        "mean": (_ms(found.mean_ms), style),
        "calls": (short(found.calls), ""),
        "rows": (short(found.rows), ""),
        "hit": (_percent(found.hit_percent, look), ""),
        "change": (_change(each, look) if statements.over_interval else look.plain(NIL), ""),
        **_volumes(found, statements.block_size),
    }


_FIGURES = ("share", "mean", "calls", "rows", "hit", "change", "io", "temp", "wal")


def _volumes(found: Figures, block: int) -> dict[str, Cell]:
    return {
        "io": (size(found.io_blocks * block), ""),
        "temp": (size(found.temp_blocks * block), ""),
        "wal": (size(found.wal_bytes), ""),
    }


def _words(each: Statement, is_slow: bool, look: Look) -> str:
    """Sign and words before the text."""
    words = [look.state(Verdict.WARN, "slow")] if is_slow else []
    words += ["nested"] if each.nested else []
    words += [each.mark.value] if each.mark is not None else []
    head = f"{', '.join(words)}: " if words else ""
    text = f"? {each.text.reason}" if isinstance(each.text, Unknown) else each.text
    return head + look.text(text, 300)


def _running_cells(each: Running, look: Look) -> dict[str, Cell]:
    waits = f", waits for {look.text(each.waits_for, 40)}" if each.waits_for else ""
    cells: dict[str, Cell] = {name: (look.plain(NIL), look.muted) for name in (*_FIGURES, "trend")}
    words = f"{look.state(Verdict.RUNNING)}{waits}: {look.text(each.text, 300)}"
    return cells | {"mean": (span(each.ms / 1000), ""), "statement": (words, "")}


def _share(part: Share | Unknown, look: Look) -> str:
    if isinstance(part, Unknown):
        return "?"
    at_most = "≤" if look.unicode else "<"
    return {Bound.EXACT: "", Bound.AT_MOST: at_most, Bound.ABOUT: "~"}[part.bound] + percent_of(part)


def _ms(value: float | Unknown) -> str:
    """A time in at most eight cells."""
    if isinstance(value, Unknown):
        return "?"
    for unit, scaled in (("ms", value), ("s", value / 1000)):
        if scaled < 999.5:
            digits = 0 if scaled >= 99.5 else 1 if scaled >= 9.95 else 2 if scaled >= 0.995 else 3
            return f"{scaled:.{digits}f} {unit}"
    return span(value / 1000)


def _percent(value: float | Unknown, look: Look) -> str:
    """100 only where it is 100."""
    if isinstance(value, Unknown):
        return look.plain(NIL)
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value if value == 100 else min(value, 99.9):.1f}"


def _change(each: Statement, look: Look) -> str:
    change = change_percent(each)
    if isinstance(change, Unknown):
        return look.plain(NIL)
    return f"{change:+.0f} %" if change < 1000 else ">10x"

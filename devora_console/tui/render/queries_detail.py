"""One statement in depth: its text, figures of the interval and since the reset side by side, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    Bound,
    Figures,
    QueriesSnapshot,
    Running,
    RunningSnapshot,
    Share,
    Statement,
    StatementsSnapshot,
    change_percent,
    extremes,
    figures,
    laid_out,
    over_interval,
    share,
    share_since,
    slow,
)
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import short, size

_NAME, _VALUE = 15, 12
_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", ".:-=+*%#"


def trend_line(values: Sequence[float | None], width: int, look: Look) -> str:
    """The last ``width`` values as blocks, the highest filling its cell; "?" where a value is not known.

    >>> trend_line((0.0, None, 4.0, 8.0), 6, Look())
    '▁?▅█'
    """
    shades = _BLOCKS if look.unicode else _ASCII
    shown = values[-width:]
    top = max((value for value in shown if value is not None), default=0.0)
    return "".join("?" if value is None else shades[round(7 * value / top) if top > 0 else 0] for value in shown)


def percent_of(part: Share) -> str:
    """One digit after the point; an upper limit is rounded up, and something is never nothing.

    >>> [percent_of(Share(62.34, 0, bound)) for bound in Bound]
    ['62.3', '62.4', '62.3']
    """
    if part.bound is Bound.AT_MOST:
        return f"{ceil(10 * part.percent - 1e-6) / 10:.1f}"
    return "<0.1" if 0 < part.percent < 0.05 else f"{part.percent:.1f}"


def statement_detail(each: Statement, statements: StatementsSnapshot, slow_ms: float, look: Look) -> Text:
    """Everything about one statement."""
    out = Text(end="")
    out.append(f"{_name(each.user, look)} in {_name(each.database, look)}", style="bold")
    out.append(f"  {_level(each)}  queryid {each.key.queryid}", style=look.muted)
    _judgement(out, each, statements, slow_ms, look)
    out.append("\n\n")
    if isinstance(each.text, Unknown):
        out.append(_said(each.text, look), style=look.muted)
    else:
        out.append(look.lines(laid_out(each.text), 20_000))
    _table(out, each, statements, look)
    _history(out, each, statements, look)
    _shares(out, each, statements, look)
    return out


def notes(snapshot: QueriesSnapshot) -> list[str]:
    """What is to be known of all that is shown: caveats of the statistics, and what of others is hidden."""
    found = [] if isinstance(snapshot.statements, Unknown) else [*snapshot.statements.notes]
    return found + running_notes(snapshot.running)


def running_notes(running: RunningSnapshot | Unknown) -> list[str]:
    """What is not known of what runs now."""
    if isinstance(running, Unknown):
        return [f"What runs now is not known: {running.reason}. {running.remedy}".strip()]
    found = []
    if running.hidden:
        found.append(
            f"{running.hidden} sessions of others are hidden: whether they run anything is not known."
            " This role has not the rights of pg_read_all_stats."
        )
    if running.untold:
        found.append(f"{running.untold} sessions tell nothing of what they run: track_activities is off there.")
    return found


def running_detail(each: Running, look: Look) -> Text:
    """A statement that runs now."""
    out = Text(end="")
    out.append(f"{look.text(each.user, 80)} in {look.text(each.database, 80)}", style="bold")
    out.append(f"  pid {each.pid}", style=look.muted)
    out.append(f"\n{look.state(Verdict.RUNNING)} for {span(each.ms / 1000)}, since {iso(each.started)}")
    if each.waits_for:
        out.append(f"\nwaits for {look.text(each.waits_for, 80)}")
    counted = "earlier executions are in the statistics" if each.counted else "not in the statistics"
    if each.key is None:
        counted = "whether it is in the statistics is not known: the server computes no query identifiers"
    out.append(f"\n{counted}; this execution is counted when it ends, unless it fails", style=look.muted)
    out.append("\n\n" + look.lines(laid_out(each.text), 20_000))
    if each.cut:
        out.append("\nmaybe cut here: the server keeps track_activity_query_size bytes", style=look.muted)
    return out


def _name(name: str | Unknown, look: Look) -> str:
    return f"? ({name.reason})" if isinstance(name, Unknown) else look.text(name, 80)


def _level(each: Statement) -> str:
    if each.key.toplevel is None:
        return "nested or not: unknown"
    return "nested: its time is in that of the statement around it" if each.nested else "top level"


def _said(unknown: Unknown, look: Look) -> str:
    return look.text(f"? {unknown.reason}" + (f". {unknown.remedy}" if unknown.remedy else ""), 600)


def _judgement(out: Text, each: Statement, statements: StatementsSnapshot, slow_ms: float, look: Look) -> None:
    """Slow or not, with the value, the threshold and the window."""
    for counted, window in ((each.delta, "in the interval"), (each.total, "since it is counted")):
        if isinstance(counted, Unknown):
            if statements.over_interval:
                out.append("\n" + look.state(Verdict.UNKNOWN), style=look.muted)
                out.append(f" {window}: {look.text(counted.reason, 200)}")
            continue
        if not counted.calls:
            out.append(f"\n{look.state(Verdict.NONE, 'did not run')} {window}")
            continue
        verdict = Verdict.WARN if slow(counted, slow_ms) else Verdict.OK
        out.append("\n" + look.state(verdict, "slow" if verdict is Verdict.WARN else None), style=look.style(verdict))
        out.append(
            f" {window}: mean {_ms(counted.exec_ms / counted.calls)}, slow from {slow_ms:g} ms (queries.slow_ms)"
        )
    if each.mark is not None:
        out.append(f"\n{each.mark.value} in the interval", style=look.muted)


def _table(out: Text, each: Statement, statements: StatementsSnapshot, look: Look) -> None:
    """The two windows side by side; reasons of unknown values below."""
    found = over_interval(each, statements.place)
    now = None if isinstance(found, Unknown) else _lines(found, statements.block_size)
    ever = _lines(figures(each.total, statements.place), statements.block_size)
    longest = extremes(each.total)
    out.append(f"\n\n{'':<{_NAME}}{'interval':>{_VALUE}}{'since reset':>{_VALUE}}", style="bold")
    reasons: dict[str, Unknown] = {}
    for name, value in ever.items():
        left = "?" if now is None else _cell(name, now[name], reasons)
        out.append(look.plain(f"\n{name:<{_NAME}}{left:>{_VALUE}}{_cell(name, value, reasons):>{_VALUE}}"))
    for name, extreme in (("shortest", longest.min_ms), ("longest", longest.max_ms)):
        shown = _cell(name, extreme if isinstance(extreme, Unknown) else _ms(extreme), reasons)
        out.append(look.plain(f"\n{name:<{_NAME}}{NIL:>{_VALUE}}{shown:>{_VALUE}}"))
    change = change_percent(each)
    if not isinstance(change, Unknown):
        out.append(f"\nmean {change:+.0f} % against all executions before the interval")
    if each.total.since is not None:
        out.append(f"\ncounted since {iso(each.total.since.replace(microsecond=0))}", style=look.muted)
        if each.total.minmax_since not in (None, each.total.since):
            assert each.total.minmax_since is not None
            out.append(f"\nshortest and longest since {iso(each.total.minmax_since.replace(microsecond=0))}")
    for name, reason in reasons.items():
        out.append(f"\n{name} {_said(reason, look)}", style=look.muted)


def _lines(found: Figures, block: int) -> dict[str, str | Unknown]:
    hit = found.hit_percent
    return {
        "calls": short(found.calls),
        "time": _ms(found.exec_ms),
        "mean": found.mean_ms if isinstance(found.mean_ms, Unknown) else _ms(found.mean_ms),
        "planning": found.plan_ms if isinstance(found.plan_ms, Unknown) else _ms(found.plan_ms),
        "rows": short(found.rows),
        "cache hit": hit if isinstance(hit, Unknown) else f"{hit if hit == 100 else min(hit, 99.99):.2f} %",
        "blocks hit": short(found.shared_hit),
        "blocks read": short(found.shared_read),
        "blocks dirtied": short(found.shared_dirtied),
        "blocks written": short(found.shared_written),
        "I/O time": found.io_ms if isinstance(found.io_ms, Unknown) else _ms(found.io_ms),
        "temp files": size(found.temp_blocks * block),
        "temp time": found.temp_ms if isinstance(found.temp_ms, Unknown) else _ms(found.temp_ms),
        "WAL": size(found.wal_bytes),
        "JIT time": found.jit_ms if isinstance(found.jit_ms, Unknown) else _ms(found.jit_ms),
    }


def _cell(name: str, value: str | Unknown, reasons: dict[str, Unknown]) -> str:
    if isinstance(value, Unknown):
        reasons.setdefault(name, value)
        return "?"
    return value


def _ms(value: float) -> str:
    if value < 1:
        return f"{value:.3f} ms"
    return f"{value:.2f} ms" if value < 10_000 else span(value / 1000)


def _history(out: Text, each: Statement, statements: StatementsSnapshot, look: Look) -> None:
    values = statements.trends.get(each.key, ())
    known = [value for value in values if value is not None]
    if not known:
        return
    out.append(f"\n\n{trend_line(values, 40, look)}  last {len(values)} intervals")
    out.append(f"\nup to {max(known):.1f}, now {known[-1]:.1f} ms of execution per second", style=look.muted)


def _shares(out: Text, each: Statement, statements: StatementsSnapshot, look: Look) -> None:
    out.append("\n\nshare of the execution time of all top-level statements", style="bold")
    parts = (
        ("interval", share(each, statements.window), statements.over_interval),
        ("since reset", share_since(each, statements.window), True),
    )
    for window, part, wanted in parts:
        if wanted:
            out.append(f"\n{window}: {_said(part, look) if isinstance(part, Unknown) else _share_words(part)}")


def _share_words(part: Share) -> str:
    if part.bound is Bound.EXACT:
        return f"{percent_of(part)} %"
    least = f"at least {part.least:.1f} %, " if part.least > 0 else ""
    if part.bound is Bound.AT_MOST:
        return f"{least}at most {percent_of(part)} %: some of the total was not seen"
    return f"about {percent_of(part)} %: evictions or resets took some of the total, and perhaps of this statement"

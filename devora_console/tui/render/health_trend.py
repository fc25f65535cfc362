"""How a database went during the last hour: what was counted between one sample and the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.sample import Interval, between
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import short, size
from devora_console.tui.render.trend import curve, spark

_CELLS = 20


def intervals(samples: Sequence[HealthSample]) -> list[Interval]:
    """What lies between the samples; what a reset has cut off is left out."""
    found = (between(before, after) for before, after in pairwise(samples))
    return [each for each in found if not isinstance(each, Unknown)]


def trend_lines(samples: Sequence[HealthSample], look: Look, width: int) -> str:
    """Transactions, cache misses and WAL per second, a line each: a curve, the latest value, the highest.

    Empty while there are fewer than two intervals.
    """
    found = intervals(samples)
    if len(found) < 2:
        return ""
    cells = max(8, min(_CELLS, width - 60))
    lines = [
        _line("transactions/s", [(each.commits + each.rollbacks) / each.seconds for each in found], short, cells, look),
        _line("blocks read/s", [each.blocks_read / each.seconds for each in found], short, cells, look),
    ]
    wal = [each.wal_bytes / each.seconds for each in found if not isinstance(each.wal_bytes, Unknown)]
    if len(wal) == len(found):
        lines.append(_line("WAL/s", wal, size, cells, look))
    return "\n".join(look.fit(line, width) for line in lines)


def _line(name: str, values: Sequence[float], words: Callable[[float], str], cells: int, look: Look) -> str:
    latest, most = words(values[-1]), words(max(values))
    return look.plain(f" {name:<15}{spark(values, cells, look)}  {latest} now, {most} at most")


def trend_plot(samples: Sequence[HealthSample], width: int, height: int, look: Look) -> list[str]:
    """Transactions per second over the hour, as a plot under a title; no lines where there is nothing to plot."""
    found = intervals(samples)
    if len(found) < 2:
        return []
    ages: list[float] = []
    total = 0.0
    for each in reversed(found):
        ages.append(-total)
        total += each.seconds
    rates = [(each.commits + each.rollbacks) / each.seconds for each in found]
    drawn = curve([*reversed(ages)], rates, width, height, look, lambda at: f"-{span(-at)}" if at < 0 else "now")
    return [look.fit(f" transactions per second, the last {span(total)}", width), *drawn] if drawn else []

"""Rates over time: one row of blocks, or a larger plot where there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from devora_console.migration.progress import RatePoint
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import short

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = " .:-=+*%#"


def resample(values: Sequence[float], width: int) -> list[float]:
    """The last ``width`` values, or their means over ``width`` equal stretches when there are more.

    >>> resample([1, 3, 5, 7], 2), resample([1, 2], 5)
    ([2.0, 6.0], [1, 2])
    """
    if width <= 0:
        return []
    if len(values) <= width:
        return list(values)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    return [sum(values[start:end]) / (end - start) for start, end in pairwise(edges) if end > start]


def spark(values: Sequence[float], width: int, look: Look) -> str:
    """One row of at most ``width`` cells; the highest value fills its cell, 0 is a low line, never blank.

    >>> spark([0, 1, 2, 4, 8], 5, Look())
    '▁▂▃▅█'
    """
    shades = _BLOCKS if look.unicode else _ASCII_BLOCKS
    points = resample(values, width)
    top = max(points, default=0.0)
    if top <= 0:
        return shades[1] * len(points)
    return "".join(shades[1 + round(max(0.0, value) / top * 7)] for value in points)


def plot(rates: Sequence[RatePoint], width: int, height: int, look: Look) -> list[str]:
    """Rates over the seconds of the run, as ``height`` lines of ``width`` cells at most.

    Fewer than two points, or too little room, give no lines.
    """
    times = [point.at for point in rates]
    return curve(times, [point.rows_per_second for point in rates], width, height, look, lambda at: f"{round(at)} s")


def curve(
    times: Sequence[float],
    heights: Sequence[float | None],
    width: int,
    height: int,
    look: Look,
    words: Callable[[float], str],
    label: Callable[[float], str] = short,
) -> list[str]:
    """Heights over times, as ``height`` lines of ``width`` cells at most; ``words`` name a time, ``label`` a height.

    Where a height is not known (None) the line has a gap. Fewer than two points, or too little room, give no lines.
    """
    known = [each for each in heights if each is not None]
    if len(known) < 2 or width < 24 or height < 6:
        return []
    import plotext  # noqa: PLC0415  (40 ms: paid only where the plot is shown)

    top = max(*known, 1.0)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    plotext.frame(False)
    plotext.ylim(0, top)
    plotext.yticks([0, top / 2, top], [label(0), label(top / 2), label(top)])
    marks = [times[0], (times[0] + times[-1]) / 2, times[-1]]
    plotext.xticks(marks, [words(mark) for mark in marks])
    plotext.xlim(times[0], times[-1])
    for is_known, part in groupby(zip(times, heights, strict=True), key=lambda pair: pair[1] is not None):
        if is_known:
            plotext.plot(*zip(*part, strict=True), marker="braille" if look.unicode else "*")
    drawn = plotext.uncolorize(plotext.build())
    plotext.clear_figure()
    return [look.plain(line.rstrip()) for line in drawn.splitlines()]

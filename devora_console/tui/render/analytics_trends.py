"""Days as rows with their curve, and one of them as a plot. Pure."""

from __future__ import annotations

from rich.text import Text

from devora_console.analytics.metrics.model import Report, Series
from devora_console.core.unknown import Unknown
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import share_words, short, whole
from devora_console.tui.render.queries_detail import trend_line
from devora_console.tui.render.trend import curve

COLUMNS = (
    Column("series", "by day (UTC)", 14, rank=0),
    Column("curve", "", 30, grows=True, rank=0),
    Column("low", "lowest", 8, right=True, rank=3),
    Column("high", "highest", 8, right=True, rank=2),
    Column("latest", "today", 8, right=True, rank=1),
)
# What somebody looks at first; the others follow as they come.
_FIRST = ("active_users", "errors", "error_rate", "search_p95_ms", "rag_p95_ms", "search_ms", "rag_ms")
_WIDEST = 90


def ordered(report: Report) -> list[Series]:
    """Active users, errors, times of searches and RAG, then the others."""
    found = {each.name: each for each in report.trends.series}
    return [*(found[name] for name in _FIRST if name in found), *(s for n, s in found.items() if n not in _FIRST)]


def rows(report: Report, look: Look) -> list[Row]:
    """A row for each series."""
    return [Row(each.name, _cells(each, look)) for each in ordered(report)]


def _values(series: Series) -> list[float | None]:
    return [None if point.value is None else float(point.value) for point in series.points]


def _cells(series: Series, look: Look) -> dict[str, tuple[str, str]]:
    values = _values(series)
    known = [each for each in values if each is not None]
    name = (look.text(_name(series), 60), "")
    nothing = (look.plain(NIL), look.muted)
    if not known:
        why = series.unknown.reason if series.unknown is not None else "nothing was measured"
        return {
            "series": name, "curve": (look.text(f"? {why}", 200), look.muted),
            "low": nothing, "high": nothing, "latest": nothing,
        }  # fmt: skip
    latest = values[-1]
    return {
        "series": name,
        "curve": (trend_line(values, _WIDEST, look)[-30:], ""),
        "low": (look.plain(in_unit(series.unit, min(known))), ""),
        "high": (look.plain(in_unit(series.unit, max(known))), ""),
        "latest": nothing if latest is None else (look.plain(in_unit(series.unit, latest)), ""),
    }


def _name(series: Series) -> str:
    return series.name.replace("_", " ").replace(" p95 ms", " P95, ms").replace(" ms", ", ms").replace(",, ", ", ")


def in_unit(unit: str, value: float) -> str:
    """A value with its unit.

    >>> [in_unit(*pair) for pair in (("ratio", 0.0125), ("ms", 12.5), ("users", 412.0), ("EUR", 9.9))]
    ['1.2 %', '12 ms', '412', '9.90']
    """
    if unit == "ratio":
        return share_words(value)
    if unit == "ms":
        return f"{whole(round(value))} ms"
    return whole(int(value)) if value == int(value) and unit.islower() else f"{value:.2f}"


def headline(report: Report) -> str:
    """What is shown, and what is not known of it."""
    series = report.trends.series
    unknown = [_name(each) for each in series if all(point.value is None for point in each.points)]
    words = f"The last {report.trends.days} days of UTC; the last one is not over."
    if not series:
        return "No days yet. Run devora-console analytics refresh."
    return words + (f" Nothing is known of {', '.join(unknown)}." if unknown else "")


def plot_lines(report: Report, key: str | None, width: int, height: int, look: Look) -> list[str]:
    """One series as a plot under a title; no lines where there is nothing to plot, or no room."""
    series = next((each for each in ordered(report) if each.name == key), None)
    if series is None:
        return []
    factor = 100.0 if series.unit == "ratio" else 1.0
    heights = [None if value is None else factor * value for value in _values(series)]
    days = [point.day for point in series.points]

    def day(at: float) -> str:
        return f"{days[round(at)]:%d %b}"

    def label(value: float) -> str:
        return short(value) if value >= 10 or value == int(value) else f"{value:.1f}"

    drawn = curve([float(at) for at in range(len(days))], heights, width, height, look, day, label)
    unit = "%" if series.unit == "ratio" else series.unit
    title = f"{_name(series)} by day" + ("" if unit in series.name else f", {unit}")
    return [look.fit(f" {look.text(title)}", width), *drawn] if drawn else []


def detail(report: Report, key: str, look: Look) -> Text | None:
    """One series in depth: every day."""
    series = next((each for each in report.trends.series if each.name == key), None)
    if series is None:
        return None
    out = Text(end="")
    out.append(look.text(_name(series), 100), style="bold")
    if series.unknown is not None:
        out.append("\n" + look.text(str(series.unknown), 300), style=look.muted)
        out.append("\n" + look.plain("→ ") + look.text(series.unknown.remedy, 300) if series.unknown.remedy else "")
    for point in reversed(series.points):
        value = Unknown("") if point.value is None else float(point.value)
        words = "?" if isinstance(value, Unknown) else look.plain(in_unit(series.unit, value))
        out.append(f"\n{point.day.isoformat()}  {words:>12}")
    return out

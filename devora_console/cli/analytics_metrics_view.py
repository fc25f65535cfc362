"""Metrics as text for people: figures by section, what happened by day, cohorts, definitions."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from devora_console.analytics.metrics.definitions import DEFINITIONS, definition
from devora_console.analytics.metrics.model import Cohort, Report, Series
from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import span
from devora_console.core.safetext import safe
from devora_console.core.unknown import Unknown
from devora_console.tui.render.analytics_figures import figure_words, sections
from devora_console.tui.render.analytics_trends import in_unit
from devora_console.tui.render.look import Look
from devora_console.tui.render.queries_detail import trend_line

_SPANS = ("day", "week", "month")
_WIDEST = 110
_SHOWN = 60  # days of a trend that fit a line
_MONTHS = 12  # columns of the cohorts


def show(out: Console, found: Report) -> None:
    """Everything but the definitions."""
    told = found.dashboard
    age = told.freshness.age_seconds
    out.print(Text(f"as of {span(age)} ago" if isinstance(age, float) else safe(f"as of never: {age}")))
    for name, metrics in sections(told).items():
        section, _, other = name.partition(" ")
        currency = told.revenue_metrics.currency if name == "revenue" else other
        title = f"{section}, {currency}" if currency else section
        out.print(Text(f"\n{safe(title)}{' (not added to the above)' if other else ''}", style="bold"))
        _section(out, section, metrics)
    if found.trends.series:
        out.print(Text(f"\nthe last {found.trends.days} days of UTC, today so far", style="bold"))
        out.print(
            plain_table(("", "", "lowest", "highest", "latest"), map(_trend, found.trends.series), right=(2, 3, 4))
        )
    _cohorts(out, found.cohorts)
    for note in told.notes:
        out.print(Text(safe(f"! {note}")))


def _section(out: Console, section: str, metrics: Any) -> None:
    values = {each.name: getattr(metrics, each.name) for each in fields(metrics)}
    stems = [name.removesuffix("_day") for name in values if name.endswith("_day")]
    threes = [stem for stem in stems if all(f"{stem}_{span}" in values for span in _SPANS)]
    of_three = {f"{stem}_{span}" for stem in threes for span in _SPANS}
    singles = [(name, value) for name, value in values.items() if name not in (*of_three, "currency", "by_currency")]
    reasons: dict[str, list[str]] = {}
    rows: list[tuple[str, ...]] = [
        (_words(name), _shown(section, name, value, reasons), "", "") for name, value in singles
    ]
    rows += [
        (_words(stem), *(_shown(section, f"{stem}_{span}", values[f"{stem}_{span}"], reasons) for span in _SPANS))
        for stem in threes
    ]
    out.print(plain_table(("", "now, today", "7 days", "30 days"), rows, right=(1, 2, 3)))
    for reason, names in reasons.items():
        line = f"? {reason}: {', '.join(dict.fromkeys(names))}"
        out.print(Text(safe(textwrap.fill(line, _WIDEST, subsequent_indent="  ")), style="dim"))


def _shown(section: str, name: str, value: object, reasons: dict[str, list[str]]) -> str:
    if isinstance(value, Unknown):
        span = next((span for span in _SPANS if name.endswith(f"_{span}")), "")
        reasons.setdefault(value.reason, []).append(_words(name.removesuffix(f"_{span}") if span else name))
        return "?"
    return figure_words(definition(section, name), value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _trend(series: Series) -> Sequence[str]:
    values = [None if point.value is None else float(point.value) for point in series.points]
    known = [value for value in values if value is not None]
    name = _words(series.name)
    if not known:
        return name, f"? {series.unknown.reason}" if series.unknown else "?", "", "", ""
    ends = ("?" if each is None else in_unit(series.unit, each) for each in (min(known), max(known), values[-1]))
    return name, trend_line(values, _SHOWN, Look()), *ends


def _cohorts(out: Console, cohorts: tuple[Cohort, ...] | Unknown) -> None:
    out.print(Text("\nof those who registered in a month: the share that was active in each month since", style="bold"))
    if isinstance(cohorts, Unknown):
        out.print(Text(safe(str(cohorts)), style="dim"))
        return
    if not cohorts:
        out.print(Text("nobody has registered", style="dim"))
        return
    shares = [{month.month: month.share for month in cohort.active} for cohort in cohorts]
    columns = [month.month for month in cohorts[0].active][-_MONTHS:]
    rows = [
        (f"{cohort.month:%Y-%m}", number(cohort.users), *(_share(share.get(month)) for month in columns))
        for cohort, share in zip(cohorts, shares, strict=True)
    ]
    headers = ("month", "users", *(f"{month:%y-%m}" for month in columns))
    out.print(plain_table(headers, rows, right=tuple(range(1, len(columns) + 2))))


def _share(share: float | Unknown | None) -> str:
    return "" if share is None else "?" if isinstance(share, Unknown) else f"{share:.0%}"


def show_definitions(out: Console, *, with_sql: bool) -> None:
    """What each figure means; those of a day, a week and a month together."""
    section = ""
    for (where, meaning), several in groupby(DEFINITIONS, key=lambda each: (each.section, each.meaning)):
        if where != section:
            section = where
            out.print(Text(f"\n{section}", style="bold"))
        group = list(several)
        first = group[0]
        names = ", ".join(each.name for each in group)
        windows = "; ".join(dict.fromkeys(each.window for each in group if each.window))
        unknown = f" Unknown when {first.unknown_when}." if first.unknown_when else ""
        line = f"{names}: {meaning}{f' [{windows}]' if windows else ''}.{unknown} ({first.unit}; {first.file}.sql)"
        out.print(Text(textwrap.fill(line, _WIDEST, subsequent_indent="    ")))
    for file in dict.fromkeys(each.file for each in DEFINITIONS) if with_sql else ():
        text = next(each.sql for each in DEFINITIONS if each.file == file)
        out.print(Text(f"\n{file}.sql\n{text}"))

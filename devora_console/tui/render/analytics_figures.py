"""Business metrics as rows: each figure with its spans, each definition in depth. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any

from rich.text import Text

from devora_console.analytics.metrics.definitions import Definition, definition
from devora_console.analytics.metrics.model import DashboardMetrics, Report
from devora_console.core.clock import iso, span
from devora_console.core.unknown import Unknown
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import share_words, whole

COLUMNS = (
    Column("figure", "figure", 24, grows=True, rank=0),
    Column("now", "now, today", 11, right=True, rank=0),
    Column("week", "7 days", 9, right=True, rank=1),
    Column("month", "30 days", 9, right=True, rank=2),
)
_SPANS = ("day", "week", "month")
_IN = {"day": "now", "week": "week", "month": "month"}
_BESIDE = ("currency", "by_currency")


def sections(told: DashboardMetrics) -> dict[str, Any]:
    """The sections by their name; of each other currency the revenue too, which is never added."""
    found: dict[str, Any] = {
        "users": told.user_metrics,
        "revenue": told.revenue_metrics,
        "engagement": told.engagement_metrics,
        "performance": told.performance_metrics,
    }
    for currency, money in told.revenue_metrics.by_currency.items():
        if currency != told.revenue_metrics.currency:
            found[f"revenue {currency}"] = money
    return found


def rows(report: Report, look: Look) -> list[Row]:
    """A rule for each section, and below it a row for each figure; those of a day, a week and a month in one."""
    out: list[Row] = []
    for section, metrics in sections(report.dashboard).items():
        currency = f", {report.dashboard.revenue_metrics.currency}" if section == "revenue" else ""
        out.append(Row(f"{section}.", {}, (look.text(f"{section}{currency}", 40), look.muted)))
        for stem, values in _figures(metrics):
            cells = {column.key: (look.plain(NIL), look.muted) for column in COLUMNS}
            cells["figure"] = (look.text(stem.replace("_", " "), 60), "")
            for suffix, value in values.items():
                words = figure_words(_definition(section, stem, suffix), value)
                cells[_IN.get(suffix, "now")] = (look.plain(words), look.muted if words == "?" else "")
            out.append(Row(f"{section}.{stem}", cells))
    return out


def _figures(metrics: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each figure's stem with its values by span; '' is the span of one that has none."""
    found: dict[str, dict[str, Any]] = {}
    for name in (each.name for each in fields(metrics) if each.name not in _BESIDE):
        suffix = next((each for each in _SPANS if name.endswith(f"_{each}")), "")
        stem = name.removesuffix(f"_{suffix}") if suffix else name
        found.setdefault(stem, {})[suffix] = getattr(metrics, name)
    for stem, values in found.items():
        # A figure of 30 days that is told without a suffix, too, is one figure.
        if "" in values and "day" in values:
            values.setdefault("month", values.pop(""))
            values.pop("", None)
        yield stem, values


def _definition(section: str, stem: str, suffix: str) -> Definition:
    kind = section.partition(" ")[0]
    try:
        return definition(kind, f"{stem}_{suffix}" if suffix else stem)
    except KeyError:
        return definition(kind, stem)


def figure_words(meant: Definition, value: object) -> str:
    """A figure in its unit; "?" where it is not known."""
    if isinstance(value, Unknown) or value is None:
        return "?"
    if isinstance(value, Decimal):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        if meant.unit == "ms":
            return f"{value:.1f} ms" if value < 100 else f"{whole(round(value))} ms"
        return f"{value:.1f}" if meant.name == "messages_per_conversation" else share_words(value)
    return whole(value) if isinstance(value, int) else str(value)


def headline(report: Report) -> str:
    """How old the figures are where that matters, then who is there and what it brings."""
    told, freshness = report.dashboard, report.dashboard.freshness
    if isinstance(freshness.age_seconds, Unknown):
        return f"No figures yet: {freshness.age_seconds.reason}. Run devora-console analytics refresh."
    parts = []
    if not freshness.fresh:
        parts.append(f"These figures are {span(freshness.age_seconds)} old; analytics refresh renews them.")
    users, money = told.user_metrics, told.revenue_metrics
    known = [
        _said(users.active_users_day, "active today"),
        _said(users.active_users_month, "this month"),
        _said(users.total_users, "users in all"),
    ]
    people = ", ".join(filter(None, known))
    parts.append(f"{people}." if people else "Who is active is not known: no event was recorded.")
    if isinstance(money.mrr, Decimal):
        parts.append(f"MRR {money.mrr:,} {money.currency}.".replace(",", "\u202f"))
    rate = told.performance_metrics.error_rate_day
    if isinstance(rate, float):
        parts.append(f"{share_words(rate)} errors today.")
    return " ".join((*parts, *told.notes))


def _said(value: object, words: str) -> str:
    return f"{whole(value)} {words}" if isinstance(value, int) else ""


def detail(report: Report, key: str, look: Look) -> Text | None:
    """One figure in depth: its values or why there is none, what it means, over what, and its SQL."""
    section, _, stem = key.rpartition(".")  # a currency may hold a dot
    metrics = sections(report.dashboard).get(section)
    values = dict(_figures(metrics)).get(stem) if metrics is not None else None
    if values is None:
        return None
    out = Text(end="")
    out.append(look.text(stem.replace("_", " "), 100), style="bold")
    for suffix, value in values.items():
        meant = _definition(section, stem, suffix)
        words = look.text(str(value), 300) if isinstance(value, Unknown) else look.plain(figure_words(meant, value))
        out.append(f"\n{words}", style=look.muted if isinstance(value, Unknown) else "")
        out.append(look.plain(f"  {meant.window}"), style=look.muted)
        if isinstance(value, Unknown) and value.remedy:
            out.append("\n" + look.plain("→ ") + look.text(value.remedy, 300))
    meant = _definition(section, stem, next(iter(values)))
    refreshed = report.dashboard.freshness.refreshed_at
    as_of = str(refreshed) if isinstance(refreshed, Unknown) else iso(refreshed.replace(microsecond=0))
    for title, words in (
        ("what it is", f"{meant.meaning}, in {meant.unit}."),
        ("unknown when", meant.unknown_when),
        ("as of", as_of),
        (f"SQL: {meant.file}.sql", meant.sql),
    ):
        if words:
            out.append(f"\n\n{title}\n", style=look.muted)
            out.append(look.lines(words, 6_000))
    return out

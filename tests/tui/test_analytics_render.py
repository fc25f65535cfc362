"""What the analytics screen draws, without a screen and without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from devora_console.analytics.aftermath.judge import NO_BASELINE
from devora_console.analytics.metrics.figures import whole
from devora_console.analytics.metrics.model import CurrencyMetrics, Freshness, Series
from devora_console.bench.judge import goal, lines
from devora_console.bench.seen import Benched
from devora_console.config.bench import BenchSettings
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.events import events_line
from devora_console.tui.ports_analytics import VIEWS, View
from devora_console.tui.render.analytics import COLUMNS, Shown
from devora_console.tui.render.columns import Row
from devora_console.tui.render.look import Look
from tests.analytics.aftermath.readings import before, slow
from tests.bench.fakes import asked, result, series
from tests.tui.fake_analytics import AT, EVIL, delivery, report, watch

WIDE, PLAIN = Look(), Look(unicode=False)


def benched() -> Benched:
    found = result(asked(mongo=series(10.0), postgres=series(4.0)), stand_in=EVIL)
    judged = lines(found, BenchSettings())
    return Benched(utc_now(), (found,), found, judged, goal(found, judged, BenchSettings()), ())


def everything() -> dict[View, Any]:
    """Something of each view, with hostile text wherever foreign text may stand."""
    then = replace(before(slow=slow(1)), note=EVIL)
    told = delivery(last_error=EVIL, last_error_at=AT, dropped=Unknown(EVIL, EVIL))
    found = report(notes=(EVIL,))
    seen = watch(then, searches=Unknown(EVIL, EVIL), slow=slow(2))
    return {"figures": found, "trends": found, "events": told, "bench": benched(), "watch": seen}


def cells(rows: list[Row]) -> dict[str, dict[str, str]]:
    return {row.key: {name: words.replace("\u202f", " ") for name, (words, _) in row.cells.items()} for row in rows}


@pytest.mark.parametrize("look", [WIDE, PLAIN], ids=["unicode", "ascii"])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_hostile_and_nothing_the_terminal_has_not(view: View, look: Look) -> None:
    shown = Shown(view, everything()[view])
    rows = shown.rows(look)
    words = [look.text(shown.headline(look), 600)]
    for row in rows:
        assert row.span is not None or set(row.cells) == {column.key for column in COLUMNS[view]}
        words += [cell for cell, _ in row.cells.values()] + ([row.span[0]] if row.span else [])
        found = shown.detail(row.key, look)
        words += [found.plain] if found is not None else []
        for drawn in shown.below(row.key, 60, 12, look):
            assert cell_len(drawn) <= 60
            words.append(drawn)
    text = "\n".join(words)
    assert not set(text) & set("\x1b\x00\u202e")
    assert look.unicode or text.isascii()
    assert len(rows) > 2 or view == "bench"


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_yet_and_nothing_to_be_had(view: View) -> None:
    for found, words in ((None, "Looking"), (Problem("x", "no such server", "Start it"), "Not known: no such server")):
        shown = Shown(view, found)
        assert shown.headline(WIDE).startswith(words)
        assert (shown.rows(WIDE), shown.below("a", 80, 12, WIDE), shown.detail("a", WIDE)) == ([], [], None)
        assert shown.stale_since(utc_now(), 60) is None


def test_figures_known_or_explained() -> None:
    shown = Shown("figures", report())
    found = cells(shown.rows(WIDE))
    assert found["users.active_users"] == {
        "figure": "active users", "now": "44", "week": "?", "month": "140",
    }  # fmt: skip
    assert found["revenue.mrr"]["now"] == "1 158.70"
    assert found["performance.error_rate"]["now"] == "3.6 %"
    assert found["performance.search_p95_ms"]["month"] == "35.0 ms"
    assert found["users.churn_rate"]["now"] == "?"
    assert "MRR 1 158.70 EUR. 3.6 % errors today." in shown.headline(WIDE).replace("\u202f", " ")
    detail = shown.detail("users.active_users", WIDE)
    assert detail is not None
    assert "no event was recorded yet" in detail.plain
    assert "SELECT" in detail.plain
    # Of another currency a section of its own: it is never added.
    assert len([key for key in found if key.startswith("revenue ") and key.endswith(".mrr")]) == 1


def test_old_figures_say_so_first() -> None:
    old = Freshness(AT, 7200.0, False, 15.0, True, {})
    assert Shown("figures", report(freshness=old)).headline(WIDE).startswith("These figures are 2h00m old")
    never = replace(old, age_seconds=Unknown("never refreshed", "analytics refresh"))
    assert Shown("figures", report(freshness=never)).headline(WIDE).startswith("No figures yet: never refreshed.")


def test_trends_have_gaps_where_nothing_is_known() -> None:
    shown = Shown("trends", report())
    rows = shown.rows(WIDE)
    assert [row.key for row in rows] == ["active_users", "error_rate", "rag_p95_ms", "new_users"]
    found = cells(rows)
    assert found["active_users"] == {
        "series": "active users",
        "curve": "▃?▆█",
        "low": "10",
        "high": "44",
        "latest": "44",
    }
    assert found["rag_p95_ms"]["curve"] == "? no event told retrieval_time_ms"
    assert "Nothing is known of rag P95, ms." in shown.headline(WIDE)
    drawn = shown.below("active_users", 60, 10, WIDE)
    assert drawn[0] == " active users by day"
    assert drawn[1].startswith("44")
    assert any("01 Jan" in line for line in drawn)
    assert shown.below("rag_p95_ms", 60, 10, WIDE) == []


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({}, Verdict.OK, "0 undelivered"),
        ({"waiting": 5, "oldest_waiting_at": timedelta()}, Verdict.OK, "5 undelivered · oldest"),
        ({"waiting": 5, "oldest_waiting_at": timedelta(hours=2)}, Verdict.WARN, "oldest 2h"),
        ({"refused": 2, "last_error": "400"}, Verdict.WARN, "2 undelivered · 2 refused · 400"),
        ({"spooled": 7}, Verdict.OK, "7 undelivered · 7 on this disk"),
        ({"waiting": Unknown("the schema is older", "apply")}, Verdict.UNKNOWN, "the schema is older"),
        ({"spooled": Unknown("the spool /x: no", "y")}, Verdict.UNKNOWN, "the spool /x: no"),
        ({"configured": False, "fault": "no key", "waiting": 9}, Verdict.NONE, "not sent to PostHog · 4 433 kept here"),
    ],
)
def test_the_overview_tells_how_events_are_delivered(changed: dict[str, Any], verdict: Verdict, words: str) -> None:
    if "oldest_waiting_at" in changed:  # ago, now: hours may pass between the collection of tests and their run
        changed = changed | {"oldest_waiting_at": utc_now() - changed["oldest_waiting_at"]}
    line = events_line(delivery(**changed))
    assert (line.verdict, line.screen) == (verdict, "analytics")
    assert words in line.text.replace("\u202f", " ")
    assert line.remedy or verdict is Verdict.OK
    assert events_line(None).verdict is Verdict.NONE
    assert events_line(Problem("x", "down", "up")).verdict is Verdict.UNKNOWN


def test_the_first_day_against_before() -> None:
    shown = Shown("watch", watch(before(), slow=slow(7)), watching=True)
    found = cells(shown.rows(WIDE))
    assert found["slow_queries"]["state"] == "! warn"
    assert found["search"] == {
        "state": "✓ ok", "what": "search, P95", "now": "80 ms of 500 in 1d00h", "before": "80 ms of 500 in 1d00h",
    }  # fmt: skip
    assert shown.headline(WIDE).startswith("Look at: slow queries")
    assert "No watch is going on" in replace(shown, watching=False).headline(WIDE)
    assert shown.below("search", 60, 10, WIDE)[0] == " search, P95, 13 looks"
    without = Shown("watch", watch(NO_BASELINE)).detail("search", WIDE)
    assert without is not None
    assert "watch record" in without.plain


def test_a_stand_in_is_named_before_any_figure() -> None:
    shown = Shown("bench", benched())
    assert shown.headline(WIDE).startswith("before: a stand-in for MongoDB")
    assert shown.below(None, 100, 12, WIDE)[0] == " change of the average, 95 % interval"
    assert shown.below(None, 100, 2, WIDE) == []
    nothing = Shown("bench", Benched(utc_now(), (), None, (), None, (Problem("x", "a.json is damaged", ""),)))
    assert "bench latency" in nothing.headline(WIDE)
    assert "a.json is damaged" in nothing.headline(WIDE)


def test_a_currency_is_whatever_somebody_wrote() -> None:
    found = report()
    days = found.trends.get("active_users").points
    strange = Series("revenue_\x1b[m", "\x1b[m", days)
    drawn = Shown("trends", replace(found, trends=replace(found.trends, series=(strange,)))).below(
        strange.name, 80, 12, WIDE
    )
    assert drawn
    assert "\x1b" not in "".join(drawn)
    money = found.dashboard.revenue_metrics
    dotted = replace(money, by_currency={"A.B": whole(CurrencyMetrics, Unknown("none"))})
    shown = Shown("figures", replace(found, dashboard=replace(found.dashboard, revenue_metrics=dotted)))
    assert shown.detail("revenue A.B.mrr", WIDE) is not None

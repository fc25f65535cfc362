"""Verdicts of a watch: true, or unknown with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from devora_console.analytics.aftermath.headline import headline
from devora_console.analytics.aftermath.judge import NO_BASELINE, judge
from devora_console.analytics.aftermath.model import (
    FIGURES,
    Baseline,
    Cache,
    Events,
    Sizes,
    Times,
    WatchLine,
    WatchSnapshot,
)
from devora_console.config.settings import Settings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from tests.analytics.aftermath.readings import AT, before, reading, slow

GONE = Unknown("not there", "make it")


def line(id_: str, then: Baseline | Unknown, **now: Any) -> WatchLine:
    lines = {each.id: each for each in judge(reading(**now), then, Settings())}
    assert list(lines) == list(FIGURES)
    return lines[id_]


def test_a_day_as_before_is_well() -> None:
    assert {each.verdict for each in judge(reading(), before(), Settings())} == {Verdict.OK}


def test_without_values_before_only_what_stands_by_itself_is_well() -> None:
    verdicts = {each.id: each.verdict for each in judge(reading(), NO_BASELINE, Settings())}
    well = {id_ for id_, verdict in verdicts.items() if verdict is Verdict.OK}
    assert well == {"slow_queries", "cache_hit"}
    assert set(verdicts.values()) == {Verdict.OK, Verdict.UNKNOWN}


@pytest.mark.parametrize("id_", FIGURES)
def test_what_is_not_known_is_never_well(id_: str) -> None:
    changed = dict.fromkeys(("slow", "sizes", "cache", "events", "searches", "rag"), GONE)
    found = line(id_, before(), **changed)
    assert (found.verdict, found.remedy) == (Verdict.UNKNOWN, "make it")
    assert "not there" in found.why


@pytest.mark.parametrize(
    ("id_", "now", "verdict"),
    [
        ("slow_queries", {"slow": slow(7)}, Verdict.WARN),
        ("slow_queries", {"slow": slow(hidden=3)}, Verdict.UNKNOWN),
        ("table_sizes", {"sizes": Sizes(2_100_000_000, {}, 9)}, Verdict.FAIL),
        ("table_sizes", {"sizes": Sizes(1_300_000_000, {}, 9)}, Verdict.WARN),
        ("table_sizes", {"sizes": Sizes(1_000_000_000, {"public.messages": 600_000_000}, 0)}, Verdict.FAIL),
        # One of the two is locked just now: nobody may say that it is gone.
        ("table_sizes", {"sizes": Sizes(1_000_000_000, {"public.messages": 600_000_000}, 1)}, Verdict.OK),
        (
            "table_sizes",
            {"sizes": Sizes(900_000_000, {"public.users": 4_000_000, "public.messages": 200_000_000}, 0)},
            Verdict.WARN,
        ),
        ("cache_hit", {"cache": Cache(AT, 9_850, 150)}, Verdict.WARN),
        ("cache_hit", {"cache": Cache(AT, 8_000, 2_000)}, Verdict.FAIL),
        ("cache_hit", {"cache": Cache(AT, 90, 10)}, Verdict.UNKNOWN),
        ("active_users", {"events": Events(9_000, 20, 330)}, Verdict.OK),
        ("active_users", {"events": Events(9_000, 20, 300)}, Verdict.WARN),
        ("active_users", {"events": Events(9_000, 20, 90)}, Verdict.FAIL),
        ("active_users", {"events": Events(900, 2, 90), "began": AT - timedelta(hours=5)}, Verdict.UNKNOWN),
        ("active_users", {"events": Events(9_000, 20, 390), "began": AT - timedelta(hours=5)}, Verdict.OK),
        ("active_users", {"events": Events(0, 0, 0), "began": AT - timedelta(hours=5)}, Verdict.FAIL),
        ("active_users", {"events": Events(0, 0, 0), "began": AT - timedelta(hours=1)}, Verdict.UNKNOWN),
        ("error_rate", {"events": Events(10_000, 75, 400)}, Verdict.WARN),
        ("error_rate", {"events": Events(10_000, 500, 400)}, Verdict.FAIL),
        ("error_rate", {"events": Events(50, 50, 40)}, Verdict.UNKNOWN),
        ("search", {"searches": Times(500, 20.0, 101.0, "")}, Verdict.WARN),
        ("search", {"searches": Times(500, 20.0, 161.0, "")}, Verdict.FAIL),
        ("search", {"searches": Times(5, 20.0, 900.0, "")}, Verdict.UNKNOWN),
        ("rag", {"rag": Times(300, 60.0, 240.0, "")}, Verdict.OK),
        ("rag", {"rag": Times(300, 60.0, 420.0, "")}, Verdict.FAIL),
    ],
)
def test_against_the_values_before(id_: str, now: dict[str, Any], verdict: Verdict) -> None:
    found = line(id_, before(), **now)
    assert found.verdict is verdict, found
    assert found.why
    assert found.remedy or verdict is Verdict.OK


def test_statements_that_were_slow_before_are_no_news() -> None:
    assert line("slow_queries", before(slow=slow(7, 8)), slow=slow(8)).verdict is Verdict.OK
    found = line("slow_queries", before(slow=slow(7)), slow=slow(8, 7))
    assert (found.verdict, found.before) == (Verdict.WARN, 1)
    assert "queryid 8" in found.why


def test_statements_that_are_not_listed_may_be_news_or_not() -> None:
    many = replace(slow(7, 8), count=150)
    assert line("slow_queries", before(slow=slow(7, 8)), slow=many).verdict is Verdict.UNKNOWN
    assert line("slow_queries", before(slow=many), slow=slow(7, 9)).verdict is Verdict.UNKNOWN
    assert line("slow_queries", before(slow=many), slow=slow(7)).verdict is Verdict.OK
    assert line("slow_queries", before(slow=slow(7)), slow=many).verdict is Verdict.WARN


def test_a_lower_cache_ratio_cannot_be_ruled_out_without_the_one_before() -> None:
    low = Settings().health.model_copy(update={"cache_hit_percent": 92.0})
    now = reading(cache=Cache(AT, 9_500, 500))
    found = {each.id: each for each in judge(now, before(cache=GONE), Settings(health=low))}
    assert found["cache_hit"].verdict is Verdict.UNKNOWN
    assert line("cache_hit", before(cache=GONE)).verdict is Verdict.OK


def test_a_few_milliseconds_are_no_doubling() -> None:
    quick = Times(500, 1.0, 3.0, "")
    assert line("search", before(searches=quick), searches=Times(500, 2.0, 9.0, "")).verdict is Verdict.OK


def test_no_event_before_is_not_nobody_before() -> None:
    found = line("active_users", before(events=Events(0, 0, 0)))
    assert isinstance(found.before, Unknown)
    assert found.verdict is Verdict.UNKNOWN


def test_values_that_people_gave_count_and_are_told_apart() -> None:
    then = before(given={"active_users": 4_000, "search": 20.0}, events=GONE)
    users = line("active_users", then)
    assert (users.verdict, users.before, users.before_text) == (Verdict.FAIL, 4_000, "4\u202f000 (given)")
    assert line("search", then).verdict is Verdict.FAIL
    assert line("error_rate", then).verdict is Verdict.UNKNOWN


def test_the_headline_begins_with_the_worst() -> None:
    now = reading(events=Events(10_000, 600, 300), searches=GONE)
    lines = judge(now, before(), Settings())
    day = timedelta(hours=24)
    seen = WatchSnapshot(AT, "devora", AT - day / 2, AT + day / 2, before(), lines, 30, (), ())
    assert headline(seen) == (
        "Worse than before: error rate (6.00 %). Look at: active users (DAU) (300). "
        "4 of 7 are well; not known: search, P95. Watched 12h00m of 1d00h."
    )

"""Readings as a server could have given them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from devora_console.analytics.aftermath.model import Baseline, Cache, Events, Reading, Sizes, Slow, SlowStatement, Times

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
_DAY = timedelta(hours=24)


def slow(*queryids: int, hidden: int = 0) -> Slow:
    """These statements are slow, the first the slowest."""
    found = tuple(SlowStatement(each, 900.0 - at, 10) for at, each in enumerate(queryids))
    return Slow(100.0, AT - _DAY, len(found), found, hidden, 0)


def reading(**changed: Any) -> Reading:
    """A day on which all is well, but for what is changed."""
    well = Reading(
        as_of=AT,
        began=AT - _DAY,
        database="devora",
        slow=slow(),
        sizes=Sizes(1_000_000_000, {"public.users": 4_000_000, "public.messages": 600_000_000}, 0),
        cache=Cache(AT - _DAY, 99_900, 100),
        events=Events(10_000, 20, 400),
        searches=Times(500, 20.0, 80.0, "search_queries"),
        rag=Times(300, 60.0, 200.0, "search_queries"),
    )
    return replace(well, **changed)


def before(*, given: dict[str, float] | None = None, **changed: Any) -> Baseline:
    """What was kept a day earlier."""
    return Baseline("20261127T120000Z-devora-0000", AT - _DAY, "", reading(**changed), "db1:5432/devora", given or {})

"""The overview's lines about the watched server: what is not known is said to be so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import utc_now
from devora_console.core.console import Link, ServerState, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.watched import Seen, watched_lines
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Connections, Finding
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.postgres.statements import QueriesSnapshot, interval
from devora_console.search.seen import Embedded
from tests.postgres.test_statements_pure import sample

_CONNECTIONS = Connections(3, 97, 100, 3, Finding(Verdict.OK, "3 of 97"))
_LOST = Problem("postgres_lost", "the connection was lost", "Check that the server runs")
_SERVER = ServerState("PostgreSQL", "devora@db1", Link.OK, "18.6", utc_now())
_HIDDEN = Unknown("not allowed: permission denied", "GRANT pg_monitor to this user")


@pytest.mark.parametrize("place", ["queries", "indexes", "health", "activity", "search"])
@pytest.mark.parametrize(
    ("seen", "verdict", "text"),
    [
        (None, Verdict.NONE, "not looked at yet"),
        (_LOST, Verdict.UNKNOWN, "PostgreSQL"),
        (_HIDDEN, Verdict.UNKNOWN, "allowed"),
    ],
)
def test_what_was_not_seen_is_not_green(place: str, seen: Seen, verdict: Verdict, text: str) -> None:
    kind = {"search": "embedded"}.get(place, place)
    line = next(each for each in watched_lines({kind: seen}, _SERVER) if each.id == place)
    assert line.verdict is verdict
    assert text in line.text
    assert line.screen == place


@pytest.mark.parametrize(
    ("current", "stale", "verdict", "text"),
    [
        (1000, 0, Verdict.OK, "vectors 100 % · embeddings 100 %"),
        (840, 160, Verdict.WARN, "vectors 100 % · embeddings 84 % (16 % stale)"),
        (0, 0, Verdict.WARN, "vectors 100 % · embeddings 0 %"),
        (_HIDDEN, _HIDDEN, Verdict.UNKNOWN, "vectors 100 % · embeddings ? not allowed: permission denied"),
    ],
)
def test_embeddings_are_as_good_as_they_are_current(
    current: int | Unknown, stale: int | Unknown, verdict: Verdict, text: str
) -> None:
    line = watched_lines({"embedded": Embedded(utc_now(), "m", 1000, 1000, current, stale)}, _SERVER)[4]
    assert (line.verdict, line.text) == (verdict, text)
    none = watched_lines({"embedded": Embedded(utc_now(), "m", 0, 0, 0, 0)}, _SERVER)[4]
    assert (none.verdict, none.text) == (Verdict.NONE, "no documents to search in yet")


def test_statements_without_statistics_are_unknown() -> None:
    seen = QueriesSnapshot(utc_now(), 100.0, Unknown("not loaded", "Add it"), Unknown("not asked"))
    line = watched_lines({"queries": seen}, _SERVER)[0]
    assert (line.verdict, line.text, line.remedy) == (Verdict.UNKNOWN, "not loaded", "Add it")


class _Part:
    def __init__(self, *lines: HealthLine) -> None:
        self.as_of, self.lines = utc_now(), lines


def _line(verdict: Verdict, title: str) -> HealthLine:
    return HealthLine(f"cache.{title}", "cache", title, verdict, f"{title} found", why="so", remedy="mend it")


@pytest.mark.parametrize(
    ("lines", "verdict", "text"),
    [
        ((_line(Verdict.OK, "a"),), Verdict.OK, "nothing to warn of"),
        ((_line(Verdict.OK, "a"), _line(Verdict.UNKNOWN, "b")), Verdict.UNKNOWN, "1 line not known: b"),
        ((_line(Verdict.WARN, "a"), _line(Verdict.FAIL, "b")), Verdict.FAIL, "b: b found · 1 more"),
    ],
)
def test_the_worst_line_of_health_is_told(lines: tuple[HealthLine, ...], verdict: Verdict, text: str) -> None:
    seen = HealthSnapshot(utc_now(), "d", Unknown("no"), 0.0, {"cache": _Part(*lines)})
    line = watched_lines({"health": seen}, _SERVER)[2]
    assert (line.verdict, line.text) == (verdict, text)


@pytest.mark.parametrize(("hidden", "verdict"), [(0, Verdict.OK), (2, Verdict.UNKNOWN)])
def test_hidden_sessions_make_quiet_unknown(hidden: int, verdict: Verdict) -> None:
    seen = ActivitySnapshot(
        utc_now(), (), hidden, "GRANT pg_monitor", 0, 0, _CONNECTIONS, ActivitySettings().model_dump()
    )
    line = watched_lines({"activity": seen}, _SERVER)[3]
    assert line.verdict is verdict
    assert f"{hidden} hidden" in line.why


@pytest.mark.parametrize("link", [Link.LOST, Link.REFUSED, Link.CONNECTING])
def test_what_was_good_before_the_server_was_lost_is_not_good_now(link: Link) -> None:
    seen = HealthSnapshot(utc_now(), "d", Unknown("no"), 0.0, {"cache": _Part(_line(Verdict.OK, "a"))})
    line = watched_lines({"health": seen}, replace(_SERVER, link=link, problem=_LOST))[2]
    assert line.verdict is Verdict.UNKNOWN
    assert line.text == f"PostgreSQL is {link.value}; before that: nothing to warn of"
    assert line.remedy == _LOST.remedy


@pytest.mark.parametrize(("count", "verdict"), [(3, Verdict.OK), (_HIDDEN, Verdict.UNKNOWN)])
def test_indexes_that_could_not_be_read_are_not_good(count: int | Unknown, verdict: Verdict) -> None:
    nothing = Unknown("no")
    seen = IndexesSnapshot(utc_now(), "d", nothing, nothing, count, 0, "", (), (), {})
    line = watched_lines({"indexes": seen}, _SERVER)[1]
    assert line.verdict is verdict
    assert "nothing wrong" in line.text or "not allowed" in line.text


def test_what_may_not_be_seen_or_compared_is_not_green() -> None:
    seen = interval(sample(0, {}), sample(10, {}, hidden=7))
    line = watched_lines({"queries": QueriesSnapshot(utc_now(), 100.0, seen, Unknown("not asked"))}, _SERVER)[0]
    assert (line.verdict, line.text) == (Verdict.UNKNOWN, "none that may be seen is slow, but 7 are hidden")
    assert line.remedy == "As a superuser: GRANT it TO me;"
    window = Unknown("not asked")
    locked = IndexesSnapshot(utc_now(), "d", window, window, 47, 0, "", (), (), {}, None, 9)
    line = watched_lines({"indexes": locked}, _SERVER)[1]
    assert (line.verdict, line.text) == (Verdict.UNKNOWN, "9 of 47 indexes could not be compared")

"""The overview's lines about the watched server: what is not known is said to be so."""

from __future__ import annotations

import pytest

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.watched import Seen, watched_lines
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Connections, Finding
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot
from devora_console.postgres.statements import QueriesSnapshot

_CONNECTIONS = Connections(3, 97, 100, 3, Finding(Verdict.OK, "3 of 97"))
_LOST = Problem("postgres_lost", "the connection was lost", "Check that the server runs")
_HIDDEN = Unknown("not allowed: permission denied", "GRANT pg_monitor to this user")


@pytest.mark.parametrize("place", ["queries", "indexes", "health", "activity"])
@pytest.mark.parametrize(
    ("seen", "verdict", "text"),
    [
        (None, Verdict.NONE, "not looked at yet"),
        (_LOST, Verdict.UNKNOWN, "PostgreSQL"),
        (_HIDDEN, Verdict.UNKNOWN, "allowed"),
    ],
)
def test_what_was_not_seen_is_not_green(place: str, seen: Seen, verdict: Verdict, text: str) -> None:
    line = next(each for each in watched_lines({place: seen}) if each.id == place)
    assert line.verdict is verdict
    assert text in line.text
    assert line.screen == place


def test_statements_without_statistics_are_unknown() -> None:
    seen = QueriesSnapshot(utc_now(), 100.0, Unknown("not loaded", "Add it"), Unknown("not asked"))
    line = watched_lines({"queries": seen})[0]
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
    line = watched_lines({"health": seen})[2]
    assert (line.verdict, line.text) == (verdict, text)


@pytest.mark.parametrize(("hidden", "verdict"), [(0, Verdict.OK), (2, Verdict.UNKNOWN)])
def test_hidden_sessions_make_quiet_unknown(hidden: int, verdict: Verdict) -> None:
    seen = ActivitySnapshot(
        utc_now(), (), hidden, "GRANT pg_monitor", 0, 0, _CONNECTIONS, ActivitySettings().model_dump()
    )
    line = watched_lines({"activity": seen})[3]
    assert line.verdict is verdict
    assert f"{hidden} hidden" in line.why

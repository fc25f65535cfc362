"""What the front counts of both sides."""

from __future__ import annotations

import time

import pytest

from devora_console.demo.site.tally import Tally


def test_both_sides_are_counted_since_the_shares_changed() -> None:
    tally = Tally()
    tally.add(0, "blue", 500, 0.001)
    for status in (200, 502, 503, 404):
        tally.add(10, "green", status, 0.010)
    tally.add(10, "blue", 200, 0.020)
    found = tally.read(10, None)
    assert found["green"] == {"requests": 4, "errors": 2, "p95_ms": 10.0}
    assert found["blue"] == {"requests": 1, "errors": 0, "p95_ms": 20.0}
    assert tally.read(20, None)["green"] == {"requests": 0, "errors": 0, "p95_ms": None}


def test_what_was_long_ago_does_not_hide_what_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    tally = Tally()
    for _ in range(1000):
        tally.add(10, "green", 200, 0.001)
    now += 600
    for _ in range(5):
        tally.add(10, "green", 502, 0.001)
    assert tally.read(10, 300)["green"] == {"requests": 5, "errors": 5, "p95_ms": 1.0}
    assert tally.read(10, None)["green"]["requests"] == 1005

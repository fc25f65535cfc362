"""The exporter over HTTP: quick, always an answer, and no larger after an hour of scrapes."""

from __future__ import annotations

import gc
import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from devora_console.analytics.exporter.serve import Exposing, registry
from devora_console.core.problems import ConsoleError, ExitCode
from tests.analytics.exporter import worlds

AN_HOUR = 720  # scrapes, one every five seconds


@pytest.fixture
def exposing() -> Iterator[Exposing]:
    """Serves whatever ``exposing.of`` is; a world in which all is known at first."""
    served = Exposing("127.0.0.1", 0, lambda: seen[0])
    seen = [worlds.world()]
    served.seen = seen  # type: ignore[attr-defined]  # for the tests to change
    served.start()
    yield served
    served.stop()


def get(exposing: Exposing, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    """(status, content type, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(exposing.url).port or 0, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def test_metrics_are_served_in_both_formats(exposing: Exposing) -> None:
    status, kind, body = get(exposing, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    assert '\ndevora_console_up{server="postgres"} 1.0\n' in body
    assert "process_resident_memory_bytes" in body
    status, kind, body = get(exposing, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")
    assert exposing.scrapes == 2


def test_some_metrics_may_be_asked_for(exposing: Exposing) -> None:
    _, _, body = get(exposing, "/metrics?name[]=devora_console_up&name[]=devora_console_deadlocks_total")
    lines = [line for line in body.splitlines() if not line.startswith("#")]
    assert lines == [
        'devora_console_up{server="postgres"} 1.0',
        'devora_console_up{server="mongo"} 1.0',
        "devora_console_deadlocks_total 2.0",
    ]


def test_it_is_ready_while_postgresql_answers(exposing: Exposing) -> None:
    assert get(exposing, "/ready")[0] == 200
    exposing.seen[0] = worlds.nothing()  # type: ignore[attr-defined]
    assert get(exposing, "/ready")[0] == 503
    status, _, body = get(exposing, "/metrics")  # and a scrape has its answer all the same
    assert status == 200
    assert 'devora_console_up{server="postgres"} 0.0' in body


def test_other_paths_and_methods(exposing: Exposing) -> None:
    assert get(exposing, "/")[0] == 200
    assert get(exposing, "/elsewhere")[0] == 404
    assert get(exposing, "/metrics", "POST")[0] == 405
    assert get(exposing, "/ready", "DELETE")[0] == 405


def test_a_client_that_says_nothing_keeps_nobody_out(exposing: Exposing) -> None:
    port = urlsplit(exposing.url).port or 0
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    try:
        assert get(exposing, "/metrics")[0] == 200
    finally:
        for each in silent:
            each.close()


def test_a_port_that_is_taken_is_said(exposing: Exposing) -> None:
    with pytest.raises(ConsoleError, match="cannot listen on 127") as caught:
        Exposing("127.0.0.1", urlsplit(exposing.url).port or 0, worlds.world)
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(ConsoleError, match="cannot listen on no"):
        Exposing("no.such.host.invalid", 0, worlds.world)


@pytest.mark.parametrize("scrapes", [60, pytest.param(AN_HOUR, marks=pytest.mark.slow)])
def test_scrapes_leave_nothing_behind(exposing: Exposing, scrapes: int) -> None:
    from prometheus_client import generate_latest

    served = registry(lambda: exposing.seen[0])  # type: ignore[attr-defined]
    for _ in range(20):
        generate_latest(served)
        get(exposing, "/metrics")
    gc.collect()
    before, threads = len(gc.get_objects()), threading.active_count()
    for number in range(scrapes):
        assert generate_latest(served)
        if number % 20 == 0:
            assert get(exposing, "/metrics")[0] == 200
    gc.collect()
    assert len(gc.get_objects()) < before + 500
    assert threading.active_count() <= threads + 1

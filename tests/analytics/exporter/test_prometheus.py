"""A real Prometheus (Debian: prometheus) scrapes the exporter with the configuration that is written for it."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devora_console.analytics.exporter.collect import gather
from devora_console.analytics.exporter.serve import Exposing
from devora_console.analytics.exporter.stack import files, write
from devora_console.config.exporter import ExporterSettings
from devora_console.config.settings import Settings
from tests.analytics.exporter import worlds
from tests.analytics.exporter.promtool import program
from tests.analytics.exporter.test_stack import queries

pytestmark = pytest.mark.slow
_OVER_TIME = re.compile(r"rate\(|increase\(")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[httpx.Client]:
    """Its API, once it has scraped; the world is one in which all is known."""
    exposing = Exposing("127.0.0.1", 0, worlds.world)
    exposing.start()
    port = int(exposing.url.split(":")[2].partition("/")[0])
    write(tmp_path, files(Settings(exporter=ExporterSettings(port=port, every_seconds=1.0))))
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={listen}",
        ],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://{listen}/api/v1", timeout=10) as client:
            _until_scraped(client)
            yield client
    finally:
        process.terminate()
        process.wait(30)
        exposing.stop()


def _until_scraped(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            if asked(client, "up"):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("nothing was scraped")


def asked(client: httpx.Client, expr: str) -> list[dict[str, Any]]:
    """The series that an expression gives."""
    answer = client.get("/query", params={"query": expr}).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_it_scrapes_every_metric_and_draws_every_panel(prometheus: httpx.Client) -> None:
    target = prometheus.get("/targets").json()["data"]["activeTargets"][0]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "devora-console"
    for each in gather(worlds.world()):
        assert len(asked(prometheus, each.family.full)) == len(each.values), each.family.full
    for expr in (each.replace("$instance", ".*") for each in queries()):
        found = asked(prometheus, expr)
        # Rates need more time than there is here; nothing is unknown in this world.
        assert found or _OVER_TIME.search(expr) or "devora_console_unknown" in expr, expr
    rules = prometheus.get("/rules").json()["data"]["groups"][0]["rules"]
    assert all(rule.get("lastError", "") == "" for rule in rules)

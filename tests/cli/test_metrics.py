"""``metrics`` as a person and as systemd run it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run

AWAY = "postgresql://nobody@127.0.0.1:1/devora_db"
ALL = "0.0.0.0"  # noqa: S104 - that is what is warned of
COMMAND = (sys.executable, "-m", "devora_console")


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "POSTGRES_DSN": AWAY, "DEVORA_CONSOLE_HOME": str(home), "MONGO_URL": ""}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """An exporter on all addresses, where it listens, and what it said until then."""
    process = subprocess.Popen(
        [*COMMAND, "metrics", "serve", "--host", ALL, "--port", "0"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    while not (line := process.stderr.readline()).startswith("Serving "):
        assert line, "it ended"
        said.append(line)
    yield process, line.split()[1].rstrip(";").replace(ALL, "127.0.0.1"), said
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_serving_ends_well_when_it_is_told_to(
    served: tuple[subprocess.Popen[str], str, list[str]], run: Run, number: signal.Signals
) -> None:
    process, url, said = served
    assert "is not loopback" in "".join(said)
    body = httpx.get(url, timeout=10).text
    assert 'devora_console_up{server="postgres"} 0.0' in body
    port = url.split(":")[2].partition("/")[0]
    taken = run("metrics", "serve", "--port", port, POSTGRES_DSN=AWAY)
    assert taken.code == 2
    assert "cannot listen on 127.0.0.1" in taken.err
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Stopped after 1 scrapes" in out
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def test_print_tells_what_it_can_of_a_server_that_is_away(run: Run) -> None:
    ended = run("metrics", "print", "--seconds", "2", POSTGRES_DSN=AWAY)
    assert ended.code == 3
    assert 'devora_console_up{server="postgres"} 0.0' in ended.out
    assert "PostgreSQL does not answer" in ended.err
    document = run("metrics", "print", "--seconds", "2", "--json", POSTGRES_DSN=AWAY).json()
    assert document["exit_code"] == 3
    assert document["problems"][0]["code"] == "postgres_away"
    up = next(each for each in document["metrics"] if each["name"] == "devora_console_up")
    assert up["values"] == [{"labels": {"server": "postgres"}, "value": 0.0}]
    assert "127.0.0.1" in document["unknown"]["devora_console_connections"]["unknown"]


def test_the_files_are_written_where_they_are_wanted(run: Run, tmp_path: Path) -> None:
    written = run("metrics", "grafana", "--out", "stack", "--json").json()["written"]
    assert {"dashboard.json", "rules.yml", "prometheus.yml", "compose.yaml"} <= set(written)
    (tmp_path / "stack" / "rules.yml").write_text("mine")
    again = run("metrics", "grafana", "--out", "stack")
    assert again.code == 2
    assert "rules.yml is there and differs" in again.err

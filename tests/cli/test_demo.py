"""The demo as a newcomer runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_headless_ends_as_planted_and_again_changes_nothing(run: Run, open_folder: Path) -> None:
    home = open_folder / "demo"
    first = run("demo", "--headless", "--json", "--keep", str(home)).json()
    assert {table["status"] for table in first["verification"]["tables"]} == {"ok"}
    for collection in first["migration"]["collections"]:
        planted = first["source_truth"]["collections"][collection["name"]]
        assert planted["fates"] == {fate: collection[fate] for fate in ("migrated", "quarantined", "archived")}
        assert planted["documents"] == sum(planted["fates"].values())
    again = run("demo", "--headless", "--json", "--keep", str(home)).json()
    assert all(each["written"] == 0 for each in again["migration"]["collections"])
    assert sum(each["unchanged"] for each in again["migration"]["collections"]) == sum(
        each["migrated"] + each["archived"] for each in again["migration"]["collections"]
    )
    assert not (home / "site").exists()
    other = run("demo", "--headless", "--seed", "2", "--keep", str(home))
    assert other.code == 2
    assert "--seed 1" in other.err


@pytest.mark.slow
def test_headless_text_shows_the_guide_s_tables(run: Run) -> None:
    ended = run("demo", "--headless", "--seed", "7")
    assert ended.code == 0
    assert "[DRY RUN] Would migrate" in ended.out
    assert "=== Migration Verification ===" in ended.out
    assert "✓ verified" in ended.out


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGHUP])
def test_a_signal_ends_the_demo_and_its_servers(number: signal.Signals, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "devora_console", "demo", "--headless", "--scale", "medium"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "filling" in line:
            break
    time.sleep(0.3)
    child.send_signal(number)
    _, rest = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "Traceback" not in rest
    assert not _children_of(child.pid)


def _children_of(pid: int) -> list[str]:
    """Command lines that name the ended demo's pid as their parent; servers have their own sessions."""
    import psutil

    return [p.name() for p in psutil.process_iter(["ppid"]) if p.info["ppid"] == pid]

"""Prometheus' own judgement, where it is installed (Debian: prometheus)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The program, from DEVORA_TEST_PROMETHEUS or the path; the test is skipped without it."""
    folder = os.environ.get("DEVORA_TEST_PROMETHEUS")
    found = shutil.which(name, path=folder) if folder else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus; or set DEVORA_TEST_PROMETHEUS to its folder)")
    return found


def promtool(*arguments: str | Path, given: str = "") -> None:
    """Run promtool; it has to agree, and to find nothing worth a remark."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

"""Crash reports and exports of the screens' tests go to a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the console's files out of the home of whoever runs the tests."""
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path / "home"))

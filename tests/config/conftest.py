"""What the configuration's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.config_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty current directory."""
    return Place(tmp_path)

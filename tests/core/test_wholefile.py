"""A file is whole or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devora_console.core.wholefile import write_whole


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"old")
    write_whole(path, b"new", lasting=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("how", [OSError, KeyboardInterrupt])
def test_what_ends_it_leaves_the_old_and_nothing_beside_it(
    tmp_path: Path, how: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise how

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(how):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

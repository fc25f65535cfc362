"""Events on the disk: whole lines, one owner, a ceiling, and nothing lost with a process."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from devora_console.analytics import spool as spools
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.spool import Spool


class _Impatient:
    """A lock that is not waited for: who would wait for themselves fails instead."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        assert self._lock.acquire(timeout=1)

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _lines(folder: Path) -> list[bytes]:
    found: list[bytes] = []
    for sealed in spools.left_behind(folder):
        found += sealed.lines()
        sealed.close()
    return found


def test_a_living_process_keeps_its_file_and_a_dead_one_s_is_taken_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 10_000)
    assert spool.append(b"one\n") == ""
    assert _lines(spool.folder) == []
    assert spools.waiting(spool.folder) == 1
    spool.close()
    assert _lines(spool.folder) == [b"one\n"]
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path, _ in spools.files(spool.folder)} == {0o600}


def test_a_rest_is_on_the_disk_before_the_whole_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    told = os.fstat
    monkeypatch.setattr(os, "fsync", lambda each: asked.append((told(each).st_ino, told(each).st_size)))
    spool = Spool(tmp_path, 10_000)
    spool.append(b"one\n")
    spool.append(b"two\n")
    sealed = spool.seal()
    assert sealed is not None
    rest = sealed.rest(4)
    assert rest is not None
    assert asked == [(rest.path.stat().st_ino, 4)]
    assert [*rest.lines()] == [b"two\n"]
    assert sealed.rest(8) is None
    assert [*tmp_path.glob("*.new")] == []

    def broken(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", broken)
    kept = {path for path, _ in spools.files(tmp_path)}
    assert sealed.rest(4) is None
    assert {path for path, _ in spools.files(tmp_path)} == kept
    for each in (sealed, rest):
        each.remove()
    spool.close()


def test_nothing_empty_stays_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10_000)
    spool.append(b"one\n")
    sealed = spool.seal()
    assert sealed is not None
    assert [*sealed.lines()] == [b"one\n"]
    sealed.remove()
    assert spool.seal() is None
    spool.close()
    assert spool.seal() is None
    assert [*tmp_path.iterdir()] == []


def test_what_threads_write_stays_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10_000_000)

    def write(mark: int) -> None:
        for _ in range(500):
            spool.append(bytes([65 + mark]) * 300 + b"\n")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    sealed = [each for _ in range(20) if (each := spool.seal())]
    for thread in threads:
        thread.join()
    sealed += [each] if (each := spool.seal()) else []
    lines = [line for each in sealed for line in each.lines()]
    assert len(lines) == 3000
    assert all(len(line) == 301 and len({*line[:-1]}) == 1 for line in lines)
    for each in sealed:
        each.remove()


def test_the_ceiling_counts_what_all_keep_here(tmp_path: Path) -> None:
    first, second = Spool(tmp_path, 1000), Spool(tmp_path, 1000)
    assert first.append(b"x" * 599 + b"\n") == ""
    second.look()
    assert second.append(b"x" * 599 + b"\n") == spools.FULL
    assert second.append(b"x" * 99 + b"\n") == ""
    first.close()
    second.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Spool(tmp_path / "file", 1000).append(b"x\n") == spools.UNWRITABLE


def test_a_child_does_not_hold_its_parent_s_file(tmp_path: Path) -> None:
    """Forked without tracking anything, it outlives its parent: the file must be free then."""
    ready, done = os.pipe(), os.pipe()
    parent = os.fork()
    if parent == 0:
        Spool(tmp_path, 1000).append(b"from the parent\n")
        if os.fork() == 0:
            spools.let_go()
            os.write(ready[1], b".")
            os.read(done[0], 1)
        os._exit(0)
    os.waitpid(parent, 0)
    os.read(ready[0], 1)
    try:
        assert _lines(tmp_path) == [b"from the parent\n"]
    finally:
        os.write(done[1], b".")
        for end in (*ready, *done):
            os.close(end)


def test_the_token_is_one_for_all(tmp_path: Path) -> None:
    assert spools.token(tmp_path) == spools.token(tmp_path)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_what_was_dropped_adds_up(tmp_path: Path) -> None:
    spools.count_dropped(tmp_path, Dropped({"query": 2}, {spools.FULL: 1}))
    spools.count_dropped(tmp_path, Dropped({"query": 3, "email": 1}, {}))
    assert spools.dropped(tmp_path) == Dropped({"query": 5, "email": 1}, {spools.FULL: 1})
    (tmp_path / "dropped.json").write_text("{torn")
    assert spools.dropped(tmp_path).events


def test_a_child_forked_meanwhile_does_not_hold_the_file_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is being asked to keep it, or its lines are read."""
    ready, done = os.pipe(), os.pipe()

    def child() -> None:
        if os.fork() == 0:
            spools.let_go()
            os.write(ready[1], b".")
            os.read(done[0], 1)
            os._exit(0)

    parent = os.fork()
    if parent == 0:
        spool = Spool(tmp_path, 1000)
        spool.append(b"from the parent\n")
        monkeypatch.setattr(os, "fsync", lambda _: child())
        spool.sync()
        sealed = spool.seal()
        assert sealed is not None
        for _ in sealed.lines():
            child()
        os._exit(0)
    os.waitpid(parent, 0)
    os.read(ready[0], 1)
    os.read(ready[0], 1)
    try:
        assert _lines(tmp_path) == [b"from the parent\n"]
    finally:
        os.write(done[1], b"..")
        for end in (*ready, *done):
            os.close(end)


def test_a_signal_s_handler_may_track_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, 1000)
    real, nested = os.write, [b"from the handler\n"]

    def write(descriptor: int, line: bytes) -> int:
        if nested:
            thread = threading.current_thread()
            assert thread is threading.main_thread()
            spool.append(nested.pop())
        return real(descriptor, line)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(spool, "_lock", _Impatient(spool._lock))
    spool.append(b"interrupted\n")
    spool.close()
    assert _lines(tmp_path) == [b"from the handler\n", b"interrupted\n"]


def test_an_empty_token_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "token").touch()  # as the end of the power may leave it
    assert len(spools.token(tmp_path)) > 20
    assert spools.token(tmp_path) == spools.token(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["token"]


def test_what_waits_for_the_database_is_kept_by_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed between two syncs, it is not forgotten."""
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append(os.fstat(descriptor).st_ino))
    spool = Spool(tmp_path, 1000)
    spool.append(b"one\n")
    sealed = spool.seal()
    assert sealed is not None
    spool.append(b"two\n")
    spool.sync()
    assert sorted(asked) == sorted(path.stat().st_ino for path, _ in spools.files(tmp_path))
    spool.sync()
    assert len(asked) == 2
    spool.append(b"three\n")
    second = spool.seal()
    assert second is not None
    second.remove()
    spool.sync()
    assert len(asked) == 2

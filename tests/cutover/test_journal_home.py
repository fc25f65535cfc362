"""Where runs live, and which places are refused."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.cutover.journal import disk, home
from devora_console.cutover.journal.store import Journal
from tests.cutover.conftest import Begin, created

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:25 / /mem rw - tmpfs tmpfs rw
31 27 0:30 / /mnt/two\\040words rw shared:1 - nfs4 far:/x rw
32 27 0:31 / /data rw - xfs /dev/vdb rw
33 32 0:32 / /data rw - fuse.sshfs me@far:/ rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/runs", "ext4"),
        ("/mem/x", "tmpfs"),
        ("/memory/y", "ext4"),
        ("/mnt/two words/y", "nfs4"),
        ("/data/runs", "fuse.sshfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert disk.filesystem_of(Path(path), MOUNTS) == kind
    assert isinstance(disk.filesystem_of(Path(path), ""), Unknown)


@pytest.mark.parametrize(
    ("kind", "allowed", "word"),
    [
        ("ext4", "", None),
        ("xfs", "", None),
        ("tmpfs", "1", None),
        ("tmpfs", "", "restart of the machine"),
        ("ramfs", "0", "restart of the machine"),
        ("nfs4", "1", "locks"),
        ("fuse.sshfs", "1", "locks"),
        ("9p", "", "locks"),
    ],
)
def test_only_a_local_disk_will_do(
    runs: Path, monkeypatch: pytest.MonkeyPatch, kind: str, allowed: str, word: str | None
) -> None:
    monkeypatch.setattr(disk, "filesystem_of", lambda path: kind)
    environ = {disk.ALLOW_VARIABLE: allowed}
    if word is None:
        disk.check(runs, environ)
        return
    with pytest.raises(ConsoleError, match=word) as refusal:
        disk.check(runs, environ)
    assert refusal.value.exit_code is ExitCode.REFUSED


def test_a_folder_that_others_may_write_to_is_refused(runs: Path) -> None:
    runs.chmod(0o770)
    with pytest.raises(ConsoleError, match="written to by others"):
        home.prepare(runs)


def test_a_folder_of_somebody_else_is_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(ConsoleError, match="belongs to another user"):
        home.prepare(runs)


def test_a_run_is_not_begun_on_a_disk_that_is_nearly_full(
    runs: Path, monkeypatch: pytest.MonkeyPatch, begin: Begin
) -> None:
    monkeypatch.setattr(disk, "FREE_BYTES", 1 << 62)
    with pytest.raises(ConsoleError, match="MB left"):
        Journal.create(runs, home.new_run_id("big-bang"), created(), "ana")
    assert home.runs(runs) == ()


def test_everything_is_closed_to_others(begin: Begin) -> None:
    journal = begin()
    journal.take_driver("ana")
    home.make_attempt_folder(journal.folder, "first", 1)
    for path in (journal.folder, *journal.folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_ids_sort_by_time_and_runs_are_found_by_their_ends(runs: Path, begin: Begin) -> None:
    assert home.new_run_id("big-bang", datetime(2026, 11, 27, 23, 45, 1, tzinfo=UTC)).startswith(
        "20261127T234501Z-bigbang-"
    )
    first = begin().folder
    (runs / "20990101T000000Z-bigbang-zzzz").mkdir()  # died before it had a journal
    (runs / "notes").mkdir()
    assert home.runs(runs) == (first,)
    assert home.find(runs) == home.find(runs, first.name) == home.find(runs, first.name[-4:]) == first
    with pytest.raises(ConsoleError, match="no run nope"):
        home.find(runs, "nope")
    with pytest.raises(ConsoleError, match="no run yet"):
        home.find(runs / "notes")


def test_an_attempt_has_its_folder_for_itself(begin: Begin) -> None:
    folder = begin().folder
    assert home.make_attempt_folder(folder, "first", 2, undo=True).name == "first.2.undo"
    with pytest.raises(FileExistsError):
        home.make_attempt_folder(folder, "first", 2, undo=True)
    for name in ("../x", "a/b", "", "."):
        with pytest.raises(ValueError, match="step"):
            home.attempt_folder(folder, name, 1)

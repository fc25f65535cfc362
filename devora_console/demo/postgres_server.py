"""The demo's PostgreSQL: made, started and stopped by us, reachable through a private Unix socket only."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from devora_console.config.secret import Dsn, Secret
from devora_console.core.problems import ConsoleError, connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.demo.account import Account, run_as, server_account
from devora_console.demo.binaries import Binaries, locate
from devora_console.demo.child import Child, server_environment, settle, spawn
from devora_console.demo.home import PASSWORD_FILE, Home

StopMode = Literal["fast", "immediate"]

_PORT = 5432  # names the socket; nothing listens on the network
_START_SECONDS = 60.0  # recovery after a crash may take its time
_STOP_SIGNALS: dict[StopMode, int] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_LEFTOVER = "pre-existing shared memory block"  # the last processes of a killed server are still ending
_SETTINGS = """\
# Written at every start. ALTER SYSTEM overrides what stands here.
include '{own}'
listen_addresses = ''
shared_preload_libraries = '{preload}'
pg_stat_statements.track = 'all'
track_io_timing = on
shared_buffers = '64MB'
maintenance_work_mem = '64MB'
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
"""


class PostgresServer:
    """One PostgreSQL in a claimed home. Starts and stops as often as asked; data and password stay."""

    def __init__(
        self, home: Home, *, preload: Sequence[str], narrate: Callable[[str], None], durable: bool = True
    ) -> None:
        self._home = home
        self._preload = tuple(preload)
        self._durable = durable
        self._narrate = narrate
        self._child: Child | None = None
        self._binaries: Binaries | None = None
        self._sockets: Path | None = None

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """The server's process id (the postmaster's), None when it does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._home.path / "postgres.log"

    @property
    def bin(self) -> Path:
        """The folder with psql, pg_dump and the other programs of this very version."""
        return self._programs().folder

    @property
    def password(self) -> Secret:
        """The superuser's password. Raises ConsoleError (exit 2) when its file is gone."""
        file = self._home.path / PASSWORD_FILE
        try:
            return Secret(file.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise usage_error(
                "demo.no_password",
                f"the demo's password cannot be read from {file}",
                "put it back, or choose a new folder for the demo",
            ) from error

    @property
    def dsn(self) -> Dsn:
        """How the superuser connects to the database ``postgres``; for asyncpg and for libpq's programs."""
        if self._sockets is None:
            raise RuntimeError("the server has not been started")
        where = f"host={quote(str(self._sockets), safe='/')}&port={_PORT}"
        return Dsn(f"postgresql://postgres:{self.password.reveal()}@/postgres?{where}")

    def start(self) -> None:
        """Start the server and wait until it takes connections; makes the cluster at the first start.

        Raises ConsoleError: exit 2 when there is nothing to start or the data cannot be used, exit 3 when the
        server does not come up.
        """
        if self.running:
            return
        account = server_account()
        binaries = self._programs()
        began = time.monotonic()
        data = self._home.path / "postgres"
        if not data.exists():
            self._narrate(f"making a PostgreSQL {binaries.version} cluster in {data}")
            options = ("--no-sync",) if self._home.temporary else ()  # it does not outlive a crash of the machine
            _make_cluster(binaries, data, self._new_password(), account, options)
        _check_version(data, binaries)
        self._narrate(f"starting PostgreSQL {binaries.version} ...")
        self._sockets = self._home.socket_directory(account)
        self._write_settings(data)
        while not self._try_start(binaries, data, account):
            if time.monotonic() - began > _START_SECONDS:
                raise self._failed("does not come up")
            time.sleep(0.2)
        self._narrate(f"PostgreSQL {binaries.version} is ready after {time.monotonic() - began:.1f} s")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and wait: ``fast`` disconnects and shuts down cleanly, ``immediate`` is a crash."""
        self.begin_stop(mode)
        self.finish_stop()

    def begin_stop(self, mode: StopMode = "fast") -> None:
        """Tell the server to stop, without waiting."""
        settle()
        if self._child is not None and self._child.running:
            self._child.signal(_STOP_SIGNALS[mode])

    def finish_stop(self) -> None:
        """Wait until the server has stopped; one that does not within seconds is made to."""
        if self._child is not None:
            self._child.end(((0, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0)))
            self._child = None
            self._home.note_server("postgres", None)

    def _programs(self) -> Binaries:
        if self._binaries is None:
            self._binaries = locate(server_account(), self._narrate)
        return self._binaries

    def _new_password(self) -> Secret:
        """The password for a new cluster, on disk before the cluster exists."""
        file = self._home.path / PASSWORD_FILE
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(24))
        return self.password

    def _write_settings(self, data: Path) -> None:
        # In the home, not in the data folder: root writes nothing where another account could plant a link.
        file = self._home.path / "postgresql.conf"
        own = str(data / "postgresql.conf").replace("'", "''")
        preload = ",".join(self._preload).replace("'", "''")
        text = _SETTINGS.format(own=own, preload=preload)
        file.write_text(text if self._durable else text + "fsync = off\n", encoding="utf-8")
        file.chmod(0o644)

    def _try_start(self, binaries: Binaries, data: Path, account: Account | None) -> bool:
        """Start and wait. False when a killed server's last processes are in the way: try again."""

        def adopt(child: Child) -> None:
            self._child = child
            self._home.note_server("postgres", child.pid)

        said_before = self.log.stat().st_size if self.log.exists() else 0
        settings = self._home.path / "postgresql.conf"
        spawn(
            [
                str(binaries.folder / "postgres"),
                *("-D", str(data)),
                *("-c", f"config_file={settings}"),
                *("-k", str(self._sockets)),
                *("-p", str(_PORT)),
            ],
            adopt=adopt,
            death_signal=signal.SIGINT,
            environment=server_environment(),
            output=self.log,
            directory=Path("/"),
            account=account,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not _ready(data, self.pid):
            if not self.running:
                if _LEFTOVER in _tail(self.log, said_before):
                    return False
                raise self._failed("ended while it was starting", said_before)
            if time.monotonic() > deadline:
                raise self._failed(f"is not ready after {_START_SECONDS:.0f} s", said_before)
            time.sleep(0.01)
        return True

    def _failed(self, what: str, since: int = 0) -> ConsoleError:
        lines = _tail(self.log, since).splitlines()
        fatal = [line for line in lines if re.search(r"\b(FATAL|PANIC|Error):", line)]
        said = one_line((fatal or lines or ["it said nothing"])[-1])
        return connect_error("demo.postgres_failed", f"PostgreSQL {what}: {said}", f"its log is {self.log}")


def _make_cluster(
    binaries: Binaries, data: Path, password: Secret, account: Account | None, options: Sequence[str]
) -> None:
    """Run initdb beside the final place and move the result there: a half-made cluster never looks whole."""
    draft = data.with_name(f"{data.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    handover = data.with_name(".initdb-password")
    handover.unlink(missing_ok=True)
    try:
        _write_private(handover, password.reveal())
        if account is not None:
            for path in (draft, handover):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        said = _initdb(binaries, draft, handover, account, *options, "--locale=C.UTF-8")
        if said is not None and "invalid locale" in said:  # a system without it: PostgreSQL has its own
            builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
            said = _initdb(binaries, draft, handover, account, *options, *builtin)
        if said is not None:
            raise usage_error("demo.initdb_failed", f"no PostgreSQL cluster can be made in {data}: {one_line(said)}")
    finally:
        handover.unlink(missing_ok=True)
    draft.rename(data)


def _initdb(binaries: Binaries, data: Path, password_file: Path, account: Account | None, *options: str) -> str | None:
    """None when it went well, else what initdb complained about."""
    done = run_as(
        account,
        [
            str(binaries.folder / "initdb"),
            *("-D", str(data), "-U", "postgres", "-E", "UTF8", "--no-instructions"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}"),
            *options,
        ],
        environment=server_environment(),
    )
    if done.returncode == 0:
        return None
    complaints = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL:" in line]
    return (complaints or done.stderr.splitlines() or [f"initdb ended with {done.returncode}"])[0]


def _check_version(data: Path, binaries: Binaries) -> None:
    try:
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise usage_error(
            "demo.no_cluster", f"{data} is not a PostgreSQL cluster", "choose another folder for the demo"
        ) from error
    if version != binaries.version.split(".")[0]:
        raise usage_error(
            "demo.other_version",
            f"the cluster in {data} is of PostgreSQL {version}, the programs here are {binaries.version}",
            "choose a new folder for the demo",
        )


def _ready(data: Path, pid: int | None) -> bool:
    # The postmaster writes its id first and "ready" last; the file of an earlier run has another id.
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _tail(file: Path, since: int, limit: int = 20_000) -> str:
    try:
        with file.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(since, end - limit))
            return stream.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def _write_private(file: Path, text: str) -> None:
    """Write a new file that only we can read, so that it is whole or absent."""
    draft = file.with_name(f"{file.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(handle)
    draft.replace(file)

"""The demo's MongoDB-protocol server: nx-27017 on a free loopback port.

It runs as who we are, also as root: it is a Python program, and root's interpreter and packages are closed to
other accounts more often than not. It listens on 127.0.0.1 only, keeps its files in the home, and refuses
database names that would lead out of it.
"""

from __future__ import annotations

import importlib.util
import signal
import socket
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.demo.child import Child, server_environment, settle, spawn
from devora_console.demo.home import Home, make_private

_START_SECONDS = 30.0
_ATTEMPTS = 3  # a port found free may be taken before the server has it


class MongoServer:
    """One nx-27017 in a claimed home. Keeps its port from start to start while nobody else takes it."""

    def __init__(self, home: Home, *, narrate: Callable[[str], None]) -> None:
        self._home = home
        self._narrate = narrate
        self._child: Child | None = None
        self._port: int | None = None
        self._began = 0.0

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._home.path / "mongo.log"

    @property
    def url(self) -> Dsn:
        """How to connect. It has no users."""
        if self._port is None:
            raise RuntimeError("the server has not been started")
        return Dsn(f"mongodb://127.0.0.1:{self._port}")

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises ConsoleError: exit 2 when the package is missing, exit 3 when the server does not come up.
        """
        self.begin_start()
        self.finish_start()

    def begin_start(self) -> None:
        """Start the process, without waiting for it to answer."""
        if self.running:
            return
        if importlib.util.find_spec("nx_27017") is None:
            raise usage_error(
                "demo.no_mongo",
                "the package nx-27017 is not installed, so there is no MongoDB-protocol server to start",
                "install devora-console[demo]",
            )
        self._began = time.monotonic()
        self._narrate(f"starting the MongoDB-protocol server nx-27017 {metadata.version('nx-27017')} ...")
        self._launch()

    def finish_start(self) -> None:
        """Wait until the server answers; a port that was taken meanwhile is replaced by another."""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._answers():
                waited = time.monotonic() - self._began
                self._narrate(f"the MongoDB-protocol server is ready on port {self._port} after {waited:.1f} s")
                return
            if attempt < _ATTEMPTS:
                self._port = None
                self._launch()
        raise self._failed("ended while it was starting")

    def stop(self) -> None:
        """Stop the server and wait."""
        self.begin_stop()
        self.finish_stop()

    def begin_stop(self) -> None:
        """Tell the server to stop, without waiting."""
        settle()
        if self._child is not None and self._child.running:
            self._child.signal(signal.SIGTERM)

    def finish_stop(self) -> None:
        """Wait until the server has stopped. SQLite's files survive a kill, so it is not given long."""
        if self._child is not None:
            self._child.end(((0, 3.0), (signal.SIGKILL, 3.0)))
            self._child = None
            (self._home.path / "mongo.pid").unlink(missing_ok=True)
            self._home.note_server("mongo", None)

    def _launch(self) -> None:
        def adopt(child: Child) -> None:
            self._child = child
            self._home.note_server("mongo", child.pid)

        home = self._home.path
        make_private(home / "mongo", None)
        # A killed server leaves its own; the next would believe it runs if the number is in use again.
        (home / "mongo.pid").unlink(missing_ok=True)
        self._port = _usable_port(self._port)
        spawn(
            [
                *(sys.executable, "-P", "-m", "nx_27017.nx_27017"),
                *("--host", "127.0.0.1", "-p", str(self._port)),
                *("--data-dir", str(home / "mongo")),
                *("--log-file", str(self.log), "--pid-file", str(home / "mongo.pid")),
            ],
            adopt=adopt,
            death_signal=signal.SIGTERM,
            environment=server_environment(),
            output=home / "mongo.out",
            directory=home,
        )

    def _answers(self) -> bool:
        """Wait for an answer. False when the process ended; ConsoleError when it neither ends nor answers."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                return False
            if _accepts(self._port or 0) and _pings(self.url):
                return self.running  # else the answer came from whoever took the port
            time.sleep(0.02)
        raise self._failed(f"does not answer after {_START_SECONDS:.0f} s")

    def _failed(self, what: str) -> ConsoleError:
        output = self._home.path / "mongo.out"
        try:
            lines = output.read_text(encoding="utf-8", errors="replace")[-5000:].splitlines()
        except OSError:
            lines = []
        said = one_line((lines or ["it said nothing"])[-1])
        return connect_error("demo.mongo_failed", f"nx-27017 {what}: {said}", f"its output is in {output}")


def _usable_port(wanted: int | None) -> int:
    """The wanted port if it is free, else any free one."""
    for port in (wanted or 0, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise connect_error("demo.no_port", "no port on 127.0.0.1 is free", "end something that listens")


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _pings(url: Dsn) -> bool:
    client: MongoClient[dict[str, Any]] = MongoClient(
        url.reveal(), directConnection=True, serverSelectionTimeoutMS=2000
    )
    try:
        return bool(client.admin.command("ping").get("ok"))
    except PyMongoError:
        return False
    finally:
        client.close()

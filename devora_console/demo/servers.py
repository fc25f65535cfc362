"""The demo's servers together: a PostgreSQL and a MongoDB-protocol server that end with the console."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlsplit, urlunsplit

from devora_console.config.secret import Dsn
from devora_console.core.problems import usage_error
from devora_console.demo.account import server_account
from devora_console.demo.home import Home, default_home, sweep_abandoned, temporary_home
from devora_console.demo.mongo_server import MongoServer
from devora_console.demo.postgres_server import PostgresServer

__all__ = ["DemoServers", "Endpoints", "default_home", "for_database", "temporary_home"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How to reach the demo's servers."""

    postgres: Dsn
    """The superuser's, to the database ``postgres``; asyncpg and libpq's programs both take it. It holds the
    password: programs get that by their environment, never as an argument."""
    mongo: Dsn
    """The MongoDB-protocol server, without a database."""
    postgres_bin: Path
    """The folder with psql, pg_dump and the other programs of the server's version."""


class DemoServers:
    """Both servers in one home. A context manager that starts on entry and stops on exit.

    ``home`` is made at the first start; a later start finds data and password there. One from
    :func:`temporary_home` is removed at the end. ``narrate`` gets a line for each thing that happens, as it
    happens. ``preload`` names the libraries PostgreSQL loads at start. Not ``durable``: what is written may be
    lost when the machine stops.
    """

    def __init__(
        self,
        home: Path,
        *,
        narrate: Callable[[str], None] = lambda line: None,
        preload: Sequence[str] = ("pg_stat_statements",),
        durable: bool = True,
    ) -> None:
        self._narrate = narrate
        self._home = Home(home)
        self._process = os.getpid()
        self.postgres = PostgresServer(self._home, preload=preload, narrate=narrate, durable=durable)
        self.mongo = MongoServer(self._home, narrate=narrate)

    @property
    def home(self) -> Path:
        """The folder the servers live in."""
        return self._home.path

    def start(self) -> Endpoints:
        """Start what does not run yet and wait until both servers answer.

        Raises ConsoleError: exit 2 when the home or the packages cannot be used, exit 3 when a server does
        not come up, exit 4 when a living process owns the home. Nothing is left running after an error.
        """
        if sys.platform == "win32":
            raise usage_error("demo.platform", "the demo's servers run on Linux and macOS only")
        if not self._home.claimed:
            self._claim()
        try:
            self.mongo.begin_start()
            self.postgres.start()
            self.mongo.finish_start()
            return Endpoints(self.postgres.dsn, self.mongo.url, self.postgres.bin)
        except BaseException:  # also Ctrl-C and the end signals: whatever ends the start ends the servers
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers and give the home up. Does nothing when that is done, or in a forked worker."""
        if not self._home.claimed or os.getpid() != self._process:
            return
        if self.postgres.running or self.mongo.running:
            with suppress(OSError, ValueError):  # the terminal that hung up may be the one we narrate to
                self._narrate("stopping the demo's servers ...")
        self.mongo.begin_stop()
        self.postgres.begin_stop()
        self.postgres.finish_stop()
        self.mongo.finish_stop()
        self._home.release()
        atexit.unregister(self.stop)

    def __enter__(self) -> DemoServers:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _claim(self) -> None:
        for path in sweep_abandoned():
            self._narrate(f"removed {path}, left by a demo that was killed")
        self._process = os.getpid()
        self._home.claim(server_account())
        atexit.register(self.stop)


def for_database(postgres: Dsn, database: str) -> Dsn:
    """The same server and user, another database."""
    parts = urlsplit(postgres.reveal())
    # By hand: urlunsplit would write an empty host (a Unix socket) without its slashes.
    where = f"{parts.scheme}://{parts.netloc}/{quote(database, safe='')}"
    return Dsn(where + urlunsplit(("", "", "", parts.query, "")))

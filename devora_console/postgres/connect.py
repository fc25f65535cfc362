"""Connections to PostgreSQL that say who they are, cannot hang for ever, and fail in plain words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg

from devora_console.config.conninfo import parse, to_address
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, ExitCode, connect_error, usage_error
from devora_console.core.safetext import one_line

_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3
# Lost on the way, as opposed to refused: worth another try by whoever owns the retry.
LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says after its session was ended for it
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    TimeoutError,
    OSError,
)


async def connect(
    dsn: Dsn | None,
    *,
    purpose: str,
    read_only: bool = True,
    timeout_seconds: float = 10.0,
    statement_timeout_seconds: float = 30.0,
    more: Mapping[str, str] | None = None,
) -> asyncpg.Connection[asyncpg.Record]:
    """Open one connection. ``dsn`` None means libpq's own variables (PGHOST, PGSERVICE, ...).

    ``purpose`` shows in ``application_name``. A statement timeout of 0 means none. ``more`` are settings of the session
    beside or instead of ours. Raises ConsoleError: exit 3 when
    the server cannot be reached or refuses the login, exit 2 when the connection string makes no sense.
    """
    settings = {
        "application_name": f"devora-console {purpose}",
        # The server lets go of what a vanished console holds, the migration's lease first, within a minute.
        "tcp_keepalives_idle": str(_IDLE_SECONDS),
        "tcp_keepalives_interval": str(_PROBE_SECONDS),
        "tcp_keepalives_count": str(_PROBES),
        "TimeZone": "UTC",
        "statement_timeout": str(int(statement_timeout_seconds * 1000)),
        "idle_in_transaction_session_timeout": "600000",
        "client_connection_check_interval": "5000",
        "default_transaction_read_only": "on" if read_only else "off",
        "search_path": "public, devora_console",
        **(more or {}),
    }
    where = target(dsn)
    try:
        # The arguments hold the password: they are never a local variable, which a crash report would print.
        opened = await asyncpg.connect(**({"timeout": timeout_seconds} | where.asyncpg(settings)))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError) as error:
        raise explain(error, where.dsn) from None
    _notice_silence(opened)
    return opened


def _notice_silence(opened: asyncpg.Connection[asyncpg.Record]) -> None:
    """A network that drops everything without a word ends the connection within a minute; asyncpg sets nothing."""
    transport = getattr(opened, "_transport", None)  # asyncpg has no public way to its socket
    raw = transport.get_extra_info("socket") if transport is not None else None
    if raw is None or raw.family == socket.AF_UNIX:
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {"TCP_KEEPIDLE": _IDLE_SECONDS, "TCP_KEEPINTVL": _PROBE_SECONDS, "TCP_KEEPCNT": _PROBES}
    wanted |= {"TCP_USER_TIMEOUT": 1000 * (_IDLE_SECONDS + _PROBE_SECONDS * _PROBES)}
    for name, value in wanted.items():
        if hasattr(socket, name):  # macOS has not all of them
            with suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@asynccontextmanager
async def connection(
    dsn: Dsn | None,
    *,
    purpose: str,
    read_only: bool = True,
    timeout_seconds: float = 10.0,
    statement_timeout_seconds: float = 30.0,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """:func:`connect` for the length of a block; closed without waiting long for a server that is gone."""
    opened = await connect(
        dsn,
        purpose=purpose,
        read_only=read_only,
        timeout_seconds=timeout_seconds,
        statement_timeout_seconds=statement_timeout_seconds,
    )
    try:
        yield opened
    finally:
        await close(opened)


async def close(opened: asyncpg.Connection[asyncpg.Record]) -> None:
    """Close politely, or drop the socket after two seconds."""
    try:
        await opened.close(timeout=2)
    except (TimeoutError, *LOST, asyncpg.PostgresError):
        opened.terminate()


def explain(error: BaseException, dsn: Dsn | None) -> ConsoleError:
    """What stands between us and the server, as one line with a remedy and without credentials."""
    where = place(dsn)
    said = one_line(scrub(str(error), dsn), 200)
    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return connect_error(
            "postgres_auth", f"PostgreSQL at {where} refuses the login: {said}", "Check user and password (.pgpass too)"
        )
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return connect_error(
            "postgres_database",
            f"PostgreSQL at {where}: {said}",
            "Create the database: devora-console schema bootstrap",
        )
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return connect_error("postgres_full", f"PostgreSQL at {where}: {said}", "End idle sessions or raise the limit")
    if isinstance(error, asyncpg.CannotConnectNowError):
        return connect_error("postgres_starting", f"PostgreSQL at {where}: {said}", "Wait until the server has started")
    if isinstance(error, ssl.SSLError):
        return connect_error(
            "postgres_tls", f"PostgreSQL at {where}: TLS failed ({said})", "Check sslmode, sslrootcert"
        )
    if isinstance(error, TimeoutError):
        return connect_error(
            "postgres_timeout", f"PostgreSQL at {where} does not answer in time", "Check host, port and firewall"
        )
    if isinstance(error, OSError):
        return connect_error(
            "postgres_unreachable",
            f"PostgreSQL at {where} cannot be reached ({said or type(error).__name__})",
            "Check that the server runs and that host and port in POSTGRES_DSN are right",
        )
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return connect_error(
            "postgres_lost", f"the connection to PostgreSQL at {where} was lost ({said})", "Check that the server runs"
        )
    if isinstance(error, asyncpg.PostgresError):
        return connect_error("postgres_refused", f"PostgreSQL at {where}: {said}", "")
    return usage_error(
        "postgres_dsn", f"POSTGRES_DSN: {said}", "Write it as postgresql://user:password@host:5432/database"
    )


def lost(error: BaseException, dsn: Dsn | None) -> ConsoleError:
    """A connection that broke in the middle of work that can be taken up again (exit 5)."""
    where = place(dsn)
    said = one_line(scrub(str(error), dsn), 160) or type(error).__name__
    return ConsoleError.of(
        ExitCode.STOPPED,
        "postgres_lost",
        f"the connection to PostgreSQL at {where} was lost ({said}); what was committed is kept",
        "Run the same command again when the server is back: it goes on from there",
    )


def place(dsn: Dsn | None) -> str:
    """Who connects to what, in short and without credentials: ``ana@db1:5432/devora_db``."""
    try:
        found = target(dsn)
    except ConsoleError:
        return "the configured server"
    hosts = ",".join(
        "local" if host.startswith(("/", "@")) else f"{host}:{port}"
        for host, port in zip(found.hosts, found.ports, strict=False)
    )
    return one_line(f"{found.user}@{hosts or 'local'}/{found.database}", 160)


def other_database(dsn: Dsn, name: str) -> Dsn:
    """The same server and login, another database."""
    return Dsn(to_address({**parse(target(dsn).dsn.reveal()), "dbname": name}))

"""TLS as the connection string asks for it: asyncpg and psql agree about every combination.

The embedded PostgreSQL is built without TLS, so a gate in front of it speaks TLS and passes the rest on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devora_console.config.conninfo import parse
from devora_console.config.libpq import VARIABLES, target
from devora_console.config.secret import Dsn

_OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not _OPENSSL, reason="needs openssl to make certificates")
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_PSQL = shutil.which("psql")  # the embedded one is built without TLS too


@dataclass
class Gate:
    """Listens on 127.0.0.1 with a certificate for ``localhost`` alone; notes who came through encrypted."""

    socket: str
    context: ssl.SSLContext
    port: int = 0
    encrypted: list[bool] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: TLS if asked for, then everything is passed on to the server's socket."""
        try:
            first = await reader.readexactly(8)
            asks = first == _SSL_REQUEST
            if asks:
                writer.write(b"S")
                await writer.start_tls(self.context)
                first = await reader.readexactly(8)
            self.encrypted.append(asks)
            server_reader, server_writer = await asyncio.open_unix_connection(self.socket)
            server_writer.write(first)
            await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client did not like what it saw
        finally:
            writer.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server's certificate and key, and the certificate of somebody else."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "wrong"):
        subprocess.run(
            [_OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
             "-out", str(folder / f"{name}.crt"), "-keyout", str(folder / f"{name}.key")],
            check=True,
            capture_output=True,
        )  # fmt: skip
    return folder


@pytest.fixture
async def gate(certificates: Path, postgres_admin: Dsn) -> AsyncIterator[Gate]:
    """The gate, open."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    found = parse(postgres_admin.reveal())
    gate = Gate(f"{found['host']}/.s.PGSQL.{found['port']}", context)
    listening = await asyncio.start_server(gate.admit, "127.0.0.1", 0)
    gate.port = listening.sockets[0].getsockname()[1]
    yield gate
    listening.close()


@pytest.mark.parametrize(
    ("host", "parameters", "encrypted"),
    [
        ("127.0.0.1", "sslmode=disable", False),
        ("127.0.0.1", "", True),
        ("127.0.0.1", "sslmode=prefer", True),
        ("127.0.0.1", "sslmode=require", True),
        ("127.0.0.1", "requiressl=1", True),
        ("127.0.0.1", "sslmode=require sslrootcert={}/wrong.crt", None),
        ("127.0.0.1", "sslmode=verify-ca sslrootcert={}/server.crt", True),
        ("127.0.0.1", "sslmode=verify-ca sslrootcert={}/wrong.crt", None),
        ("127.0.0.1", "sslmode=verify-ca", None),
        ("localhost", "sslmode=verify-full sslrootcert={}/server.crt", True),
        ("127.0.0.1", "sslmode=verify-full sslrootcert={}/server.crt", None),
        ("127.0.0.1", "sslmode=require ssl_min_protocol_version=TLSv1.3", True),
    ],
)
async def test_connected_encrypted_or_refused(
    gate: Gate,
    certificates: Path,
    postgres_admin: Dsn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    parameters: str,
    encrypted: bool | None,
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    admin = parse(postgres_admin.reveal())
    text = f"host={host} port={gate.port} user={admin['user']} password={admin['password']} dbname=postgres "
    found = target(Dsn(text + parameters.format(certificates)), {"HOME": str(tmp_path)})

    assert await _by_asyncpg(gate, found.asyncpg()) == encrypted
    if _PSQL:
        assert await _by_psql(gate, found.tool_environment(os.environ)) == encrypted


async def _by_asyncpg(gate: Gate, arguments: dict[str, Any]) -> bool | None:
    gate.encrypted.clear()
    try:
        connection = await asyncpg.connect(**arguments)
    except (OSError, asyncpg.ClientConfigurationError):
        return None
    assert await connection.fetchval("SELECT 7") == 7
    await connection.close()
    return gate.encrypted[-1]


async def _by_psql(gate: Gate, environment: dict[str, str]) -> bool | None:
    gate.encrypted.clear()
    psql = await asyncio.create_subprocess_exec(
        _PSQL or "", "-XAtwc", "SELECT 7", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(psql.communicate(), 20)
    assert out in (b"7\n", b"")
    return gate.encrypted[-1] if out else None

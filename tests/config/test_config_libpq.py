"""Every way libpq has of naming a server, against a real one: by asyncpg and by psql."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from devora_console.config.conninfo import parse, to_address
from devora_console.config.libpq import VARIABLES, Target, target
from devora_console.config.pgfiles import password_for
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.servers import Endpoints

USER = "ana b"
PASSWORD = "p:w\\d @/?#%+'=&"
DATABASE = "my db"


@pytest.fixture(autouse=True)
def _no_variables_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "PGSERVICEFILE", "PGSYSCONFDIR"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Server:
    """A role with a hostile name and password, and a database it may enter; and a home for libpq's files."""

    socket: str
    port: str
    home: Path
    psql: Path

    def write(self, name: str, text: str, mode: int = 0o600) -> str:
        """A file in the home; its path."""
        path = self.home / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)


@pytest.fixture
async def server(servers: Endpoints, postgres_admin: Dsn, tmp_path: Path) -> AsyncIterator[Server]:
    """The session's server, with that role."""
    found = parse(postgres_admin.reveal())
    admin = await asyncpg.connect(postgres_admin.reveal())
    quoted = PASSWORD.replace("'", "''")
    await admin.execute(f"CREATE ROLE \"{USER}\" LOGIN PASSWORD '{quoted}'")
    await admin.execute(f'CREATE DATABASE "{DATABASE}" OWNER "{USER}"')
    yield Server(found["host"], found["port"], tmp_path, servers.postgres_bin / "psql")
    await admin.execute(f'DROP DATABASE "{DATABASE}" WITH (FORCE)')
    await admin.execute(f'DROP ROLE "{USER}"')
    await admin.close()


async def _who(found: Target) -> list[str]:
    connection = await asyncpg.connect(**found.asyncpg())
    try:
        row = await connection.fetchrow(
            "SELECT current_user, current_database(), current_setting('application_name'), "
            "current_setting('search_path'), current_setting('statement_timeout')"
        )
        assert row is not None
        return [str(value) for value in row]
    finally:
        await connection.close()


def _who_says_psql(psql: Path, found: Target) -> list[str]:
    query = (
        "SELECT current_user, current_database(), current_setting('application_name'), "
        "current_setting('search_path'), current_setting('statement_timeout')"
    )
    done = subprocess.run(
        [str(psql), "-X", "-A", "-t", "-F", "|", "-w", "-c", query],
        env=found.tool_environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip().split("|")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(":", "\\:")


def _address(server: Server, **more: str) -> str:
    return to_address({"host": server.socket, "port": server.port, "user": USER, "dbname": DATABASE, **more})


def _passfile(server: Server, name: str) -> str:
    where = f"*:{server.port}:{_escaped(DATABASE)}:{_escaped(USER)}"
    return server.write(name, f"# ours\nelsewhere:1:x:y:z\n{where}:{_escaped(PASSWORD)}\n*:*:*:*:wrong\n")


def _service(server: Server, name: str) -> str:
    lines = [
        f"host={server.socket}",
        f"port={server.port}",
        f"user={USER}",
        f"password={PASSWORD}",
        "dbname=elsewhere",
    ]
    other = "[other]\nhost=nowhere\n\n"
    return server.write(name, other + "# ours\n[ours]\n" + "\n".join(lines) + "\n[later]\nhost=nowhere\n")


Way = Callable[[Server], tuple[str | None, dict[str, str]]]
WAYS: dict[str, Way] = {
    "address": lambda s: (_address(s, password=PASSWORD), {}),
    "keywords": lambda s: (
        f"host={s.socket} port = {s.port} user={_quoted(USER)} password={_quoted(PASSWORD)} dbname={_quoted(DATABASE)}",
        {},
    ),
    "PGPASSWORD": lambda s: (_address(s), {"PGPASSWORD": PASSWORD}),
    ".pgpass": lambda s: (_address(s), {"HOME": str(Path(_passfile(s, ".pgpass")).parent)}),
    "PGPASSFILE": lambda s: (_address(s), {"PGPASSFILE": _passfile(s, "words")}),
    "passfile=": lambda s: (_address(s, passfile=_passfile(s, "words")), {}),
    "service in ~": lambda s: (
        f"service=ours dbname={_quoted(DATABASE)}",
        {"HOME": str(Path(_service(s, ".pg_service.conf")).parent)},
    ),
    "service in an address": lambda s: (
        to_address({"dbname": DATABASE, "service": "ours"}),
        {"PGSERVICEFILE": _service(s, "services")},
    ),
    "service in PGSYSCONFDIR": lambda s: (
        f"service=ours dbname={_quoted(DATABASE)}",
        {"PGSYSCONFDIR": str(Path(_service(s, "pg_service.conf")).parent)},
    ),
    "PGSERVICE alone": lambda s: (
        None,
        {"PGSERVICE": "ours", "PGSERVICEFILE": _service(s, "services"), "PGDATABASE": "not this one"},
    ),
    "variables alone": lambda s: (
        None,
        {
            "PGHOST": s.socket,
            "PGPORT": s.port,
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": DATABASE,
        },
    ),
    "several hosts": lambda s: (
        _address(s, password=PASSWORD, host=f"/nowhere,{s.socket}", port=f"1,{s.port}"),
        {},
    ),
    "the string over the environment": lambda s: (
        _address(s, password=PASSWORD),
        {"PGHOST": "nowhere", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": "y"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_of_naming_a_server_connects(server: Server, way: str) -> None:
    text, environ = WAYS[way](server)
    found = target(Dsn(text) if text else None, {"HOME": "/nonexistent"} | environ)
    if way == "PGSERVICE alone":
        with pytest.raises(asyncpg.InvalidCatalogNameError, match="elsewhere"):
            await _who(found)
        return
    expected = [USER, DATABASE]
    assert (await _who(found))[:2] == expected
    assert _who_says_psql(server.psql, found)[:2] == expected
    assert found.notes == ()
    assert found.user == USER
    assert PASSWORD not in repr(found)


async def test_what_is_meant_for_the_session_reaches_it(server: Server) -> None:
    more = {"search_path": '"a b", c', "options": "-c statement_timeout=4321", "application_name": "me"}
    tuning = {
        "connect_timeout": "7",
        "keepalives_idle": "30",
        "client_encoding": "UTF8",
        "gssencmode": "disable",
    }
    found = target(Dsn(_address(server, password=PASSWORD, **more, **tuning)), {"HOME": "/nonexistent"})
    assert found.connect_timeout_seconds == 7
    expected = [USER, DATABASE, "me", '"a b", c', "4321ms"]
    assert await _who(found) == expected
    assert _who_says_psql(server.psql, found) == expected
    assert found.asyncpg({"application_name": "ours"})["server_settings"]["application_name"] == "ours"
    assert found.asyncpg()["timeout"] == 7
    variables = {"PGAPPNAME": "v", "PGOPTIONS": "-c statement_timeout=99", "PGCONNECT_TIMEOUT": "3"}
    by_environment = target(Dsn(_address(server, password=PASSWORD)), {"HOME": "/nonexistent"} | variables)
    assert await _who(by_environment) == [USER, DATABASE, "v", '"$user", public', "99ms"]
    assert by_environment.connect_timeout_seconds == 3


async def test_which_of_several_hosts(server: Server) -> None:
    hosts = {"host": f"/nowhere,{server.socket}", "port": f"1,{server.port}", "password": PASSWORD}
    primary = target(Dsn(_address(server, **hosts, target_session_attrs="primary")), {"HOME": "/nonexistent"})
    assert (await _who(primary))[0] == USER
    standby = target(Dsn(_address(server, **hosts, target_session_attrs="standby")), {"HOME": "/nonexistent"})
    with pytest.raises((asyncpg.TargetServerAttributeNotMatched, OSError)):
        await _who(standby)


def test_variables_of_the_parent_do_not_reach_the_tools(server: Server) -> None:
    found = target(Dsn(_address(server, password=PASSWORD)), {"HOME": "/nonexistent"})
    base = {
        "PATH": "/bin",
        "PGSERVICE": "other",
        "PGHOSTADDR": "192.0.2.1",
        "PGSSLMODE": "verify-full",
        "PGTZ": "UTC",
    }
    environment = found.tool_environment(base)
    assert environment == {
        "PATH": "/bin",
        "PGTZ": "UTC",
        "PGHOST": server.socket,
        "PGPORT": server.port,
        "PGUSER": USER,
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": DATABASE,
    }


def test_a_service_in_the_string_replaces_the_one_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "services").write_text("[a]\nhost=ha\nport=1\n[b]\nhost=hb\nport=2\ndbname=db\n")
    environ = {"PGSERVICEFILE": str(tmp_path / "services"), "PGSERVICE": "b", "HOME": "/nonexistent", "PGUSER": "u"}
    found = target(Dsn("service=a"), environ)
    assert found.dsn.reveal() == "postgresql://u@ha:1/u"
    assert found.tool_environment({"PGSERVICE": "b"}) == {
        "PGHOST": "ha", "PGPORT": "1", "PGUSER": "u", "PGDATABASE": "u"
    }  # fmt: skip
    assert target(Dsn("host=h"), environ).dsn.reveal() == "postgresql://u@h:2/db", "a service fills what is missing"


def test_an_account_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert target(Dsn("postgresql://ana@h"), {"HOME": "/nonexistent"}).user == "ana"
    with pytest.raises(ConsoleError, match="the system has no name for the current one; set PGUSER"):
        target(Dsn("postgresql://h"), {"HOME": "/nonexistent"})


def test_defaults_are_libpqs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    found = target(Dsn("postgresql://h1,h2:6000"), {"HOME": "/nonexistent"})
    assert (found.user, found.database) == ("somebody", "somebody")
    assert (found.hosts, found.ports) == (("h1", "h2"), (5432, 6000))
    assert target(Dsn("postgresql://"), {"PGPORT": "6001", "HOME": "/nonexistent"}).ports == (6001,)
    assert target(Dsn("postgresql://h"), {"PGPORT": "6001", "HOME": "/nonexistent"}).ports == (6001,)
    address = target(Dsn("host=name hostaddr=127.0.0.1"), {"HOME": "/nonexistent"})
    assert address.hosts == ("127.0.0.1",)
    assert target(Dsn("host=::1,h"), {"HOME": "/nonexistent"}).asyncpg()["host"] == ["::1", "h"]


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ("service=none", {}, "service 'none' is not defined in {home}/.pg_service.conf"),
        ("service=none", {"PGSERVICEFILE": "{home}/no"}, "{home}/no: does not exist"),
        ("service=odd", {"PGSERVICEFILE": "{home}/odd"}, "{home}/odd:3: not of the form name=value"),
        ("service=nested", {"PGSERVICEFILE": "{home}/odd"}, "{home}/odd:6: a service cannot name another service"),
        ("service=typo", {"PGSERVICEFILE": "{home}/odd"}, "unknown parameter 'hots'; did you mean 'host'?"),
        ("host=h", {"PGPORT": "x"}, "has a port outside 1..65535"),
        ("host=h", {"PGSSLMODE": "maybe"}, "sslmode is not one of disable, allow, prefer, require, "
         "verify-ca, verify-full"),
        ("host=h", {"PGCHANNELBINDING": "require"}, "channel_binding asks for what the console's driver cannot "
         "promise; "
         "leave it out"),
        ("host=h", {"PGCONNECT_TIMEOUT": "soon"}, "connect_timeout is not a number of seconds"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_files_and_variables(tmp_path: Path, text: str, environ: dict[str, str], words: str) -> None:
    (tmp_path / "odd").write_text(
        "[odd]\nhost=h\nnot a setting of s3cret\n\n[nested]\nservice=odd\n[typo]\nhots=s3cret\n"
    )
    given = {name: value.format(home=tmp_path) for name, value in environ.items()} | {"HOME": str(tmp_path)}
    with pytest.raises(ConsoleError) as caught:
        target(Dsn(text), given)
    assert caught.value.exit_code == ExitCode.USAGE
    assert str(caught.value) == (
        f"PostgreSQL connection: {words.format(home=tmp_path)}{'' if words.endswith('?') else '.'}"
        " Correct the DSN, service or PG* variable"
    )


def test_password_files(tmp_path: Path) -> None:
    path = tmp_path / ".pgpass"
    path.write_text(
        "#comment\nshort:1\nh\\:1:5432:d:u:a\\:b\\\\c\nlocalhost:5432:d:u:socket\n/sockets:5432:d:u:own socket \n"
        "h2:*:d:u:two\r\n*:*:*:other:\n"
    )
    path.chmod(0o600)

    def ask(*hosts: str, user: str = "u") -> tuple[str, list[str]]:
        word, notes = password_for([(host, 5432) for host in hosts], "d", user, "", {"HOME": str(tmp_path)})
        return word, [str(note) for note in notes]

    assert ask("h:1") == ("a:b\\c", [])
    assert ask("") == ("socket", [])
    assert ask("/var/run/postgresql") == ("socket", [])
    assert ask("/sockets") == ("own socket ", [])
    assert ask("h2") == ("two", [])
    assert ask("h3") == ("", [])
    assert ask("h3", "h2") == ("two", [])
    assert ask("h2", user="other") == ("", [])
    assert ask("h2", "localhost") == (
        "two",
        [f"{path}: has different passwords for the hosts of one connection; the first is used. "
         "Give all hosts the same password"],
    )  # fmt: skip
    path.chmod(0o640)
    assert ask("h2") == ("", [f"{path}: others can read it, so it is not used. chmod 600 {path}"])
    path.unlink()
    path.mkdir()
    assert ask("h2") == ("", [])

"""The doctor against real servers: healthy, bare, as the guide leaves them, refusing and unreachable."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.config.load import Effective, load
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ExitCode
from devora_console.core.snapshot import to_json
from devora_console.demo.data.fill import fill
from devora_console.demo.data.scales import Scale
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.doctor import Check, examine, overall
from devora_console.doctor import machine as machine_checks
from devora_console.doctor.check import Answer, Question, ask, passed
from devora_console.doctor.server_disk import free_space_of
from devora_console.doctor.tools import find_tools, judge_tools
from devora_console.migration.lease import Lease
from devora_console.schema import apply, bootstrap

ENVIRON = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color"}


def effective(tmp: Path, **settings: str) -> Effective:
    given = {"postgres.dsn": settings.get("postgres", ""), "mongo.url": settings.get("mongo", "")}
    overrides = {key: text for key, text in given.items() if text}
    if "database" in settings:
        overrides["mongo.database"] = settings["database"]
    environ = ENVIRON | {"DEVORA_CONSOLE_HOME": str(tmp / "home")}
    return load(overrides=overrides, environ=environ, cwd=tmp)


async def examined(tmp: Path, environ: Mapping[str, str] = ENVIRON, **settings: str) -> dict[str, Check]:
    checks = await examine(effective(tmp, **settings), environ=environ)
    found = {check.id: check for check in checks}
    assert len(found) == len(checks)
    for check in checks:
        assert check.value
        assert "\n" not in check.value + check.remedy
        if check.verdict in {"warn", "fail"}:
            assert check.remedy, check
    return found


def verdicts(checks: Mapping[str, Check], prefix: str) -> dict[str, str]:
    return {id_: check.verdict for id_, check in checks.items() if id_.startswith(prefix)}


def with_login(dsn: Dsn, user: str, password: str) -> Dsn:
    parts = urlsplit(dsn.reveal())
    return Dsn(f"postgresql://{user}:{password}@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}")


async def run(dsn: Dsn, *statements: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def statements_of(remedy: str) -> list[str]:
    """The SQL of a remedy, as somebody would copy it."""
    return [match[0] for match in re.finditer(r"(?:GRANT|CREATE|ALTER|SELECT) [^;]+;", remedy)]


@pytest.fixture(scope="module")
def plain() -> Iterator[DemoServers]:
    """A virgin cluster that preloads something else than pg_stat_statements."""
    with DemoServers(temporary_home(), preload=("auto_explain",)) as servers:
        yield servers


@pytest.fixture(scope="module")
def source(plain: DemoServers) -> str:
    """The URL of a filled source."""
    fill(plain.mongo.url, "devora_db", Scale.SMALL, 7)
    return plain.mongo.url.reveal()


@dataclass
class Healthy:
    owner: Dsn
    database: str


@pytest.fixture
async def healthy(postgres_admin: Dsn) -> AsyncIterator[Healthy]:
    """What bootstrap and apply leave, and the owner's connection."""
    name, owner, password = f"doctor_{secrets.token_hex(4)}", f"owner_{secrets.token_hex(4)}", "mot-de-passe-1"

    async def opener(database: str) -> asyncpg.Connection:
        return await asyncpg.connect(for_database(postgres_admin, database).reveal())

    superuser = await opener("postgres")
    await bootstrap(superuser, opener, database=name, owner=owner)
    await superuser.execute(f"ALTER ROLE {owner} PASSWORD '{password}'")
    dsn = with_login(for_database(postgres_admin, name), owner, password)
    connection = await asyncpg.connect(dsn.reveal())
    await apply(connection)
    await connection.close()
    yield Healthy(dsn, name)
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.execute(f"DROP ROLE {owner}")
    await superuser.close()


async def test_a_healthy_pair_passes(healthy: Healthy, source: str, tmp_path: Path) -> None:
    checks = await examined(tmp_path, postgres=healthy.owner.reveal(), mongo=source)
    assert set(verdicts(checks, "postgres.").values()) <= {"pass", "unknown"}
    assert {id_ for id_, v in verdicts(checks, "postgres.").items() if v == "unknown"} <= {"postgres.disk"}
    assert set(verdicts(checks, "schema.").values()) == {"pass"}
    assert set(verdicts(checks, "migration.").values()) == {"pass"}
    assert {id_ for id_, v in verdicts(checks, "mongo.").items() if v != "pass"} <= {"mongo.version"}
    assert "users 150, projects 342" in checks["mongo.collections"].value
    assert overall(checks.values()) is ExitCode.DONE
    assert "mot-de-passe-1" not in repr(to_json(tuple(checks.values())))


async def test_a_superuser_sees_the_disk_of_a_local_server(
    healthy: Healthy, plain: DemoServers, tmp_path: Path
) -> None:
    checks = await examined(tmp_path, postgres=plain.postgres.dsn.reveal())
    assert checks["postgres.disk"].verdict in {"pass", "warn"}
    assert str(plain.home / "postgres") in checks["postgres.disk"].value
    assert checks["postgres.role"].verdict == "warn"


async def test_the_checks_of_a_bare_database_say_what_to_do(plain: DemoServers, tmp_path: Path) -> None:
    await run(plain.postgres.dsn, "CREATE DATABASE bare")
    dsn = for_database(plain.postgres.dsn, "bare")
    checks = await examined(tmp_path, postgres=dsn.reveal())
    extensions = verdicts(checks, "postgres.extension.")
    assert set(extensions.values()) == {"warn"}
    assert len(extensions) == 6
    for id_ in extensions:
        await run(dsn, *statements_of(checks[id_].remedy))
    assert checks["schema.versions"].remedy == "devora-console schema apply"
    assert checks["schema.drift"].verdict == "unknown"
    again = await examined(tmp_path, postgres=dsn.reveal())
    assert set(verdicts(again, "postgres.extension.").values()) == {"pass"}


async def test_the_guides_first_step_misses_grants_and_roles(plain: DemoServers, source: str, tmp_path: Path) -> None:
    admin = plain.postgres.dsn
    await run(
        admin,
        "CREATE DATABASE guide_db",
        "CREATE USER devora_user WITH ENCRYPTED PASSWORD 'votre_mot_de_passe'",
        "GRANT ALL PRIVILEGES ON DATABASE guide_db TO devora_user",
    )
    inside = for_database(admin, "guide_db")
    dsn = with_login(inside, "devora_user", "votre_mot_de_passe")
    checks = await examined(tmp_path, postgres=dsn.reveal(), mongo=source)
    assert checks["postgres.create"].verdict == "fail"
    assert "GRANT USAGE, CREATE ON SCHEMA public TO devora_user;" in checks["postgres.create"].remedy
    assert checks["postgres.roles"].verdict == "fail"
    assert "CREATE ROLE app_user NOLOGIN;" in checks["postgres.roles"].remedy
    assert "as a superuser" in checks["postgres.extension.vector"].remedy
    assert "as devora_user" in checks["postgres.extension.pg_trgm"].remedy
    assert checks["postgres.disk"].verdict == "unknown"
    assert overall(checks.values()) is ExitCode.NEGATIVE
    for id_ in ("postgres.create", "postgres.roles"):
        await run(inside, *statements_of(checks[id_].remedy))
    again = await examined(tmp_path, postgres=dsn.reveal(), mongo=source)
    assert again["postgres.create"].verdict == "pass"
    assert again["postgres.roles"].verdict == "pass"
    assert overall(again.values()) is ExitCode.DONE
    owner = await asyncpg.connect(dsn.reveal())
    await apply(owner)
    await owner.close()


async def test_statistics_are_switched_on_as_the_remedy_says(plain: DemoServers, tmp_path: Path) -> None:
    dsn = plain.postgres.dsn
    remedy = (await examined(tmp_path, postgres=dsn.reveal()))["postgres.statements"].remedy
    assert "shared_preload_libraries = 'auto_explain', 'pg_stat_statements';" in remedy
    await run(dsn, statements_of(remedy)[0])
    waiting = (await examined(tmp_path, postgres=dsn.reveal()))["postgres.statements"]
    assert (waiting.verdict, "restarted" in waiting.value) == ("warn", True)
    await asyncio.to_thread(plain.postgres.stop)
    await asyncio.to_thread(plain.postgres.start)
    await run(plain.postgres.dsn, *statements_of(remedy)[1:])
    checks = await examined(tmp_path, postgres=plain.postgres.dsn.reveal())
    assert checks["postgres.statements"].verdict == "pass"
    assert "track = all" in checks["postgres.statements"].value


async def test_drift_lease_and_quarantine_are_seen(healthy: Healthy, tmp_path: Path) -> None:
    await run(
        healthy.owner,
        "ALTER TABLE users ADD COLUMN stray text",
        "INSERT INTO devora_console.quarantine (collection, source_id, rule, message, raw_bson)"
        " VALUES ('users', '1', 'r', 'm', '')",
    )
    holder = await asyncpg.connect(healthy.owner.reveal(), server_settings={"search_path": "public, devora_console"})
    await Lease(holder).take(uuid4())
    checks = await examined(tmp_path, postgres=healthy.owner.reveal())
    await holder.close()
    assert checks["schema.drift"].verdict == "fail"
    assert "stray" in checks["schema.drift"].value
    assert checks["migration.lease"].verdict == "warn"
    assert f"pid {os.getpid()}" in checks["migration.lease"].value
    assert checks["migration.quarantine"].value == "1 document unresolved"


async def test_a_wrong_password_fails_one_check_and_leaves_the_others_unknown(
    healthy: Healthy, source: str, tmp_path: Path
) -> None:
    wrong = with_login(healthy.owner, "nobody_here", "geheim-und-falsch")
    checks = await examined(tmp_path, postgres=wrong.reveal(), mongo=source)
    assert checks["postgres.reachable"].verdict == "fail"
    assert "refuses the login" in checks["postgres.reachable"].value
    others = {check.value for id_, check in checks.items() if re.match(r"(postgres|schema|migration)\.", id_)}
    assert others - {checks["postgres.reachable"].value} == {"needs postgres.reachable"}
    assert checks["mongo.reachable"].verdict == "pass"
    assert overall(checks.values()) is ExitCode.NEGATIVE
    assert "geheim-und-falsch" not in repr(to_json(tuple(checks.values())))


async def test_nothing_reachable_is_a_matter_of_the_connection(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    hang = f"mongodb://u:secret-mongo@127.0.0.1:{port}/?serverSelectionTimeoutMS=300"
    settings = load(
        overrides={
            "postgres.dsn": f"postgresql://u:secret-postgres@127.0.0.1:{port}/d",
            "postgres.connect_timeout_seconds": "0.5",
            "mongo.url": hang,
            "mongo.server_selection_timeout_seconds": "0.5",
        },
        environ=ENVIRON,
        cwd=tmp_path,
    )
    checks = await examine(settings, environ=ENVIRON)
    listener.close()
    assert overall(checks) is ExitCode.CONNECT
    text = repr(to_json(checks))
    assert "secret-mongo" not in text
    assert "secret-postgres" not in text


async def test_nothing_configured_is_no_matter_of_the_connection(tmp_path: Path) -> None:
    checks = await examined(tmp_path)
    assert checks["postgres.reachable"].value == checks["mongo.reachable"].value == "not configured"
    assert overall(checks.values()) is ExitCode.NEGATIVE


async def test_a_mistyped_database_is_named_by_its_neighbour(source: str, tmp_path: Path) -> None:
    checks = await examined(tmp_path, mongo=source, database="devora_dd")
    assert checks["mongo.collections"].verdict == "fail"
    assert checks["mongo.collections"].remedy == "Check DB_NAME; did you mean devora_db?"
    with MongoClient[dict[str, object]](source) as client:
        assert "devora_dd" not in client.list_database_names()


async def test_one_check_that_breaks_stops_no_other() -> None:
    async def breaks(subject: None) -> Answer:
        raise KeyError("mot-de-passe")

    async def hangs(subject: None) -> Answer:
        await asyncio.sleep(60)
        return passed("late")

    async def works(subject: None) -> Answer:
        return passed("fine")

    questions = [Question(name, name, ask_, 0.1) for name, ask_ in (("b", breaks), ("h", hangs), ("w", works))]
    asked = [await ask(question, None, ()) for question in questions]
    assert [(check.verdict, late) for check, late in asked] == [("unknown", False), ("unknown", True), ("pass", False)]
    assert "mot-de-passe" not in repr(asked)


@pytest.mark.parametrize(
    ("postgres", "mongo", "other", "code"),
    [
        ("pass", "pass", "pass", ExitCode.DONE),
        ("pass", "pass", "warn", ExitCode.DONE),
        ("pass", "pass", "unknown", ExitCode.DONE),
        ("pass", "pass", "fail", ExitCode.NEGATIVE),
        ("fail", "pass", "unknown", ExitCode.NEGATIVE),
        ("fail", "fail", "pass", ExitCode.CONNECT),
    ],
)
def test_the_exit_code(postgres: str, mongo: str, other: str, code: ExitCode) -> None:
    given = (("postgres.reachable", postgres), ("mongo.reachable", mongo), ("disk.state", other))
    assert overall(Check(id_, id_, verdict, "x", "y") for id_, verdict in given) is code  # type: ignore[arg-type]


async def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SECRET_KEY=longenough-to-be-secret\nMONGO_URL=mongodb://u:pw-in-file@127.0.0.1:1\n")
    file.chmod(0o644)
    found = {check.id: check for check in machine_checks.configuration(effective(tmp_path), ENVIRON)}
    assert found["config.permissions"].verdict == "warn"
    assert found["config.permissions"].remedy == f"chmod 600 {file}"
    file.chmod(0o600)
    found = {check.id: check for check in machine_checks.configuration(effective(tmp_path), ENVIRON)}
    assert found["config.permissions"].verdict == "pass"
    assert "pw-in-file" not in repr(found)


def test_the_way_to_the_terminal() -> None:
    environ = {"TERM": "screen-256color", "TMUX": "socket,1,0", "SSH_CONNECTION": "1", "NO_COLOR": ""}
    found = {check.id: check.value for check in machine_checks.terminal(environ)}
    assert found["terminal.way"] == "inside tmux, over SSH"
    assert found["terminal.colour"] == "off: NO_COLOR is set"


async def test_a_pg_dump_older_than_the_server_is_told(tmp_path: Path) -> None:
    for name, version in (("pg_dump", "15.4"), ("pg_restore", "17.2"), ("psql", "15.4")):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nprint('{name} (PostgreSQL) {version}')\n")
        program.chmod(0o755)
    tools = await find_tools({"PATH": str(tmp_path)})
    found = {check.id: check for check in await judge_tools(tools, 170004)}
    assert found["tool.pg_dump"].verdict == "warn"
    assert "too old for the server, which is 17" in found["tool.pg_dump"].value
    assert (found["tool.pg_restore"].verdict, found["tool.psql"].verdict) == ("pass", "pass")
    assert (found["tool.mongodump"].verdict, found["tool.mongodump"].value) == ("warn", "not found on PATH")
    unknown = {check.id: check.verdict for check in await judge_tools(tools, None)}
    assert unknown["tool.pg_dump"] == "unknown"


async def test_a_folder_of_another_server_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("1\n/data\n1000000000\n")
    answer = await free_space_of(str(tmp_path), utc_now(), local=True)
    assert answer.verdict == "unknown"
    assert f"df -h {tmp_path}" in answer.remedy
    hidden = await free_space_of(None, utc_now(), local=True)
    assert (hidden.verdict, "hidden from this user" in hidden.value) == ("unknown", True)

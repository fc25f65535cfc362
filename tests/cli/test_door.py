"""Usage, configuration and connection errors: one line, the right exit code, no secret."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from tests.cli.conftest import Run


def test_version_and_help_are_answers(run: Run) -> None:
    assert run("--version").out.startswith("devora-console, version ")
    assert "migrate" in run("--help").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("migrat",), "Did you mean 'migrate'?"),
        (("migrate",), "give one of --dry-run and --execute"),
        (("migrate", "--dry-run", "--execute"), "give one of --dry-run and --execute"),
        (("migrate", "--dry-run", "--prune"), "--prune and --resume go with --execute"),
        (("verify", "--level", "deep"), "'deep' is not one of"),
        (("schema", "status"), "no PostgreSQL is configured"),
        (("demo", "--scale", "huge"), "'huge' is not one of"),
        (("quarantine", "waive", "1"), "Missing option '--reason'"),
        (("--config", "nowhere.toml", "config", "show"), "nowhere.toml"),
        (("--profile", "staging", "config", "show"), "staging"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_usage_is_one_line_and_exit_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert words in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    document = run(*arguments, "--json").json()
    assert document["problems"][0]["message"]


def test_global_options_stand_before_or_after_the_command(run: Run) -> None:
    before, after = run("--json", "config", "path"), run("config", "path", "--json")
    assert before.json().keys() == after.json().keys()


def test_an_unreachable_server_is_exit_3_without_the_password(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ended = run("schema", "status", POSTGRES_DSN=f"postgresql://ana:s3cr3t@127.0.0.1:{port}/devora_db")
    assert ended.code == 3
    assert "cannot be reached" in ended.err
    assert "s3cr3t" not in ended.err + ended.out


def test_a_wrong_password_is_exit_3_and_not_shown(run: Run, postgres_admin: Dsn) -> None:
    right = postgres_admin.reveal()
    password = right.split("://", 1)[1].split("@", 1)[0].split(":", 1)[1]
    ended = run("schema", "status", POSTGRES_DSN=right.replace(password, "wr0ng-passw0rd"))
    assert ended.code == 3
    assert "refuses the login" in ended.err
    assert "wr0ng-passw0rd" not in ended.err


def test_a_typo_in_the_dsn_names_the_key_and_the_nearest_scheme(run: Run) -> None:
    ended = run("schema", "status", POSTGRES_DSN="postgresq://ana:s3cr3t@db1/devora")
    assert ended.code == 2
    assert "POSTGRES_DSN" in ended.err
    assert "'postgresql'" in ended.err
    assert "s3cr3t" not in ended.err


def test_an_unreachable_mongo_is_exit_3(run: Run, target: Dsn) -> None:
    ended = run(
        "migrate",
        "--dry-run",
        POSTGRES_DSN=target.reveal(),
        MONGO_URL="mongodb://ana:s3cr3t@127.0.0.1:1/",
        DEVORA_CONSOLE__MONGO__SERVER_SELECTION_TIMEOUT_SECONDS="0.5",
    )
    assert ended.code == 3
    assert "does not answer" in ended.err
    assert "s3cr3t" not in ended.err


def test_a_target_without_schema_names_the_remedy(run: Run, empty_database: Dsn, filled: dict[str, str]) -> None:
    ended = run("migrate", "--dry-run", POSTGRES_DSN=empty_database.reveal(), **filled)
    assert ended.code == 2
    assert "schema apply" in ended.err


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_a_dump_that_is_none_is_exit_2(run: Run, target: Dsn, tmp_path: Path, kind: str) -> None:
    where = tmp_path / "dump"
    if kind == "file":
        where.write_text("")
    elif kind == "empty":
        where.mkdir()
    ended = run("migrate", "--dry-run", "--source", str(where), POSTGRES_DSN=target.reveal())
    assert ended.code == 2
    assert "mongodump" in ended.err


def test_read_only_refuses_with_exit_4(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    ended = run("migrate", "--execute", "--read-only", POSTGRES_DSN=target.reveal(), **filled)
    assert ended.code == 4
    assert "read-only" in ended.err


def test_production_wants_arming_and_the_typed_name(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    environment = {"POSTGRES_DSN": target.reveal(), "ENVIRONMENT": "production", **filled}
    database = target.reveal().split("?")[0].rsplit("/", 1)[1]
    assert run("migrate", "--execute", **environment).code == 4
    assert run("migrate", "--execute", "--allow-writes", **environment).code == 4
    assert run("migrate", "--execute", "--allow-writes", "--yes-i-typed", "other", **environment).code == 4
    assert run("migrate", "--dry-run", **environment).code == 0
    assert run("migrate", "--execute", "--allow-writes", "--yes-i-typed", database, **environment).code == 0


def test_a_reader_that_leaves_early_ends_the_command_quietly(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "devora_console", "schema", "sql"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(timeout=20) == 0

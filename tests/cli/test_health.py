"""``health`` as scripts and people use it."""

from __future__ import annotations

import json

import asyncpg
import pytest
from rich.cells import cell_len

from devora_console.config.secret import Dsn
from devora_console.postgres.health.snapshot import SECTIONS
from tests.cli.conftest import Run


async def _prepare(dsn: Dsn, *statements: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_the_document_has_a_key_per_section(run: Run, empty_database: Dsn) -> None:
    await _prepare(empty_database, "CREATE TABLE t (id serial, a text)")
    ended = run("health", "--json", "--interval", "0", POSTGRES_DSN=empty_database.reveal())
    document = json.loads(ended.out)
    failing = [line["id"] for name in SECTIONS for line in document[name]["lines"] if line["verdict"] == "fail"]
    assert (ended.code, document["ok"]) == ((1, False) if failing else (0, True))
    assert set(failing) <= {"settings.fsync", "settings.full_page_writes"}  # the tests' own server
    assert set(SECTIONS) <= set(document)
    assert document["stats_window"]["since"]
    assert all(line["id"] and line["why"] for section in SECTIONS for line in document[section]["lines"])


async def test_a_failing_line_is_exit_one(run: Run, empty_database: Dsn) -> None:
    await _prepare(empty_database, "CREATE SEQUENCE ends MAXVALUE 100", "SELECT setval('ends', 99)")
    env = {"POSTGRES_DSN": empty_database.reveal()}
    ended = run("health", "--sequences", **env)
    assert ended.code == 1
    assert ended.out.startswith("Sequence public.ends: 98.98 % used up, 1 value left.")
    assert "fails from 95 %" in ended.out
    assert "cache" not in ended.out
    assert not [line for line in ended.out.splitlines() if cell_len(line) > 100]
    assert json.loads(run("health", "--sequences", "--json", **env).out)["ok"] is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--measure", "nope.nope"), 2, "There is no table 'nope.nope'"),
        (("--measure", "a b c;"), 2, "is not the name of a table"),
        (("--measure", "public.t"), 1, "pgstattuple is not installed"),
        (("--interval", "-1"), 2, "--interval"),
        (("--interval", "nan"), 2, "--interval"),
        (("--buffers",), 0, ""),
        (("--guide",), 0, ""),
    ],
)
async def test_what_is_asked_for_by_name(
    run: Run, empty_database: Dsn, words: tuple[str, ...], code: int, said: str
) -> None:
    await _prepare(empty_database, "CREATE TABLE t (id int)")
    ended = run("health", *words, POSTGRES_DSN=empty_database.reveal())
    assert ended.code == code, ended
    assert said in ended.err

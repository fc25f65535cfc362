"""``explain`` as a script and a person use it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from tests.cli.conftest import Run


@pytest.fixture
async def small(empty_database: Dsn) -> dict[str, str]:
    """The environment of a database with one table, one statement of it counted."""
    connection = await asyncpg.connect(empty_database.reveal())
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.execute("CREATE TABLE t AS SELECT g AS a, 'x' AS b FROM generate_series(1, 5000) g; ANALYZE t")
    await connection.fetch("SELECT b FROM t WHERE a = 7")
    await connection.close()
    return {"POSTGRES_DSN": empty_database.reveal()}


async def test_a_plan_by_every_way_of_giving_it(run: Run, small: dict[str, str], tmp_path: Path) -> None:
    connection = await asyncpg.connect(small["POSTGRES_DSN"])
    queryid = await connection.fetchval(
        "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT b FROM t%' AND dbid ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    await connection.close()
    document = run("explain", "--queryid", str(queryid), "--json", **small).json()
    assert {"plan", "hot_node", "notes", "text"} <= document.keys()
    assert document["text"] == "SELECT b FROM t WHERE a = $1"
    assert document["plan"]["kind"] == "generic"
    assert document["plan"]["nodes"][0]["conditions"] == [["Filter", "(a = $1)"]]
    assert document["hot_node"]["by"] == "cost"
    (tmp_path / "q.sql").write_text("\ufeffSELECT b FROM t WHERE a = 7;\n", "utf-8")
    shown = run("explain", "--sql-file", "q.sql", "--analyze", **small)
    assert shown.code == 0
    assert "Seq Scan on t" in shown.out
    assert "to keep" in shown.out


def test_what_goes_wrong_is_told(run: Run, small: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "latin.sql").write_bytes(b"SELECT 'caf\xe9'")
    for arguments, code, words in (
        (("--sql", "SELECT 1", "--queryid", "1"), 2, "one of --queryid"),
        (("--queryid", "-5"), 2, "no statement -5"),
        (("--sql-file", "absent.sql"), 2, "cannot be read"),
        (("--sql-file", "latin.sql"), 2, "not UTF-8"),
        (("--sql", "DELETE FROM t", "--analyze"), 1, "changes rows"),
    ):
        ended = run("explain", *arguments, **small)
        assert ended.code == code
        assert words in ended.err
    document = run("explain", "--sql", "SELECT * FROM gone", "--json", **small).json()
    assert "does not exist" in document["plan"]["unknown"]
    assert document["problems"][0]["code"] == "no_plan"
    assert document["hot_node"] is None


def test_help_says_that_analyze_runs_it(run: Run) -> None:
    assert "RUN the statement" in run("explain", "--help").out


def test_quiet_still_says_why_there_is_no_plan(run: Run, small: dict[str, str]) -> None:
    refused = run("explain", "--quiet", "--sql", "SELECT * FROM nowhere", **small)
    assert refused.code == 1
    assert "No plan" in refused.err

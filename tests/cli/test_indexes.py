"""``indexes`` as people and scripts call it."""

from __future__ import annotations

import asyncio

import asyncpg

from devora_console.config.secret import Dsn
from tests.cli.conftest import Run


def _execute(dsn: Dsn, *statements: str) -> None:
    async def go() -> None:
        conn = await asyncpg.connect(dsn.reveal())
        for statement in statements:
            await conn.execute(statement)
        await conn.close()

    asyncio.run(go())


def test_indexes(run: Run, empty_database: Dsn) -> None:
    environment = {"POSTGRES_DSN": empty_database.reveal()}
    nothing = run("indexes", "--json", **environment).json()
    assert (nothing["findings"], nothing["indexes"]) == ([], 0)
    _execute(
        empty_database,
        "CREATE TABLE t (a int, b int PRIMARY KEY)",
        'CREATE INDEX one ON t (a); CREATE INDEX "t[red]wo\n" ON t (a)',
    )
    text = run("indexes", **environment)
    assert text.code == 0
    assert "1 duplicate wastes" in text.out
    assert "same as one" in text.out
    assert 'DROP INDEX CONCURRENTLY public."t[red]wo' in text.out
    assert "kept" not in text.out
    assert "? suggested indexes: " in text.out
    assert "CREATE EXTENSION pg_stat_statements" in text.out
    assert "it is the primary key" in run("indexes", "--kept", **environment).out
    found = run("indexes", "--duplicate", "--json", **environment).json()
    assert [each["kind"] for each in found["findings"]] == ["duplicate"]
    assert found["findings"][0]["remedy_sql"] == 'DROP INDEX CONCURRENTLY public."t[red]wo\n";'
    assert {"stats_window", "notes", "headline", "thresholds"} <= found.keys()
    assert found["suggested"] is None  # nobody asked: planning statements is dear
    _execute(empty_database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one'::regclass")
    failed = run("indexes", "--all", "--json", **environment)
    assert failed.code == 1
    assert failed.json()["findings"][0]["kind"] == "invalid"


def test_suggested(run: Run, empty_database: Dsn) -> None:
    environment = {"POSTGRES_DSN": empty_database.reveal()}
    _execute(
        empty_database,
        "CREATE EXTENSION pg_stat_statements",
        "CREATE TABLE t (id int PRIMARY KEY, who int, what text)",
        "INSERT INTO t SELECT i, i % 2000, repeat('x', 300) FROM generate_series(1, 30000) i",
        "ANALYZE t",
        *["SELECT count(*), pg_sleep(0.021) FROM t WHERE who = 5"] * 50,
        *["SELECT count(*), pg_sleep(0.021) FROM t WHERE lower(what) = 'x'"] * 2,
    )
    asked = run("indexes", "--suggested", "--json", **environment)
    (finding,) = asked.json()["findings"]
    assert finding["remedy_sql"] == "CREATE INDEX CONCURRENTLY ON public.t (who);"
    assert finding["suggestion"]["gains"][0]["statement"]["calls"] == 50
    assert isinstance(finding["suggestion"]["gains"][0]["statement"]["queryid"], str)
    assert asked.json()["suggested"]["asked"] == 1
    text = run("indexes", **environment).out
    assert "(t: who)" in text
    assert "1 would gain by an index, 0 by none, 0 could not be judged" in " ".join(text.split())
    assert "1 index is suggested, by estimate" in " ".join(text.split())


def test_guide_and_measure(run: Run, empty_database: Dsn) -> None:
    environment = {"POSTGRES_DSN": empty_database.reveal()}
    _execute(empty_database, "CREATE TABLE t (a int PRIMARY KEY)", "CREATE SCHEMA s; CREATE TABLE s.u (a int)")
    _execute(empty_database, "CREATE INDEX twice ON t (a); CREATE INDEX twice ON s.u (a)")
    guided = run("indexes", "--guide", **environment)
    assert "42703" in guided.out
    assert "t_pkey" in guided.out
    absent = run("indexes", "--measure", "t_pkey", **environment)
    assert (absent.code, "CREATE EXTENSION pgstattuple" in absent.err) == (1, True)
    _execute(empty_database, "CREATE EXTENSION pgstattuple")
    assert "measurement" in run("indexes", "--measure", "s.twice", "--json", **environment).json()
    wrong = run("indexes", "--measure", "t_pkex", **environment)
    assert (wrong.code, "Did you mean t_pkey" in wrong.err) == (2, True)
    assert "several" in run("indexes", "--measure", "twice", **environment).err
    assert run("indexes", "--guide", "--unused", **environment).code == 2

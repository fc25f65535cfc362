"""What was written since a mark: counted exactly, on the oldest and the newest server, whatever vacuum did since."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.postgres.delta import TableDelta, export, mark, measure, read_mark, write_mark
from tests.postgres.conftest import execute

pytestmark = pytest.mark.matrix
_MADE = (
    "CREATE TABLE t (id int PRIMARY KEY, v text)",
    "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 1000) i",
    'CREATE TABLE "odd [name]" (id int)',
    "CREATE TABLE untouched AS SELECT * FROM t",
)
_WRITTEN = (
    "INSERT INTO t SELECT i, 'new' FROM generate_series(1001, 1010) i",
    "UPDATE t SET v = 'changed' WHERE id <= 5",
    "DELETE FROM t WHERE id BETWEEN 10 AND 12",
    'INSERT INTO "odd [name]" VALUES (1)',
)
_TRUTH = {"t": (1000, 1007, 15, 8), "odd [name]": (0, 1, 1, 0), "untouched": (1000, 1000, 0, 0)}


def _facts(found: tuple[TableDelta, ...]) -> dict[str, tuple[int, int, int, int]]:
    return {each.name: (each.before, each.now, each.written, each.lost) for each in found}


async def test_rows_written_since_a_mark(watched: Dsn, tmp_path: Path) -> None:
    await execute(watched, *_MADE)
    connection = await asyncpg.connect(watched.reveal())
    writer = await asyncpg.connect(watched.reveal())
    try:
        open_before = writer.transaction()
        await open_before.start()
        await writer.execute("INSERT INTO t VALUES (2000, 'in flight at the mark')")
        taken = await mark(connection)
        write_mark(tmp_path / "mark", taken)
        await open_before.commit()  # visible only after the mark, so it counts as written since
        assert read_mark(tmp_path / "mark") == taken
        await execute(watched, "DELETE FROM t WHERE id = 2000")
        assert all(each.written == 0 and each.lost == 0 for each in await measure(connection, taken))
        await execute(watched, *_WRITTEN)
        assert _facts(await measure(connection, taken)) == _TRUTH
        await execute(watched, "VACUUM (FREEZE, ANALYZE) t", "VACUUM FULL untouched")
        assert _facts(await measure(connection, taken)) == _TRUTH
        written = await export(connection, taken, tmp_path / "delta")
        assert written == {"t": 15, "odd [name]": 1}
        rows = [json.loads(line) for line in (tmp_path / "delta" / "t.jsonl").read_text().splitlines()]
        assert sorted(row["id"] for row in rows) == [1, 2, 3, 4, 5, *range(1001, 1011)]
        assert {each.name for each in (tmp_path / "delta").iterdir()} == {"t.jsonl", "odd [name].jsonl"}
    finally:
        await connection.close()
        await writer.close()


async def test_a_mark_of_another_database_is_refused(watched: Dsn, empty_database: Dsn, tmp_path: Path) -> None:
    one, other = await asyncpg.connect(watched.reveal()), await asyncpg.connect(empty_database.reveal())
    try:
        taken = await mark(one)
        with pytest.raises(ConsoleError, match="on another server"):
            await measure(other, taken)
    finally:
        await one.close()
        await other.close()
    (tmp_path / "mark").write_text("{")
    with pytest.raises(ConsoleError, match="is no mark"):
        read_mark(tmp_path / "mark")

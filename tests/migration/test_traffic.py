"""The demo's traffic: every statement of it works, and a verification finds nothing of what it wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from devora_console.demo import workload
from devora_console.demo.workload import traffic
from tests.migration.world import World, assert_verified, do, execute, fetch

_SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'devora-backend' AND datname = current_database()"
)


async def test_traffic_waits_reads_writes_and_ends(target: Dsn, folder: Path) -> None:
    with traffic(target):
        await _until(target, _SESSIONS, 5)
        assert (await fetch(target, "SELECT count(*) FROM search_queries"))[0][0] == 0  # nothing is filled yet
        await execute(target, World.of(20).write(folder))
        await _until(target, "SELECT count(*) FROM search_queries", 1)
        await _until(target, _SESSIONS, 5)
    await _until(target, _SESSIONS, 0)
    await assert_verified(target, folder)


@pytest.mark.parametrize("name", ["_read", "_write", "_burden", "_forget_to_commit", "_figures"])
async def test_every_statement_works(name: str, target: Dsn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that failed would end in the loop that connects again, and nobody would see it."""
    import asyncpg

    await execute(target, World.of(20).write(folder))
    await do(target, "INSERT INTO search_queries (query_text, search_type) VALUES ('x', 'projects')")

    async def at_once(seconds: float) -> None:
        return None

    monkeypatch.setattr("devora_console.demo.workload.asyncio.sleep", at_once)
    connection = await asyncpg.connect(target.reveal())
    await getattr(workload, name)(connection)
    await connection.close()


async def _until(target: Dsn, question: str, wanted: int) -> None:
    async with asyncio.timeout(20):
        while (found := (await fetch(target, question))[0][0]) < wanted or (wanted == 0 and found):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

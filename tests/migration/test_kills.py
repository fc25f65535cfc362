"""Killed at any instant, a migration goes on where it was, and ends as one that nobody touched.

The instants are drawn from the length of a run that was left alone, with a seed that a failure prints.
"""

# ruff: noqa: S608 - the names in these statements are our own

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from pymongo import MongoClient

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.demo.servers import DemoServers, for_database
from tests.migration import runner
from tests.migration.conftest import Another
from tests.migration.world import DATABASE, World, assert_verified, conversation, do, fetch, message, project, user
from tests.warm import SERVER

_DOCUMENTS = 400
_FEW, _MANY = {"source": 0}, 25  # seeds of a kind: in the plain run (or one: six kills in all), and with --all


def _seeds(kind: str) -> list[Any]:
    plain = _FEW.get(kind, 1)
    few = [pytest.param(f"{kind} {n}", id=f"{kind}-{n}") for n in range(plain)]
    more = [pytest.param(f"{kind} {n}", id=f"{kind}-{n}", marks=pytest.mark.slow) for n in range(plain, _MANY)]
    return few + more


def _world() -> World:
    """Enough for dozens of batches, with documents of every fate."""
    world = World.of(_DOCUMENTS)
    world.collections["users"] += [user(900, email="user3@example.org"), user(901, hashed_password=None)]
    world.collections["projects"] += [project(900, 900), project(901, 5000), project(902, 1, conversation_id="none")]
    world.collections["conversations"] += [
        conversation(900),
        conversation(903),
        conversation(904, messages=[message(1, 0), message(904, 1, timestamp="never")]),
        conversation(905, messages=[message(2, place) for place in range(3)]),
    ]
    world.collections["projects"].append(project(905, 2, conversation_id=conversation(905)["id"]))
    return world


@dataclass
class Running:
    """A migration in a process of its own; what it says goes into a file."""

    process: ForkServerProcess
    said: Path
    began: float
    seconds: float = 0.0

    async def end(self) -> str:
        """Its last word; empty when it was killed. Sets how many seconds it took."""
        await asyncio.to_thread(self.process.join)
        self.seconds = time.monotonic() - self.began
        last = (self.said.read_text().splitlines() or [""])[-1]
        self.said.unlink()
        return last.strip() if last.startswith("end") else ""


def _where(source: Path | Dsn) -> str:
    return source.reveal() if isinstance(source, Dsn) else str(source)


async def _start(target: Dsn, source: Path | Dsn, workers: int = 2) -> Running:
    said = Path(tempfile.mkstemp(prefix="devora-test-run-")[1])
    process = SERVER.Process(target=runner.main, args=(target.reveal(), _where(source), workers, str(said)))
    process.start()
    return Running(process, said, time.monotonic())


async def _state(target: Dsn) -> dict[str, list[str]]:
    """Every row of ours that a run leaves behind, without what tells runs and moments apart."""
    tables = {name: f"SELECT t::text FROM public.{name} t ORDER BY 1" for name in (
        "users", "projects", "project_files", "conversations", "messages", "invoices", "system_config",
    )}  # fmt: skip
    tables["document"] = (
        "SELECT row(collection, source_id, fate, target_table, pk, digest)::text FROM devora_console.document"
        " ORDER BY 1"
    )
    tables["quarantine"] = (
        "SELECT row(collection, source_id, path, rule, message, md5(raw_bson))::text FROM devora_console.quarantine"
        " WHERE resolved_at IS NULL ORDER BY 1"
    )
    tables["archive"] = (
        "SELECT row(collection, source_id, document::text, digest)::text FROM devora_console.archive ORDER BY 1"
    )
    return {name: [row[0] for row in await fetch(target, text)] for name, text in tables.items()}


async def _complete(target: Dsn, folder: Path | Dsn, expected: dict[str, list[str]]) -> None:
    """Rows, accounts, schema: as after a run that nobody touched."""
    found = await _state(target)
    for name, rows in expected.items():
        assert found[name] == rows, name
    assert await fetch(target, "SELECT * FROM devora_console.set_aside") == []
    assert await fetch(target, "SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
    connection = await asyncpg.connect(target.reveal())
    try:
        report = await schema.check(connection)
    finally:
        await connection.close()
    assert not report.drift
    await assert_verified(target, folder)


_REFERENCE: list[tuple[float, dict[str, list[str]]]] = []


async def _untouched(another: Another, folder: Path) -> tuple[float, dict[str, list[str]]]:
    """(seconds a run takes, what it leaves): the same for every test, so measured once in a process."""
    _world().write(folder)
    if not _REFERENCE:
        target = await another()
        running = await _start(target, folder)
        assert await running.end() == "end done"
        _REFERENCE.append((running.seconds, await _state(target)))
    return _REFERENCE[0]


@pytest.mark.parametrize("seed", _seeds("console"))
async def test_the_console_is_killed(seed: str, another: Another, folder: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - instants, not secrets
    seconds, expected = await _untouched(another, folder)
    target = await another()
    for _ in range(3):  # killed again while it goes on
        running = await _start(target, folder)
        await asyncio.sleep(chance.uniform(0.05, 1) * seconds)
        workers = (
            psutil.Process(running.process.pid).children(recursive=True) if running.process.exitcode is None else []
        )
        if running.process.exitcode is None:
            running.process.kill()
        await running.end()
        await _gone(workers)
    assert await (await _start(target, folder)).end() == "end done"
    await _complete(target, folder, expected)


async def _gone(processes: list[psutil.Process]) -> None:
    """Workers do not outlive their console."""
    async with asyncio.timeout(5):
        while any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", _seeds("worker"))
async def test_a_worker_is_killed(seed: str, another: Another, folder: Path) -> None:
    """The run goes on by itself."""
    chance = random.Random(seed)  # noqa: S311 - instants, not secrets
    seconds, expected = await _untouched(another, folder)
    target = await another()
    running = await _start(target, folder)
    until = time.monotonic() + chance.uniform(0.2, 0.9) * seconds
    killed = False
    while running.process.exitcode is None and not killed:
        await asyncio.sleep(0.005)
        if time.monotonic() < until:
            continue
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it may end just now
            for each in psutil.Process(running.process.pid).children():
                if "spawn_main" in " ".join(each.cmdline()):
                    os.kill(each.pid, signal.SIGKILL)
                    killed = True
                    break
    assert await running.end() == "end done"
    await _complete(target, folder, expected)


@pytest.mark.parametrize("seed", _seeds("server"))
async def test_postgres_is_killed(seed: str, own_servers: DemoServers, another: Another, folder: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - instants, not secrets
    seconds, expected = await _untouched(another, folder)
    admin = own_servers.postgres.dsn
    await do(admin, "CREATE DATABASE own")
    target = for_database(admin, "own")
    connection = await asyncpg.connect(target.reveal())
    await connection.execute("CREATE EXTENSION vector")
    await schema.apply(connection)
    await connection.close()
    for _ in range(2):
        running = await _start(target, folder)
        await asyncio.sleep(chance.uniform(0.2, 1) * seconds)
        own_servers.postgres.stop("immediate")
        said = await running.end()
        assert said.startswith(("end stopped postgres_", "end failed postgres_", "end done")), said
        own_servers.postgres.start()
    assert await (await _start(target, folder)).end() == "end done"
    await _complete(target, folder, expected)


@pytest.mark.parametrize("seed", _seeds("source"))
async def test_the_source_is_killed(seed: str, own_servers: DemoServers, another: Another) -> None:
    chance = random.Random(seed)  # noqa: S311 - instants, not secrets
    client: MongoClient[dict[str, Any]] = MongoClient(own_servers.mongo.url.reveal())
    for name, documents in _world().collections.items():
        client[DATABASE][name].insert_many([dict(each) for each in documents if isinstance(each, dict)])
    client.close()
    whole = await another()
    running = await _start(whole, own_servers.mongo.url)
    assert await running.end() == "end done"
    seconds, expected = running.seconds, await _state(whole)
    target = await another()
    for _ in range(2):
        running = await _start(target, own_servers.mongo.url)
        await asyncio.sleep(chance.uniform(0.1, 1) * seconds)
        own_servers.mongo.stop()
        said = await running.end()
        assert said.startswith(("end stopped mongo_", "end failed mongo_", "end done")), said
        own_servers.mongo.start()
    assert await (await _start(target, own_servers.mongo.url)).end() == "end done"
    await _complete(target, own_servers.mongo.url, expected)

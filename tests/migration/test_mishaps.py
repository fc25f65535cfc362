"""Full disks, cut lines, lost cursors, documents that move, clocks that jump: a clear state, mended by the next run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.core import clock
from devora_console.core.problems import ExitCode
from devora_console.demo.account import server_account
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.migration.control import Control
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State
from devora_console.migration.report import gather, markdown
from devora_console.migration.steering import status
from devora_console.postgres.connect import connection
from tests.migration.failing import Interrupted, fails, interrupted, recovers, whole
from tests.migration.world import (
    DATABASE,
    World,
    assert_verified,
    conversation,
    do,
    execute,
    fetch,
    message,
    settings,
    user,
)


@pytest.fixture
def passing() -> Iterator[DemoServers]:
    """Servers of this test alone: what is on a file system that goes cannot be left to others."""
    with DemoServers(temporary_home(), durable=False) as servers:
        yield servers


def _mount(*options: str, program: str = "mount") -> bool:
    return subprocess.run([program, *options], check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    place = open_folder / "small"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system takes root")
    if not _mount("-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)):
        pytest.skip("this machine lets nobody mount")
    account = server_account()
    if account is not None:
        os.chown(place, account.uid, account.gid)
    yield place
    assert _mount("-l", str(place), program="umount")


@pytest.mark.parametrize("bulk", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_the_targets_disk_is_full(bulk: bool, small_disk: Path, passing: DemoServers, folder: Path) -> None:
    world = World.of(30)
    world.collections["conversations"] += [
        conversation(
            100 + n, messages=[message(100 + n, at, content="x" * 50 + os.urandom(9000).hex()) for at in range(3)]
        )
        for n in range(900)
    ]
    world.write(folder)
    admin = passing.postgres.dsn
    await do(admin, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    await do(admin, "CREATE DATABASE own TABLESPACE small")
    target = for_database(admin, "own")
    setup = await asyncpg.connect(target.reveal())
    await schema.apply(setup)
    await setup.close()
    error = await fails(target, folder, batch_bytes=500_000, bulk=bulk)
    assert (error.exit_code, error.problem.code) == (ExitCode.STOPPED, "postgres_disk_full")
    assert "room" in error.problem.remedy
    found = await fetch(target, "SELECT count(*) FROM conversations")
    assert 0 < found[0][0] < 900
    assert await asyncio.to_thread(_mount, "-o", "remount,size=400m", str(small_disk))
    await recovers(target, folder, batch_bytes=500_000, bulk=bulk, resume=True)
    # The server must be gone before its file system is.
    passing.stop()


class Line:
    """A line to PostgreSQL that is cut, for everybody, once so many bytes have gone up it."""

    def __init__(self, target: Dsn) -> None:
        parts = urlsplit(target.reveal())
        asked = parse_qs(parts.query)
        where = asked.get("host", [parts.hostname or ""])[0]
        port = int(asked.get("port", [parts.port or 5432])[0])
        self._there = (where, port)
        self._left: int | None = None
        self._ends: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.dsn = Dsn(
            f"{parts.scheme}://{parts.username}:{parts.password}@127.0.0.1:{self._door.getsockname()[1]}{parts.path}"
        )
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_after(self, count: int) -> None:
        """From now on."""
        self._left = count

    def close(self) -> None:
        """Nobody comes through any more."""
        self._door.close()
        self._cut()

    def _cut(self) -> None:
        for each in self._ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._ends, self._left = [], None

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._door.accept()
                host, port = self._there
                there = socket.socket(socket.AF_UNIX if host.startswith("/") else socket.AF_INET)
                there.connect(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port))
                self._ends += [here, there]
                for one, other, up in ((here, there, True), (there, here, False)):
                    threading.Thread(target=self._pump, args=(one, other, up), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(8192):
                if up and self._left is not None:
                    self._left -= len(data)
                    if self._left <= 0:
                        other.sendall(data[: len(data) // 2])
                        self._cut()
                        return
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("workers", "upto"),
    [(0, 3_000), (2, 90_000)]
    + [pytest.param(*each, marks=pytest.mark.slow) for each in ((2, 3_000), (0, 30_000), (2, 30_000), (0, 90_000))],
)
async def test_the_line_is_cut_in_the_middle_of_a_copy(workers: int, upto: int, target: Dsn, folder: Path) -> None:
    World.of(120).write(folder)
    line = Line(target)
    try:
        control = Interrupted(lambda: line.cut_after(upto), phase=Phase.WRITE)
        error = await fails(line.dsn, folder, control, workers=workers, batch_bytes=30_000, bulk=True)
    finally:
        line.close()
    assert error.exit_code is ExitCode.STOPPED
    assert error.problem.code in ("postgres_lost", "postgres_unreachable")  # a worker may just be about to connect
    await whole(target)
    await recovers(target, folder, batch_bytes=30_000, resume=True)


async def test_silence_on_the_line_is_noticed(target: Dsn) -> None:
    """Both ends ask after one another: a network that drops everything ends the session, and with it the lease."""
    line = Line(target)
    try:
        async with connection(line.dsn, purpose="test") as opened:
            raw: socket.socket = opened._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 10
    finally:
        line.close()


def _filled(servers: DemoServers, count: int, bulk: int = 0) -> MongoClient[dict[str, Any]]:
    client: MongoClient[dict[str, Any]] = MongoClient(servers.mongo.url.reveal())
    for name, documents in World.of(count).collections.items():
        client[DATABASE][name].insert_many([{**d, "bulk": "x" * bulk} for d in documents if isinstance(d, dict)])
    return client


@pytest.mark.parametrize("more", [150, pytest.param(500, marks=pytest.mark.slow)])
async def test_the_sources_cursor_is_lost(more: int, own_servers: DemoServers, another: Any) -> None:
    """As after ten idle minutes, or a restart: the server no longer knows how far we were, but we do."""
    target = await another()
    client = _filled(own_servers, 60)
    client[DATABASE]["users"].insert_many([user(1000 + number, bulk="x" * 60_000) for number in range(more)])
    client.close()

    def restart() -> None:
        own_servers.mongo.stop()
        own_servers.mongo.start()

    control = Interrupted(restart, 70, Phase.SURVEY)
    done = await interrupted(target, own_servers.mongo.url, control, batch_bytes=100_000).run()
    assert control.done
    assert next(each.migrated for each in done.collections if each.name == "users") == 60 + more
    await assert_verified(target, own_servers.mongo.url, batch_bytes=10**6)


@pytest.mark.slow
@pytest.mark.parametrize("after", [40, 0, 130])
async def test_documents_are_deleted_and_grow_while_they_are_read(
    after: int, own_servers: DemoServers, another: Any
) -> None:
    target = await another()
    client = _filled(own_servers, 60, 40_000)
    users, talks = client[DATABASE]["users"], client[DATABASE]["conversations"]

    def change() -> None:
        for number in (1, 30, 59):
            grown = [message(number, place) for place in range(4)]
            talks.replace_one(
                {"_id": conversation(number)["_id"]}, conversation(number, messages=grown, bulk="y" * 900_000)
            )
            client[DATABASE]["invoices"].delete_many({"user_id": users.find_one({}, skip=number)["id"]})  # type: ignore[index]
        talks.delete_one({"_id": conversation(45)["_id"]})

    job = interrupted(target, own_servers.mongo.url, Interrupted(change, after, Phase.SURVEY), batch_bytes=50_000)
    done = await job.run()
    assert done.state is State.DONE
    await whole_but_grown(target)
    await recovers(target, own_servers.mongo.url, prune=True, batch_bytes=10**6)
    counted = await fetch(target, "SELECT (SELECT count(*) FROM invoices), (SELECT count(*) FROM messages)")
    assert tuple(counted[0]) == (57, 59 * 3 + 3)
    client.close()


async def whole_but_grown(target: Dsn) -> None:
    """Of no conversation there is a part only: three messages, or the four it has grown to."""
    found = await fetch(target, "SELECT DISTINCT count(*) FROM messages GROUP BY conversation_id")
    assert {row[0] for row in found} <= {3, 4}


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_the_clock_jumps(jump: timedelta, target: Dsn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates and times come from a clock that cannot be set; what is dated by the other is never negative."""
    World.of(60).write(folder)
    seen: list[MigrationSnapshot] = []
    right = clock.utc_now

    def act() -> None:
        for module in ("job", "record", "control", "report", "verify", "watermark"):
            monkeypatch.setattr(f"devora_console.migration.{module}.utc_now", lambda: right() + jump, raising=False)

    job = Job(Kind.EXECUTE, settings(target, folder, batch_bytes=600), seen.append)
    job.control = Interrupted(act, 40)
    assert (await job.run()).state is State.DONE
    for each in seen:
        assert all(0 <= phase.seconds < 60 for phase in each.phases)
        assert each.as_of is not None
    async with connection(target, purpose="test") as opened:
        report = await gather(opened, None)
        text = markdown(report)
        found = await status(opened)
    assert found.state == "done"
    assert " -" not in text.split("## ")[0], text
    await assert_verified(target, folder)


async def test_a_cancelled_job_says_that_it_has_stopped(target: Dsn, folder: Path) -> None:
    World.of(40).write(folder)
    job = interrupted(target, folder, Interrupted(lambda: task.cancel(), 20))  # noqa: PLW0108 - there is none yet
    task: asyncio.Task[MigrationSnapshot] = asyncio.create_task(job.run())
    with pytest.raises(asyncio.CancelledError):
        await task
    states = [row[0] for row in await fetch(target, "SELECT state FROM devora_console.run")]
    assert states == ["stopped"]
    await whole(target)
    await recovers(target, folder, resume=True)


@pytest.mark.slow
async def test_children_of_a_parent_that_got_another_key(target: Dsn, folder: Path) -> None:
    """A load that was cut off meets a parent under another key, and children that have vanished: it says what helps."""
    world = World.of(40)
    world.write(folder)
    control = Control()

    def report(snapshot: MigrationSnapshot) -> None:
        if snapshot.phase is Phase.VECTORS or snapshot.phase is Phase.INDEXES:
            control.stop()

    job = Job(Kind.EXECUTE, settings(target, folder, bulk=True), report)
    job.control = control
    with contextlib.suppress(Exception):
        await job.run()
    world.get("users", 7)["id"] = world.get("users", 7)["id"].replace("-5", "-4", 1)
    for name in ("projects", "invoices", "conversations"):
        world.collections[name] = [d for n, d in enumerate(world.collections[name]) if n != 7]
    world.write(folder)
    error = await fails(target, folder, bulk=True)
    assert (error.exit_code, error.problem.code) == (ExitCode.NEGATIVE, "foreign_key_violated")
    assert "--prune" in error.problem.remedy
    await execute(target, folder, bulk=True, prune=True)
    await assert_verified(target, folder, prune=True)

"""However the console ends, its servers end too; and what a dead one left is put away, a living one's not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.lifecycle import Ended, end_on_signals
from devora_console.demo.processes import ProcessMark, alive, mark_of, own_mark, wait_gone
from devora_console.demo.servers import DemoServers, temporary_home
from tests.eventually import eventually

_SCRIPT = Path(__file__).with_name("console_process.py")


async def _ask(dsn: str, question: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Console:
    """A running ``console_process.py``: its process, what it said, and marks of its two servers."""

    process: subprocess.Popen[str]
    home: Path
    postgres: str
    mongo: str
    servers: tuple[ProcessMark, ...]


StartConsole = Callable[..., Console]


@pytest.fixture
def start_console() -> Iterator[StartConsole]:
    """``start_console(home_or_"temporary", *options)``: ended after the test if it still runs."""
    started: list[Console] = []

    def start(*arguments: str | Path) -> Console:
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said = json.loads(line)
        marks = tuple(mark for pid in said["pids"] if (mark := mark_of(pid)) is not None)
        assert len(marks) == 2
        started.append(Console(process, Path(said["home"]), said["postgres"], said["mongo"], marks))
        return started[-1]

    yield start
    for console in started:
        if console.process.poll() is None:
            console.process.terminate()
        console.process.communicate(timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start puts away")
def test_kill_9_ends_both_servers_busy_ones_too(start_console: StartConsole) -> None:
    console = start_console("temporary")
    loop = ServiceLoop("test")
    connection = loop.call(asyncpg.connect(console.postgres))
    client: MongoClient[dict[str, Any]] = MongoClient(console.mongo, serverSelectionTimeoutMS=200)
    try:
        loop.call(connection.execute("BEGIN; CREATE TABLE half_done (id int)"))
        client["shop"]["things"].insert_one({"_id": 1})
        with client["shop"]["things"].watch(max_await_time_ms=500) as stream:
            assert stream.try_next() is None
            console.process.kill()
            began = time.monotonic()
            assert all(wait_gone(mark, 3 - (time.monotonic() - began)) for mark in console.servers)
    finally:
        loop.close()
        client.close()
    # The home of a killed console is removed by the next demo, which need not be the same one.
    assert console.home.is_dir()
    with DemoServers(temporary_home()):
        assert eventually(lambda: not console.home.exists())  # another demo may be at it


@pytest.mark.parametrize(
    ("signum", "code"),
    [(signal.SIGTERM, 0), pytest.param(signal.SIGHUP, 0, marks=pytest.mark.slow), (signal.SIGINT, 130)],
    ids=str,
)
def test_a_signal_ends_the_servers_and_removes_the_temporary_home(
    start_console: StartConsole, signum: int, code: int
) -> None:
    console = start_console("temporary")
    began = time.monotonic()
    console.process.send_signal(signum)
    console.process.send_signal(signum if signum == signal.SIGHUP else 0)  # a closing terminal sends two
    assert console.process.wait(timeout=10) == code
    assert time.monotonic() - began < 5
    assert not any(alive(mark) for mark in console.servers)
    assert not console.home.exists()


def test_a_second_demo_in_a_living_one_s_home_is_refused(start_console: StartConsole, open_folder: Path) -> None:
    console = start_console(open_folder / "home")
    with pytest.raises(ConsoleError) as caught:
        DemoServers(console.home).start()
    assert caught.value.exit_code == ExitCode.REFUSED
    assert str(console.process.pid) in caught.value.problem.message
    assert all(alive(mark) for mark in console.servers)


def test_nor_may_the_same_process_use_a_home_twice(open_folder: Path) -> None:
    with DemoServers(open_folder / "home") as demo:
        with pytest.raises(ConsoleError) as caught:
            DemoServers(open_folder / "home").start()
        assert caught.value.exit_code == ExitCode.REFUSED
        assert demo.postgres.running
    with DemoServers(open_folder / "home") as demo:
        assert demo.postgres.running


def test_a_dead_owner_s_servers_are_ended_by_the_next_start(start_console: StartConsole, open_folder: Path) -> None:
    """As where the kernel tells nobody: servers outlive their console, here a zombie in the meantime."""
    console = start_console(open_folder / ("home" * 30), "detached")  # long: a socket directory of its own
    asyncio.run(_ask(console.postgres, "CREATE TABLE kept AS SELECT 1 AS one"))
    sockets = Path(asyncio.run(_ask(console.postgres, "SHOW unix_socket_directories")))
    console.process.kill()
    time.sleep(0.3)
    assert all(alive(mark) for mark in console.servers)
    with DemoServers(console.home) as demo:
        assert not any(alive(mark) for mark in console.servers)
        assert not sockets.exists()
        assert asyncio.run(_ask(demo.postgres.dsn.reveal(), "SELECT one FROM kept")) == 1


@pytest.mark.slow
def test_a_dead_owner_s_temporary_home_goes_and_a_living_one_s_stays(start_console: StartConsole) -> None:
    dead, living = start_console("temporary", "detached"), start_console("temporary")
    dead.process.kill()
    dead.process.wait()
    said: list[str] = []
    with DemoServers(temporary_home(), narrate=said.append):
        assert not dead.home.exists()
        assert not any(alive(mark) for mark in dead.servers)
        assert living.home.is_dir()
        assert all(alive(mark) for mark in living.servers)
    assert any(str(dead.home) in line for line in said)


def test_a_number_that_another_process_has_now_is_not_ended(open_folder: Path) -> None:
    bystander = subprocess.Popen(["/bin/sleep", "60"])
    try:
        home = open_folder / "home"
        home.mkdir(mode=0o711)
        home.chmod(0o711)
        earlier = {"pid": bystander.pid, "born": "another time"}
        record = {"owner": earlier, "temporary": False, "servers": {"postgres": earlier}, "sockets": None}
        (home / "owner.json").write_text(json.dumps(record))
        with DemoServers(home) as demo:
            assert demo.postgres.running
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_damaged_owner_file_is_named(open_folder: Path) -> None:
    (open_folder / "owner.json").write_text('{"owner": 3')
    with pytest.raises(ConsoleError, match=r"owner\.json cannot be understood") as caught:
        DemoServers(open_folder).start()
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["/bin/sleep", "60"])
    mark = mark_of(process.pid)
    assert mark is not None
    assert alive(mark)
    process.kill()
    assert wait_gone(mark, 2)
    os.kill(process.pid, 0)  # still there, as a zombie
    assert not alive(mark)
    process.wait()
    assert alive(own_mark())


def test_end_on_signals_raises_once_and_restores_what_it_found() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    cleaned = []

    def be_ended() -> None:
        with end_on_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            finally:
                os.kill(os.getpid(), signal.SIGHUP)
                time.sleep(0.05)
                cleaned.append(True)

    with pytest.raises(Ended) as caught:
        be_ended()
    assert cleaned
    assert caught.value.signal == signal.SIGTERM
    assert not isinstance(caught.value, Exception)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_end_on_signals_leaves_ignored_signals_ignored() -> None:
    found = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, found)

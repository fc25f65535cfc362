"""The embedded servers: start, stop, data that stays, settings, and folders that cannot be used."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.processes import mark_of, wait_gone
from devora_console.demo.servers import DemoServers, Endpoints, for_database, temporary_home
from tests.eventually import eventually


async def _answer(dsn: str, question: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def _ask(dsn: str, question: str) -> Any:
    return asyncio.run(_answer(dsn, question))


def test_start_gives_two_servers_that_answer_and_stop_ends_both() -> None:
    said: list[str] = []
    demo = DemoServers(temporary_home(), narrate=said.append)
    began = time.monotonic()
    endpoints = demo.start()
    assert time.monotonic() - began < 3
    marks = [mark_of(pid) for pid in (demo.postgres.pid, demo.mongo.pid) if pid is not None]
    assert len(marks) == 2
    assert None not in marks

    assert _ask(endpoints.postgres.reveal(), "SHOW server_version").startswith("18.")
    settings = {
        "listen_addresses": "",
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "all",
        "track_io_timing": "on",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
        "synchronous_commit": "on",
        "fsync": "on",
    }
    for name, value in settings.items():
        assert _ask(endpoints.postgres.reveal(), f"SHOW {name}") == value
    client: MongoClient[dict[str, Any]] = MongoClient(endpoints.mongo.reveal())
    client["shop"]["things"].insert_one({"_id": 1})
    assert client["shop"]["things"].count_documents({}) == 1
    client.close()

    began = time.monotonic()
    demo.stop()
    assert time.monotonic() - began < 5
    assert not any(mark is not None and mark_of(mark.pid) == mark for mark in marks)
    assert not demo.home.exists()
    demo.stop()  # once more does no harm
    assert any(line.startswith("starting PostgreSQL 18.") for line in said)
    assert any("PostgreSQL" in line and line.endswith(" s") for line in said)
    assert any("nx-27017" in line for line in said)


def test_a_kept_home_keeps_data_and_password(open_folder: Path) -> None:
    home = open_folder / "kept" / "here"
    with DemoServers(home) as demo:
        first = demo.postgres.dsn
        _ask(first.reveal(), "CREATE TABLE kept AS SELECT 42 AS answer")
        with MongoClient[dict[str, Any]](demo.mongo.url.reveal()) as client:
            client["shop"]["things"].insert_one({"_id": 7})
    assert home.is_dir()
    with DemoServers(home) as demo:
        assert demo.postgres.dsn == first
        assert _ask(demo.postgres.dsn.reveal(), "SELECT answer FROM kept") == 42
        with MongoClient[dict[str, Any]](demo.mongo.url.reveal()) as client:
            assert client["shop"]["things"].find_one() == {"_id": 7}


def test_a_killed_or_stopped_server_starts_again_on_its_own(open_folder: Path) -> None:
    with DemoServers(open_folder / "home") as demo:
        dsn, url = demo.postgres.dsn, demo.mongo.url
        _ask(dsn.reveal(), "CREATE TABLE durable AS SELECT 1 AS one")
        for pid in (demo.postgres.pid, demo.mongo.pid):
            assert pid is not None
            mark = mark_of(pid)
            os.kill(pid, signal.SIGKILL)
            assert mark is not None
            assert wait_gone(mark, 3)
        # The first thread of a killed process is gone before the last one.
        assert eventually(lambda: not demo.postgres.running and not demo.mongo.running)
        demo.start()
        assert (demo.postgres.dsn, demo.mongo.url) == (dsn, url)
        assert _ask(dsn.reveal(), "SELECT one FROM durable") == 1
        demo.postgres.stop("immediate")
        assert demo.postgres.pid is None
        with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
            _ask(dsn.reveal(), "SELECT 1")
        demo.postgres.start()
        assert _ask(dsn.reveal(), "SELECT one FROM durable") == 1


def test_servers_outlive_the_thread_that_started_them(open_folder: Path) -> None:
    demo = DemoServers(open_folder / "home")
    thread = threading.Thread(target=demo.start)
    thread.start()
    thread.join()
    time.sleep(0.3)  # the kernel tells the children of a thread at its end
    try:
        assert demo.mongo.running
        assert _ask(demo.postgres.dsn.reveal(), "SELECT 1") == 1
    finally:
        demo.stop()


def test_preload_is_what_was_asked_for(open_folder: Path) -> None:
    with DemoServers(open_folder / "home", preload=("pg_stat_statements", "auto_explain")) as demo:
        preload = _ask(demo.postgres.dsn.reveal(), "SHOW shared_preload_libraries")
        assert preload == "pg_stat_statements,auto_explain"
    with DemoServers(open_folder / "home", preload=()) as demo:
        assert _ask(demo.postgres.dsn.reveal(), "SHOW shared_preload_libraries") == ""


@pytest.mark.parametrize(
    "name", ["long" * 40, "ünïcode %41, with 'quotes' \"here\"&host=x"], ids=["too long for a socket", "odd"]
)
def test_homes_whose_path_does_not_suit_a_socket(open_folder: Path, name: str) -> None:
    demo = DemoServers(open_folder / name)
    endpoints = demo.start()
    try:
        assert _ask(endpoints.postgres.reveal(), "SELECT 1") == 1
        sockets = Path(_ask(endpoints.postgres.reveal(), "SHOW unix_socket_directories"))
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= 103
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        done = subprocess.run(
            [endpoints.postgres_bin / "psql", "-Atc", "SELECT 2"],
            env=os.environ
            | {"PGHOST": str(sockets), "PGUSER": "postgres", "PGPORT": "5432"}
            | {"PGPASSWORD": demo.postgres.password.reveal()},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "2\n"
    finally:
        demo.stop()
    assert not sockets.exists() or sockets.is_relative_to(demo.home)


def test_the_password_is_private_and_in_no_command_line(open_folder: Path) -> None:
    """All command lines of the machine are watched while the cluster is made, too."""
    lines: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    lines.add(file.read_bytes())
                except OSError:
                    continue

    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    watcher = threading.Thread(target=watch)
    watcher.start()
    with DemoServers(open_folder / "home") as demo:
        file = demo.home / "password"
        password = file.read_text().strip().encode()
        done.set()
        watcher.join()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(password) >= 24
        assert any(b"initdb" in line for line in lines)
        assert not any(password in line for line in lines)
        assert password.decode() not in f"{demo.postgres.dsn} {demo.postgres.dsn!r} {demo.start()!r}"
        assert not (demo.home / ".initdb-password").exists()


def test_a_folder_with_other_files_is_refused_and_left_alone(open_folder: Path) -> None:
    (open_folder / "thesis.txt").write_text("mine")
    with pytest.raises(ConsoleError, match="not a demo's") as caught:
        DemoServers(open_folder).start()
    assert caught.value.exit_code == ExitCode.USAGE
    assert str(open_folder) in caught.value.problem.message
    assert [path.name for path in open_folder.iterdir()] == ["thesis.txt"]


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_running(open_folder: Path) -> None:
    demo = DemoServers(open_folder / "home", preload=("no_such_library",))
    with pytest.raises(ConsoleError, match="no_such_library") as caught:
        demo.start()
    assert caught.value.exit_code == ExitCode.CONNECT
    assert "\n" not in str(caught.value)
    assert not demo.postgres.running
    assert not demo.mongo.running
    with DemoServers(open_folder / "home") as again:
        assert again.postgres.running


def test_a_terminal_that_is_gone_does_not_keep_the_servers_running() -> None:
    def narrate(line: str) -> None:
        if line.startswith("stopping"):
            raise BrokenPipeError(32, "Broken pipe")

    demo = DemoServers(temporary_home(), narrate=narrate)
    demo.start()
    demo.stop()
    assert not demo.postgres.running
    assert not demo.mongo.running
    assert not demo.home.exists()


@pytest.mark.slow
def test_a_half_made_cluster_is_made_again(open_folder: Path) -> None:
    home = open_folder / "home"
    with DemoServers(home):
        pass
    (home / "postgres").rename(home / "postgres.new")  # as when the console was killed during initdb
    with DemoServers(home) as demo:
        assert demo.postgres.running
    assert not (home / "postgres.new").exists()


def test_another_major_version_is_refused(open_folder: Path) -> None:
    home = open_folder / "home"
    with DemoServers(home):
        pass
    (home / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConsoleError, match="PostgreSQL 15") as caught:
        DemoServers(home).start()
    assert caught.value.exit_code == ExitCode.USAGE


async def test_fixtures_give_databases_of_their_own(
    servers: Endpoints, empty_database: Any, template_database: Any, database_from: Any, mongo_database: str
) -> None:
    prepared = 0

    async def prepare(dsn: Any) -> None:
        nonlocal prepared
        prepared += 1
        await _answer(dsn.reveal(), "CREATE TABLE inherited AS SELECT 5 AS five")

    template = await template_database("fixture_check", prepare)
    assert await template_database("fixture_check", prepare) == template
    assert prepared == 1
    one, other = await database_from(template), await database_from(template)
    assert one != other
    await _answer(one.reveal(), "UPDATE inherited SET five = 6")
    assert await _answer(other.reveal(), "SELECT five FROM inherited") == 5
    assert await _answer(empty_database.reveal(), "SELECT to_regclass('inherited')") is None
    assert empty_database == for_database(servers.postgres, empty_database.reveal().split("/")[3].split("?")[0])
    assert mongo_database.startswith("test_")

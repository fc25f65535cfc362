"""The site when things die, collide, or are asked for at the worst moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.config.conninfo import parse, to_address
from devora_console.config.secret import Dsn
from devora_console.core.loop import ServiceLoop
from devora_console.demo.processes import ProcessMark, alive, mark_of, wait_gone
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.demo.site.place import SERVICES
from devora_console.demo.site.site import Site
from devora_console.demo.site.traffic import written
from devora_console.demo.site.visitor import Visitor
from devora_console.demo.site.web import FAILURES, ask
from devora_console.migration.progress import Kind
from tests.demo.conftest import LOGIN, PASSWORD, Stage, fetch, prepare
from tests.eventually import eventually
from tests.migration.world import World, run


def _marks(stage: Stage) -> dict[str, ProcessMark]:
    found = {name: stage.site.place.run(name) for name in SERVICES}
    return {name: each.mark for name, each in found.items() if each is not None and alive(each.mark)}


def _servers(stage: Stage) -> list[int]:
    """Every process of the site, whether it says so or not."""
    import psutil

    folder = str(stage.site.place.folder)
    words = {p.pid: p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])}
    return sorted(pid for pid, line in words.items() if folder in line and "--folder" not in line)


def test_a_killed_app_and_a_killed_front_come_back_as_they_were(standing: Stage) -> None:
    site = standing.site
    standing.did("maintenance", "on")
    before = _marks(standing)
    os.kill(before["front"].pid, signal.SIGKILL)
    os.kill(before["blue"].pid, signal.SIGKILL)
    assert all(wait_gone(mark, 3) for mark in before.values())
    standing.refused("status")
    assert "does not answer" in standing.refused("smoke")
    assert "the front does not answer" in standing.refused("maintenance", "off")
    standing.did("maintenance", "status", "--expect", "off")
    standing.did("start")
    assert "everything runs already" in standing.did("start")
    assert ask(site.front_url + "/").status == 200
    os.kill(_marks(standing)["blue"].pid, signal.SIGKILL)
    assert eventually(lambda: ask(site.front_url + "/").status == 502, 30)
    standing.did("recreate")
    standing.did("status")
    standing.did("stop")
    assert "nothing ran" in standing.did("stop")
    assert not _servers(standing)


def test_two_scripts_at_once_leave_one_of_each(standing: Stage) -> None:
    words = [("recreate",), ("restart",), ("start",)]
    with ThreadPoolExecutor(len(words)) as threads:
        ended = list(threads.map(lambda each: standing.site.call(*each), words))
    assert [each.returncode for each in ended] == [0] * len(words), ended
    assert _servers(standing) == sorted(mark.pid for mark in _marks(standing).values())
    assert len(_servers(standing)) == 2


@pytest.mark.slow
def test_another_environment_that_cannot_work_is_said_and_can_be_taken_back(made: Stage, tmp_path: Path) -> None:
    made.did("start")
    made.did("state", "--save", tmp_path / "state")
    env = made.site.place.env("blue.env")
    made.site.place.write_env("blue.env", {"APP_SECRET": env["APP_SECRET"]})
    assert "names no database" in made.refused("recreate")
    wrong = {**env, "POSTGRES_DSN": "postgresql://somebody:a-long-secret@/nowhere?port=x"}
    made.site.place.write_env("blue.env", wrong)
    said = made.refused("recreate", "--within", "2")
    assert "a-long-secret" not in said
    made.refused("status")
    made.did("switch", "mongo", "--from", tmp_path / "state")
    made.did("recreate")
    made.did("smoke", "--expect", "mongo")
    (tmp_path / "state").write_text("{}")
    assert "holds no saved state" in made.refused("switch", "mongo", "--from", tmp_path / "state")
    assert "is not there" in made.refused("switch", "mongo", "--from", tmp_path / "none")
    assert made.refused("switch", "mongo", code=2)


def test_flags_that_cannot_be_read_shut_the_site(standing: Stage) -> None:
    standing.site.place.path("flags.json").write_text("{")
    assert ask(standing.site.front_url + "/").status == 503
    assert ask(standing.site.app_url + "/health").json()["writes"] == "read-only"
    standing.refused("maintenance", "status", code=3)
    standing.did("maintenance", "off")
    assert ask(standing.site.front_url + "/").status == 200


def _kill_at(stage: Stage, command: tuple[str, ...], seconds: float) -> None:
    """Start the script and kill it (alone, as a shim would not) after so many seconds."""
    process = subprocess.Popen([stage.site.script, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "moments",
    [(0.2, 0.34), pytest.param(tuple(n / 50 for n in range(40)), marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_a_script_killed_at_any_moment_is_run_again(standing: Stage, moments: tuple[float, ...]) -> None:
    for moment in moments:
        standing.did("switch", "postgres")
        _kill_at(standing, ("recreate",), moment)
        standing.did("recreate")
        assert ask(standing.site.app_url + "/health").json()["backend"] == "postgres"
        assert eventually(lambda: len(_servers(standing)) == 2, 30)  # one that came too late ends by itself


def test_maintenance_lets_nothing_through_once_it_is_on(standing: Stage) -> None:
    """Twelve people write as fast as they can: whatever is acknowledged is there before the command returns."""
    email, ending = standing.site.place.about().email, threading.Event()
    seen: Counter[int] = Counter()
    acknowledged: list[str] = []

    def write_on() -> None:
        visitor = Visitor(standing.site.front_url)
        visitor.login(email)
        conversation = visitor.ask("/conversations").json()["conversations"][0]["id"]
        while not ending.is_set():
            answered = visitor.ask("/messages", "POST", {"conversation": conversation, "content": "vite"})
            seen[answered.status] += 1
            if answered.status == 201:
                acknowledged.append(answered.json()["id"])
            else:
                assert b"maintenance" in answered.body

    with ThreadPoolExecutor(12) as threads:
        people = [threads.submit(write_on) for _ in range(12)]
        try:
            assert eventually(lambda: seen[201] > 30, 30)
            standing.did("maintenance", "on")
            frozen = standing.ids()
            assert eventually(lambda: seen[503] > 60, 30)
        finally:
            ending.set()
        for each in people:
            each.result()
    assert standing.ids() == frozen
    assert set(acknowledged) <= frozen
    assert set(seen) == {201, 503}


@pytest.mark.slow
async def test_no_acknowledged_write_is_lost_on_the_way(stage: Stage) -> None:
    """Visitors all the while: before, through the switch, and after."""
    site = stage.site
    stage.did("traffic", "start")
    assert "already" in stage.did("traffic", "start")
    assert eventually(lambda: len(written(site.place)) >= 4, 30)
    stage.did("maintenance", "on")
    before = len(written(site.place))
    await run(Kind.EXECUTE, stage.owner, stage.mongo_url, database=stage.database)
    stage.did("switch", "postgres")
    stage.did("recreate")
    assert len(written(site.place)) - before <= 1  # acknowledged, and noted a moment later
    stage.did("maintenance", "off")
    assert eventually(lambda: len(written(site.place)) >= before + 3, 30)
    stage.did("traffic", "stop")
    stage.did("traffic", "stop")
    rows = await fetch(stage.owner, "SELECT id::text FROM messages")
    assert {each["id"] for each in written(site.place)} <= {row[0] for row in rows}
    assert {each["side"] for each in written(site.place)} == {"blue"}


@pytest.mark.slow
def test_a_database_that_stops_is_said_and_one_that_is_back_is_used(open_folder: Path) -> None:
    with DemoServers(temporary_home(), durable=False) as servers:
        client: MongoClient[dict[str, Any]] = MongoClient(servers.mongo.url.reveal())
        for name, documents in World.of().collections.items():
            client["shop"][name].insert_many(documents)  # type: ignore[arg-type]
        client.close()
        loop = ServiceLoop("test-site")
        loop.call(prepare(servers.postgres.dsn))
        loop.close()
        app = Dsn(to_address({**parse(servers.postgres.dsn.reveal()), "user": LOGIN, "password": PASSWORD}))
        with Site(open_folder / "site", servers.mongo.url, "shop", app) as site:
            assert site.call("deploy", "green").returncode == 0
            for url, server, kind in ((site.app_url, servers.mongo, "mongo"), (site.green_url, servers.postgres, "pg")):
                server.stop()
                down = ask(url + "/health", timeout=30)
                assert (down.status, down.json()["ok"]) == (503, False), kind
                assert down.json()["reason"], kind
                server.start()
                assert eventually(lambda url=url: ask(url + "/health", timeout=30).status == 200, 30), kind  # type: ignore[misc]


@pytest.mark.skipif(sys.platform == "win32", reason="the demo runs elsewhere")
def test_the_site_ends_with_its_owner_however_that_ends(made: Stage) -> None:
    """The owner is another process, which is killed: no signal of the kernel's reaches the site's processes."""
    owner = subprocess.Popen(["/bin/sleep", "60"])
    mark = mark_of(owner.pid)
    assert mark is not None
    about = made.site.place.about()
    made.site.place.write_about(replace(about, owner=mark))
    made.did("start")
    made.did("traffic", "start")
    marks = _marks(made)
    assert len(marks) == 3
    owner.kill()
    try:
        assert all(wait_gone(each, 5) for each in marks.values())
        assert "has ended" in made.refused("recreate")
        assert not _servers(made)
    finally:
        owner.wait()
    with pytest.raises(FAILURES):
        ask(made.site.front_url + "/")


@pytest.mark.slow
def test_a_site_made_again_keeps_what_it_was(stage: Stage) -> None:
    """As in a demo that is kept: the same ports and sessions, another owner, perhaps another address."""
    site = stage.site
    about, secret = site.place.about(), site.place.env("secrets.env")["APP_SECRET"]
    stage.did("switch", "postgres")
    site.close()
    assert "has ended" in stage.refused("recreate")
    with site:
        now = site.place.about()
        assert (now.ports, now.email, now.closed) == (about.ports, about.email, False)
        assert site.place.env("secrets.env")["APP_SECRET"] == secret
        # Started as it was created, which the changed environment is not.
        assert ask(site.app_url + "/health").json()["backend"] == "mongo"
        assert site.variables()["site"] == str(site.script)
    assert not _servers(stage)

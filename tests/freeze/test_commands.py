"""``source`` as people and scripts call it, on the servers of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.cli.entry import run as run_line
from devora_console.config.secret import Dsn
from devora_console.mongo.freeze.canary import COLLECTION
from devora_console.mongo.freeze.server import Login, connected, examine
from tests.cli.conftest import Ended, Run
from tests.freeze.double import Double, serving


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("source", "canary", MONGO_URL=...)`` in this process, in an empty home and directory."""
    for name in ("MONGO_URL", "DB_NAME", "ENVIRONMENT", "DEVORA_CONSOLE_CONFIG", "DEVORA_CONSOLE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path / "home"))

    def go(*arguments: str, **environment: str) -> Ended:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            code = run_line(arguments)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return go


@pytest.fixture
def source(mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str) -> dict[str, str]:
    """The environment that names a small source."""
    mongo_client[mongo_database].users.insert_many([{"_id": n, "name": f"u{n}"} for n in range(20)])
    return {"MONGO_URL": mongo_url.reveal(), "DB_NAME": mongo_database}


def test_a_server_that_cannot_block(
    run: Run, source: dict[str, str], mongo_client: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    database = source["DB_NAME"]
    with connected(Login(Dsn(source["MONGO_URL"]), "MONGO_URL"), 5) as client:
        if not examine(client, database).invents:
            pytest.skip("this server knows which commands it has")
    canary = run("source", "canary", "--json", **source)
    told = canary.json()
    assert (canary.code, told["frozen"], told["canary"]["removed"]) == (1, False, True)
    assert mongo_client[database].list_collection_names() == ["users"]
    assert COLLECTION not in mongo_client[database].list_collection_names()
    not_frozen = run("source", "freeze", "--record", "f.json", "--json", **source)
    assert not_frozen.code == 1
    assert (not_frozen.json()["frozen"], not_frozen.json()["how"]) == (False, "nothing")
    assert "maintenance mode is the freeze" in not_frozen.json()["problems"][0]["message"]
    accepted = run("source", "freeze", "--record", "f.json", "--maintenance-is-the-freeze", "--json", **source)
    assert accepted.code == 0
    assert (accepted.json()["how"], set(accepted.json()["frozen"])) == ("maintenance", {"unknown", "remedy"})
    assert json.loads((tmp_path / "f.json").read_text())["how"] == "maintenance"
    undone = run("source", "unfreeze", "--record", "f.json", **source)
    assert (undone.code, "nothing to undo" in undone.out) == (0, True)
    assert run("source", "unfreeze", "--record", "g.json", **source).code == 2
    never = run("source", "unfreeze", "--record", "g.json", "--if-recorded", **source)
    assert never.code == 0
    assert "there is no record g.json: nothing was blocked" in never.out
    writers = run("source", "writers", "--json", **source)
    assert (writers.code, set(writers.json()["writers"]["operations"])) == (3, {"unknown", "remedy"})


def test_silence(run: Run, source: dict[str, str], mongo_client: MongoClient[dict[str, Any]], tmp_path: Path) -> None:
    kept = run("source", "silence", "--seconds", "0.1", "--record", "s.json", "--json", **source)
    told = kept.json()
    assert (kept.code, told["silent"], told["changed"]) == (0, True, {})
    assert told["collections"]["users"]["documents"] == 20
    assert len(list((tmp_path / "home").rglob("silence-*.json"))) == 1
    mongo_client[source["DB_NAME"]].users.update_one({"_id": 3}, {"$set": {"name": "[red]late"}})
    late = run("source", "silence", "--against", "s.json", **source)
    assert (late.code, "users: same count (20), content changed" in late.out) == (1, True)
    (tmp_path / "mine.txt").write_text("mine")
    refused = run("source", "silence", "--seconds", "0.1", "--record", "mine.txt", **source)
    assert (refused.code, (tmp_path / "mine.txt").read_text()) == (2, "mine")


def test_the_guard_and_the_commands_on_users(run: Run, tmp_path: Path) -> None:
    with serving(Double()) as double:
        admin, app = double.urls()
        source = {
            "MONGO_URL": app,
            "DB_NAME": "devora_db",
            "DEVORA_CONSOLE__MONGO__ADMIN_URL": admin,
            "ENVIRONMENT": "production",
        }
        for words in (("freeze",), ("canary",), ("unfreeze",)):
            assert run("source", *words, **source).code == 4
        armed = ("--allow-writes", "--yes-i-typed", "devora_db")
        assert run("source", "canary", *armed, **source).code == 1
        frozen = run("source", "freeze", "--json", *armed, **source)
        assert (frozen.code, frozen.json()["frozen"], frozen.json()["how"]) == (0, True, "roles")
        assert frozen.json()["users"][0]["before"] == [{"role": "readWrite", "db": "devora_db"}]
        assert run("source", "canary", *armed, **source).code == 0
        assert run("source", "unfreeze", *armed, **source).code == 0
        assert run("source", "canary", *armed, **source).code == 1

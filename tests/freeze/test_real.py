"""Against a MongoDB with users, where DEVORA_TEST_MONGO_URL names one whose user may make others."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from devora_console.config.secret import Dsn
from devora_console.mongo.freeze.book import How, State
from devora_console.mongo.freeze.canary import Outcome, try_write
from devora_console.mongo.freeze.freezing import Order, freeze
from devora_console.mongo.freeze.server import Login, connected, examine
from devora_console.mongo.freeze.silence import Question, watch_silence
from devora_console.mongo.freeze.thawing import unfreeze


def test_there_and_back(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str, tmp_path: Path
) -> None:
    with connected(Login(mongo_url, "MONGO_URL"), 5) as client:
        server = examine(client, mongo_database)
    if server.invents or not server.accounts:
        pytest.skip("this server has no users")
    hosts = ",".join(f"{host}:{port}" for host, port in parse_uri(mongo_url.reveal())["nodelist"])
    word = secrets.token_hex(8)
    database = mongo_client[mongo_database]
    database.users.insert_one({"_id": 1})
    database.command("createUser", "app", pwd=word, roles=["readWrite"])
    try:
        app = Login(Dsn(f"mongodb://app:{word}@{hosts}/{mongo_database}"), "mongo.app_url")
        order = Order(
            Login(mongo_url, "mongo.admin_url"), app, mongo_database, 5.0, lambda identity: tmp_path / "freeze.json"
        )
        assert try_write(app, mongo_database, 5.0).outcome is Outcome.WENT_THROUGH
        found = freeze(order, lambda line: None)
        assert (found.frozen, found.how is How.WRITE_BLOCK) == (True, server.blocks_writes)
        assert watch_silence(Question(app, mongo_database, 5.0), 1.0, lambda line: None).silent is True
        thawed = unfreeze(order, lambda line: None)
        assert (thawed.left, thawed.book.state) == ((), State.UNDONE)
        assert try_write(app, mongo_database, 5.0).outcome is Outcome.WENT_THROUGH
    finally:
        database.command("dropUser", "app")

"""Filling a live MongoDB-protocol server."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.data import Scale, fill, generate, truth


def test_a_filled_database_holds_the_source(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    lines: list[str] = []
    told = fill(mongo_url.reveal(), mongo_database, Scale.SMALL, 6, narrate=lines.append)
    assert told == truth(Scale.SMALL, 6)
    expected: dict[str, list[dict[str, Any]]] = {}
    for collection, batch in generate(Scale.SMALL, 6):
        expected.setdefault(collection, []).extend(batch)
    database = mongo_client[mongo_database]
    assert set(database.list_collection_names()) == expected.keys()
    for collection, documents in expected.items():
        assert list(database[collection].find().sort("_id", 1)) == documents, collection
    assert lines[0] == "users: 150 documents"
    assert lines[-1].startswith("833 documents in ")


def test_a_database_that_is_not_empty_is_refused(
    mongo_url: Dsn, mongo_client: MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    mongo_client[mongo_database]["invoices"].insert_one({"_id": 1})
    with pytest.raises(ConsoleError) as caught:
        fill(mongo_url, mongo_database, Scale.SMALL, 6)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "invoices" in caught.value.problem.message
    assert mongo_client[mongo_database]["users"].find_one() is None


@pytest.mark.parametrize(
    ("url", "exit_code"),
    [
        ("mongodb://ana:s3cr%40t@127.0.0.1:1/?serverSelectionTimeoutMS=200", ExitCode.CONNECT),
        ("mongodb://ana:s3cr%40t@127.0.0.1:notaport/", ExitCode.USAGE),
        ("http://ana:s3cr%40t@127.0.0.1/", ExitCode.USAGE),
    ],
)
def test_a_useless_address_is_one_line_without_the_password(url: str, exit_code: ExitCode) -> None:
    with pytest.raises(ConsoleError) as caught:
        fill(url, "devora", Scale.SMALL, 1)
    assert caught.value.exit_code is exit_code
    assert "s3cr" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_impossible_database_name_is_refused(mongo_url: Dsn) -> None:
    with pytest.raises(ConsoleError) as caught:
        fill(mongo_url.reveal(), "dev ora", Scale.SMALL, 1)
    assert caught.value.exit_code is ExitCode.USAGE

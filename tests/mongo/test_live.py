"""A live server as a source."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.int64 import Int64
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.mongo.source import open_source

Client = MongoClient[dict[str, Any]]


def test_all_documents_to_the_byte(mongo_url: Dsn, mongo_client: Client, mongo_database: str) -> None:
    documents = [
        {"_id": n, "text": "é\x00" * (n % 50), "long": Int64(2**40 + n), "at": [{}, {"a": None}]} for n in range(2500)
    ]
    mongo_client[mongo_database].things.insert_many(documents)
    source = open_source(mongo_url, mongo_database)
    batches = list(source.batches("things", 20_000))
    found = [raw for batch in batches for raw in batch]
    assert len(found) == len(documents)
    assert set(found) == {bson.encode(document) for document in documents}
    assert all(sum(map(len, batch)) < 21_000 for batch in batches)
    (info,) = source.collections()
    assert (info.name, info.documents) == ("things", 2500)
    assert sorted(bson.decode(raw)["_id"] for raw in source.fetch("things", [5, 7, -1])) == [5, 7]
    assert list(source.batches("nothing", 10)) == []
    assert mongo_database in source.identity
    source.close()


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ConsoleError) as caught:
        open_source("mongodb://someone:hunter2@127.0.0.1:1", "x", timeout_seconds=0.2)
    assert caught.value.exit_code is ExitCode.CONNECT
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://h:x/", "mongodb://u:p@ss@h/", "mongodb://h/?x"])
def test_a_url_with_a_slip(url: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        open_source(url, "x", timeout_seconds=0.1)
    assert caught.value.exit_code in (ExitCode.USAGE, ExitCode.CONNECT)
    assert "\n" not in str(caught.value)

"""Reading a collection from a server that forgets its cursors: every document once, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from pymongo.errors import CursorNotFound

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.mongo.live import LiveSource

_COUNT = 130  # more than a reading that merely counted its tries would reach


@pytest.mark.parametrize("given", [1, 0])
def test_a_cursor_that_is_lost_again_and_again_loses_no_document(
    given: int,
    mongo_url: Dsn,
    mongo_client: MongoClient[dict[str, Any]],
    mongo_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mongo_client[mongo_database].things.insert_many([{"_id": f"{n:03}"} for n in range(_COUNT)])
    found = LiveSource._found

    def forgetful(self: LiveSource, collection: str, query: dict[str, Any], **how: Any) -> Iterator[list[bytes]]:
        """As many documents as ``given`` (and the one that ``min`` includes), then the cursor is gone."""
        for block in found(self, collection, query, **how):
            yield block[: given + ("min" in how)]
            if len(block) > given + ("min" in how):
                raise CursorNotFound("cursor id 7 not found")

    monkeypatch.setattr(LiveSource, "_found", forgetful)
    source = LiveSource(mongo_url, mongo_database)
    try:
        if given == 0:
            with pytest.raises(ConsoleError):
                list(source.batches("things", 1000))
            return
        read = [bson.decode(raw)["_id"] for batch in source.batches("things", 1000) for raw in batch]
        assert read == [f"{n:03}" for n in range(_COUNT)]
    finally:
        source.close()

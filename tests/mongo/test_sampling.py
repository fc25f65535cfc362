"""Choosing some documents of a live server, and saying how they were chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.synchronous.collection import Collection

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.mongo.sampling import Draw, SampleKind, ServerSampler
from devora_console.mongo.source import open_source

Client = MongoClient[dict[str, Any]]
Drawing = Callable[[int], tuple[Draw, list[int]]]


@pytest.fixture
def draw(mongo_url: Dsn, mongo_client: Client, mongo_database: str) -> Iterator[Drawing]:
    """``draw(size)`` of 300 documents: the draw, and the ``_id``s it gave."""
    mongo_client[mongo_database].things.insert_many([{"_id": n, "text": "é" * n} for n in range(300)])
    source = open_source(mongo_url, mongo_database)
    sampler = ServerSampler(mongo_url, mongo_database)

    def go(size: int) -> tuple[Draw, list[int]]:
        (info,) = source.collections()
        chosen = sampler.draw(source, info, size, 2000)
        return chosen, [bson.decode(raw)["_id"] for batch in chosen for raw in batch]

    yield go
    sampler.close()
    source.close()


def test_the_server_chooses_at_random(draw: Drawing) -> None:
    chosen, ids = draw(40)
    assert (chosen.kind, chosen.total) == (SampleKind.RANDOM, 300)
    assert len(ids) == len(set(ids)) == 40
    assert set(ids) <= set(range(300))
    assert sorted(ids) != sorted(draw(40)[1])


def test_a_collection_that_is_no_larger_is_read_whole(draw: Drawing) -> None:
    chosen, ids = draw(300)
    assert (chosen.kind, chosen.total) == (SampleKind.WHOLE, 300)
    assert sorted(ids) == list(range(300))


def test_a_document_that_is_chosen_twice_counts_once(draw: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    aggregate = Collection.aggregate

    class Doubled:
        """A cursor that gives everything twice."""

        def __init__(self, cursor: Any) -> None:
            self._documents = [document for document in cursor for _ in range(2)]

        def __enter__(self) -> Doubled:
            return self

        def __iter__(self) -> Iterator[RawBSONDocument]:
            return iter(self._documents)

        def __exit__(self, *_: object) -> None: ...

    def doubled(self: Any, *given: Any, **more: Any) -> Doubled:
        return Doubled(aggregate(self, *given, **more))

    monkeypatch.setattr(Collection, "aggregate", doubled)
    ids = draw(25)[1]
    assert len(ids) == len(set(ids)) == 25


def _failing(code: int) -> Callable[..., Any]:
    def aggregate(*_: object, **__: object) -> Any:
        raise OperationFailure("refused", code)

    return aggregate


def test_a_server_that_cannot_choose_gives_its_first(draw: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collection, "aggregate", _failing(40324))
    chosen, ids = draw(40)
    assert (chosen.kind, chosen.total) == (SampleKind.FIRST, 300)
    assert len(set(ids)) == len(ids) == 40


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [(292, ExitCode.USAGE, "smaller --sample"), (13, ExitCode.CONNECT, "Grant the role"), (96, ExitCode.CONNECT, "")],
)
def test_other_refusals_are_told(
    draw: Drawing, monkeypatch: pytest.MonkeyPatch, code: int, exit_code: ExitCode, words: str
) -> None:
    monkeypatch.setattr(Collection, "aggregate", _failing(code))
    with pytest.raises(ConsoleError) as caught:
        draw(40)
    assert caught.value.exit_code is exit_code
    assert words in caught.value.problem.remedy


def test_the_read_preference_is_honoured(mongo_url: Dsn) -> None:
    sampler = ServerSampler(mongo_url, "x", read_preference="secondaryPreferred")
    assert sampler._database.read_preference.mongos_mode == "secondaryPreferred"
    sampler.close()
    with pytest.raises(ConsoleError) as caught:
        ServerSampler(Dsn("mongodb://ana:s3cr3t@h:x/"), "x")
    assert caught.value.exit_code is ExitCode.USAGE
    assert "s3cr3t" not in str(caught.value)

"""Silence by content, by counters and by change stream; records of it, and the gate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient

from devora_console.config.outside import CutoverSettings
from devora_console.config.secret import Dsn
from devora_console.config.settings import MongoSettings, Settings
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.canary import COLLECTION
from devora_console.mongo.freeze.compare import changes
from devora_console.mongo.freeze.counts import Counts, engine_writes, moved, server_counts
from devora_console.mongo.freeze.digest import Content
from devora_console.mongo.freeze.gate import silent_gate
from devora_console.mongo.freeze.look import Counted, Reading
from devora_console.mongo.freeze.server import Login
from devora_console.mongo.freeze.silence import Question, Silence, judge, keep, watch_silence, words
from devora_console.mongo.freeze.stream import position
from devora_console.mongo.freeze.writers import writers_of

Client = MongoClient[dict[str, Any]]


def quiet(line: str) -> None:
    """Nobody listens."""


def test_a_write_after_the_record_is_named(
    mongo_url: Dsn, mongo_client: Client, mongo_database: str, tmp_path: Path
) -> None:
    database = mongo_client[mongo_database]
    database.users.insert_many([{"_id": n, "name": f"u{n}"} for n in range(1200)])
    database.orders.insert_many([{"_id": f"o{n}", "total": n} for n in range(50)])
    database.gone.insert_one({"x": 1})
    asked, record = Question(Login(mongo_url, "MONGO_URL"), mongo_database, 5.0), tmp_path / "silence.json"
    first = watch_silence(asked, 0.1, quiet)
    assert (first.silent, first.changed) == (True, ())
    assert first.seconds >= 0.1
    keep(first, record)
    nothing = watch_silence(Question(Login(mongo_url, "MONGO_URL"), mongo_database + "z", 5.0), 0.1, quiet)
    assert isinstance(nothing.silent, Unknown)
    assert mongo_database + "z" not in mongo_client.list_database_names()

    def after() -> dict[str, str]:
        found = watch_silence(asked, 0, quiet, record)
        assert found.silent is (not found.changed)
        return {each.collection: each.what for each in found.changed}

    assert after() == {}
    database[COLLECTION].insert_one({"_id": 1})  # the canary's own is left out
    assert after() == {}
    database.users.insert_one({"_id": "slipped in"})
    assert after() == {"users": "inserted 1 (from 1200 to 1201 documents)"}
    database.users.delete_one({"_id": "slipped in"})
    assert after() == {}
    database.users.update_one({"_id": 700}, {"$set": {"name": "U700"}})
    assert "updated" in after()["users"]
    database.users.update_one({"_id": 700}, {"$set": {"name": "u700"}})
    database.orders.delete_one({"_id": "o7"})
    assert after() == {"orders": "deleted 1 (from 50 to 49 documents)"}
    database.orders.insert_one({"_id": "o99", "total": 7})
    assert "some were deleted and as many inserted" in after()["orders"]
    database.gone.drop()
    database.fresh.insert_one({"_id": 1})
    both = after()
    assert both["gone"].startswith("dropped; it held 1 document")
    assert both["fresh"] == "created, with 1 document"
    both_ways = watch_silence(asked, 0.1, quiet, record)
    assert both_ways.silent is False
    assert {each.collection for each in both_ways.changed} == {"fresh", "gone", "orders"}
    with pytest.raises(ConsoleError, match="and this is") as caught:
        watch_silence(Question(Login(mongo_url, "MONGO_URL"), mongo_database + "x", 5.0), 0, quiet, record)
    assert caught.value.exit_code is ExitCode.USAGE


async def test_the_gate(mongo_url: Dsn, mongo_client: Client, mongo_database: str, tmp_path: Path) -> None:
    mongo_client[mongo_database].users.insert_many([{"_id": n} for n in range(5)])
    settings = Settings(
        mongo=MongoSettings(url=mongo_url, database=mongo_database), cutover=CutoverSettings(home=tmp_path)
    )
    gate = silent_gate(settings)
    assert (gate.id, gate.ttl.total_seconds()) == ("source.silent", 600)
    nothing = await gate.measure()
    assert (nothing.verdict, nothing.why) == (Verdict.UNKNOWN, "silence has not been recorded")
    found = watch_silence(Question(Login(mongo_url, "MONGO_URL"), mongo_database, 5.0), 0.1, quiet)
    path = records.default_path(settings, records.SILENCE, found.reading.server)
    keep(found, path)
    good = await gate.measure()
    assert good.verdict is Verdict.OK
    assert good.speaks_of <= good.measured_at
    mongo_client[mongo_database].users.update_one({"_id": 3}, {"$set": {"late": True}})
    bad = await gate.measure()
    assert bad.verdict is Verdict.FAIL
    assert bad.value == "the source was written to: users"
    path.write_text("{")
    assert (await gate.measure()).verdict is Verdict.UNKNOWN
    away = settings.model_copy(
        update={"mongo": MongoSettings(url=Dsn("mongodb://127.0.0.1:1"), server_selection_timeout_seconds=0.2)}
    )
    assert (await silent_gate(away).measure()).verdict is Verdict.UNKNOWN
    assert (await silent_gate(Settings()).measure()).verdict is Verdict.UNKNOWN


@given(st.data())
def test_a_record_cut_off_anywhere_is_none(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "record.json"
    records.write(path, records.SILENCE, {"a": [1, "é"]})
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 3))])
    with pytest.raises(ConsoleError) as caught:
        records.read(path, records.SILENCE)
    assert caught.value.exit_code is ExitCode.USAGE


# -- judging: what no server here tells ---------------------------------------------------------------------------

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ONE = Content(1, "a" * 64, "b" * 64, 10)
COUNTED = {"opcounters.insert": 5, "opcounters.update": 7, "opcounters.delete": 1}


def _counted(engine: int | Unknown, server: dict[str, int] | Unknown, started: str = "h 1") -> Counted:
    counts = Counts(started, server, {"users": engine})
    return Counted(counts, Reading("s", "d", NOW, NOW, 0.1, {"users": ONE}), counts)


def _judge(before: Counted, after: Counted, streamed: dict[str, int] | Unknown | None = None) -> Silence:
    return judge(before, after, Unknown("standalone") if streamed is None else streamed, 10.0)


def test_counters_that_stand_still() -> None:
    found = _judge(_counted(3, COUNTED), _counted(3, COUNTED), {})
    assert (found.silent, words(found)) == (True, "silent: nothing was written in 10s")
    alone = _judge(_counted(Unknown("x"), Unknown("y")), _counted(Unknown("x"), Unknown("y")))
    assert (alone.silent, words(alone)) == (True, "silent, by content alone: nothing has changed in 10s")


def test_a_write_that_was_taken_back() -> None:
    by_engine = _judge(_counted(3, COUNTED), _counted(5, COUNTED))
    assert by_engine.silent is False
    assert [each.collection for each in by_engine.changed] == ["users"]
    by_stream = _judge(_counted(Unknown("x"), COUNTED), _counted(Unknown("x"), COUNTED), {"users": 2})
    assert (by_stream.silent, words(by_stream)) == (False, "the source was written to: users")


def test_counters_of_the_whole_server() -> None:
    more = {**COUNTED, "opcounters.insert": 6}
    told_apart = _judge(_counted(3, COUNTED), _counted(3, more))
    assert told_apart.silent is True
    assert "opcounters.insert +1: of other databases" in told_apart.evidence[3].words
    assert isinstance(_judge(_counted(Unknown("x"), COUNTED), _counted(Unknown("x"), more)).silent, Unknown)


def test_counters_that_began_anew_prove_nothing() -> None:
    again = _judge(_counted(3, COUNTED), _counted(3, COUNTED, "h 2"))
    assert [each.verdict for each in again.evidence] == [
        *(Verdict.OK, Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.UNKNOWN)
    ]
    assert isinstance(moved(7, 3), Unknown)
    assert moved(3, 7) == 4


def test_replies_of_the_server() -> None:
    status = {
        "opcounters": {"insert": 1, "query": 9, "update": 2, "delete": 3, "getmore": 0, "command": 8},
        "opcountersRepl": {"insert": 0, "query": 0, "update": 0, "delete": 0},
        "metrics": {"document": {"deleted": 3, "inserted": 1, "returned": 70, "updated": 2}},
    }
    assert len(server_counts(status)) == 9  # type: ignore[arg-type]
    assert isinstance(server_counts({"ok": 1, "version": "7.0.0"}), Unknown)
    cursor = {"insert calls": 10, "update calls": 1, "remove calls": 2, "modify": 4, "search calls": 99}
    assert engine_writes({"wiredTiger": {"cursor": cursor}}) == 17
    assert isinstance(engine_writes({"count": 2, "ok": 1}), Unknown)
    assert position({"_data": "82"}) is None
    assert position({"_data": "nx:7"}) is None
    assert position({"_data": "826565F5C70000000A2B"}) == Timestamp(0x6565F5C7, 10)


def test_a_collection_made_again() -> None:
    one, other = (Content(1, "a" * 64, "b" * 64, 10, uuid) for uuid in ("u1", "u2"))
    (change,) = changes({"users": one}, {"users": other})
    assert change.what == "dropped and made again, with the same content"


def test_writers() -> None:
    base = {"type": "op", "active": True, "client": "10.0.0.7:51000", "appName": "devora", "microsecs_running": 2500000}
    out = {"pipeline": [{"$out": "x"}]}
    found = writers_of(
        [
            {**base, "op": "update", "ns": "devora_db.users", "command": {"q": {}, "u": {}}},
            {**base, "op": "command", "ns": "devora_db.users", "command": {"findAndModify": "users"}},
            {**base, "op": "getmore", "ns": "devora_db.a", "cursor": {"originatingCommand": out}},
            {**base, "op": "query", "ns": "devora_db.users", "command": {"find": "users"}},
            {**base, "op": "insert", "ns": "logs.users"},
            {**base, "op": "insert", "ns": "devora_db.users", "appName": "devora-console freeze"},
            {
                "type": "idleSession",
                "active": False,
                "client": "10.0.0.8:1",
                "transaction": {"parameters": {"autocommit": False}, "timeOpenMicros": 9_000_000},
            },
            {
                "type": "idleSession",
                "transaction": {"parameters": {"autocommit": False}, "timePreparedMicros": 5, "timeOpenMicros": 7},
            },
            {"type": "op", "desc": "TTLMonitor", "op": "none", "ns": ""},
        ],
        "devora_db",
    )
    assert not isinstance(found.operations, Unknown)
    assert [each.what for each in found.operations] == [
        *("update", "findAndModify", "aggregate $out", "open transaction", "prepared transaction")
    ]
    assert found.operations[0].seconds == 2.5
    assert not isinstance(found.connections, Unknown)
    assert [(each.app, each.host, each.connections) for each in found.connections] == [
        ("", "10.0.0.8", 1),
        ("devora", "10.0.0.7", 5),
    ]

"""Sources that mean harm: no document is lost, invented or counted twice, and the dry run knows it all."""

from __future__ import annotations

import asyncio
import random
import struct
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.int64 import Int64

from devora_console.config.secret import Dsn
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot
from tests.migration.world import (
    BOOKS,
    TABLES,
    World,
    assert_verified,
    conversation,
    dry_run,
    execute,
    fates,
    fetch,
    held,
    invoice,
    iso,
    message,
    oid,
    outcome,
    project,
    settings,
    uid,
    user,
    versions,
)


async def _both(target: Dsn, folder: Path, world: World, **more: Any) -> MigrationSnapshot:
    """Dry run and execution agree, verification closes, a second run is still."""
    world.write(folder)
    said = await dry_run(target, folder, **more)
    done = await execute(target, folder, **more)
    assert outcome(done) == outcome(said)
    await assert_verified(target, folder)
    before = await versions(target)
    await execute(target, folder, **more)
    assert await versions(target) == before
    for each in done.collections:
        assert each.total == each.migrated + each.quarantined + each.archived + each.ignored
    return done


def _named(snapshot: MigrationSnapshot) -> dict[str, str]:
    return {each.source_id: each.message for each in snapshot.quarantine}


async def test_the_oldest_of_many_contenders_is_kept(target: Dsn, folder: Path) -> None:
    """By created_at, then by _id; an unknown age comes last. Spelling and key do not matter."""
    world = World(
        {
            "users": [
                user(1, created_at=iso(5), email="A@x"),
                user(2, created_at=iso(3), email="a@X"),
                user(3, created_at=iso(3), email="a@x"),
                user(4, created_at=iso(1), email="a@x", hashed_password=None),
                user(5, created_at=iso(9), email="b@x", id=uid("user 2")),
                user(6, created_at=iso(1), email="c@x", stripe_customer_id="cus_1"),
                user(7, created_at=iso(2), email="d@x", stripe_customer_id="cus_1"),
            ],
            "projects": [project(1, 2), project(2, 4), project(3, 7)],
            "conversations": [],
        }
    )
    done = await _both(target, folder, world)
    named = _named(done)
    assert {key: named[key].rpartition(" ")[2] for key in named} == {
        str(oid(1)): str(oid(2)),
        str(oid(3)): str(oid(2)),
        str(oid(4)): "null",
        str(oid(5)): str(oid(2)),
        str(oid(7)): str(oid(6)),
        str(oid(1002)): str(oid(4)),
        str(oid(1003)): str(oid(7)),
    }
    kept = await fetch(target, "SELECT user_id FROM projects")
    assert [str(row[0]) for row in kept] == [uid("user 2")], "the id's project stays with whoever kept the id"


async def test_a_loser_holds_no_key(target: Dsn, folder: Path) -> None:
    """A chain: the second loses to the first, so what the second claimed is the third's."""
    world = World(
        {
            "users": [
                user(1, created_at=iso(1), email="a@x", stripe_customer_id="one"),
                user(2, created_at=iso(2), email="a@x", stripe_customer_id="two"),
                user(3, created_at=iso(3), email="c@x", stripe_customer_id="two"),
                user(4, created_at=iso(4), email="c@x", stripe_customer_id="three"),
                user(5, created_at=iso(5), email="e@x", stripe_customer_id="three"),
            ],
            "projects": [],
            "conversations": [],
        }
    )
    done = await _both(target, folder, world)
    assert {key: text.rpartition(" ")[2] for key, text in _named(done).items()} == {
        str(oid(2)): str(oid(1)),
        str(oid(4)): str(oid(3)),
    }


async def test_children_fall_with_their_parents(target: Dsn, folder: Path) -> None:
    """Whatever the parent was refused for: its values, a key, the table; and grandchildren with them."""
    world = World.of(6)
    world.get("users", 0)["email"] = 5
    world.get("users", 1)["subscription_status"] = "unheard of"
    world.get("users", 2)["email"] = world.get("users", 3)["email"].upper()
    world.get("users", 2)["created_at"] = iso(99)
    world.get("projects", 4)["name"] = None
    world.get("projects", 5)["id"] = "no uuid"
    done = await _both(target, folder, world)
    assert await held(target) == {
        ("users", str(oid(0))): "wrong_type",
        ("users", str(oid(1))): "check",
        ("users", str(oid(2))): "unique_contender",
        **{
            (name, str(oid(base + n))): "parent_quarantined"
            for name, base in (("projects", 1000), ("conversations", 2000), ("invoices", 3000))
            for n in range(3)
        },
        ("projects", str(oid(1004))): "not_null",
        ("conversations", str(oid(2004))): "parent_quarantined",
        ("projects", str(oid(1005))): "bad_uuid",
        ("conversations", str(oid(2005))): "parent_quarantined",
    }
    assert fates(done)["users"] == (3, 3, 0)


async def test_whose_a_conversation_is(target: Dsn, folder: Path) -> None:
    world = World.of(8)
    shared = {n: uid(f"conversation {n}") for n in range(8)}
    world.collections["projects"] = [
        project(0, 0, conversation_id=shared[0]),
        project(1, 0, conversation_id=shared[0]),
        project(2, 0, conversation_id=shared[1]),
        project(3, 1, conversation_id=shared[1]),
        project(4, 2, conversation_id=shared[2]),
        project(5, 3, conversation_id=shared[2], name=""),
        project(6, 3, conversation_id=shared[3], name=""),
        project(7, 4, conversation_id=uid("nowhere")),
    ]
    world.get("conversations", 5)["user_id"] = uid("user 5")
    world.get("conversations", 6)["user_id"] = uid("nobody")
    world.get("conversations", 7)["user_id"] = "not a uuid"
    done = await _both(target, folder, world)
    assert {key: rule for key, rule in (await held(target)).items() if key[0] == "conversations"} == {
        ("conversations", str(oid(2001))): "owner_ambiguous",
        ("conversations", str(oid(2003))): "parent_quarantined",
        ("conversations", str(oid(2004))): "owner_missing",
        ("conversations", str(oid(2006))): "reference_missing",
        ("conversations", str(oid(2007))): "bad_uuid",
    }
    rows = await fetch(target, "SELECT id::text, user_id::text, project_id::text FROM conversations")
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        shared[0]: (uid("user 0"), None),
        shared[2]: (uid("user 2"), uid("project 4")),
        shared[5]: (uid("user 5"), None),
    }
    counts = next(each.conversions for each in done.collections if each.name == "conversations")
    assert (counts["owner_derived"], counts["project_derived"], counts["project_ambiguous"]) == (2, 1, 1)
    dropped = await fetch(
        target, "SELECT source_extra->'$original'->>'/conversation_id' FROM projects WHERE conversation_id IS NULL"
    )
    assert sorted(row[0] for row in dropped) == sorted([shared[1], shared[1], uid("nowhere")])


async def test_ids_of_every_kind(target: Dsn, folder: Path) -> None:
    identities: list[Any] = [
        7, Int64(7 << 40), 7.5, "text", "md5 x", "x #2", "", True, {"b": 1, "a": 2}, {"a": 2, "b": 1}, b"\x00",
        "a\x00b", "é\u202e", {"$gt": 1}, {"": {"": []}}, "x" * 990,
    ]  # fmt: skip
    world = World(
        {
            "users": [user(n, _id=identity) for n, identity in enumerate(identities)],
            "projects": [],
            "conversations": [],
            "others": [{"_id": identity, "n": n} for n, identity in enumerate([*identities, None, "y" * 9000])],
        }
    )
    world.collections["users"] += [user(900, _id=None), user(901, _id="y" * 3000), user(902, _id="y" * 3001)]
    without = user(903)
    del without["_id"]
    world.collections["users"].append(without)
    done = await _both(target, folder, world)
    assert fates(done)["users"] == (len(identities), 4, 0)
    assert fates(done)["others"] == (0, 0, len(identities) + 2)
    assert done.quarantine_rules == {"id_missing": 2, "id_too_long": 2}


def _deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"a": document}
    return document


def _raw_deep(levels: int) -> bytes:
    raw = b"\x05\x00\x00\x00\x00"
    for _ in range(levels):
        body = b"\x03a\x00" + raw
        raw = struct.pack("<i", len(body) + 5) + body + b"\x00"
    return raw


async def test_documents_that_are_hardly_any(target: Dsn, folder: Path) -> None:
    good = user(1)
    damaged = bytearray(bson.encode(user(2)))
    damaged[-20] = 0x55
    world = World(
        {
            "users": [
                good,
                bson.encode({}),
                bytes(damaged),
                _raw_deep(250),
                _raw_deep(3000),
                user(3, deep=_deep(150)),
                user(4, many=[{}] * 50_000),
                b"\x07\x00\x00\x00\x0a\x00\x00",
            ],
            "projects": [project(1, 1, files=[]), project(2, 1, files=[[]]), project(3, 1, files="none")],
            "conversations": [],
            "odd": [_raw_deep(3000), _raw_deep(400), bytes(damaged), {}, {}],
            "a/b c.é": [{"_id": 1}],
        }
    )
    done = await _both(target, folder, world)
    assert fates(done) == {
        "users": (3, 5, 0),
        "projects": (1, 2, 0),
        "conversations": (0, 0, 0),
        "invoices": (0, 0, 0),
        "system_config": (0, 0, 0),
        "odd": (0, 0, 5),
        "a/b c.é": (0, 0, 1),
    }


@pytest.mark.parametrize("count", [120_000, pytest.param(200_000, marks=pytest.mark.slow)])
async def test_large_values(count: int, target: Dsn, folder: Path) -> None:
    """More words than a search vector holds, and a document near the limit."""
    chance = random.Random(1)  # noqa: S311 - filler
    words = " ".join(f"mot{chance.randrange(10**9)}" for _ in range(count))
    world = World.of(2)
    world.get("conversations", 0)["messages"] = [message(0, 0, content=words), message(0, 1)]
    world.get("projects", 0)["description"] = words
    world.get("projects", 1)["files"] = [{"name": f"{n}", "content": "x" * 100_000} for n in range(120)]
    done = await _both(target, folder, world, batch_bytes=2_000_000)
    assert done.quarantine_rules == {}


async def test_one_document_for_another(target: Dsn, folder: Path) -> None:
    """Ids across collections and arrays: the same id is another thing in another table."""
    same = uid("same")
    world = World(
        {
            "users": [user(1, id=same)],
            "projects": [project(1, 1, id=same, user_id=same, conversation_id=same)],
            "conversations": [conversation(1, id=same, messages=[message(1, 0, id=same)])],
            "invoices": [invoice(1, 1, id=same, user_id=same)],
        }
    )
    done = await _both(target, folder, world)
    assert done.quarantine_rules == {}


async def test_the_loop_stays_free(target: Dsn, folder: Path) -> None:
    """While large batches are converted, whoever shares the loop is served."""
    world = World.of(3)
    world.collections["conversations"] += [
        conversation(n, user_id=uid("user 0"), messages=[message(n, place) for place in range(1500)])
        for n in range(10, 20)
    ]
    world.write(folder)
    gaps: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            gaps.append(loop.time() - before)

    watching = asyncio.create_task(watch())
    await Job(Kind.EXECUTE, settings(target, folder, batch_bytes=2_000_000)).run()
    watching.cancel()
    assert sorted(gaps)[-1] < 1.0


async def test_a_dry_run_writes_to_no_table(target: Dsn, folder: Path) -> None:
    World.of().write(folder)
    await dry_run(target, folder)
    written = await fetch(
        target,
        "SELECT relname FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        " AND relname = ANY ($1::text[])",
        [*TABLES, *BOOKS, "run", "checkpoint", "lease"],
    )
    assert [row[0] for row in written] == []

"""From source to target: what the dry run says is what execution does, and what was planted comes out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.demo.data import Scale, fill, write_dump
from devora_console.demo.data.truth import SourceTruth
from devora_console.migration.progress import MigrationSnapshot, State
from tests.migration.world import (
    DATABASE,
    World,
    assert_verified,
    content,
    dry_run,
    execute,
    fates,
    fetch,
    held,
    oid,
    outcome,
    user,
    versions,
)

_ARRAYS = {"files": "project_files", "messages": "messages"}


def _assert_truth(snapshot: MigrationSnapshot, truth: SourceTruth) -> None:
    by_name = {each.name: each for each in snapshot.collections}
    for name, expected in truth.collections.items():
        found = by_name[name]
        assert found.total == expected.documents
        assert (found.migrated, found.quarantined, found.archived) == tuple(
            expected.fates[fate] for fate in ("migrated", "quarantined", "archived")
        ), name
        for array, table in _ARRAYS.items():
            if array in expected.migrated_embedded:
                assert found.rows[table] == expected.migrated_embedded[array]
    for anomaly in truth.anomalies:
        if anomaly.fate == "migrated" and anomaly.rule not in ("plain", "exact"):
            assert by_name[anomaly.collection].conversions.get(anomaly.rule, 0) >= anomaly.count, anomaly.name


async def _assert_held(target: Dsn, truth: SourceTruth) -> None:
    """Each planted anomaly is in quarantine under its rule, and nothing else is."""
    kept = await held(target)
    planted = {
        (anomaly.collection, _compact(source_id)): anomaly.rule
        for anomaly in truth.anomalies
        if anomaly.fate == "quarantined"
        for source_id in anomaly.source_ids
    }
    assert planted.items() <= kept.items()
    # The truth names the first thousand of each kind, and counts them all.
    counted = Counter[str]()
    for anomaly in truth.anomalies:
        if anomaly.fate == "quarantined":
            counted[anomaly.rule] += anomaly.count
    assert Counter(kept.values()) == counted


def _compact(source_id: str) -> str:
    if len(source_id) == 24:
        return source_id
    return json.dumps(json.loads(source_id), ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("scale", "seed"),
    [
        (Scale.SMALL, 1),
        pytest.param(Scale.SMALL, 2, marks=pytest.mark.slow),
        pytest.param(Scale.SMALL, 3, marks=pytest.mark.slow),
        pytest.param(Scale.MEDIUM, 4, marks=pytest.mark.slow),
    ],
)
async def test_a_hostile_dump_ends_where_the_truth_says(scale: Scale, seed: int, target: Dsn, folder: Path) -> None:
    truth = write_dump(folder, DATABASE, scale, seed, hostile=True, gz=seed == 2)
    said = await dry_run(target, folder, batch_bytes=200_000)
    _assert_truth(said, truth)
    assert await content(target) == {table: [] for table in await content(target)}, "a dry run writes nothing"
    done = await execute(target, folder, batch_bytes=90_000)
    assert outcome(done) == outcome(said)
    assert done.state is State.DONE
    await _assert_held(target, truth)
    await assert_verified(target, folder, batch_bytes=200_000, sample=1000)


async def test_a_live_source_ends_where_the_truth_says(
    target: Dsn, mongo_url: Dsn, mongo_database: str, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    truth = fill(mongo_url.reveal(), mongo_database, Scale.SMALL, 1)
    where: dict[str, Any] = {"database": mongo_database, "batch_bytes": 200_000}
    said = await dry_run(target, mongo_url, **where)
    _assert_truth(said, truth)
    done = await execute(target, mongo_url, **where)
    assert outcome(done) == outcome(said)
    await _assert_held(target, truth)
    await assert_verified(target, mongo_url, **where)


async def test_a_second_run_changes_nothing(target: Dsn, folder: Path) -> None:
    write_dump(folder, DATABASE, Scale.SMALL, 5, hostile=True)
    first = await execute(target, folder, batch_bytes=200_000)
    before = await versions(target)
    second = await execute(target, folder, batch_bytes=70_000)
    assert await versions(target) == before
    assert outcome(second) == outcome(first)
    assert {each.name: each.written for each in second.collections if each.written} == {}
    assert all(each.unchanged == each.migrated + each.archived for each in second.collections)


async def test_batch_size_changes_nothing(target: Dsn, another: Any, folder: Path) -> None:
    World.of(12).write(folder)
    other = await another()
    large = await execute(target, folder, batch_bytes=100_000_000)
    small = await execute(other, folder, batch_bytes=1)
    assert outcome(large) == outcome(small)
    assert await content(target) == await content(other)


async def test_the_clock_triggers_rest(target: Dsn, folder: Path) -> None:
    World.of().write(folder)
    await execute(target, folder)
    rows = await fetch(target, "SELECT count(*) FROM projects WHERE updated_at <> created_at")
    assert rows[0][0] == 0
    late = await fetch(
        target,
        "SELECT count(*) FROM conversations c WHERE last_message_at IS DISTINCT FROM"
        " (SELECT max(timestamp) FROM messages m WHERE m.conversation_id = c.id)",
    )
    assert late[0][0] == 0


async def test_only_some_collections(target: Dsn, folder: Path) -> None:
    World.of().write(folder)
    await execute(target, folder, only=("users",))
    counts = {table: len(rows) for table, rows in (await content(target)).items()}
    assert counts["users"] == 4
    assert sum(counts.values()) == 4
    await execute(target, folder, only=("projects", "conversations"))
    await execute(target, folder)
    await assert_verified(target, folder)


async def test_one_id_twice_in_a_dump(target: Dsn, folder: Path) -> None:
    """Whether the second document is the same or another one, in the same batch or a later one."""
    world = World.of(3)
    world.collections["users"] += [
        user(0),
        user(1, email="other@example.org", id="4c2b5a3e-0000-4000-8000-000000000001"),
        user(1, email="third@example.org", id="4c2b5a3e-0000-4000-8000-000000000002"),
    ]
    world.collections["templates"] += [{"_id": oid(4000), "other": True}, {"_id": oid(4001), "id": "x"}]
    world.write(folder)
    said = await dry_run(target, folder, batch_bytes=1)
    done = await execute(target, folder, batch_bytes=1)
    assert outcome(done) == outcome(said)
    assert fates(done)["users"] == (3, 3, 0)
    assert fates(done)["templates"] == (0, 0, 5)
    assert await held(target) == {
        ("users", f"{oid(0)} #2"): "id_twice",
        ("users", f"{oid(1)} #2"): "id_twice",
        ("users", f"{oid(1)} #3"): "id_twice",
    }
    await assert_verified(target, folder, batch_bytes=1)
    before = await versions(target)
    await execute(target, folder, batch_bytes=1_000_000)
    assert await versions(target) == before


async def test_an_empty_source_has_nothing_to_say(target: Dsn, folder: Path) -> None:
    World({"users": [], "projects": [], "conversations": []}).write(folder)
    done = await execute(target, folder)
    assert {name: sum(numbers) for name, numbers in fates(done).items()} == dict.fromkeys(fates(done), 0)
    await assert_verified(target, folder)

"""A bulk load is cut off and something changes before it is run again: it ends as a fresh run on what is there then."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from _pytest.mark.structures import ParameterSet

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase
from tests.migration.conftest import Another
from tests.migration.world import (
    DATABASE,
    World,
    assert_verified,
    content,
    do,
    execute,
    fates,
    fetch,
    held,
    settings,
    uid,
    verify,
)

_REFUSING = (
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF NEW.email = 'user7@example.org' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER no BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION no()",
)


async def _cut(target: Dsn, folder: Path, when: Callable[[MigrationSnapshot], bool], **more: Any) -> str:
    """How a run ended that was stopped once ``when`` held."""
    held_job: list[Job] = []

    def report(snapshot: MigrationSnapshot) -> None:
        if when(snapshot):
            held_job[0].control.stop()

    held_job.append(Job(Kind.EXECUTE, settings(target, folder, bulk=True, batch_bytes=4000, **more), report))
    try:
        await held_job[0].run()
    except ConsoleError as error:
        return error.problem.code
    return "done"


def _in(phase: Phase) -> Callable[[MigrationSnapshot], bool]:
    return lambda snapshot: snapshot.phase is phase


def _written(documents: int) -> Callable[[MigrationSnapshot], bool]:
    return lambda s: (
        s.phase is Phase.WRITE and sum(each.written + each.unchanged for each in s.collections) >= documents
    )


def _change(world: World) -> None:
    """Contents, keys, owners and unique values of documents that were written already, and of others."""
    for number in range(0, 60, 7):
        world.get("users", number)["full_name"] = "changed"
    for one, other in ((2, 50), (3, 40)):
        first, second = world.get("users", one), world.get("users", other)
        first["email"], second["email"] = second["email"], first["email"]
        first, second = world.get("invoices", one), world.get("invoices", other)
        first["stripe_invoice_id"], second["stripe_invoice_id"] = (
            second["stripe_invoice_id"],
            first["stripe_invoice_id"],
        )
    world.get("projects", 5)["user_id"] = uid("user 6")
    world.get("conversations", 9)["messages"].reverse()
    world.get("users", 20)["email"] = world.get("users", 1)["email"]  # a contender: it falls, with all that is its


CUTS = {
    "early": _written(60),
    "late": _written(180),
    "vectors": _in(Phase.VECTORS),
    "indexes": _in(Phase.INDEXES),
    "constraints": _in(Phase.CONSTRAINTS),
}


def _at(*plain: str) -> list[ParameterSet]:
    """Every moment; in the plain run those that are named."""
    return [pytest.param(when, id=name, marks=() if name in plain else pytest.mark.slow) for name, when in CUTS.items()]


@pytest.mark.parametrize("when", _at("early", "vectors", "constraints"))
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
async def test_the_source_changes_meanwhile(
    when: Callable[[MigrationSnapshot], bool], workers: int, target: Dsn, another: Another, folder: Path
) -> None:
    world = World.of(60)
    world.write(folder)
    await _cut(target, folder, when, workers=workers)
    _change(world)
    world.write(folder)
    done = await execute(target, folder, workers=workers)
    fresh = await another()
    first = await execute(fresh, folder)
    assert fates(done) == fates(first)
    assert await content(target) == await content(fresh)
    assert await held(target) == await held(fresh)
    await assert_verified(target, folder)
    connection = await asyncpg.connect(target.reveal())
    try:
        assert not (await schema.check(connection)).drift
    finally:
        await connection.close()


async def test_another_source_in_between(target: Dsn, another: Another, folder: Path) -> None:
    """Pieces that the first source has written and the second has replaced are not taken for the first one's."""
    world, changed = World.of(60), World.of(60)
    for user in changed.collections["users"]:
        assert isinstance(user, dict)
        user["full_name"] = "changed"
    world.write(folder)
    assert await _cut(target, folder, _written(120)) == "stopped"
    changed.write(folder)
    assert await _cut(target, folder, _written(120)) == "stopped"
    world.write(folder)
    await execute(target, folder)
    fresh = await another()
    await execute(fresh, folder)
    assert await content(target) == await content(fresh)


@pytest.mark.parametrize("when", _at("late", "indexes")[1:])
async def test_what_a_trigger_refuses_is_refused_again(
    when: Callable[[MigrationSnapshot], bool], target: Dsn, folder: Path
) -> None:
    """Counts, quarantine and rows are those of a run that was not cut off."""
    World.of(60).write(folder)
    await do(target, *_REFUSING)
    await _cut(target, folder, when)
    done = await execute(target, folder)
    assert {name: found for name, found in fates(done).items() if name != "templates" and found[0]} == dict.fromkeys(
        ("users", "projects", "conversations", "invoices"), (59, 1, 0)
    )
    assert sorted((await held(target)).values()) == [*["parent_quarantined"] * 3, "server_refused"]
    assert len((await content(target))["messages"]) == 59 * 3


async def test_the_application_changes_its_own_row_meanwhile(target: Dsn, folder: Path) -> None:
    World.of(60).write(folder)
    await _cut(target, folder, _written(30))
    await do(
        target, f"INSERT INTO users (id, email, hashed_password) VALUES ('{uid('app')}', 'user5@example.org', 'x')"
    )
    await _cut(target, folder, _written(200))
    await do(target, f"UPDATE users SET email = 'other@example.org' WHERE id = '{uid('app')}'")
    done = await execute(target, folder)
    assert fates(done)["users"] == (60, 0, 0)
    assert await held(target) == {}


async def test_nothing_is_called_verified_while_indexes_are_owed(target: Dsn, folder: Path) -> None:
    World.of(30).write(folder)
    assert await _cut(target, folder, _in(Phase.INDEXES)) == "stopped"
    owed = (await fetch(target, "SELECT count(*) FROM devora_console.set_aside"))[0][0]
    verdict = (await verify(target, folder)).verification
    assert verdict is not None
    assert not verdict.ok
    (bad,) = [table for table in verdict.tables if table.status != "ok"]
    assert (bad.missing, "migrate --execute" in bad.reason) == (owed, True)
    with pytest.raises(ConsoleError) as caught:
        await execute(target, folder, only=("invoices",))
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, "only_under_way")
    await execute(target, folder)
    await assert_verified(target, folder)


async def test_deadlocks_between_batches_are_tried_again(target: Dsn, another: Another, folder: Path) -> None:
    """Each half of the users takes addresses that the other half gives up, in two batches at the same time."""
    world = World.of(200)
    await execute(target, world.write(folder))
    for half in (0, 100):
        for number in range(10):
            world.get("users", half + number)["email"] = f"new{half + number}@example.org"
            world.get("users", half + 80 + number)["email"] = f"user{100 - half + number}@example.org"
    world.write(folder)
    size = (folder / DATABASE / "users.bson").stat().st_size
    await execute(target, folder, workers=2, bulk=False, batch_bytes=size // 2 - 100)
    fresh = await another()
    await execute(fresh, folder)
    assert await content(target) == await content(fresh)

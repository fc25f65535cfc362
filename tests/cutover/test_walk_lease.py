"""The lease in a real target: what another machine holds, what nobody can ask, and what a person overrides."""

from __future__ import annotations

import asyncpg
import pytest

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.cutover.events import Kind
from devora_console.cutover.state import RunState, StepState
from devora_console.postgres.target import Target
from devora_console.postgres.target_lease import TargetLease
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.cutover.walking import Scene, book, rest, state_of, step, until

RUN = "20261127T220000Z-bigbang-abcd"


@pytest.fixture
async def target(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """A database with the console's own schema."""

    async def prepare(dsn: Dsn) -> None:
        connection = await asyncpg.connect(dsn.reveal())
        try:
            await schema.apply(connection)
        finally:
            await connection.close()

    return await database_from(await template_database("cutover_lease", prepare))


def lease(dsn: Dsn, who: str, override: str = "") -> TargetLease:
    found = TargetLease(Target(PostgresSettings(dsn=dsn)), f"{who}, {RUN}", RUN)
    found.override = override
    return found


async def _execute(dsn: Dsn, statement: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_one_machine_has_it_until_it_gives_it_back_or_is_silent(target: Dsn) -> None:
    ours, theirs = lease(target, "ana@here"), lease(target, "bo@there", "the other console is gone")
    assert await ours.take()
    assert await ours.take()
    assert not await theirs.take()  # whoever is known to drive is not overridden
    assert "ana@here" in theirs.why
    await ours.give()
    assert await theirs.take()
    assert not await ours.take()
    assert "bo@there" in ours.why
    await _execute(target, "UPDATE devora_console.lease SET renewed_at = now() - interval '2 minutes'")
    assert await ours.take()


async def test_a_target_that_cannot_be_asked_says_no_unless_that_was_overridden(target: Dsn) -> None:
    await _execute(target, "DROP TABLE devora_console.lease")
    plain = lease(target, "ana@here")
    assert not await plain.take()
    assert "schema apply" in plain.why
    meant = lease(target, "ana@here", "the target restarts, nobody else is here")
    assert await meant.take()
    assert meant.why


async def test_another_machine_that_takes_over_pauses_the_run(scene: Scene, target: Dsn) -> None:
    scene.lease = lease(target, "ana@here")  # type: ignore[assignment]
    walk = await scene.begun(book(step("one", "while test ! -e {dir}/end; do sleep 0.05; done"), step("two")))
    await until(lambda: state_of(walk, "one") is StepState.RUNNING)
    await _execute(target, "UPDATE devora_console.lease SET renewed_at = now() - interval '2 minutes'")
    assert await lease(target, "bo@there").take()
    (scene.out / "end").touch()
    run = await rest(walk)
    assert (run.state, scene.log()) == (RunState.PAUSED, ["one"])
    assert "bo@there" in run.reason
    assert [each.payload["state"] for each in scene.events(Kind.LEASE)] == ["taken", "lost"]

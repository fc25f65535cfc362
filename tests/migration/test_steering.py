"""Steered from elsewhere: another connection pauses, slows down, enlarges and watches a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State
from devora_console.migration.report import gather, markdown
from devora_console.migration.steering import Status, status, wish
from devora_console.migration.watermark import latest
from tests.migration.world import World, assert_verified, conversation, execute, settings, verify


async def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the job reports by a plain call, from wherever it is
            await asyncio.sleep(0.005)


async def _over(target: Dsn, work: Callable[[asyncpg.Connection[asyncpg.Record]], Any]) -> Any:
    connection = await asyncpg.connect(target.reveal())
    try:
        return await work(connection)
    finally:
        await connection.close()


async def _look(target: Dsn) -> Status:
    found = await _over(target, status)
    assert isinstance(found, Status)
    return found


async def _seen(target: Dsn, condition: Callable[[Status], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition(await _look(target)):
            pass


def _wish(**changes: Any) -> Callable[[asyncpg.Connection[asyncpg.Record]], Any]:
    return lambda connection: wish(connection, **changes)


async def _slowly(target: Dsn, folder: Path, **more: Any) -> tuple[Job, asyncio.Task[MigrationSnapshot]]:
    """A run that would take a minute."""
    job = Job(Kind.EXECUTE, settings(target, folder, **({"batch_bytes": 600} | more)))
    task = asyncio.create_task(job.run())
    await _until(lambda: job.snapshot.phase is Phase.SURVEY)
    return job, task


async def test_paused_and_resumed_from_elsewhere(target: Dsn, folder: Path) -> None:
    World.of(500).write(folder)
    job, task = await _slowly(target, folder)
    asked = time.monotonic()
    await _over(target, _wish(paused=True))
    await _until(lambda: job.snapshot.state is State.PAUSED, 2)
    assert time.monotonic() - asked < 2
    assert "migrate resume" in job.snapshot.waiting_for
    done = job.snapshot.rows_done
    await asyncio.sleep(0.3)
    assert job.snapshot.rows_done == done
    found = await _look(target)
    assert (found.alive, found.wishes.paused, found.state) == (True, True, "running")
    await _over(target, _wish(paused=False))
    assert (await task).state is State.DONE
    await assert_verified(target, folder)


async def test_paused_here_is_known_elsewhere(target: Dsn, folder: Path) -> None:
    World.of(300).write(folder)
    job, task = await _slowly(target, folder)
    job.control.pause()
    await _seen(target, lambda found: found.wishes.paused)
    await _over(target, _wish(paused=False))  # and can be resumed there
    assert (await task).state is State.DONE


@pytest.mark.slow
async def test_the_limit_is_kept(target: Dsn, folder: Path) -> None:
    World.of(200).write(folder)
    job = Job(Kind.EXECUTE, settings(target, folder, batch_bytes=1500))
    job.control.pause()
    task = asyncio.create_task(job.run())
    await _until(lambda: job.snapshot.state is State.PAUSED)
    await _seen(target, lambda found: found.alive)
    await _over(target, _wish(paused=False, rows_per_second=1000.0))
    await _until(lambda: job.snapshot.phase is Phase.WRITE)
    await _until(lambda: bool(job.snapshot.throttled_by))
    assert "1000 rows/s" in job.snapshot.throttled_by
    done = await task
    seconds = next(each.seconds for each in done.phases if each.phase is Phase.WRITE)
    rows = next(each.done for each in done.phases if each.phase is Phase.WRITE)
    assert rows / seconds < 1300


@pytest.mark.slow
async def test_more_workers_while_it_runs(target: Dsn, folder: Path) -> None:
    World.of(300).write(folder)
    job, task = await _slowly(target, folder, workers=1, batch_bytes=2000)
    job.control.pause()  # or it might be over before the wish is heard
    await _over(target, _wish(workers=2, batch_bytes=4000, rows_per_second=2000.0))
    await _until(lambda: job.control.wishes.workers == 2)
    job.control.resume()
    await _until(lambda: len(job.snapshot.workers) > 1 or task.done())
    assert len(job.snapshot.workers) > 1
    await _over(target, _wish(rows_per_second=None))
    assert (await task).state is State.DONE
    await assert_verified(target, folder)


async def test_nothing_runs(target: Dsn, folder: Path) -> None:
    assert (await _look(target)).run is None
    with pytest.raises(ConsoleError) as caught:
        await _over(target, _wish(paused=True))
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.NEGATIVE, "not_running")
    await execute(target, World.of(3).write(folder))
    found = await _look(target)
    assert (found.alive, found.state, found.progress["state"]) == (False, "done", "done")


async def test_a_verdict_goes_stale(target: Dsn, folder: Path) -> None:
    world = World.of(5)
    await execute(target, world.write(folder))
    assert await _over(target, lambda conn: latest(conn, None)) is None
    verdict = (await verify(target, folder, record=True)).verification
    assert verdict is not None
    fresh = await _over(target, lambda conn: latest(conn, verdict.mapping_hash))
    assert (fresh.ok, fresh.stale, fresh.through) == (True, "", verdict.watermark)
    assert "mapping" in (await _over(target, lambda conn: latest(conn, "another"))).stale
    assert "limit" in (await _over(target, lambda conn: latest(conn, verdict.mapping_hash, 0.0))).stale
    await execute(target, folder)
    assert "migration" in (await _over(target, lambda conn: latest(conn, verdict.mapping_hash))).stale


async def test_the_report_says_what_happened(target: Dsn, folder: Path) -> None:
    world = World.of(5)
    world.collections["conversations"].append(conversation(77, title="a | b *c* <script>"))
    await execute(target, world.write(folder))
    await verify(target, folder, record=True)
    report = await _over(target, lambda conn: gather(conn, None))
    text = markdown(report)
    assert "| conversations | 6 | 5 | 1 | 0 | 0 | 5 | 0 | conversations 5, messages 15 |" in text
    assert "source and target agree" in text
    assert "Quarantine: 1 open" in text
    assert "owner\\_missing" in text
    assert "write" in {each["phase"] for each in report.progress["phases"]}
    with pytest.raises(ConsoleError) as caught:
        await _over(target, lambda conn: gather(conn, uuid4()))
    assert caught.value.exit_code is ExitCode.USAGE

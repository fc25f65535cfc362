"""The same units on a Dask cluster of two worker processes; one of them is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, Phase, State
from tests.migration.conftest import Another
from tests.migration.world import World, assert_verified, content, execute, outcome, settings


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two processes of one thread each, that start again when they are killed."""
    make: Any = LocalCluster  # the package has no types
    with make(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found:
        yield found


def _pids(cluster: LocalCluster) -> list[int]:
    return [worker.process.process.pid for worker in cluster.workers.values()]


def _writing(job: Job) -> bool:
    return job.snapshot.phase is Phase.WRITE and job.snapshot.rows_done > 100


@pytest.mark.slow
async def test_a_worker_of_the_cluster_is_killed(
    cluster: LocalCluster, target: Dsn, another: Another, folder: Path
) -> None:
    World.of(300).write(folder)
    plain = await another()
    expected = await execute(plain, folder, bulk=True)
    victims = _pids(cluster)
    job = Job(
        Kind.EXECUTE,
        settings(target, folder, cluster=cluster.scheduler_address, bulk=True, batch_bytes=3000),
    )
    running = asyncio.create_task(job.run())
    async with asyncio.timeout(60):
        while not (_writing(job) or running.done()):  # noqa: ASYNC110 - the job reports by a plain call
            await asyncio.sleep(0.005)
    assert not running.done(), "it was over before anybody could be killed"
    os.kill(victims[0], signal.SIGKILL)
    done = await running
    assert done.state is State.DONE
    assert outcome(done) == outcome(expected)
    assert await content(target) == await content(plain)
    await assert_verified(target, folder, cluster=cluster.scheduler_address)


@pytest.mark.slow
async def test_no_scheduler_answers(target: Dsn, folder: Path) -> None:
    World.of(1).write(folder)
    with pytest.raises(ConsoleError) as caught:
        await execute(target, folder, cluster="tcp://127.0.0.1:1")
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.CONNECT, "cluster_unreachable")
    with pytest.raises(ConsoleError) as caught:
        await execute(target, folder, cluster="nonsense://x")
    assert caught.value.exit_code is ExitCode.USAGE

"""One whole job as the console runs it, in a process of its own: the job on the service loop, a heartbeat on the UI's.

Usage: python -m tests.benchmarks.whole KIND DUMP WORKERS, the connection string on stdin. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

from devora_console.config.secret import Dsn
from devora_console.core.loop import ServiceLoop
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.migration.progress import Kind, MigrationSnapshot
from tests.benchmarks.source import DATABASE


def resident(root: int) -> int:
    """Bytes resident in a process and all below it, the sum of their own figures (shared pages count for each)."""
    import psutil

    total = 0
    for each in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


class Watch(threading.Thread):
    """Samples the memory of this process and its workers twenty times a second."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = root
        self._end = threading.Event()

    def run(self) -> None:
        """Until ended."""
        while not self._end.wait(0.05):
            self.peak = max(self.peak, resident(self._root))

    def end(self) -> None:
        """No more samples."""
        self._end.set()


async def _beat(done: asyncio.Event) -> float:
    """The worst delay of a 50 ms heartbeat, in seconds."""
    worst = 0.0
    while not done.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0.05)
        worst = max(worst, time.perf_counter() - before - 0.05)
    return worst


async def _run(kind: Kind, dsn: str, dump: str, workers: int) -> dict[str, object]:
    settings = JobSettings(
        postgres=Dsn(dsn), source=dump, database=DATABASE, mapping=builtin_mapping(), level="digest", workers=workers
    )
    job = Job(kind, settings)
    loop, done = ServiceLoop(), asyncio.Event()
    beat = asyncio.create_task(_beat(done))
    began = time.perf_counter()
    snapshot: MigrationSnapshot = await asyncio.wrap_future(loop.submit(job.run()))
    seconds = time.perf_counter() - began
    done.set()
    gap = await beat
    loop.close()
    verdict = snapshot.verification
    return {
        "state": snapshot.state.value,
        "seconds": seconds,
        "ui_gap_ms": round(gap * 1000, 1),
        "rows": sum(sum(each.rows.values()) for each in snapshot.collections),
        "ok": verdict.ok if verdict is not None else None,
        "phases": {each.phase.value: [each.done, each.seconds, each.bytes] for each in snapshot.phases},
    }


def main() -> None:
    """Run it."""
    kind, dump, workers = Kind(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    assert Path(dump).is_dir()
    dsn = sys.stdin.readline().strip()
    import os

    watch = Watch(os.getpid())
    watch.start()
    result = asyncio.run(_run(kind, dsn, dump, workers))
    watch.end()
    print(json.dumps({**result, "peak_rss_mb": round(watch.peak / 1e6, 1)}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()

"""An execution in a process of its own, to be killed: ``python -m tests.migration.runner SOURCE WORKERS``.

The connection string comes on stdin. Prints a line per phase as it begins, then ``end STATE CODE``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot
from tests.migration.world import settings


def main() -> None:
    """Run it to its end, or until somebody ends it."""
    seen: set[str] = set()

    def report(snapshot: MigrationSnapshot) -> None:
        if snapshot.phase is not None and snapshot.phase.value not in seen:
            seen.add(snapshot.phase.value)
            print("phase", snapshot.phase.value, flush=True)  # noqa: T201

    dsn = Dsn(sys.stdin.readline().strip())
    source = Dsn(sys.argv[1]) if "://" in sys.argv[1] else Path(sys.argv[1])
    job = Job(
        Kind.EXECUTE,
        settings(dsn, source, workers=int(sys.argv[2]), bulk=True, batch_bytes=20_000, source_timeout_seconds=2.0),
        report,
    )
    code = ""
    try:
        asyncio.run(job.run())
    except ConsoleError as error:
        code = error.problem.code
    print("end", job.snapshot.state.value, code, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""An execution for a process of its own, to be killed. Says the phases as they begin, then ``end STATE CODE``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot
from tests.migration.world import settings


def main(target: str, source: str, workers: int, said: str) -> None:
    """Run it to its end, or until somebody ends it."""
    seen: set[str] = set()

    def say(*words: str) -> None:
        with Path(said).open("a") as file:
            file.write(" ".join(words) + "\n")

    def report(snapshot: MigrationSnapshot) -> None:
        if snapshot.phase is not None and snapshot.phase.value not in seen:
            seen.add(snapshot.phase.value)
            say("phase", snapshot.phase.value)

    where = Dsn(source) if "://" in source else Path(source)
    given = settings(Dsn(target), where, workers=workers, bulk=True, batch_bytes=20_000, source_timeout_seconds=2.0)
    job = Job(Kind.EXECUTE, given, report)
    code = ""
    try:
        asyncio.run(job.run())
    except ConsoleError as error:
        code = error.problem.code
    say("end", job.snapshot.state.value, code)

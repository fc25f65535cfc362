"""Run a migration job from the command line: progress on stderr, Ctrl-C ends it between two batches."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from devora_console.cli.door import Door
from devora_console.cli.migration_view import progress_line
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.migration.job import Job
from devora_console.migration.progress import CollectionState, MigrationSnapshot

T = TypeVar("T")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def require_source(door: Door, given: str | None) -> Dsn | str:
    """The source that the command line names, or the configured server."""
    if given is not None:
        return Dsn(given) if "://" in given else given
    url = door.effective.settings.mongo.url
    if url is None:
        raise usage_error(
            "mongo_missing", "no MongoDB is configured", "Set MONGO_URL, or give --source (a URL or a dump folder)"
        )
    return url


def run_job(make: Callable[[Callable[[MigrationSnapshot], None]], Job], door: Door) -> tuple[Job, ConsoleError | None]:
    """Run the job that ``make(report)`` gives to its end; the error it ended with, if any."""
    watch = _Watch(door)
    job = make(watch)
    error = asyncio.run(_run(job))
    watch.end()
    return job, error


async def _run(job: Job) -> ConsoleError | None:
    """The first signal stops the job between batches, the second one at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job.run())
    caught: list[int] = []

    def ask(number: int) -> None:
        caught.append(number)
        if len(caught) == 1:
            job.control.stop()
        else:
            task.cancel()

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number in _ENDINGS:
        loop.add_signal_handler(number, ask, number)
    try:
        await task
    except ConsoleError as error:
        return error if not caught else ConsoleError(error.problem, ExitCode.INTERRUPTED)
    except asyncio.CancelledError:
        return ConsoleError.of(
            ExitCode.INTERRUPTED, "interrupted", "interrupted; what was committed is kept", "Run it again to go on"
        )
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    return None


async def until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Do ``work``; a signal that ends us cancels it, and it tidies up. Raises ConsoleError (exit 130) then."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    # Signals reach the main thread alone.
    heard = _ENDINGS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in heard}
    for number in heard:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise ConsoleError.of(
            ExitCode.INTERRUPTED, "interrupted", "interrupted; what was committed is kept", "Run it again to go on"
        ) from None
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


class _Watch:
    """Narrates: one line that rewrites itself on a terminal, else a line per collection."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._live = sys.stderr.isatty() and not door.quiet
        self._told: set[tuple[str, str]] = set()
        self._last = 0.0

    def __call__(self, snapshot: MigrationSnapshot) -> None:
        for each in snapshot.collections:
            mark = (each.name, str(each.state))
            if each.state in (CollectionState.SURVEYED, CollectionState.DONE) and mark not in self._told:
                self._told.add(mark)
                verb = "surveyed" if each.state is CollectionState.SURVEYED else "written"
                count = each.surveyed if each.state is CollectionState.SURVEYED else each.written + each.unchanged
                self._clear()
                self._door.narrate(f"{verb} {each.name}: {count} documents")
        now = time.monotonic()
        if self._live and now - self._last > 0.2:
            self._last = now
            sys.stderr.write("\r\x1b[K" + progress_line(snapshot))
            sys.stderr.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")

    def end(self) -> None:
        """Leave a clean line behind."""
        self._clear()

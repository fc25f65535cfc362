"""Who works on units: worker processes, this process when there is little to do, or a cluster.

All are executors of :mod:`concurrent.futures`; scheduling is theirs. The pool hands out units as places become free,
so that pausing, stopping, slowing down and changing the number of workers take effect from one unit to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.control import Control, Tracker
from devora_console.migration.work.cluster import Cluster, carrying
from devora_console.migration.work.seat import Context, Unit, again, leave, run, take_turns

R = TypeVar("R")
U = TypeVar("U")
_MOST_RESTARTS = 3
_NICE = 5  # the screen and the database come first


@dataclass(slots=True)
class _Going(Generic[R]):
    """A unit under way."""

    unit: Unit[R]
    future: asyncio.Future[R]


class Pool:
    """Use as an asynchronous context manager. ``workers`` 0 means: in this process, one unit after the other."""

    def __init__(self, workers: int, control: Control, tracker: Tracker, cluster: Cluster | None = None) -> None:
        self._workers = cluster.threads() if cluster is not None else workers
        self._cluster = cluster
        self._control = control
        self._tracker = tracker
        self._executor: Executor | None = None
        self._restarts = 0
        self._context: tuple[str, bytes] | None = None

    @property
    def control(self) -> Control:
        """What steers the run."""
        return self._control

    @property
    def workers(self) -> int:
        """How many units are worked on at the same time."""
        return max(1, self._workers)

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    def _open(self) -> Executor:
        if self._executor is None:
            if self._cluster is not None:
                self._executor = self._cluster.executor()
            elif self._workers == 0:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="devora-work")
            else:
                context = multiprocessing.get_context("spawn")
                self._executor = ProcessPoolExecutor(
                    self._workers,
                    mp_context=context,
                    initializer=_begin,
                    initargs=(os.getpid(), context.Lock()),
                )
        return self._executor

    def _close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        if isinstance(executor, ThreadPoolExecutor):
            executor.submit(leave)
        if self._cluster is None:
            executor.shutdown(wait=True, cancel_futures=False)

    async def results(
        self, context: Context, units: Iterator[Unit[R]], *, ordered: bool = False
    ) -> AsyncIterator[tuple[Unit[R], R]]:
        """Each unit with its result, as they come or, if ``ordered``, in their order.

        ``units`` is advanced in a thread: it may read from the source. When the control stops the run, what is under
        way is finished and given out before ConsoleError (exit 5) is raised.
        """
        going: deque[_Going[R]] = deque()
        stopped: ConsoleError | None = None
        more = True
        try:
            while more or going:
                while more and len(going) < self._window(ordered) and not self._to_resize(going):
                    try:
                        await self._control.checkpoint(self._tracker)
                    except ConsoleError as error:
                        stopped, more = error, False
                        break
                    unit = await asyncio.to_thread(next, units, None)
                    if unit is None:
                        more = False
                        break
                    going.append(_Going(unit, self._submit(context, unit)))
                if going:
                    done = going[0] if ordered else await _first(going)
                    try:
                        result = await done.future
                    except BrokenProcessPool:
                        self._restart(context, going)
                        continue
                    going.remove(done)
                    self._restarts = 0
                    yield done.unit, result
            if stopped is not None:
                raise stopped
        finally:
            for each in going:  # somebody failed or lost interest: nothing more is begun
                each.future.cancel()
            await asyncio.gather(*(each.future for each in going), return_exceptions=True)

    def _to_resize(self, going: deque[_Going[R]]) -> bool:
        """Whether another number of workers is wanted; done when nothing is under way."""
        wanted = self._control.wishes.workers
        if wanted is None or wanted == self._workers or self._cluster is not None:
            return False
        if going:
            return True
        old, self._executor = self._executor, None
        if old is not None:
            if isinstance(old, ThreadPoolExecutor):
                old.submit(leave)
            old.shutdown(wait=False)
        self._workers = wanted
        return False

    def _window(self, ordered: bool) -> int:
        if self._workers == 0:
            return 1
        return self._workers * 2 + 1 if ordered else self._workers + 1

    def _submit(self, context: Context, unit: Unit[R]) -> asyncio.Future[R]:
        if self._cluster is not None:
            unit = again(carrying(unit))  # Dask may begin it twice without telling
        try:
            return asyncio.wrap_future(self._open().submit(run, context.token, self._packed(context), unit))
        except BrokenProcessPool as error:
            failed: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _packed(self, context: Context) -> bytes:
        """The context as it crosses to workers, taken apart once and not for every unit."""
        if self._context is None or self._context[0] != context.token:
            self._context = (context.token, pickle.dumps(context))
        return self._context[1]

    def _restart(self, context: Context, going: deque[_Going[R]]) -> None:
        """A worker was killed: its transaction is rolled back, everything under way is begun again."""
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            raise ConsoleError.of(
                ExitCode.STOPPED,
                "workers_killed",
                f"worker processes were killed {self._restarts} times without finishing anything",
                "Look for the cause (dmesg tells of too little memory), then run the same command again",
            )
        broken, self._executor = self._executor, None
        if broken is not None:
            broken.shutdown(wait=False, cancel_futures=True)
        for each in going:
            if not each.future.done() or each.future.cancelled() or each.future.exception() is not None:
                each.future.add_done_callback(lambda future: future.cancelled() or future.exception())  # looked at
                each.unit = again(each.unit)
                each.future = self._submit(context, each.unit)


async def _first(going: deque[_Going[R]]) -> _Going[R]:
    await asyncio.wait([each.future for each in going], return_when=asyncio.FIRST_COMPLETED)
    return next(each for each in going if each.future.done())


def _begin(parent: int, lock: AbstractContextManager[Any]) -> None:
    """In a new worker process: leave signals to the parent, and end with it."""
    take_turns(lock)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    gc.disable()  # a batch holds no cycles: seat.run looks for garbage between two units
    gc.freeze()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None, use_errno=True)
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            libc.mallopt(-3, 256 * 1024)  # M_MMAP_THRESHOLD: large buffers go back to the system when freed
    threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _outlive_nobody(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)

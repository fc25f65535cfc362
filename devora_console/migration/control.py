"""Pause, resume and stop a run while it works, and keep its progress for whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import (
    CollectionProgress,
    MigrationSnapshot,
    Phase,
    PhaseProgress,
    RatePoint,
    State,
    Wishes,
    WorkerProgress,
)


class Worked(Protocol):
    """What a worker says of a batch: rows, seconds, and how many of them it spent converting."""

    @property
    def worker(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def converting(self) -> float: ...


Report = Callable[[MigrationSnapshot], None]
_EVERY_SECONDS = 0.1
_RATE_WINDOW_SECONDS = 10.0


class Control:
    """The handle others hold on a running job. Use it on the loop the job runs on."""

    def __init__(self) -> None:
        self._go = asyncio.Event()
        self._go.set()
        self._stop = False
        self._wishes = Wishes()
        self._since: tuple[float, int, tuple[object, ...]] | None = None  # when a limit began, rows then, for what

    @property
    def wishes(self) -> Wishes:
        """What is wanted of the run now."""
        return self._wishes

    @property
    def paused(self) -> bool:
        """Whether the run waits, or will wait at its next batch."""
        return self._wishes.paused

    @property
    def stopping(self) -> bool:
        """Whether the run has been asked to end."""
        return self._stop

    def want(self, wishes: Wishes) -> None:
        """Change what is wanted; it counts from the next batch on."""
        self._wishes = wishes
        if wishes.paused and not self._stop:
            self._go.clear()
        else:
            self._go.set()

    def pause(self) -> None:
        """Wait before the next batch."""
        self.want(replace(self._wishes, paused=True))

    def resume(self) -> None:
        """Go on."""
        self.want(replace(self._wishes, paused=False))

    def stop(self) -> None:
        """End after the batches under way; what is committed stays."""
        self._stop = True
        self._go.set()

    async def checkpoint(self, tracker: Tracker) -> None:
        """Between two batches: wait while paused or ahead of the limit, raise ConsoleError (exit 5) when stopped."""
        await self._keep_to_limit(tracker)
        if not self._go.is_set():
            tracker.change(state=State.PAUSED, waiting_for="paused: press P, or run: migrate resume")
            await self._go.wait()
            self._since = None
            tracker.change(state=State.RUNNING, waiting_for="")
        if self._stop:
            raise ConsoleError.of(
                ExitCode.STOPPED, "stopped", "stopped on request; what was committed is kept", "Run it again to go on"
            )
        await asyncio.sleep(0)

    async def _keep_to_limit(self, tracker: Tracker) -> None:
        """Sleep until the rows done since the limit was set are due; a pause or a stop does not wait for them."""
        while not self._stop and self._go.is_set():
            limit, now, done = self._wishes.rows_per_second, time.monotonic(), tracker.snapshot.rows_done
            if limit is None or limit <= 0:
                if tracker.snapshot.throttled_by:
                    tracker.change(throttled_by="")
                return
            what = (limit, tracker.snapshot.phase)
            if self._since is None or self._since[2] != what:
                self._since = (now, done, what)
            ahead = (done - self._since[1]) / limit - (now - self._since[0])
            if ahead <= 0:
                return
            rule = f"at most {limit:.0f} rows/s (migrate throttle)"
            if tracker.snapshot.throttled_by != rule:
                tracker.change(throttled_by=rule)
            await asyncio.sleep(min(ahead, 0.2))


class Tracker:
    """Collects progress and reports snapshots, ten a second at most."""

    def __init__(self, first: MigrationSnapshot, report: Report) -> None:
        self.snapshot = first
        self._report = report
        self._collections: dict[str, CollectionProgress] = {each.name: each for each in first.collections}
        self._began = time.monotonic()
        self._last = 0.0
        self._points: deque[tuple[float, int, int]] = deque(maxlen=2000)
        self._rates: deque[RatePoint] = deque(maxlen=240)
        self._phase_began = self._began
        self._phases: list[PhaseProgress] = []
        self._workers: dict[str, deque[tuple[float, Worked]]] = {}

    def phase(self, phase: Phase, rows_total: int | Unknown) -> None:
        """A new phase starts; throughput and time left are measured afresh."""
        self._points.clear()
        self._workers.clear()
        if self._phases:
            self._phases[-1] = replace(self._this_phase(time.monotonic()), finished=True)
        self._phase_began = time.monotonic()
        self._phases.append(PhaseProgress(phase, rows_total))
        self.change(phase=phase, rows_total=rows_total, rows_done=0, bytes_done=0)

    def change(self, **changes: object) -> None:
        """Set fields of the snapshot and report at once."""
        self.snapshot = replace(self.snapshot, **changes)  # type: ignore[arg-type]  # field names are ours
        self._emit(force=True)

    def batches_of(self, size: int) -> None:
        """How many bytes of documents a batch has now."""
        self.snapshot = replace(self.snapshot, batch_bytes=size)

    def worked(self, written: Worked) -> None:
        """A worker has finished a batch."""
        self._workers.setdefault(written.worker, deque(maxlen=50)).append((time.monotonic(), written))

    def _each_worker(self, now: float) -> tuple[WorkerProgress, ...]:
        found = []
        for name, batches in sorted(self._workers.items()):
            recent = [written for at, written in batches if at > now - _RATE_WINDOW_SECONDS]
            seconds = sum(each.seconds for each in recent)
            if not name or not seconds:
                continue
            rows = sum(each.rows for each in recent)
            waiting = 1 - sum(each.converting for each in recent) / seconds
            found.append(WorkerProgress(name, rows, rows / seconds, max(0.0, waiting), len(recent)))
        return tuple(found)

    def collection(self, name: str, **changes: object) -> None:
        """Set fields of one collection's progress."""
        self._collections[name] = replace(self._collections[name], **changes)  # type: ignore[arg-type]  # as above
        self._emit()

    def progress(self, name: str) -> CollectionProgress:
        """The collection's progress as it stands."""
        return self._collections[name]

    def collections(self, all_of_them: tuple[CollectionProgress, ...]) -> None:
        """Replace the list of collections."""
        self._collections = {each.name: each for each in all_of_them}
        self._emit(force=True)

    def advance(self, rows: int, size: int) -> None:
        """``rows`` more rows and ``size`` more bytes of BSON are through the phase."""
        now = time.monotonic()
        self.snapshot = replace(
            self.snapshot, rows_done=self.snapshot.rows_done + rows, bytes_done=self.snapshot.bytes_done + size
        )
        if self._phases:  # whoever looks between two reports sees one number, not two
            self._phases[-1] = self._this_phase(now)
            self.snapshot = replace(self.snapshot, phases=tuple(self._phases))
        self._points.append((now, self.snapshot.rows_done, self.snapshot.bytes_done))
        self._emit()

    def _emit(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._last < _EVERY_SECONDS:
            return
        self._last = now
        rows, size = self._rate(now)
        eta, spread = self._eta(rows, now)
        self._sample(now, rows, size)
        if self._phases:
            self._phases[-1] = self._this_phase(now)
        self.snapshot = replace(
            self.snapshot,
            as_of=utc_now(),
            collections=tuple(self._collections.values()),
            rows_per_second=rows,
            bytes_per_second=size,
            eta_seconds=eta,
            eta_spread_seconds=spread,
            rates=tuple(self._rates),
            phases=tuple(self._phases),
            workers=self._each_worker(now),
            seconds=now - self._began,
        )
        self._report(self.snapshot)

    def _this_phase(self, now: float) -> PhaseProgress:
        done = self.snapshot.state is State.DONE
        return replace(
            self._phases[-1],
            total=self.snapshot.rows_total,
            done=self.snapshot.rows_done,
            bytes=self.snapshot.bytes_done,
            seconds=self._phases[-1].seconds if self._phases[-1].finished else now - self._phase_began,
            finished=done or self._phases[-1].finished,
        )

    def _rate(self, now: float) -> tuple[float | Unknown, float | Unknown]:
        while len(self._points) > 2 and self._points[0][0] < now - _RATE_WINDOW_SECONDS:
            self._points.popleft()
        if self.snapshot.state is not State.RUNNING or len(self._points) < 2:
            return Unknown("not running"), Unknown("not running")
        (then, rows, size), (last, rows_now, size_now) = self._points[0], self._points[-1]
        seconds = max(now - then, last - then, 0.001)
        return (rows_now - rows) / seconds, (size_now - size) / seconds

    def _eta(self, rate: float | Unknown, now: float) -> tuple[float | Unknown, float | Unknown]:
        """Time left at the recent rate, and how far the rate of the whole phase would put it elsewhere."""
        total, done = self.snapshot.rows_total, self.snapshot.rows_done
        if isinstance(rate, Unknown) or isinstance(total, Unknown):
            return (
                rate if isinstance(rate, Unknown) else Unknown("the source does not say how much there is")
            ), Unknown("")
        elapsed = now - self._phase_began
        if rate <= 0 or elapsed < 1 or done <= 0:
            return Unknown("too early to tell"), Unknown("")
        left = max(0, total - done)
        recent, overall = left / rate, left / (done / elapsed)
        return recent, abs(recent - overall)

    def _sample(self, now: float, rows: float | Unknown, size: float | Unknown) -> None:
        at = now - self._began
        if isinstance(rows, Unknown) or isinstance(size, Unknown):
            return
        if not self._rates or at - self._rates[-1].at >= 1:
            self._rates.append(RatePoint(at, rows, size))

"""A watch as it goes on: which one it is, one look after the other, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from devora_console.analytics.aftermath.judge import NO_BASELINE, judge
from devora_console.analytics.aftermath.keeping import Record, Run, Shelf, fresh_id
from devora_console.analytics.aftermath.model import (
    FIGURES,
    Baseline,
    Number,
    Point,
    Reading,
    Recovered,
    WatchLine,
    WatchSnapshot,
)
from devora_console.analytics.aftermath.read import LONGEST, Looker
from devora_console.config.libpq import target as libpq_target
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import refused, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest

_TOLD = 500  # points of the history that are told
_GAP_LOOKS = 3


def target_words(settings: Settings) -> str:
    """Host, port and database: what tells one target from another. Raises ConsoleError."""
    found = libpq_target(Target(settings.postgres).dsn())
    hosts = found.hosts or ("local",)
    return f"{','.join(f'{host}:{port}' for host, port in zip(hosts, found.ports, strict=False))}/{found.database}"


def given_values(words: Sequence[str]) -> dict[str, float]:
    """``NAME=NUMBER`` words as values by figure. Exit 2 for a name that is none, or what is no number."""
    found: dict[str, float] = {}
    for word in words:
        name, sign, number = word.partition("=")
        if name not in FIGURES or not sign:
            known = ", ".join(f"{each.id} ({each.unit})" for each in FIGURES.values())
            raise usage_error("value", f"--value {word!r} is not NAME=NUMBER of a line", f"Lines: {known}")
        try:
            found[name] = float(number)
        except ValueError:
            raise usage_error("value", f"--value {word!r}: {number!r} is no number") from None
        if not 0 <= found[name] < float("inf") or (FIGURES[name].unit == "percent" and found[name] > 100):
            raise usage_error("value", f"--value {word!r} is out of range")
    return found


async def record(
    guest: Guest, settings: Settings, shelf: Shelf, given: Mapping[str, float], note: str
) -> tuple[Baseline, str]:
    """Read the values before the switch and keep them; with where they are. Raises ConsoleError."""
    reading = await Looker(settings.queries.slow_ms).look(guest)
    target = target_words(settings)
    baseline = Baseline(fresh_id(utc_now(), reading.database), utc_now(), note, reading, target, given)
    return baseline, str(shelf.keep_baseline(baseline))


def plain(value: Number) -> float | None:
    """A number for a plot; None when it is not known."""
    return None if isinstance(value, Unknown) else float(value)


class Watch:
    """One watch of one target. ``run`` is None where looks are judged but none is kept."""

    def __init__(self, settings: Settings, shelf: Shelf, run: Run | None, baseline: Baseline | Unknown) -> None:
        self._settings, self._shelf = settings, shelf
        self._record: Record | None = shelf.record(run) if run is not None else None
        self._holds = False
        self.run = run
        self.baseline = baseline
        self._points = self._record.points() if self._record is not None else ()
        self._latest = self._record.latest() if self._record is not None else None
        first = self._record.first() if self._record is not None else None
        self._looker = Looker(settings.queries.slow_ms, first, watching=run is not None)

    @classmethod
    def open(
        cls,
        settings: Settings,
        shelf: Shelf,
        *,
        hours: float | None = None,
        baseline: str | None = None,
        since: datetime | None = None,
        again: bool = False,
        begin: bool = True,
    ) -> Watch:
        """The watch of the target that is not over yet; else a new one since ``since`` (now).

        ``again`` begins a new one in any case; ``hours`` and ``baseline`` change those of one that goes on. Without
        ``begin`` none is begun or changed. Raises ConsoleError.
        """
        now, target = utc_now(), target_words(settings)
        wanted = shelf.baseline(baseline) if baseline else None
        if wanted is not None and begin:
            shelf.keep_baseline(wanted)  # one that was given as a file is needed again after a restart
        going = next((each for each in shelf.runs(target) if each.until > now), None)
        if going is not None and not again and since is None:
            until = going.until if hours is None else going.began + timedelta(hours=hours)
            run = replace(going, until=until, baseline=wanted.id if wanted else going.baseline) if begin else going
            if run != going:
                shelf.begin(run)
            return cls(settings, shelf, run, wanted or _baseline(shelf, run.baseline))
        name = target.rpartition("/")[2]
        # One of a database of the same name on another server is another system's: it has to be named.
        newest = next((each for each in shelf.baselines() if each.target == target), None)
        chosen = wanted or newest
        if not begin:
            return cls(settings, shelf, None, chosen or NO_BASELINE)
        began = min(now, since or now)
        until = began + timedelta(hours=settings.watch.hours if hours is None else hours)
        run = Run(fresh_id(now, name), target, began, until, chosen.id if chosen else None)
        shelf.begin(run)
        return cls(settings, shelf, run, chosen or NO_BASELINE)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Be the one that keeps looks, for as long as this lasts. Refused (exit 4) while another console is."""
        assert self._record is not None
        with self._record.writing() as ours:
            if not ours:
                raise refused(
                    "watch_going", "another console keeps this watch", "Look on with watch --once, or end that one"
                )
            self._holds = True
            try:
                yield
            finally:
                self._holds = False

    async def look(self, guest: Guest) -> WatchSnapshot:
        """Look, keep it unless another console does, judge it. Raises ConsoleError."""
        reading = await self._looker.look(guest, self.run.began if self.run is not None else None)
        lines = judge(reading, self._own(), self._settings)
        failed = tuple(line.id for line in lines if line.verdict is Verdict.FAIL)
        point = Point(reading.as_of, {line.id: plain(line.now) for line in lines}, failed)
        self._points = await asyncio.to_thread(self._keep, reading, point)
        self._latest = reading
        if self._looker.first is None and self.run is not None:
            self._looker.first = self._looker.newest
        return self._judged(reading)

    def _own(self) -> Baseline | Unknown:
        """What the watch itself compares with: one look may be judged against other values, and is kept for all."""
        if self.run is None or (isinstance(self.baseline, Baseline) and self.baseline.id == self.run.baseline):
            return self.baseline
        return _baseline(self._shelf, self.run.baseline)

    def _keep(self, reading: Reading, point: Point) -> tuple[Point, ...]:
        """Every look there is now, this one among them."""
        if self._record is None:
            return (*self._points, point)
        with nullcontext(True) if self._holds else self._record.writing() as ours:
            if not ours:
                return self._record.points() or (point,)
            if self._looker.first is None and self._looker.newest is not None:
                self._record.keep_first(self._looker.newest)
            self._record.keep(reading, point)
            return self._record.points()

    def kept(self) -> WatchSnapshot | None:
        """What the latest look that was kept says; None before the first."""
        return None if self._latest is None else self._judged(self._latest)

    def _judged(self, reading: Reading) -> WatchSnapshot:
        began = self.run.began if self.run is not None else reading.as_of - LONGEST
        step = max(1, -(-len(self._points) // _TOLD))
        lines = judge(reading, self.baseline, self._settings)
        return WatchSnapshot(
            as_of=reading.as_of,
            database=reading.database,
            began=began,
            until=self.run.until if self.run is not None else reading.as_of,
            baseline=self.baseline,
            lines=lines,
            looks=len(self._points),
            gaps=_gaps(self._points, self._settings.watch.every_seconds),
            history=self._points[::-1][::step][::-1],
            recovered=tuple(_recovered(self._points, lines)),
        )


def _recovered(points: Sequence[Point], lines: Sequence[WatchLine]) -> Iterator[Recovered]:
    for line in lines:
        failed = [each.at for each in points if line.id in each.failed]
        if failed and line.verdict is not Verdict.FAIL:
            yield Recovered(line.id, line.title, len(failed), failed[0], failed[-1])


def _gaps(points: Sequence[Point], every: float) -> tuple[tuple[datetime, datetime], ...]:
    longest = timedelta(seconds=_GAP_LOOKS * every + 5)
    return tuple((a.at, b.at) for a, b in pairwise(points) if b.at - a.at > longest)


def _baseline(shelf: Shelf, named: str | None) -> Baseline | Unknown:
    if named is None:
        return NO_BASELINE
    found = next((each for each in shelf.baselines() if each.id == named), None)
    return found or Unknown("the values before the switch that this watch began with are gone", NO_BASELINE.remedy)

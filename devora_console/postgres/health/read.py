"""One look at the health of the database a guest is in: the sections asked for, each on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from devora_console.config.thresholds import HealthSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import judge_age
from devora_console.postgres.health.bloat import read_bloat
from devora_console.postgres.health.cache import (
    Accesses,
    CachePart,
    Counters,
    RelationAccesses,
    judge_cache,
    read_relations,
    read_stat_io,
    relations_between,
)
from devora_console.postgres.health.io import IoPart, judge_io
from devora_console.postgres.health.replication import read_replication
from devora_console.postgres.health.sample import Interval, between, read_sample
from devora_console.postgres.health.sequences import read_sequences
from devora_console.postgres.health.settings import read_settings
from devora_console.postgres.health.sizes import read_sizes
from devora_console.postgres.health.snapshot import SECTIONS, HealthSample, HealthSnapshot, Part
from devora_console.postgres.health.vacuum import read_vacuum
from devora_console.postgres.health.wraparound import read_wraparound
from devora_console.postgres.watch.guest import Guest
from devora_console.postgres.watch.window import StatsWindow, read_window

_COUNTED = ("cache", "sizes", "io")
"""Sections to which an interval has something to add."""

Seen = tuple[HealthSample, Counters | Unknown]
"""What a look saw, to be compared with by the next: its sample, and the counters of tables and indexes."""


async def read_health(
    guest: Guest,
    settings: HealthSettings,
    *,
    sections: Collection[str] = SECTIONS,
    interval: float = 0.0,
) -> HealthSnapshot:
    """The sections, in their order. Raises ConsoleError when the connection is lost.

    ``interval`` seconds are let pass between two samples; 0 takes one sample only.
    """
    window = await read_window(guest)
    first = await read_sample(guest)
    then: Seen | None = None
    if interval > 0 and not isinstance(first, Unknown) and set(sections) & set(_COUNTED):
        then = (first[0], await read_relations(guest) if "cache" in sections else {})
        await asyncio.sleep(interval)
        first = await read_sample(guest)
    look = _Look(guest, settings, window, first, then)
    return await look.snapshot(sections)


async def read_next(guest: Guest, settings: HealthSettings, before: Seen | None) -> tuple[HealthSnapshot, Seen | None]:
    """Every section, compared with what the look ``before`` saw; and what this one saw, None when it saw nothing."""
    window = await read_window(guest)
    look = _Look(guest, settings, window, await read_sample(guest), before)
    return await look.snapshot(SECTIONS), look.seen


class _Look:
    """What the sections of one look share."""

    def __init__(
        self,
        guest: Guest,
        settings: HealthSettings,
        window: StatsWindow | Unknown,
        counted: tuple[HealthSample, bool, int | None] | Unknown,
        before: Seen | None,
    ) -> None:
        self._guest, self._settings, self._window = guest, settings, window
        self._age = judge_age(window, isinstance(counted, Unknown) or counted[1], settings)
        self._counted, self._before = counted, before
        self._relations: Counters | Unknown = Unknown("the cache was not looked at")
        self._now = window.now if isinstance(window, StatsWindow) else utc_now()

    @property
    def between(self) -> Interval | Unknown | None:
        """What was counted since the sample before; None when there is none."""
        if self._before is None:
            return None
        if isinstance(self._counted, Unknown):
            return self._counted
        return between(self._before[0], self._counted[0])

    @property
    def seen(self) -> Seen | None:
        """For the next look to compare with."""
        return None if isinstance(self._counted, Unknown) else (self._counted[0], self._relations)

    async def snapshot(self, sections: Collection[str]) -> HealthSnapshot:
        """The sections, in their order."""
        parts: dict[str, Part | Unknown] = {name: await self.part(name) for name in SECTIONS if name in sections}
        passed = self.between
        return HealthSnapshot(
            as_of=utc_now(),
            database=self._guest.host.database,
            window=self._window,
            seconds=passed.seconds if isinstance(passed, Interval) else 0.0,
            parts=parts,
        )

    async def part(self, name: str) -> Part | Unknown:
        """One section."""
        guest, settings = self._guest, self._settings
        if name == "cache":
            return await self._cache()
        if name == "bloat":
            return await read_bloat(guest, self._now, self._age, settings)
        if name == "vacuum":
            return await read_vacuum(guest, self._now, self._age, settings)
        if name == "sizes":
            return await read_sizes(guest, self._now, self.between)
        if name == "io":
            return self._io()
        if name == "replication":
            return await read_replication(guest, self._now, settings)
        if name == "wraparound":
            return await read_wraparound(guest, self._now, settings)
        if name == "sequences":
            return await read_sequences(guest, self._now, settings)
        size = self._counted if isinstance(self._counted, Unknown) else self._counted[0].database_bytes
        return await read_settings(guest, self._now, size)

    async def _cache(self) -> CachePart | Unknown:
        if isinstance(self._counted, Unknown):
            return self._counted
        sample = self._counted[0]
        relations = self._relations = await read_relations(self._guest)
        passed = self.between
        earlier: Counters | Unknown = {} if self._before is None else self._before[1]
        changed: tuple[RelationAccesses, ...] = ()
        if isinstance(passed, Interval) and not isinstance(relations, Unknown) and not isinstance(earlier, Unknown):
            changed = relations_between(earlier, relations)
        return judge_cache(
            sample.as_of,
            Accesses(sample.blocks_hit, sample.blocks_read),
            relations,
            passed,
            changed,
            await read_stat_io(self._guest),
            self._age,
            self._settings,
        )

    def _io(self) -> IoPart | Unknown:
        if isinstance(self._counted, Unknown):
            return self._counted
        sample, _, failures = self._counted
        return judge_io(sample, self.between, failures, self._age, self._settings)

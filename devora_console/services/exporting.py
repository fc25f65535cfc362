"""The exporter's samples: what the watching screens look at, and the migration, the gates and the run beside it.

Everything is looked at in its own time on the service loop; :meth:`Exporting.world` only takes what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from devora_console import __version__
from devora_console.analytics import delivery
from devora_console.analytics.exporter.samples import Console, Sample, Server, World
from devora_console.analytics.metrics.service import read as read_metrics
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.console import Link
from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.migration.mapping import Mapping
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.steering import copied_through, status
from devora_console.migration.watermark import latest
from devora_console.mongo.observe import MongoObserver
from devora_console.postgres.connect import LOST
from devora_console.postgres.observe import PostgresFacts, PostgresObserver
from devora_console.postgres.target import Target
from devora_console.services.cutting import Aim
from devora_console.services.exported import NOT_VERIFIED, business_of, migration_of, verification_of
from devora_console.services.exported_gates import Gates
from devora_console.services.observing import KINDS, Observing

_DEAR_SECONDS = 60.0
_BUSINESS_SECONDS = 300.0  # the figures are as old as their last refresh anyway
_ANSWER_SECONDS = 0.1
_NOT_YET = Unknown("it was not looked at yet", "Wait for the first look")

Look = Callable[[], Awaitable[object]]


@dataclass
class _Turn:
    """Something that is looked at again and again."""

    name: str
    every: float
    look: Look
    sample: Sample = field(default_factory=lambda: Sample(_NOT_YET))


class Exporting:
    """Start and stop it on :attr:`loop`. Raises ConsoleError (exit 2) when PostgreSQL is not configured."""

    def __init__(self, settings: Settings, aim: Aim) -> None:
        paced = settings.terminal.model_copy(update={"refresh_seconds": settings.exporter.every_seconds})
        self._settings = settings = settings.model_copy(update={"terminal": paced})
        self._target = Target(settings.postgres)
        database = self._target.database()
        self.loop = ServiceLoop("devora-exporter")
        self._console = Console(__version__, settings.environment, database, utc_now())
        self._looked_at: dict[str, datetime] = {}
        self._observing = Observing(settings, self._target, self._looked, history=False)
        self._postgres = PostgresObserver(
            settings.postgres.dsn,
            from_libpq=settings.postgres.from_libpq,
            connect_timeout_seconds=settings.postgres.connect_timeout_seconds,
        )
        self._mongo = MongoObserver(
            settings.mongo.url, settings.mongo.database, timeout_seconds=settings.mongo.server_selection_timeout_seconds
        )
        mapping = load_mapping(settings.migration.mapping)
        self._gates = Gates(settings, aim)
        self._turns = {each.name: each for each in self._make_turns(mapping)}
        self._tasks: list[asyncio.Task[None]] = []

    def _make_turns(self, mapping: Mapping) -> list[_Turn]:
        often = self._settings.exporter.every_seconds
        seldom = max(often, _DEAR_SECONDS)
        turns = [
            _Turn("facts", often, self._look_postgres),
            _Turn("migration", often, self._look_migration),
            _Turn("verification", seldom, lambda: self._look_verification(mapping)),
            _Turn("cutover", often, self._gates.read),
            _Turn("events", seldom, self._look_events),
            _Turn("business", max(often, _BUSINESS_SECONDS), self._look_business),
        ]
        if self._settings.mongo.url is not None:
            turns.append(_Turn("source", often, self._mongo.poll))
        if self._settings.exporter.gates_minutes:
            turns.append(_Turn("gates", self._settings.exporter.gates_minutes * 60, self._measure_gates))
        return turns

    # --- looking ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to look."""
        self._observing.start()
        self._tasks = [asyncio.create_task(self._again(turn)) for turn in self._turns.values()]

    async def stop(self) -> None:
        """End, and leave the servers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._observing.stop()
        for observer in (self._postgres, self._mongo):
            with contextlib.suppress(*LOST):
                await observer.close()

    async def settled(self, seconds: float) -> bool:
        """Wait until everything was looked at once, so many seconds at most; whether it was."""
        until = utc_now() + timedelta(seconds=seconds)
        while utc_now() < until:
            kinds = all(self._observing.sure(kind) is not None for kind in KINDS)
            if kinds and all(turn.sample.seen is not _NOT_YET for turn in self._turns.values()):
                return True
            await asyncio.sleep(_ANSWER_SECONDS)
        return False

    async def _again(self, turn: _Turn) -> None:
        while True:
            try:
                seen = await turn.look()
            except ConsoleError as error:
                seen = error.problem
            except (asyncpg.PostgresError, *LOST) as error:
                seen = Unknown(f"the server refused it ({type(error).__name__})", "devora-console doctor")
            except Exception as error:  # noqa: BLE001 - a defect in one look must not end the exporter: it is unknown
                seen = Unknown(f"looking at it failed ({type(error).__name__})")
            turn.sample = Sample(_said(seen), utc_now())
            await asyncio.sleep(turn.every)

    def _looked(self, kind: str) -> None:
        self._looked_at[kind] = utc_now()

    async def _look_postgres(self) -> PostgresFacts | Problem:
        was = self._postgres.state().link
        found = await self._postgres.poll()
        if self._postgres.state().link is Link.OK and was is not Link.OK:
            self._observing.hasten()
        return found

    async def _look_migration(self) -> object:
        async def ask(connection: asyncpg.Connection[asyncpg.Record]) -> object:
            return migration_of(await status(connection), await copied_through(connection))

        return await self._observing.lend(ask)

    async def _look_verification(self, mapping: Mapping) -> object:
        found = await self._observing.lend(lambda connection: latest(connection, mapping.hash))
        return NOT_VERIFIED if found is None else verification_of(found)

    async def _look_events(self) -> object:
        return await delivery.read(self._settings, self._observing.lend)

    async def _look_business(self) -> object:
        report = await self._observing.ask(lambda guest: read_metrics(guest, self._settings.metrics))
        return business_of(report.dashboard)

    async def _measure_gates(self) -> int:
        count = await self._gates.measure()
        self._turns["cutover"].sample = Sample(await self._gates.read(), utc_now())
        return count

    # --- telling ------------------------------------------------------------------------------------

    def up(self) -> bool:
        """Whether PostgreSQL answers. From any thread."""
        return self._postgres.state().link is Link.OK

    def world(self) -> World:
        """The latest of everything; never blocks, from any thread."""
        now = utc_now()
        servers = [Server("postgres", self.up())]
        if self._settings.mongo.url is not None:
            servers.append(Server("mongo", self._mongo.state().link is Link.OK))
        samples = {"console": Sample(self._console), "servers": Sample(tuple(servers), now)}
        away = self._away()
        for kind in KINDS:
            samples[kind] = Sample(away or self._kind(kind), self._looked_at.get(kind))
        for name, turn in self._turns.items():
            of_postgres = name in ("facts", "migration", "verification", "business")
            if name != "gates":
                samples[name] = Sample(away, turn.sample.at) if away and of_postgres else turn.sample
        given = self._settings.exporter
        return World(now, samples, given.top, given.every_seconds)

    def _away(self) -> Unknown | None:
        """Why nothing is known of PostgreSQL: what was seen before it went does not hold."""
        state = self._postgres.state()
        if state.link is Link.OK:
            return None
        problem = state.problem
        return Unknown(problem.message, problem.remedy) if problem else Unknown("not connected yet")

    def _kind(self, kind: str) -> object:
        found = self._observing.sure(kind)
        return _NOT_YET if found is None else _said(found)


def _said(seen: object) -> object:
    """A problem as the reason why something is not known."""
    return Unknown(seen.message, seen.remedy) if isinstance(seen, Problem) else seen

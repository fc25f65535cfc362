"""One job from start to end: dry run or execution, over a source and a target, accounted for whatever happens."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.budget import check_words, room
from devora_console.migration.control import Control, Report, Tracker
from devora_console.migration.dry_runs import dry_run_of
from devora_console.migration.dry_runs import keep as keep_dry_run
from devora_console.migration.execution import Execution, Orders
from devora_console.migration.failures import explain
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.progress import CollectionState, Kind, MigrationSnapshot, Phase, State
from devora_console.migration.record import recorded, same_as_before
from devora_console.migration.steering import steer
from devora_console.migration.survey import Survey, Surveyed, publish
from devora_console.migration.target import Target, read_target
from devora_console.migration.verify import Level, Verification
from devora_console.migration.watermark import keep
from devora_console.migration.work.cluster import Cluster
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.mongo.source import CollectionInfo, Source, open_source
from devora_console.postgres.connect import LOST, connection
from devora_console.postgres.gates import identity

_WORTH_WORKERS = 8_000_000  # bytes of BSON
_SPARE_BYTES = 500_000_000
_AS_MANY = 8  # workers at most, unless somebody asks for more
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a job works on. ``source`` is a URL or the folder of a dump; ``only`` limits what is written."""

    postgres: Dsn | None
    source: Dsn | str
    database: str
    mapping: Mapping
    batch_bytes: int = 1_000_000
    max_quarantine: str = "10%"
    only: tuple[str, ...] = ()
    prune: bool = False
    resume: bool = False
    level: Level = "fields"
    sample: int = 100
    source_timeout_seconds: float = 5.0
    source_read_preference: str | None = None
    connect_timeout_seconds: float = 10.0
    scratch: Path | None = None
    cluster: str | None = None  # the address of a Dask scheduler
    workers: int | None = None  # processes; 0: none, None: as many as there is work for
    record: bool = False  # keep the verdict of a verification in the target
    verdicts: Path | None = None  # the folder where a dry run leaves its verdict
    bulk: bool | None = None  # set indexes and constraints aside while loading; None: when it pays


@dataclass(frozen=True, slots=True)
class _Means:
    """What a job works with while it runs."""

    source: Source
    infos: Sequence[CollectionInfo]
    ledger: Ledger
    pool: Pool


class Job:
    """Runs once. ``control`` may be used from the same loop while it does."""

    def __init__(self, kind: Kind, settings: JobSettings, report: Report = lambda snapshot: None) -> None:
        self.control = Control()
        self._kind = kind
        self._settings = settings
        self._run = uuid4()
        self._workers = 0
        mapping = settings.mapping
        self._tracker = Tracker(
            MigrationSnapshot(
                as_of=utc_now(),
                kind=kind,
                state=State.RUNNING,
                phase=Phase.CONNECT,
                run=str(self._run) if kind is Kind.EXECUTE else None,
                mapping=mapping.name,
                mapping_hash=mapping.hash,
                source=str(settings.source),
                target=str(settings.postgres or "libpq environment"),
                started_at=utc_now(),
            ),
            report,
        )
        check_words(settings.max_quarantine)
        for name in settings.only:
            if mapping.collection(name).policy is not Policy.MAP:
                raise usage_error("only_unknown", f"--only {one_line(name, 60)}: not a mapped collection", "")

    @property
    def snapshot(self) -> MigrationSnapshot:
        """The job as it stands."""
        return self._tracker.snapshot

    async def run(self) -> MigrationSnapshot:
        """Work to the end. Raises ConsoleError; the last snapshot then holds the problem and the state."""
        try:
            source = await asyncio.to_thread(
                open_source,
                self._settings.source,
                self._settings.database,
                timeout_seconds=self._settings.source_timeout_seconds,
                read_preference=self._settings.source_read_preference,
            )
            try:
                self._tracker.change(source=source.label)
                infos = await asyncio.to_thread(source.collections)
                self._workers = self._how_many(infos)
                with Ledger(self._settings.scratch) as ledger:
                    async with self._pool() as pool:
                        work = {Kind.DRY_RUN: self._dry_run, Kind.EXECUTE: self._execute, Kind.VERIFY: self._verify}
                        await work[self._kind](_Means(source, infos, ledger, pool))
            finally:
                await asyncio.to_thread(source.close)
        except (ConsoleError, asyncpg.PostgresError, sqlite3.Error, *LOST) as error:
            raise self._failed(error) from None
        self._tracker.change(state=State.DONE, phase=None, finished_at=utc_now(), waiting_for="")
        return self.snapshot

    @asynccontextmanager
    async def _pool(self) -> AsyncIterator[Pool]:
        """Whoever does the work."""
        address = self._settings.cluster
        cluster = await asyncio.to_thread(Cluster, address) if address is not None else None
        try:
            async with Pool(self._workers, self.control, self._tracker, cluster) as pool:
                yield pool
        finally:
            if cluster is not None:
                await asyncio.to_thread(cluster.close)

    def _how_many(self, infos: Sequence[CollectionInfo]) -> int:
        """How many worker processes; none where starting them would take longer than the work."""
        if self._settings.workers is not None:
            return self._settings.workers
        sizes = [info.bytes for info in infos]
        known = sum(size for size in sizes if not isinstance(size, Unknown))
        if known < _WORTH_WORKERS and not any(isinstance(size, Unknown) for size in sizes):
            return 0
        return min(_AS_MANY, os.cpu_count() or 1)

    def _failed(self, error: Exception) -> ConsoleError:
        writing = self._kind is Kind.EXECUTE and self.snapshot.phase is not Phase.CONNECT
        console = explain(error, self._settings.postgres, writing=writing)
        state = State.STOPPED if console.exit_code is ExitCode.STOPPED else State.FAILED
        for each in self.snapshot.collections:
            if each.state in (CollectionState.SURVEYING, CollectionState.WRITING):
                self._tracker.collection(each.name, state=CollectionState.FAILED)
        self._tracker.change(state=state, problem=console.problem, finished_at=utc_now(), waiting_for="")
        return console

    def _context(self, target: Target, epoch: int = 0) -> Context:
        writing = self._kind is Kind.EXECUTE
        postgres = self._settings.postgres
        return Context(
            token=str(self._run),
            revealed=postgres.reveal() if postgres is not None else None,
            mapping=self._settings.mapping,
            target=target,
            purpose="migration" if writing else str(self._kind),
            run=self._run if writing else None,
            epoch=epoch,
            timeout_seconds=self._settings.connect_timeout_seconds,
        )

    async def _survey(self, means: _Means, conn: asyncpg.Connection[asyncpg.Record], context: Context) -> Surveyed:
        survey = Survey(
            source=means.source,
            connection=conn,
            pool=means.pool,
            context=context,
            ledger=means.ledger,
            tracker=self._tracker,
            piece_bytes=self._settings.batch_bytes,
            prune=self._settings.prune,
            keep=self._keeps(means),
        )
        return await survey.run(means.infos)

    def _keeps(self, means: _Means) -> bool:
        """Whether converted documents are kept for what follows: when something follows, and there is room for them."""
        if self._kind is Kind.DRY_RUN or self._settings.level == "counts" or self._settings.cluster is not None:
            return False
        sizes = [info.bytes for info in means.infos]
        known = sum(size for size in sizes if not isinstance(size, Unknown))
        # Compressed dumps become several times as large; a live source is spooled besides.
        wanted = 8 * known + _SPARE_BYTES if known else 0
        return bool(known) and shutil.disk_usage(means.ledger.folder).free > wanted

    def _connection(
        self, purpose: str, *, read_only: bool = True
    ) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        return connection(
            self._settings.postgres,
            purpose=purpose,
            read_only=read_only,
            timeout_seconds=self._settings.connect_timeout_seconds,
            statement_timeout_seconds=0,
        )

    @asynccontextmanager
    async def _steered(self) -> AsyncIterator[None]:
        """For the length of the block others can look at the run and steer it, over a connection of its own."""
        async with self._connection("steering", read_only=False) as conn:
            helm = asyncio.create_task(steer(conn, self._run, self.control, self._tracker))
            try:
                yield
            finally:
                helm.cancel()
                await asyncio.gather(helm, return_exceptions=True)

    async def _dry_run(self, means: _Means) -> None:
        async with self._connection("dry run") as conn:
            where = await identity(conn)
            try:
                target = await read_target(conn, self._settings.mapping)
                await self._survey(means, conn, self._context(target))
                room(self.snapshot.collections, self._settings.max_quarantine)
            except ConsoleError as error:
                if error.exit_code in (ExitCode.NEGATIVE, ExitCode.USAGE):  # else it was cut off and has no verdict
                    self._leave_verdict(means.source, where, None, error.problem.message)
                raise
        self._leave_verdict(means.source, where, target.schema_version, "")

    def _leave_verdict(self, source: Source, target: str, version: int | None, problem: str) -> None:
        if self._settings.verdicts is None:
            return
        with suppress(OSError):  # whoever asks for it is told that there is none, and where it would be
            keep_dry_run(self._settings.verdicts, dry_run_of(self.snapshot, source.identity, target, version, problem))

    async def _verify(self, means: _Means) -> None:
        """Judge; nothing is written. The verdict is in the snapshot, good or bad."""
        async with self._connection("verify") as conn:
            target = await read_target(conn, self._settings.mapping)
            context = self._context(target)
            surveyed = await self._survey(means, conn, context)
            verification = Verification(
                pool=means.pool,
                context=context,
                connection=conn,
                ledger=means.ledger,
                surveyed=surveyed,
                tracker=self._tracker,
                control=self.control,
                mapping=self._settings.mapping,
            )
            verdict = await verification.run(self._settings.level, self._settings.sample)
        self._tracker.change(verification=verdict)
        if self._settings.record:
            async with self._connection("verify", read_only=False) as conn:
                await keep(conn, self._run, verdict, context.mapping.name, means.source.identity, target.schema_version)

    async def _execute(self, means: _Means) -> None:
        async with self._connection("migration", read_only=False) as conn:
            target = await read_target(conn, self._settings.mapping)
            lease = Lease(conn)
            await lease.take(self._run)
            if self._settings.resume:
                await same_as_before(conn, self._settings.mapping, means.source, target)
            async with recorded(
                conn,
                run=self._run,
                mapping=self._settings.mapping,
                source=means.source,
                target=target,
                lease=lease,
                snapshot=lambda: self.snapshot,
                explain=lambda error: explain(error, self._settings.postgres, writing=True),
            ):
                context = self._context(target, lease.epoch)
                async with self._steered():
                    surveyed = await self._survey(means, conn, context)
                    left = room(self.snapshot.collections, self._settings.max_quarantine)
                    execution = Execution(
                        connection=conn,
                        lease=lease,
                        pool=means.pool,
                        context=context,
                        ledger=means.ledger,
                        mapping=self._settings.mapping,
                        tracker=self._tracker,
                        control=self.control,
                        orders=Orders(
                            only=self._settings.only,
                            prune=self._settings.prune,
                            bulk=self._settings.bulk,
                            batch_bytes=self._settings.batch_bytes,
                            workers=self._workers,
                            most_refused=left,
                        ),
                    )
                    await execution.run(surveyed)
                    publish(self._tracker, means.ledger, surveyed)
            await lease.release()

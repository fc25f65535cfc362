"""One job from start to end: dry run or execution, over a source and a target, accounted for whatever happens."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import asyncpg

from devora_console.config.secret import Dsn, scrub
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.budget import check_words, room
from devora_console.migration.control import Control, Report, Tracker
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.progress import CollectionState, Kind, MigrationSnapshot, Phase, State
from devora_console.migration.reconcile import Reconciler
from devora_console.migration.record import recorded, same_as_before
from devora_console.migration.survey import Survey, Surveyed
from devora_console.migration.target import Target, read_target
from devora_console.migration.verify import Level, Verification
from devora_console.migration.write import Writer
from devora_console.mongo.source import Source, open_source
from devora_console.postgres.connect import LOST, connection, lost

_PERMISSION = "Grant it, or connect as the owner of the schema, and run the same command again"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a job works on. ``source`` is a URL or the folder of a dump; ``only`` limits what is written."""

    postgres: Dsn | None
    source: Dsn | str
    database: str
    mapping: Mapping
    batch_bytes: int = 2_000_000
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


class Job:
    """Runs once. ``control`` may be used from the same loop while it does."""

    def __init__(self, kind: Kind, settings: JobSettings, report: Report = lambda snapshot: None) -> None:
        self.control = Control()
        self._kind = kind
        self._settings = settings
        self._run = uuid4()
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
                with Ledger(self._settings.scratch) as ledger:
                    work = {Kind.DRY_RUN: self._dry_run, Kind.EXECUTE: self._execute, Kind.VERIFY: self._verify}
                    await work[self._kind](source, ledger)
            finally:
                await asyncio.to_thread(source.close)
        except (ConsoleError, asyncpg.PostgresError, sqlite3.Error, *LOST) as error:
            raise self._failed(error) from None
        self._tracker.change(state=State.DONE, phase=None, finished_at=utc_now(), waiting_for="")
        return self.snapshot

    def _failed(self, error: Exception) -> ConsoleError:
        console = self._explain(error)
        state = State.STOPPED if console.exit_code is ExitCode.STOPPED else State.FAILED
        for each in self.snapshot.collections:
            if each.state in (CollectionState.SURVEYING, CollectionState.WRITING):
                self._tracker.collection(each.name, state=CollectionState.FAILED)
        self._tracker.change(state=state, problem=console.problem, finished_at=utc_now(), waiting_for="")
        return console

    def _explain(self, error: Exception) -> ConsoleError:
        """Losses in the middle of an execution can be taken up again (exit 5); rights and the rest say what to do."""
        executing = self._kind is Kind.EXECUTE and self.snapshot.phase is not Phase.CONNECT
        if isinstance(error, ConsoleError):
            if error.exit_code is ExitCode.CONNECT and executing:
                problem = replace(error.problem, remedy="What was committed is kept: run the same command again")
                return ConsoleError(problem, ExitCode.STOPPED)
            return error
        if isinstance(error, sqlite3.Error):
            return ConsoleError.of(
                ExitCode.STOPPED if executing else ExitCode.NEGATIVE,
                "scratch_failed",
                f"the scratch file of the survey failed: {one_line(str(error), 120)}",
                "Make room where TMPDIR points to, and run the same command again",
            )
        if isinstance(error, LOST):
            gone = lost(error, self._settings.postgres)
            return gone if executing else ConsoleError(gone.problem, ExitCode.CONNECT)
        said = one_line(scrub(str(error), self._settings.postgres), 200)
        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            return usage_error("postgres_permission", f"PostgreSQL refuses: {said}", _PERMISSION)
        return ConsoleError.of(
            ExitCode.STOPPED if executing else ExitCode.NEGATIVE,
            "postgres_failed",
            f"PostgreSQL stopped the work: {said}",
            "What was committed is kept. Remove the cause and run the same command again",
        )

    def _survey(
        self, source: Source, conn: asyncpg.Connection[asyncpg.Record], target: Target, ledger: Ledger
    ) -> Survey:
        return Survey(
            source=source,
            connection=conn,
            mapping=self._settings.mapping,
            target=target,
            ledger=ledger,
            tracker=self._tracker,
            control=self.control,
            batch_bytes=self._settings.batch_bytes,
            prune=self._settings.prune,
        )

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

    async def _dry_run(self, source: Source, ledger: Ledger) -> None:
        async with self._connection("dry run") as conn:
            target = await read_target(conn, self._settings.mapping)
            await self._survey(source, conn, target, ledger).run()
        room(self.snapshot.collections, self._settings.max_quarantine)

    async def _verify(self, source: Source, ledger: Ledger) -> None:
        """Judge; nothing is written. The verdict is in the snapshot, good or bad."""
        async with self._connection("verify") as conn:
            target = await read_target(conn, self._settings.mapping)
            surveyed = await self._survey(source, conn, target, ledger).run()
            verification = Verification(
                source=source,
                connection=conn,
                ledger=ledger,
                surveyed=surveyed,
                tracker=self._tracker,
                control=self.control,
                mapping=self._settings.mapping,
                batch_bytes=self._settings.batch_bytes,
            )
            verdict = await verification.run(self._settings.level, self._settings.sample)
        self._tracker.change(verification=verdict)

    async def _execute(self, source: Source, ledger: Ledger) -> None:
        async with self._connection("migration", read_only=False) as conn:
            target = await read_target(conn, self._settings.mapping)
            lease = Lease(conn)
            await lease.take(self._run)
            if self._settings.resume:
                await same_as_before(conn, self._settings.mapping, source, target)
            async with recorded(
                conn,
                run=self._run,
                mapping=self._settings.mapping,
                source=source,
                target=target,
                lease=lease,
                snapshot=lambda: self.snapshot,
                explain=self._explain,
            ):
                surveyed = await self._survey(source, conn, target, ledger).run()
                left = room(self.snapshot.collections, self._settings.max_quarantine)
                await self._write(source, conn, target, lease, ledger, surveyed, left)
            await lease.release()

    async def _write(
        self,
        source: Source,
        conn: asyncpg.Connection[asyncpg.Record],
        target: Target,
        lease: Lease,
        ledger: Ledger,
        surveyed: Surveyed,
        most_refused: int,
    ) -> None:
        only = self._settings.only
        names = [name for name in surveyed.names if not only or name in only]
        plans = [surveyed.plans[name] for name in names if name in surveyed.plans]
        others = [] if only else ledger.unmapped(set(surveyed.plans))
        written = (each for each in self.snapshot.collections if each.name in names)
        rows = sum(sum(e.rows.values()) + e.quarantined + e.archived + e.ignored for e in written)
        self._tracker.phase(Phase.WRITE, rows)
        pruned = await Reconciler(conn, lease, ledger, str(self._run)).run(plans, others, prune=self._settings.prune)
        writer = Writer(
            source=source,
            connection=conn,
            lease=lease,
            target=target,
            ledger=ledger,
            tracker=self._tracker,
            control=self.control,
            batch_bytes=self._settings.batch_bytes,
            run=self._run,
            most_refused=most_refused,
        )
        for name in names:
            if name in surveyed.plans:
                await writer.mapped(surveyed.plans[name])
            else:
                await writer.unmapped(self._settings.mapping.collection(name))
        survey = self._survey(source, conn, target, ledger)
        survey.publish(surveyed.names, surveyed.plans)
        self._tracker.change(pruned=pruned)
        await self._analyze(conn, plans=[table.table for plan in plans for table in plan.tables()])
        if writer.loose and only and not writer.late:
            raise usage_error(
                "only_without_parents",
                f"{writer.loose} documents were left out: their parents are not in the target yet",
                "Run it without --only, or for the parents first",
            )
        if writer.late or writer.loose:
            raise ConsoleError.of(
                ExitCode.STOPPED,
                "source_moved",
                f"{writer.late + writer.loose} documents came, changed, went or lost their parent while the copy ran",
                "Run the same command again: it brings in what changed",
            )

    async def _analyze(self, conn: asyncpg.Connection[asyncpg.Record], plans: list[str]) -> None:
        """Fresh statistics, so that the first queries of the application are planned on facts."""
        for table in plans:
            quoted = await conn.fetchval("SELECT format('ANALYZE public.%I', $1::text)", table)
            await conn.execute(quoted)

"""One job from start to end: dry run or execution, over a source and a target, accounted for whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import asyncpg

from devora_console.config.secret import Dsn, scrub
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.migration.control import Control, Report, Tracker
from devora_console.migration.lease import Lease, holder
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State
from devora_console.migration.reconcile import Reconciler
from devora_console.migration.survey import Survey, Surveyed, check_budget
from devora_console.migration.target import Target, read_target
from devora_console.migration.verify import Level, Verification
from devora_console.migration.write import Writer
from devora_console.mongo.source import Source, open_source
from devora_console.postgres.connect import LOST, connection, lost


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
            )
            try:
                self._tracker.change(source=source.label)
                with Ledger(self._settings.scratch) as ledger:
                    work = {Kind.DRY_RUN: self._dry_run, Kind.EXECUTE: self._execute, Kind.VERIFY: self._verify}
                    await work[self._kind](source, ledger)
            finally:
                await asyncio.to_thread(source.close)
        except (ConsoleError, asyncpg.PostgresError, *LOST) as error:
            raise self._failed(error) from None
        self._tracker.change(state=State.DONE, phase=None, finished_at=utc_now(), waiting_for="")
        return self.snapshot

    def _failed(self, error: Exception) -> ConsoleError:
        console = self._explain(error)
        state = State.STOPPED if console.exit_code is ExitCode.STOPPED else State.FAILED
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
        if isinstance(error, LOST):
            gone = lost(error, self._settings.postgres)
            return gone if executing else ConsoleError(gone.problem, ExitCode.CONNECT)
        said = one_line(scrub(str(error), self._settings.postgres), 200)
        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            return usage_error("postgres_permission", f"PostgreSQL refuses: {said}", "Run: devora-console doctor")
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
        )

    async def _dry_run(self, source: Source, ledger: Ledger) -> None:
        async with connection(self._settings.postgres, purpose="dry run", statement_timeout_seconds=0) as conn:
            target = await read_target(conn, self._settings.mapping)
            await self._survey(source, conn, target, ledger).run()
        check_budget(self.snapshot.collections, self._settings.max_quarantine)

    async def _verify(self, source: Source, ledger: Ledger) -> None:
        """Judge; nothing is written. The verdict is in the snapshot, good or bad."""
        async with connection(self._settings.postgres, purpose="verify", statement_timeout_seconds=0) as conn:
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
        async with connection(
            self._settings.postgres, purpose="migration", read_only=False, statement_timeout_seconds=0
        ) as conn:
            target = await read_target(conn, self._settings.mapping)
            lease = Lease(conn)
            await lease.take(self._run)
            async with self._recorded(conn, source, target, lease):
                surveyed = await self._survey(source, conn, target, ledger).run()
                check_budget(self.snapshot.collections, self._settings.max_quarantine)
                await self._write(source, conn, target, lease, ledger, surveyed)
            await lease.release()

    @asynccontextmanager
    async def _recorded(
        self, conn: asyncpg.Connection[asyncpg.Record], source: Source, target: Target, lease: Lease
    ) -> AsyncIterator[None]:
        """The run's own row: when it began, from what, and how it ended."""
        if self._settings.resume:
            await self._same_as_before(conn, source, target)
        await conn.execute(
            "INSERT INTO devora_console.run (run, kind, state, mapping_name, mapping_hash, source_identity,"
            " schema_version, started_at, updated_at, holder, epoch)"
            " VALUES ($1, 'execute', 'running', $2, $3, $4, $5, now(), now(), $6, $7)",
            self._run,
            self._settings.mapping.name,
            self._settings.mapping.hash,
            source.identity,
            target.schema_version,
            holder(),
            lease.epoch,
        )
        try:
            yield
        except (ConsoleError, asyncpg.PostgresError) as error:
            if not conn.is_closed():
                await self._ended(conn, "stopped" if self._explain(error).exit_code is ExitCode.STOPPED else "failed")
            raise
        await self._ended(conn, "done")

    async def _ended(self, conn: asyncpg.Connection[asyncpg.Record], state: str) -> None:
        summary = {
            each.name: {
                "documents": each.total if not isinstance(each.total, Unknown) else None,
                "migrated": each.migrated,
                "quarantined": each.quarantined,
                "archived": each.archived,
                "rows": dict(each.rows),
            }
            for each in self.snapshot.collections
        }
        await conn.execute(
            "UPDATE devora_console.run SET state = $2, finished_at = now(), updated_at = now(), summary = $3::jsonb"
            " WHERE run = $1",
            self._run,
            state,
            json.dumps(to_json(summary)),
        )

    async def _same_as_before(self, conn: asyncpg.Connection[asyncpg.Record], source: Source, target: Target) -> None:
        """Resuming makes sense only on the same source, mapping and schema; says which of them differs."""
        row = await conn.fetchrow(
            "SELECT source_identity, mapping_hash, schema_version FROM devora_console.run"
            " WHERE kind = 'execute' ORDER BY started_at DESC LIMIT 1"
        )
        if row is None:
            raise usage_error("resume_nothing", "--resume: no run of this target to resume", "Run without --resume")
        now = (source.identity, self._settings.mapping.hash, target.schema_version)
        for name, before, after in zip(("source", "mapping", "schema version"), row, now, strict=True):
            if before != after:
                raise usage_error(
                    "resume_differs",
                    f"--resume: the {name} differs from the run to resume ({one_line(str(before), 80)})",
                    "Run without --resume: it converges to the source as it is now",
                )

    async def _write(
        self,
        source: Source,
        conn: asyncpg.Connection[asyncpg.Record],
        target: Target,
        lease: Lease,
        ledger: Ledger,
        surveyed: Surveyed,
    ) -> None:
        only = self._settings.only
        names = [name for name in surveyed.names if not only or name in only]
        plans = [surveyed.plans[name] for name in names if name in surveyed.plans]
        total = sum(p.total for p in self.snapshot.collections if p.name in names and not isinstance(p.total, Unknown))
        self._tracker.phase(Phase.WRITE, total)
        pruned = await Reconciler(conn, lease, ledger, str(self._run)).run(plans, prune=self._settings.prune)
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
        )
        for name in names:
            if name in surveyed.plans:
                await writer.mapped(surveyed.plans[name])
            else:
                await writer.unmapped(self._settings.mapping.collection(name))
        survey = self._survey(source, conn, target, ledger)
        survey.publish(surveyed.names, surveyed.plans)
        self._tracker.change(pruned=pruned, extra={} if self._settings.prune else ledger.vanished())
        await self._analyze(conn, plans=[table.table for plan in plans for table in plan.tables()])
        if writer.late:
            raise ConsoleError.of(
                ExitCode.STOPPED,
                "source_moved",
                f"{writer.late} documents came, changed or lost their parent while the copy ran",
                "Run the same command again: it brings in what changed",
            )

    async def _analyze(self, conn: asyncpg.Connection[asyncpg.Record], plans: list[str]) -> None:
        """Fresh statistics, so that the first queries of the application are planned on facts."""
        for table in plans:
            quoted = await conn.fetchval("SELECT format('ANALYZE public.%I', $1::text)", table)
            await conn.execute(quoted)

"""Everything behind the terminal door, put together: watchers, the migration, and the latest snapshot of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import asyncpg

from devora_console import schema
from devora_console.config.crash import report
from devora_console.config.libpq import target
from devora_console.config.load import Effective
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.console import HeaderSnapshot, OverviewSnapshot, Preview, ServerState
from devora_console.core.guard import Act, Guard
from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import ConsoleError, Problem, refused, usage_error
from devora_console.doctor.overview import Known, overview
from devora_console.migration import held
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.progress import Kind, MigrationSnapshot, QuarantineItem, State, VerificationSnapshot
from devora_console.mongo.observe import MongoFacts, MongoObserver
from devora_console.postgres.connect import LOST, connection, explain
from devora_console.postgres.observe import PostgresFacts, PostgresObserver

T = TypeVar("T")
_SCHEMA_SECONDS = 60.0
_BUSY = (State.RUNNING, State.PAUSED, State.STOPPING)
_COMMANDS = {
    "dry_run": "migrate --dry-run",
    "execute": "migrate --execute",
    "verify": "verify",
    "quarantine": "quarantine list",
}


class ConsoleServices:
    """Implements the port of the terminal door. Plain methods answer from any thread, coroutines run on ``loop``."""

    def __init__(self, effective: Effective, guard: Guard) -> None:
        settings = effective.settings
        self._settings = settings
        self._guard = guard
        self._profile = effective.profile
        self._loop = ServiceLoop()
        self._mapping = load_mapping(settings.migration.mapping)
        self._postgres: PostgresObserver | None = None
        self._mongo: MongoObserver | None = None
        self._postgres_facts: PostgresFacts | Problem | None = None
        self._mongo_facts: MongoFacts | Problem | None = None
        self._drift: schema.CheckResult | None = None
        self._listeners: list[Callable[[str], None]] = []
        self._migration = MigrationSnapshot(
            as_of=utc_now(), mapping=self._mapping.name, mapping_hash=self._mapping.hash
        )
        self._verification: VerificationSnapshot | None = None
        self._dry_run: MigrationSnapshot | None = None
        self._job: Job | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._header = self._make_header()
        self._overview = self._make_overview()

    @property
    def loop(self) -> ServiceLoop:
        """The loop of every coroutine here."""
        return self._loop

    @property
    def environment(self) -> str:
        """The environment as a word."""
        return self._settings.environment

    @property
    def read_only(self) -> bool:
        """Whether every act is refused."""
        return not self._guard.armed

    @property
    def armed(self) -> bool:
        """Whether acts are possible, each after its confirmation."""
        return self._guard.armed

    @property
    def profile(self) -> str | None:
        """The profile in use."""
        return self._profile

    def header(self) -> HeaderSnapshot:
        """The latest header."""
        return self._header

    def overview(self) -> OverviewSnapshot:
        """The latest overview."""
        return self._overview

    def migration(self) -> MigrationSnapshot:
        """The latest state of the migration."""
        return self._migration

    def subscribe(self, wake: Callable[[str], None]) -> Callable[[], None]:
        """Call ``wake(kind)`` for each newer snapshot; gives the way out."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake) if wake in self._listeners else None

    def _wake(self, kind: str) -> None:
        for listener in tuple(self._listeners):
            listener(kind)

    async def start_watching(self) -> None:
        """Connect and sample until :meth:`stop`: one loop per server, each sleeping after it has finished."""
        settings = self._settings
        self._postgres = PostgresObserver(
            settings.postgres.dsn,
            from_libpq=settings.postgres.from_libpq,
            connect_timeout_seconds=settings.postgres.connect_timeout_seconds,
        )
        self._mongo = MongoObserver(
            settings.mongo.url,
            settings.mongo.database,
            timeout_seconds=settings.mongo.server_selection_timeout_seconds,
        )
        often = settings.terminal.refresh_seconds
        self._start(self._watch(self._look_postgres, often))
        self._start(self._watch(self._look_mongo, often))
        self._start(self._watch(self._look_schema, _SCHEMA_SECONDS))

    async def _watch(self, look: Callable[[], Awaitable[None]], every: float) -> None:
        while True:
            await look()
            self._refresh()
            await asyncio.sleep(every)

    async def _look_postgres(self) -> None:
        assert self._postgres is not None
        self._postgres_facts = await self._postgres.poll()

    async def _look_mongo(self) -> None:
        assert self._mongo is not None
        self._mongo_facts = await self._mongo.poll()

    async def _look_schema(self) -> None:
        """Compare the catalogue with the recorded one; unknown while the server cannot be asked."""
        try:
            self._drift = await self._on_target(schema.check)
        except ConsoleError:
            self._drift = None

    def _refresh(self) -> None:
        self._header = self._make_header()
        self._wake("header")
        self._overview = self._make_overview()
        self._wake("overview")

    def _make_header(self) -> HeaderSnapshot:
        # Before the watchers run, new observers say what they would say: connecting, or not configured.
        postgres = self._postgres or PostgresObserver(
            self._settings.postgres.dsn, from_libpq=self._settings.postgres.from_libpq
        )
        mongo_state: ServerState = (
            self._mongo.state()
            if self._mongo is not None
            else MongoObserver(self._settings.mongo.url, self._settings.mongo.database).state()
        )
        return HeaderSnapshot(
            environment=self._settings.environment,
            read_only=self.read_only,
            armed=self.armed and self._settings.production,
            profile=self._profile,
            postgres=postgres.state(),
            mongo=mongo_state,
            as_of=utc_now(),
        )

    def _make_overview(self) -> OverviewSnapshot:
        return overview(
            Known(
                header=self._header,
                postgres=self._postgres_facts,
                mongo=self._mongo_facts,
                migration=self._migration,
                dry_run=self._dry_run,
                verification=self._verification,
                drift=self._drift,
            )
        )

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Stop a running job between two batches (two seconds at most), then close everything."""
        if self._job is not None:
            self._job.control.stop()
            for _ in range(20):
                if self._migration.state not in _BUSY:
                    break
                await asyncio.sleep(0.1)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for observer in (self._postgres, self._mongo):
            if observer is not None:
                with contextlib.suppress(*LOST):
                    await observer.close()

    async def dry_run(self) -> None:
        """Start a dry run. Raises ConsoleError when something runs already."""
        self._begin(Kind.DRY_RUN)

    async def verify(self) -> None:
        """Start a verification. Raises ConsoleError when something runs already."""
        self._begin(Kind.VERIFY)

    async def execute(self, typed: str, prune: bool = False) -> None:
        """Start the copy, if the guard lets it. The name is always typed here: a key is pressed too easily."""
        name = self._database()
        self._guard.permit(Act(f"write to database {name}", name, always_typed=True), typed)
        self._begin(Kind.EXECUTE, prune=prune)

    def _begin(self, kind: Kind, *, prune: bool = False) -> None:
        if self._migration.state in _BUSY:
            raise refused("busy", f"a {self._migration.kind} is running", "Wait for it, or stop it with S")
        job = Job(kind, self._job_settings(prune=prune), self._report)
        self._job = job
        self._report(job.snapshot)
        self._start(self._work(job))

    async def _work(self, job: Job) -> None:
        last: MigrationSnapshot | None = None
        try:
            await job.run()
        except ConsoleError:
            pass  # the job's own snapshot shows it
        except Exception as error:  # noqa: BLE001 - a defect of ours must end the run on the screen too
            problem = report(error).problem
            last = replace(job.snapshot, state=State.FAILED, problem=problem, finished_at=utc_now())
        self._report(last or job.snapshot)
        if job.snapshot.state is State.DONE and job.snapshot.kind is Kind.DRY_RUN:
            self._dry_run = job.snapshot
        if job.snapshot.verification is not None:
            self._verification = job.snapshot.verification
        self._refresh()

    def _report(self, snapshot: MigrationSnapshot) -> None:
        # A verification stays in view while nothing has been written since.
        keep = self._verification if snapshot.kind is not Kind.EXECUTE else None
        if snapshot.kind is Kind.EXECUTE:
            self._verification = None
        self._migration = replace(snapshot, verification=snapshot.verification or keep)
        self._wake("migration")

    def _job_settings(self, *, prune: bool) -> JobSettings:
        settings = self._settings
        if settings.mongo.url is None:
            raise usage_error("mongo_missing", "no MongoDB is configured", "Set MONGO_URL")
        return JobSettings(
            postgres=self._dsn(),
            source=settings.mongo.url,
            database=settings.mongo.database,
            mapping=self._mapping,
            batch_bytes=settings.migration.batch_bytes,
            max_quarantine=settings.migration.max_quarantine,
            prune=prune,
            sample=settings.migration.sample,
            source_timeout_seconds=settings.mongo.server_selection_timeout_seconds,
        )

    def _dsn(self) -> Dsn | None:
        settings = self._settings.postgres
        if settings.dsn is None and not settings.from_libpq:
            raise usage_error("postgres_missing", "no PostgreSQL is configured", "Set POSTGRES_DSN")
        return settings.dsn

    def _database(self) -> str:
        return target(self._dsn()).database

    async def pause(self) -> None:
        """Pause the running job before its next batch."""
        if self._job is not None:
            self._job.control.pause()

    async def resume(self) -> None:
        """Let a paused job go on."""
        if self._job is not None:
            self._job.control.resume()

    async def stop_migration(self) -> None:
        """Stop the running job; run again it goes on."""
        if self._job is not None and self._migration.state in _BUSY:
            self._migration = replace(self._migration, state=State.STOPPING)
            self._wake("migration")
            self._job.control.stop()

    async def quarantine(self, limit: int = 500) -> tuple[QuarantineItem, ...]:
        """What is in quarantine in the target; before anything was written, what the dry run found."""
        if self._migration.kind is Kind.DRY_RUN and self._migration.quarantine:
            return self._migration.quarantine[:limit]
        return await self._on_target(lambda conn: held.held(conn, limit=limit))

    async def quarantine_document(self, collection: str, source_id: str) -> str:
        """One quarantined document, secrets redacted."""
        if self._migration.kind is Kind.DRY_RUN:  # nothing was written: the document is in the source alone
            job = self._job_settings(prune=False)
            return await asyncio.to_thread(
                held.from_source, job.source, job.database, self._mapping, collection, source_id
            )
        return await self._on_target(lambda conn: held.document_of(conn, self._mapping, collection, source_id))

    async def _on_target(self, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]) -> T:
        dsn = self._dsn()
        try:
            async with connection(dsn, purpose="quarantine") as conn:
                return await work(conn)
        except (*LOST, asyncpg.PostgresError) as error:
            raise explain(error, dsn) from None

    def execute_preview(self) -> Preview:
        """What the copy would do, in one sentence, and what has to be typed."""
        name = self._database()
        seen = self._dry_run
        if seen is None:
            expected = "How much that is has not been looked at: press d for a dry run first."
        else:
            documents = sum(each.migrated for each in seen.collections)
            rows = sum(sum(each.rows.values()) for each in seen.collections)
            refused_documents = sum(seen.quarantine_rules.values())
            expected = (
                f"The last dry run found {documents} documents for {rows} rows, and {refused_documents} for quarantine."
            )
        return Preview(
            title=f"Copy {self._settings.mongo.database} into {name}",
            consequence=f"Every document of MongoDB is converted and written to database {name}. {expected}",
            locks="Row locks on what it writes, one batch at a time; readers are not blocked.",
            sql="INSERT … ON CONFLICT (id) DO UPDATE, per table and batch, in one transaction with its accounts",
            command=self.as_command("execute"),
            type_name=name,
        )

    def as_command(self, action: str) -> str:
        """The same thing as a command line."""
        words = _COMMANDS.get(action, action)
        profile = f" --profile {self._profile}" if self._profile else ""
        arming = (
            f" --allow-writes --yes-i-typed {self._database()}"
            if action == "execute" and self._settings.production
            else ""
        )
        return f"devora-console{profile} {words}{arming}"


def build_services(effective: Effective, guard: Guard) -> ConsoleServices:
    """The services of these settings. Raises ConsoleError (exit 2) for a mapping that cannot be read."""
    return ConsoleServices(effective, guard)

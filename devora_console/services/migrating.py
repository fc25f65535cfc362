"""One migration job at a time, and what the last ones found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from devora_console.config.crash import report
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.migration import held
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping import Mapping
from devora_console.migration.progress import Kind, MigrationSnapshot, QuarantineItem, State, VerificationSnapshot
from devora_console.postgres.target import Target

_BUSY = (State.RUNNING, State.PAUSED, State.STOPPING)
_STOP_SECONDS = 2.0


class Migrating:
    """``changed`` is called for every newer snapshot, ``ended`` when a job has ended. Use it on one loop."""

    def __init__(
        self,
        settings: Settings,
        target: Target,
        mapping: Mapping,
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._target = target
        self._mapping = mapping
        self._changed = changed
        self._ended = ended
        self._job: Job | None = None
        self._task: asyncio.Task[None] | None = None
        self.snapshot = MigrationSnapshot(as_of=utc_now(), mapping=mapping.name, mapping_hash=mapping.hash)
        self.verification: VerificationSnapshot | None = None
        self.dry_run: MigrationSnapshot | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.snapshot.state in _BUSY

    def begin(self, kind: Kind, *, prune: bool = False) -> None:
        """Start a job. Raises ConsoleError: exit 4 when one is running, exit 2 when a server is not configured."""
        if self.busy:
            raise refused("busy", f"a {self.snapshot.kind} is running", "Wait for it, or stop it with S")
        job = Job(kind, self._job_settings(prune=prune), self._report)
        self._job = job
        self._report(job.snapshot)
        self._task = asyncio.create_task(self._work(job))

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
            self.dry_run = job.snapshot
        if job.snapshot.verification is not None:
            self.verification = job.snapshot.verification
        self._ended()

    def _report(self, snapshot: MigrationSnapshot) -> None:
        # A verification stays in view while nothing has been written since.
        if snapshot.kind is Kind.EXECUTE:
            self.verification = None
        # A stop that was asked for stays visible until the job has taken notice.
        stopping = self._job is not None and self._job.control.stopping and snapshot.state in _BUSY
        state = State.STOPPING if stopping else snapshot.state
        self.snapshot = replace(snapshot, state=state, verification=snapshot.verification or self.verification)
        self._changed()

    def pause(self) -> None:
        """Pause before the next batch."""
        if self._job is not None and self.busy:
            self._job.control.pause()

    def resume(self) -> None:
        """Let a paused job go on."""
        if self._job is not None and self.busy:
            self._job.control.resume()

    def stop(self) -> None:
        """Stop between two batches; run again it goes on."""
        if self._job is not None and self.busy:
            self._job.control.stop()
            self._report(self._job.snapshot)

    async def close(self) -> None:
        """Stop what runs, politely for two seconds."""
        self.stop()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def quarantine(self, limit: int) -> tuple[QuarantineItem, ...]:
        """What is in quarantine in the target; after a dry run, what that found."""
        if self.snapshot.kind is Kind.DRY_RUN and self.snapshot.quarantine:
            return self.snapshot.quarantine[:limit]
        return await self._target.visit(lambda conn: held.held(conn, limit=limit), purpose="quarantine")

    async def document(self, collection: str, source_id: str) -> str:
        """One quarantined document, secrets redacted."""
        if self.snapshot.kind is Kind.DRY_RUN:  # nothing was written: the document is in the source alone
            job = self._job_settings(prune=False)
            return await asyncio.to_thread(
                held.from_source, job.source, job.database, self._mapping, collection, source_id
            )
        return await self._target.visit(
            lambda conn: held.document_of(conn, self._mapping, collection, source_id), purpose="quarantine"
        )

    def _job_settings(self, *, prune: bool) -> JobSettings:
        settings = self._settings
        if settings.mongo.url is None:
            raise usage_error("mongo_missing", "no MongoDB is configured", "Set MONGO_URL")
        return JobSettings(
            postgres=self._target.dsn(),
            source=settings.mongo.url,
            database=settings.mongo.database,
            mapping=self._mapping,
            batch_bytes=settings.migration.batch_bytes,
            max_quarantine=settings.migration.max_quarantine,
            prune=prune,
            sample=settings.migration.sample,
            source_timeout_seconds=settings.mongo.server_selection_timeout_seconds,
            source_read_preference=settings.mongo.read_preference,
            connect_timeout_seconds=settings.postgres.connect_timeout_seconds,
            workers=settings.migration.workers,
            bulk=settings.migration.bulk_load,
        )

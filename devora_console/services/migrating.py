"""One migration job at a time, and what the last ones found."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import resource_tracker

from devora_console.config.crash import report
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.migration import dry_runs, held
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping import Mapping
from devora_console.migration.progress import Kind, MigrationSnapshot, QuarantineItem, State, VerificationSnapshot
from devora_console.postgres.target import Target
from devora_console.services.seen import aged, sets_aside

_BUSY = (State.RUNNING, State.PAUSED, State.STOPPING)
_STOP_SECONDS = 2.0
_BEAT_SECONDS = 1.0


class Migrating:
    """``changed`` is called for every newer snapshot, ``ended`` when a job has ended. Use it on one loop."""

    def __init__(
        self,
        settings: Settings,
        target: Target,
        mapping: Mapping,
        changed: Callable[[], None],
        ended: Callable[[], None],
        *,
        record: bool,
    ) -> None:
        self._settings = settings
        self._target = target
        self._mapping = mapping
        self._changed = changed
        self._ended = ended
        self._record = record  # verdicts are kept in the target
        self._job: Job | None = None
        self._task: asyncio.Task[None] | None = None
        self._bulk: bool | None = None
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
        ready_for_processes()
        self._job, self._bulk = job, None
        self._report(job.snapshot)
        self._task = asyncio.create_task(self._work(job))

    async def _work(self, job: Job) -> None:
        last: MigrationSnapshot | None = None
        beat = asyncio.create_task(self._beat(job))
        try:
            await job.run()
        except ConsoleError:
            pass  # the job's own snapshot shows it
        except Exception as error:  # noqa: BLE001 - a defect of ours must end the run on the screen too
            problem = report(error).problem
            last = replace(job.snapshot, state=State.FAILED, problem=problem, finished_at=utc_now())
        finally:
            beat.cancel()
        self._report(last or job.snapshot)
        if job.snapshot.state is State.DONE and job.snapshot.kind is Kind.DRY_RUN:
            self.dry_run = job.snapshot
        if job.snapshot.verification is not None:
            self.verification = job.snapshot.verification
        self._ended()

    async def _beat(self, job: Job) -> None:
        """While the job is silent, say that it goes on: a step of one statement, say an index, may take long."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if (utc_now() - self.snapshot.as_of).total_seconds() >= _BEAT_SECONDS:
                self._report(aged(job.snapshot, utc_now()))

    def _report(self, snapshot: MigrationSnapshot) -> None:
        # A verification stays in view while nothing has been written since.
        if snapshot.kind is Kind.EXECUTE:
            self.verification = None
        self._bulk = self._bulk or sets_aside(snapshot) or None
        self.snapshot = replace(
            snapshot,
            state=self._state(snapshot.state),
            verification=snapshot.verification or self.verification,
            wishes=self._job.control.wishes if self._job is not None else None,
            bulk=snapshot.bulk if snapshot.bulk is not None else self._bulk,
        )
        self._changed()

    def _state(self, said: State) -> State:
        """What was asked for stays visible until the job has taken notice."""
        if self._job is None or said not in _BUSY:
            return said
        control = self._job.control
        if control.stopping:
            return State.STOPPING
        return State.RUNNING if said is State.PAUSED and not control.paused else said

    def pause(self) -> None:
        """Pause before the next batch."""
        if self._job is not None and self.busy:
            self._job.control.pause()
            self._report(self._job.snapshot)

    def resume(self) -> None:
        """Let a paused job go on, whoever has paused it."""
        if self._job is not None and self.busy:
            self._job.control.resume()
            self._report(self._job.snapshot)

    def throttle(self, rows_per_second: float | None, workers: int | None, batch_bytes: int | None) -> None:
        """Change what is wanted of the execution from the next batch on. Raises ConsoleError (exit 4) without one."""
        if self._job is None or not self.busy or self.snapshot.kind is not Kind.EXECUTE:
            raise refused("not_running", "no copy is running here", "Start one with X")
        control = self._job.control
        control.want(replace(control.wishes, rows_per_second=rows_per_second, workers=workers, batch_bytes=batch_bytes))
        self._report(self._job.snapshot)

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
            record=self._record,
            verdicts=dry_runs.folder(),
        )


def ready_for_processes() -> None:
    """Start the helper of :mod:`multiprocessing`, which hands our stderr on: under Textual that is no file."""
    with contextlib.redirect_stderr(sys.__stderr__):
        resource_tracker.ensure_running()

"""The services as the terminal door wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from devora_console.config.load import Effective
from devora_console.core.clock import utc_now
from devora_console.core.console import HeaderSnapshot, Link, OverviewSnapshot, Preview
from devora_console.core.guard import Act, Guard
from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.doctor.overview import Known, overview
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.progress import Kind, MigrationSnapshot, QuarantineItem
from devora_console.postgres.acts.model import Plan as ActPlan
from devora_console.postgres.acts.model import Request, Result
from devora_console.postgres.health.measure import Measured
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Measurement
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import Statement
from devora_console.postgres.target import Target
from devora_console.postgres.watch.ring import Dated
from devora_console.services.acting import Acting
from devora_console.services.analytics import Analytics
from devora_console.services.copying import copy_preview
from devora_console.services.cutover import Cutover
from devora_console.services.cutting import Aim
from devora_console.services.migrating import Migrating
from devora_console.services.observing import Observing
from devora_console.services.searching import Searching
from devora_console.services.watching import Watching
from devora_console.services.words import command_of, own_words

_WATCHED = ("queries", "indexes", "health", "activity", "embedded")


class ConsoleServices:
    """Implements the port of the terminal door. Plain methods answer from any thread, coroutines run on ``loop``."""

    def __init__(self, effective: Effective, guard: Guard, aim: Aim | None = None) -> None:
        self._settings = effective.settings
        self._effective = effective
        self._guard = guard
        self._loop = ServiceLoop()
        self._listeners: list[Callable[[str], None]] = []
        self._target = Target(self._settings.postgres)
        self._acting = Acting(
            self._settings,
            self._target,
            guard,
            lambda: self._wake("acts"),
            own_words(effective),
        )
        self._observing = Observing(self._settings, self._target, self._wake)
        self._watching = Watching(self._settings, self._observing.lend, self._refresh)
        mapping = load_mapping(self._settings.migration.mapping)
        self._migrating = Migrating(
            self._settings, self._target, mapping, lambda: self._wake("migration"), self._ended, record=guard.armed
        )
        self._cutover = Cutover(self._settings, guard, aim, self._cut)
        self.searching = Searching(self._settings, lambda: self._wake("search"))
        self.analytics = Analytics(self._settings, self._observing, self._told)
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
        return self._effective.profile

    def header(self) -> HeaderSnapshot:
        """The latest header."""
        return self._header

    def overview(self) -> OverviewSnapshot:
        """The latest overview."""
        return self._overview

    def migration(self) -> MigrationSnapshot:
        """The latest state of the migration."""
        return self._migrating.snapshot

    def seen(self, kind: str, at: datetime | None = None) -> Dated | Unknown | Problem | None:
        """The newest sample of a kind, or what is in its way; with ``at``, what was kept of that moment."""
        return self._observing.seen(kind, at)

    def moments(self, kind: str) -> tuple[datetime, ...]:
        """What is kept of the last hour of a kind, oldest first."""
        return self._observing.moments(kind)

    def health_samples(self) -> tuple[HealthSample, ...]:
        """The counters of the last hour."""
        return self._observing.health_samples

    def cutover(self) -> CutoverSnapshot:
        """The latest state of the cutover."""
        return self._cutover.snapshot

    def subscribe(self, wake: Callable[[str], None]) -> Callable[[], None]:
        """Call ``wake(kind)`` for each newer snapshot; gives the way out."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake) if wake in self._listeners else None

    def _wake(self, kind: str) -> None:
        for listener in tuple(self._listeners):
            listener(kind)

    def _ended(self) -> None:
        self._watching.look_at_schema()
        self._observing.hasten("embedded")
        self._refresh()

    def _told(self, kind: str) -> None:
        self._wake("analytics")
        if kind == "delivery":
            self._overview = self._make_overview()
            self._wake("overview")

    def _cut(self, moved: bool) -> None:
        self._wake("cutover")
        if moved:
            self._overview = self._make_overview()
            self._wake("overview")

    def _refresh(self) -> None:
        was = self._header.postgres.link
        self._header = self._make_header()
        if self._header.postgres.link is Link.OK and was is not Link.OK:
            self._observing.hasten()
        self._wake("header")
        self._overview = self._make_overview()
        self._wake("overview")

    def _make_header(self) -> HeaderSnapshot:
        postgres, mongo = self._watching.states()
        return HeaderSnapshot(
            environment=self._settings.environment,
            read_only=self.read_only,
            armed=self.armed and self._settings.production,
            profile=self.profile,
            postgres=postgres,
            mongo=mongo,
            as_of=utc_now(),
        )

    def _make_overview(self) -> OverviewSnapshot:
        watching, migrating = self._watching, self._migrating
        # What our own copy has set aside comes back: it is no drift while that runs.
        meant = migrating.busy and migrating.snapshot.bulk
        return overview(
            Known(
                header=self._header,
                postgres=watching.postgres,
                mongo=watching.mongo,
                migration=migrating.snapshot,
                dry_run=migrating.dry_run,
                verification=migrating.verification,
                drift=None if meant else watching.drift,
                cutover=self._cutover.snapshot,
                delivery=self.analytics.delivery,
                watched={kind: self._observing.seen(kind) for kind in _WATCHED},
            )
        )

    async def start_watching(self) -> None:
        """Connect and sample until :meth:`stop`."""
        self._watching.start()
        self._observing.start()
        self._cutover.start()
        self.analytics.start()

    async def stop(self) -> None:
        """Stop a running job between two batches (two seconds at most), then close everything."""
        await self._migrating.close()
        await self._cutover.stop()
        await self.searching.stop()
        await self.analytics.stop()
        await self._acting.stop()
        await self._watching.stop()  # first: it uses a session of the other
        await self._observing.stop()

    async def look(self, kind: str) -> None:
        """Sample a kind now."""
        self._observing.hasten(kind)

    async def plan(self, statement: Statement) -> Plan | Unknown:
        """The plan of a listed statement; it is not run."""
        return await self._observing.plan(statement)

    async def measure_table(self, oid: int) -> Measured | Unknown:
        """The bloat of one table, measured."""
        return await self._observing.measure_table(oid)

    async def suggest_indexes(self) -> IndexesSnapshot:
        """The indexes that slow statements ask for; plans some of them."""
        return await self._observing.suggest_indexes()

    async def measure_index(self, oid: int) -> Measurement | Unknown:
        """The bloat of one index, measured."""
        return await self._observing.measure_index(oid)

    def act_progress(self) -> str:
        """What the act under way is doing."""
        return self._acting.progress

    async def prepare_act(self, request: Request, oid: int | None = None) -> ActPlan:
        """Check an act and preview it."""
        return await self._acting.prepare(request, oid)

    async def perform_act(self, plan: ActPlan, typed: str) -> Result:
        """Do it, if the guard lets it, and verify it."""
        return await self._acting.perform(plan, typed)

    async def dry_run(self) -> None:
        """Start a dry run. Raises ConsoleError when something runs already."""
        self._migrating.begin(Kind.DRY_RUN)

    async def verify(self) -> None:
        """Start a verification. Raises ConsoleError when something runs already."""
        self._migrating.begin(Kind.VERIFY)

    async def execute(self, typed: str, prune: bool = False) -> None:
        """Start the copy, if the guard lets it. The name is always typed here: a key is pressed too easily."""
        name = self._target.database()
        self._guard.permit(Act(f"write to database {name}", name, always_typed=True), typed)
        self._migrating.begin(Kind.EXECUTE, prune=prune)

    async def pause(self) -> None:
        """Pause the running job before its next batch."""
        self._migrating.pause()

    async def resume(self) -> None:
        """Let a paused job go on."""
        self._migrating.resume()

    async def throttle(self, rows_per_second: float | None, workers: int | None, batch_bytes: int | None) -> None:
        """Limit the running execution; None lifts a limit or leaves it to the console. ConsoleError when none runs."""
        self._migrating.throttle(rows_per_second, workers, batch_bytes)

    async def stop_migration(self) -> None:
        """Stop the running job; run again it goes on."""
        self._migrating.stop()

    async def quarantine(self, limit: int = 500) -> tuple[QuarantineItem, ...]:
        """What is in quarantine in the target; after a dry run, what that found."""
        return await self._migrating.quarantine(limit)

    async def quarantine_document(self, collection: str, source_id: str) -> str:
        """One quarantined document, secrets redacted."""
        return await self._migrating.document(collection, source_id)

    async def cutover_act(self, verb: str, target: str = "", text: str = "") -> None:
        """Do in the cutover what a person asked for."""
        await self._cutover.act(verb, target, text)

    async def cutover_output(self, step: str) -> tuple[str, ...]:
        """The end of what the latest attempt at a step printed."""
        return await self._cutover.output(step)

    def execute_preview(self) -> Preview:
        """What the copy would do, in one sentence, and what has to be typed."""
        command = self.as_command("execute")
        return copy_preview(self._settings, self._target.database(), self._migrating.dry_run, command)

    def as_command(self, action: str) -> str:
        """The same thing as a command line."""
        armed = action == "execute" and self._settings.production
        typed = f" --allow-writes --yes-i-typed {self._target.database()}" if armed else ""
        return command_of(action, self._effective) + typed


def build_services(effective: Effective, guard: Guard, aim: Aim | None = None) -> ConsoleServices:
    """The services of these settings; ``aim`` is what a cutover walks. ConsoleError (exit 2) for a bad mapping."""
    return ConsoleServices(effective, guard, aim)

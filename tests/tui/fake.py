"""Services without servers: the port of the screens, filled by a test or a picture.

Everything the real ones promise holds here too: snapshots at once, wake-ups from the service thread, coroutines on
the service loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from devora_console.core.clock import utc_now
from devora_console.core.console import (
    HeaderSnapshot,
    Link,
    OverviewLine,
    OverviewSnapshot,
    Preview,
    ServerState,
    Verdict,
)
from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import Problem, refused
from devora_console.core.unknown import Unknown
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.migration.progress import (
    CollectionProgress,
    CollectionState,
    Difference,
    Kind,
    MigrationSnapshot,
    Orphans,
    Phase,
    PhaseProgress,
    QuarantineItem,
    RatePoint,
    State,
    TableVerdict,
    VerificationSnapshot,
    Wishes,
    WorkerProgress,
)
from devora_console.postgres.acts.model import Plan as ActPlan
from devora_console.postgres.acts.model import Request, Result
from devora_console.postgres.health.measure import Measured
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Measurement
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import Statement
from devora_console.postgres.watch.ring import Dated
from devora_console.services.showing import Seen, shown
from tests.tui.fake_analytics import FakeAnalytics
from tests.tui.fake_search import FakeSearching

AT = datetime(2024, 12, 9, 14, 3, 27, tzinfo=UTC)
_POLICIES = {"templates": "archive", "sessions": "ignore"}
_DOCUMENTS = {
    "users": 150,
    "projects": 342,
    "conversations": 89_000,
    "invoices": 45,
    "subscriptions": 150,
    "documents": 4_210,
    "api_keys": 61,
    "audit_logs": 120_450,
    "notifications": 31_002,
    "knowledge_base": 890,
    "prompts": 77,
    "templates": 812,
    "sessions": 2_019,
}
_ROWS = {"projects": 5, "conversations": 20, "documents": 9, "knowledge_base": 12}


def header(environment: str = "staging", now: datetime | None = None) -> HeaderSnapshot:
    """Both servers well."""
    now = now or utc_now()
    return HeaderSnapshot(
        environment=environment,
        read_only=False,
        armed=True,
        profile="staging",
        postgres=ServerState("PostgreSQL", "devora@db1", Link.OK, "16.4", now),
        mongo=ServerState("MongoDB", "devora_db@mongo1", Link.OK, "7.0.14", now),
        as_of=now,
    )


def lost(snapshot: HeaderSnapshot, seconds: float = 12) -> HeaderSnapshot:
    """The same with PostgreSQL lost."""
    problem = Problem("connect.lost", "the server closed the connection", "Start it, or wait")
    server = replace(
        snapshot.postgres,
        link=Link.LOST,
        since=snapshot.as_of - timedelta(seconds=seconds),
        problem=problem,
        attempt=3,
        next_try=snapshot.as_of + timedelta(seconds=4),
    )
    return replace(snapshot, postgres=server)


def overview(now: datetime | None = None) -> OverviewSnapshot:
    """A typical morning."""
    lines = (
        OverviewLine(
            "mongo",
            "MongoDB",
            Verdict.OK,
            "standalone 7.0.14 · 13 collections · 1.3 GB",
            "hello and dbStats answered in 4 ms at 14:03:25Z.",
            screen="migration",
        ),
        OverviewLine(
            "postgres",
            "PostgreSQL",
            Verdict.OK,
            "16.4 · devora 2.1 GB · 11 of 11 tables",
            "SELECT version(), pg_database_size(current_database())",
        ),
        OverviewLine(
            "schema",
            "Schema",
            Verdict.OK,
            "version 4 of 4 · 0 drift",
            "devora_console.schema_versions holds 4 rows.",
        ),
        OverviewLine(
            "dry_run",
            "Dry run",
            Verdict.WARN,
            "3 documents would go to quarantine, 2 h ago",
            "The last dry run converted 249 208 documents; 3 were refused by rule (threshold: 0).",
            "Open Migration (2), press q, and repair or waive them.",
            screen="migration",
        ),
        OverviewLine(
            "copy",
            "Copy",
            Verdict.RUNNING,
            "61 % of 1.91 M rows, about 4 min left",
            "rows written / rows surveyed, from the running copy.",
            screen="migration",
        ),
        OverviewLine(
            "verify",
            "Verification",
            Verdict.UNKNOWN,
            "not yet: nothing to compare before the copy has ended",
            "No verification is newer than the copy.",
            "Open Migration (2) and press v when the copy is done.",
            screen="migration",
        ),
        OverviewLine(
            "backup",
            "Backup",
            Verdict.FAIL,
            "no backup of PostgreSQL is known",
            "No backup was taken from here, and no path to one is configured.",
            "devora-console backup postgres",
        ),
    )
    return OverviewSnapshot(
        "Not ready to cut over: 1 verdict fails and 1 warns. Next: back up PostgreSQL.",
        lines,
        now or utc_now(),
    )


def collections(share: float, *, survey: bool = False, held: bool = True) -> tuple[CollectionProgress, ...]:
    """Every collection with ``share`` of all documents behind it, one after the other."""
    left = share * sum(_DOCUMENTS.values())
    found: list[CollectionProgress] = []
    for name, total in _DOCUMENTS.items():
        through = int(max(0, min(total, left)))
        left -= total
        policy = _POLICIES.get(name, "map")
        done = through == total
        working = CollectionState.SURVEYING if survey else CollectionState.WRITING
        state = CollectionState.DONE if done else working if through else CollectionState.WAITING
        quarantined = {"projects": 1, "conversations": 2}.get(name, 0) if held and through else 0
        kept = through - quarantined
        found.append(
            CollectionProgress(
                name=name,
                policy=policy,
                total=total,
                state=state,
                surveyed=through if survey else total,
                written=0 if survey else through,
                migrated=(kept if survey else total - quarantined) if policy == "map" else 0,
                quarantined=quarantined,
                archived=through if policy == "archive" else 0,
                ignored=through if policy == "ignore" else 0,
                rows={name: kept * _ROWS.get(name, 1)} if through and policy == "map" else {},
                conversions={"iso date → timestamptz": through * 2, "ObjectId → uuid": through} if through else {},
                seconds=through / 3_000,
            )
        )
    return tuple(found)


def rates() -> tuple[RatePoint, ...]:
    """Fifty seconds of the survey, in documents, then the copy, in rows."""
    waves = (58_000, 59_500, 61_000, 62_200, 63_000, 62_000, 61_300, 60_400, 59_000, 57_800, 57_000, 57_400)
    survey = [RatePoint(at + 0.5, 4_900.0 + 10 * at, 14_000_000.0) for at in range(1, 48)]
    copy = [RatePoint(at + 0.5, waves[at // 6 % 12] * min(1.0, (at - 40) / 40), 44e6) for at in range(50, 200)]
    return (*survey, *copy)


SURVEYED = (
    PhaseProgress(Phase.SURVEY, 249_208, 249_208, 1_400_000_000, 48.0, finished=True),
    PhaseProgress(Phase.DECIDE, Unknown("deciding is one step"), seconds=1.0, finished=True),
)
WORKERS = (
    WorkerProgress("29317", 310_000, 56_400.0, 0.38, 19),
    WorkerProgress("29325", 298_000, 53_600.0, 0.42, 18),
)


def copying(share: float = 0.61, now: datetime | None = None) -> MigrationSnapshot:
    """A copy under way."""
    now = now or utc_now()
    total = 2_134_411
    done = int(total * share)
    return MigrationSnapshot(
        as_of=now,
        kind=Kind.EXECUTE,
        state=State.RUNNING,
        phase=Phase.WRITE,
        run="20241209T140010Z",
        mapping="devora",
        mapping_hash="9f31c2",
        source="devora_db@mongo1",
        target="devora@db1",
        started_at=now - timedelta(seconds=200),
        collections=collections(share),
        rows_total=total,
        rows_done=done,
        bytes_done=1_400_000_000,
        rows_per_second=61_200.0,
        bytes_per_second=44_100_000.0,
        eta_seconds=243.0,
        eta_spread_seconds=55.0,
        rates=rates(),
        phases=(*SURVEYED, PhaseProgress(Phase.WRITE, total, done, 1_400_000_000, 150.5)),
        workers=WORKERS,
        batch_bytes=2_000_000,
        wishes=Wishes(),
        conversions={
            "iso date → timestamptz": 178_400,
            "ObjectId → uuid": 151_020,
            "owner derived": 88,
            "float → numeric": 45,
            "trimmed name": 12,
        },
        quarantine_rules={"not_null": 2, "check": 1},
        quarantine=items(),
        seconds=200.0,
    )


_AFTER = (
    (Phase.VECTORS, 205_000, 6.4),
    (Phase.INDEXES, 28, 31.0),
    (Phase.CONSTRAINTS, 12, 2.0),
    (Phase.CONSTRAINTS, 4, 0.1),
    (Phase.ANALYZE, 11, 1.2),
)


def finishing(round_: int, done: int, waiting_for: str = "", now: datetime | None = None) -> MigrationSnapshot:
    """After the copy proper: vectors (0), indexes (1), foreign keys (2), triggers (3) or statistics (4)."""
    running = copying(1.0, now)
    before = tuple(PhaseProgress(phase, total, total, 0, took, True) for phase, total, took in _AFTER[:round_])
    phase, total, took = _AFTER[round_]
    copied_all = replace(running.phases[-1], finished=True)
    return replace(
        running,
        phase=phase,
        rows_total=total,
        rows_done=done,
        bytes_done=0,
        rows_per_second=31_900.0,
        eta_seconds=12.0,
        eta_spread_seconds=1.0,
        waiting_for=waiting_for,
        phases=(*SURVEYED, copied_all, *before, PhaseProgress(phase, total, done, 0, took)),
        workers=(),
        bulk=True,
        seconds=running.seconds + sum(each.seconds for each in before) + took,
    )


def copied(verified: bool | None = None, now: datetime | None = None) -> MigrationSnapshot:
    """A copy that is done; ``verified`` well, badly, or not at all (None)."""
    now = now or utc_now()
    running = copying(1.0, now)
    verification = None if verified is None else verification_of(verified, now)
    return replace(
        running,
        state=State.DONE,
        phase=None,
        finished_at=now,
        rows_per_second=MigrationSnapshot(now).rows_per_second,
        eta_seconds=MigrationSnapshot(now).eta_seconds,
        phases=tuple(replace(each, finished=True) for each in running.phases),
        verification=verification,
    )


def verification_of(ok: bool, now: datetime) -> VerificationSnapshot:
    """A verdict on eleven tables."""
    tables = [
        TableVerdict(name, count, count - (1 if name == "projects" else 0), 1 if name == "projects" else 0, "ok")
        for name, count in (
            ("users", 150),
            ("projects", 342),
            ("project_files", 1_368),
            ("conversations", 89_000),
            ("messages", 1_780_000),
            ("invoices", 45),
            ("subscriptions", 150),
            ("documents", 37_890),
            ("audit_logs", 120_450),
            ("notifications", 31_002),
            ("archived_documents", 812),
        )
    ]
    differences: tuple[Difference, ...] = ()
    if not ok:
        tables[4] = replace(tables[4], status="mismatch", target=1_779_998, missing=3, extra=1, different=12)
        differences = (
            Difference("messages", "7f3e0c1d-55aa", "missing", "conversations", "65a1f0", None, None, None),
            Difference("messages", "0b1c88aa-10f2", "different", "conversations", "65a1f1", "role", "user", "system"),
        )
    return VerificationSnapshot(
        level="digest",
        ok=ok,
        at=now,
        seconds=41.0,
        tables=tuple(tables),
        collections=(),
        differences=differences,
        orphans=(Orphans("target", "project_files", 0),),
        sampled=500,
        sample_differences=0 if ok else 1,
        watermark=now,
        mapping_hash="9f31c2",
    )


def items() -> tuple[QuarantineItem, ...]:
    """Three documents that could not be converted."""
    return (
        QuarantineItem(
            1,
            "projects",
            "65a1f0c2b7d4e8f901234567",
            "not_null",
            "owner_id",
            "owner is missing and cannot be derived",
            constraint="projects_owner_id_not_null",
            sqlstate="23502",
            first_seen=AT,
            last_seen=AT,
        ),
        QuarantineItem(
            2,
            "conversations",
            "65a1f0c2b7d4e8f901234999",
            "check",
            "messages[17].role",
            "role 'narrator' is not one of user, assistant, system",
            first_seen=AT,
            attempts=2,
        ),
        QuarantineItem(
            3,
            "conversations",
            "65a1f0c2b7d4e8f901234aaa",
            "not_null",
            "messages[3].content",
            "content is null",
            first_seen=AT,
        ),
    )


DOCUMENT = """{
  "_id": {"$oid": "65a1f0c2b7d4e8f901234567"},
  "name": "Refonte du portail client",
  "owner": null,
  "created_at": {"$date": "2024-03-02T09:14:55Z"},
  "files": [
    {"path": "src/main.py", "size": 1204},
    {"path": "README.md", "size": 310}
  ],
  "settings": {"visibility": "private", "api_key": "<redacted>"}
}"""


class FakeServices:
    """The port, with what was asked kept in ``asked``."""

    def __init__(self) -> None:
        self.loop = ServiceLoop("fake-services")
        self.environment, self.read_only, self.armed = "staging", False, True
        self.profile: str | None = "staging"
        self.header_now, self.overview_now = header(), overview()
        self.migration_now = MigrationSnapshot(as_of=utc_now())
        self.found: tuple[QuarantineItem, ...] = items()
        self.seen_then: dict[tuple[str, datetime], Dated] = {}
        self.seen_now: dict[str, Dated | Unknown | Problem] = {}
        missing = Problem("runbook", "runbook big_bang.toml: variables missing: site", "Set them under [cutover.vars]")
        self.cutover_now = shown(Seen("staging", None, missing))
        self.printed: dict[str, tuple[str, ...]] = {}
        self.holds: asyncio.Event | None = None
        self.acting = ""
        self.document = DOCUMENT
        self.asked: list[str] = []
        self.stopped = False
        self.fails: Exception | None = None
        self._wakes: list[Callable[[str], None]] = []
        self.searching = FakeSearching(lambda: self._tell("search"))
        self.analytics = FakeAnalytics(lambda: self._tell("analytics"))
        self._beating: asyncio.Task[None] | None = None
        self.gaps: list[float] = []

    def _tell(self, kind: str) -> None:
        for wake in list(self._wakes):
            wake(kind)

    def header(self) -> HeaderSnapshot:
        """The header as set, with the guard as set."""
        return replace(self.header_now, read_only=self.read_only, armed=self.armed)

    def overview(self) -> OverviewSnapshot:
        """The overview as set."""
        return self.overview_now

    def migration(self) -> MigrationSnapshot:
        """The migration as set."""
        return self.migration_now

    def seen(self, kind: str, at: datetime | None = None) -> Dated | Unknown | Problem | None:
        """What was set for a kind, or for a moment of it."""
        return self.seen_now.get(kind) if at is None else self.seen_then.get((kind, at))

    def moments(self, kind: str) -> tuple[datetime, ...]:
        """The moments that were set for a kind."""
        return tuple(sorted(at for each, at in self.seen_then if each == kind))

    def health_samples(self) -> tuple[HealthSample, ...]:
        """None."""
        return ()

    def act_progress(self) -> str:
        """Nothing is under way, unless a test says so."""
        return self.acting

    async def prepare_act(self, request: Request, oid: int | None = None) -> ActPlan:
        """Noted and refused."""
        await self._note(f"prepare {request.kind} {request.name or oid}")
        raise refused("not_owner", "you do not own it", "Connect as its owner")

    async def perform_act(self, plan: ActPlan, typed: str) -> Result:
        """Never comes to it."""
        raise NotImplementedError

    async def look(self, kind: str) -> None:
        """Noted."""
        await self._note(f"look {kind}")

    async def plan(self, statement: Statement) -> Plan | Unknown:
        """Noted; there is none."""
        await self._note(f"plan {statement.key.queryid}")
        return Unknown("it holds an interval whose value is a parameter", "Give the text with values")

    async def measure_table(self, oid: int) -> Measured | Unknown:
        """Noted; it cannot be measured."""
        await self._note(f"measure table {oid}")
        return Unknown("pgstattuple is not installed here", "CREATE EXTENSION pgstattuple")

    async def suggest_indexes(self) -> IndexesSnapshot:
        """Noted; there is nothing to suggest."""
        await self._note("suggest indexes")
        seen = self.seen("indexes")
        assert isinstance(seen, IndexesSnapshot)
        return replace(seen, advice=Unknown("pg_stat_statements is not loaded", "Load it"))

    async def measure_index(self, oid: int) -> Measurement | Unknown:
        """Noted; it cannot be measured."""
        await self._note(f"measure index {oid}")
        return Unknown("pgstattuple is not installed here", "CREATE EXTENSION pgstattuple")

    def cutover(self) -> CutoverSnapshot:
        """The cutover as set."""
        return self.cutover_now

    async def cutover_act(self, verb: str, target: str = "", text: str = "") -> None:
        """Noted; it lasts as long as a test holds it."""
        await self._note(f"cutover {verb} {target} {text}".rstrip())
        if self.holds is not None:
            await self.holds.wait()

    def release(self) -> None:
        """End the act that is held."""

        async def end() -> None:
            if self.holds is not None:
                self.holds.set()

        self.loop.call(end(), 5)

    async def cutover_output(self, step: str) -> tuple[str, ...]:
        """What was set for a step."""
        return self.printed.get(step, ())

    def subscribe(self, wake: Callable[[str], None]) -> Callable[[], None]:
        """Keep who is to be woken."""
        self._wakes.append(wake)
        return lambda: self._wakes.remove(wake)

    def publish(self, kind: str = "migration") -> None:
        """Wake everyone, from the service thread."""

        async def wake_all() -> None:
            for wake in list(self._wakes):
                wake(kind)

        self.loop.call(wake_all(), 5)

    async def start_watching(self) -> None:
        """Start a heartbeat of 50 ms whose gaps are kept."""
        self.asked.append("start_watching")
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(0.05)
            now = loop.time()
            self.gaps.append(now - last)
            last = now

    async def stop(self) -> None:
        """End the heartbeat."""
        self.stopped = True
        if self._beating is not None:
            self._beating.cancel()

    async def _note(self, what: str) -> None:
        if self.fails is not None:
            raise self.fails
        self.asked.append(what)

    async def dry_run(self) -> None:
        """Noted."""
        await self._note("dry_run")

    async def execute(self, typed: str, prune: bool = False) -> None:
        """Noted; refused when read-only, as the real guard does."""
        if self.read_only:
            raise refused("guard.read_only", "execute is refused: the console is read-only", "Use --allow-writes")
        await self._note(f"execute {typed}")

    async def verify(self) -> None:
        """Noted."""
        await self._note("verify")

    async def pause(self) -> None:
        """Noted."""
        await self._note("pause")

    async def resume(self) -> None:
        """Noted."""
        await self._note("resume")

    async def throttle(self, rows_per_second: float | None, workers: int | None, batch_bytes: int | None) -> None:
        """Noted."""
        await self._note(f"throttle {rows_per_second} {workers} {batch_bytes}")

    async def stop_migration(self) -> None:
        """Noted."""
        await self._note("stop_migration")

    async def quarantine(self, limit: int = 500) -> tuple[QuarantineItem, ...]:
        """The items as set."""
        await self._note("quarantine")
        return self.found[:limit]

    async def quarantine_document(self, collection: str, source_id: str) -> str:
        """The document as set."""
        await self._note(f"document {source_id}")
        return self.document

    def execute_preview(self) -> Preview:
        """What the copy does."""
        return Preview(
            title="Execute the migration",
            consequence="Copies 249 208 documents from devora_db@mongo1 into 11 tables of devora@db1.",
            locks="Rows it writes, one batch at a time; readers and other writers go on.",
            sql="COPY ... FROM STDIN (FORMAT binary); INSERT ... ON CONFLICT DO UPDATE",
            command="devora-console migrate --execute --yes-i-typed devora",
            type_name="devora",
        )

    def as_command(self, action: str) -> str:
        """A command line."""
        return {
            "dry_run": "devora-console migrate --dry-run",
            "execute": "devora-console migrate --execute --yes-i-typed devora",
            "verify": "devora-console verify --level digest",
            "quarantine": "devora-console quarantine list",
        }.get(action, f"devora-console {action}")

"""Worlds to be told of: one in which everything is known, and one in which nothing is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from devora_console.analytics.exporter.of_product import Business
from devora_console.analytics.exporter.samples import (
    SAMPLES,
    Console,
    Cutover,
    Gate,
    Migration,
    Sample,
    Server,
    Verification,
    World,
)
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.mongo.facts import MongoFacts, ServerFacts
from devora_console.mongo.source import CollectionInfo
from devora_console.postgres.activity.snapshot import (
    ActivitySnapshot,
    Connections,
    Finding,
    LockNode,
    LocksSnapshot,
    Session,
    Wanted,
)
from devora_console.postgres.facts import ConsoleFacts, PostgresFacts
from devora_console.postgres.health.bloat import BloatPart, TableBloat
from devora_console.postgres.health.cache import Accesses, CachePart
from devora_console.postgres.health.io import IoPart
from devora_console.postgres.health.replication import Replica, ReplicationPart, Slot
from devora_console.postgres.health.sample import Interval
from devora_console.postgres.health.sequences import SequencesPart, SequenceUse
from devora_console.postgres.health.sizes import SizesPart, TableSize
from devora_console.postgres.health.snapshot import HealthLine, HealthSample, HealthSnapshot
from devora_console.postgres.health.tables import TableVacuum
from devora_console.postgres.health.vacuum import VacuumPart
from devora_console.postgres.health.wraparound import Age, DatabaseAge, WraparoundPart
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.postgres.statements import (
    Counters,
    Key,
    Place,
    QueriesSnapshot,
    RunningSnapshot,
    Statement,
    StatementsSnapshot,
    Window,
)
from devora_console.postgres.statements.snapshot import Total
from devora_console.search.seen import Embedded

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHY = Unknown("nobody knows", "Ask")
HOSTILE = 'a"b\\c\n' + "x" * 500 + "\x1b[31m"


@dataclass(frozen=True)
class Delivery:
    """Events as the exporter is told of them."""

    spooled: int | Unknown = 3
    stored: int | Unknown = 100
    delivered: int | Unknown = 90
    waiting: int | Unknown = 8
    refused: int | Unknown = 2
    oldest_waiting_at: datetime | Unknown | None = NOW - timedelta(minutes=2)
    configured: bool = True


BUSINESS: Business = {
    "total_users": 150,
    **{f"active_users_{each}": number for each, number in (("day", 10), ("week", 40), ("month", 90))},
    **{f"new_users_{each}": number for each, number in (("day", 1), ("week", 4), ("month", 9))},
    "age_seconds": 90.0,
    "retention_rate_30d": 0.4,
    "churn_rate": 0.05,
    "mrr": Decimal("199.90"),
    "paying_users_by_currency": {"EUR": 10, "USD": 2},
    "mrr_by_currency": {"EUR": Decimal("199.90"), "USD": Decimal("20.00")},
    "total_revenue_by_currency": {"EUR": Decimal("999.90"), "USD": Decimal("40.00")},
    "total_messages": 400,
    "total_projects": 60,
    "total_conversations": 75,
    "error_rate": 0.02,
    "average_query_time_ms": 4.5,
    **{f"search_p{each}_ms": value for each, value in ((50, 20.0), (95, 80.0), (99, 200.0))},
    "rag_retrieval_ms": 120.0,
    "rag_retrieval_p95_ms": 300.0,
}


def world(tables: int = 3, top: int = 10) -> World:
    """Everything is known, and was seen a second ago."""
    seen = {
        "console": Console("0.1.0", "staging", "devora_db", NOW - timedelta(hours=1)),
        "servers": (Server("postgres", up=True), Server("mongo", up=True)),
        "facts": facts(),
        "source": MongoFacts(
            NOW,
            ServerFacts("7.0", "standalone", None, NOW),
            "devora_db",
            (CollectionInfo("users", 7, 1), CollectionInfo("projects", 5, 1)),
            1000,
            False,
            NOW,
        ),
        "activity": activity(),
        "locks": locks(),
        "queries": queries(),
        "health": health(tables),
        "indexes": IndexesSnapshot(NOW, "devora_db", WHY, WHY, 9, 4096, "", (), (), {}),
        "embedded": Embedded(NOW, "m", 100, 90, 60, 5),
        "migration": Migration(
            "running", "write", 250, 1000, 500.0, 1.5, {"migrated": 9}, NOW - timedelta(hours=2), NOW
        ),
        "verification": Verification(ok=True, counts=True, differences=0, through=NOW - timedelta(minutes=9)),
        "cutover": Cutover(
            (Gate("quarantine.empty", "fail", waived=True, age_seconds=3.0), Gate("x.y", "unknown", False, None)),
            "paused",
            {"passed": 3, "pending": 4},
            NOW + timedelta(hours=1),
        ),
        "events": Delivery(),
        "business": BUSINESS,
    }
    assert seen.keys() == SAMPLES.keys()
    at = NOW - timedelta(seconds=1)
    return World(NOW, {name: Sample(each, at) for name, each in seen.items()}, top)


def nothing() -> World:
    """Nothing is known but that the servers are away."""
    samples = {name: Sample(WHY, NOW) for name in SAMPLES}
    samples["servers"] = Sample((Server("postgres", up=False),), NOW)
    return World(NOW, samples)


def with_sample(of: World, name: str, seen: object, age: float = 1.0) -> World:
    """The same world with another sample."""
    return replace(of, samples={**of.samples, name: Sample(seen, NOW - timedelta(seconds=age))})


def facts() -> PostgresFacts:
    return PostgresFacts(
        as_of=NOW,
        version="18.1",
        server_version_num=180001,
        database="devora_db",
        user="devora_owner",
        superuser=False,
        database_owner=True,
        in_recovery=False,
        started_at=NOW - timedelta(days=1),
        server_time=NOW,
        size_bytes=10_000_000,
        tables=29,
        extensions={},
        console=ConsoleFacts(19, 19, 4, None, None, None),
    )


def session(**changes: object) -> Session:
    plain = Session(
        pid=1,
        workers=(),
        hidden=False,
        backend_type="client backend",
        database="devora_db",
        user="app",
        application="",
        client=None,
        state="active",
        wait_type=None,
        wait_event=None,
        query="SELECT 1",
        query_truncated=False,
        query_id=None,
        started=NOW,
        statement_started=NOW,
        transaction_seconds=7.0,
        statement_seconds=1.0,
        state_seconds=1.0,
        wait_seconds=None,
        xid_age=None,
        xmin_age=None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # names of its fields


def activity(*sessions: Session, hidden: int = 0) -> ActivitySnapshot:
    shown = sessions or (session(), session(state="idle in transaction", state_seconds=33.0))
    connections = Connections(5, 97, 100, 3, Finding(Verdict.OK, ""))
    return ActivitySnapshot(NOW, shown, hidden, "GRANT pg_monitor", 1, 2, connections, {})


def locks(waits: float | Unknown | None = 12.0) -> LocksSnapshot:
    def node(key: str, wanted: Wanted | None, *waiters: LockNode) -> LockNode:
        plain = Finding(Verdict.OK, "")
        return LockNode(key, 1, None, None, wanted, (), False, (), 1, False, plain, "", "", "", waiters)

    return LocksSnapshot(NOW, (node("a", None, node("b", Wanted("X", "table", waits))),), 1, 0, "", {})


def counters(calls: int, ms: float) -> Counters:
    nothing = (0, 0, 0, 0, 0, 0)
    return Counters(0, 0.0, calls, ms, 0.0, ms, 0, 9, 1, *nothing, 0.0, 0.0, None, None, 0, 0, 0, None, None)


def queries(hidden: int = 0, slow: int = 2, seconds: float | Unknown = 60.0) -> QueriesSnapshot:
    place = Place(1, (1, 11), "public", 5000, "all", False, True, 10, "GRANT pg_monitor TO x;")
    window = Window(NOW, NOW, seconds, NOW, 0, 0, False, False, 0, 0, Total(6000.0), Total(9000.0))
    statements = tuple(
        Statement(Key(10, 1, number, True), counters(10, 100.0 * number), counters(10, 100.0 * number), None)
        for number in range(1, 21)
    )
    found = StatementsSnapshot(NOW, place, window, statements, hidden, 8192, 20, slow)
    return QueriesSnapshot(NOW, 100.0, found, RunningSnapshot((), 100.0, 0, 0, 0))


def health(tables: int = 3, *, hit: int = 9900, read: int = 100) -> HealthSnapshot:
    names = [("public", f"t{number:04}") for number in range(tables)] + [("public", HOSTILE)]
    interval = Interval(60.0, hit, read, None, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    sample = HealthSample(NOW, 1, NOW, NOW, 99_000, 1_000, None, 500, 5, 2, 0, 0, 30, 4096, 1, 0, 10, 999)
    vacuum = tuple(
        TableVacuum(1, schema, name, "r", None, 9.0, 9, at + 1, 0, 0, None, None, None, None, None, None, {}, None)
        for at, (schema, name) in enumerate(names)
    )
    bloat = tuple(
        TableBloat(1, schema, name, 8192, 0, 9.0, 9, 100, at * 10, "fair", (), 0, None, None)
        for at, (schema, name) in enumerate(names)
    )
    sizes = tuple(TableSize(1, schema, name, False, 0, 1000 + at, 10, False) for at, (schema, name) in enumerate(names))
    return HealthSnapshot(
        NOW,
        "devora_db",
        WHY,
        60.0,
        {
            "cache": CachePart(NOW, Accesses(9, 1), interval, WHY, WHY, (), (), WHY, (line("cache", Verdict.WARN),)),
            "bloat": BloatPart(NOW, bloat, len(names), 0, 1, ()),
            "vacuum": VacuumPart(NOW, WHY, vacuum, 1, 2, 3, WHY, WHY, WHY, WHY, ()),
            "sizes": SizesPart(NOW, 1, WHY, sizes, len(names), 10_000_000, ()),
            "io": IoPart(NOW, sample, interval, None, ()),
            "replication": ReplicationPart(
                NOW,
                None,
                (Replica(1, "standby", "streaming", "async", 4096, 2.5),),
                (Slot("s", "physical", None, False, True, "reserved", None, 1024, None, None),),
                (),
            ),
            "wraparound": WraparoundPart(
                NOW, (DatabaseAge("devora_db", True, Age(2**30, 1, 1), Age(10, 1, 1)),), WHY, ()
            ),
            "sequences": SequencesPart(
                NOW, (SequenceUse(1, "public", "s", "int4", 1, False, None, None, 5, 9, "", 5, 10, 5),), 1, ()
            ),
        },
    )


def line(section: str, verdict: Verdict) -> HealthLine:
    return HealthLine(f"{section}.x", section, "x", verdict, "x")

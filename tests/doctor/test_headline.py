"""The overview without any server: the headline's order of importance, and lines that explain themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devora_console.core.console import HeaderSnapshot, Link, OverviewLine, ServerState, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor import Known, overview
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State, TableVerdict, VerificationSnapshot
from devora_console.mongo.facts import MongoFacts, ServerFacts
from devora_console.mongo.source import CollectionInfo
from devora_console.postgres.facts import ConsoleFacts, PostgresFacts, RunFacts
from devora_console.schema import LATEST

NOW = datetime(2026, 3, 4, 14, 3, 27, tzinfo=UTC)
PROBLEM = Problem("postgres_unreachable", "PostgreSQL at h cannot be reached", "Check that the server runs")
DONE = RunFacts("r1", "done", NOW - timedelta(hours=3), NOW - timedelta(hours=2), "ops@host pid 7", 1_912_004)
STATE = ConsoleFacts(LATEST, LATEST, 0, None, None, DONE)
FACTS = PostgresFacts(
    as_of=NOW,
    version="16.4",
    server_version_num=160004,
    database="devora",
    user="devora_user",
    superuser=False,
    database_owner=True,
    in_recovery=False,
    started_at=NOW - timedelta(days=3),
    server_time=NOW,
    size_bytes=2_100_000_000,
    tables=11,
    extensions={"vector": "0.8.0"},
    console=STATE,
)
SOURCE = MongoFacts(
    as_of=NOW,
    server=ServerFacts("7.0.14", "standalone", None, NOW),
    database="devora_db",
    collections=(CollectionInfo("users", 150, Unknown("not asked")), CollectionInfo("projects", 342, Unknown("-"))),
    size_bytes=1_300_000_000,
    change_streams=False,
    counted_at=NOW,
)
VERIFIED = VerificationSnapshot(
    level="fields",
    ok=True,
    at=NOW - timedelta(minutes=5),
    seconds=3.0,
    tables=(TableVerdict("users", 150, 150, 0, "ok"),),
    collections=(),
    differences=(),
    orphans=(),
    sampled=100,
    sample_differences=0,
    watermark=NOW,
    mapping_hash="m",
)


def server(engine: str, link: Link = Link.OK, problem: Problem | None = None) -> ServerState:
    return ServerState(engine, "devora@h", link, "16.4", NOW - timedelta(seconds=12), problem)


def known(**changes: object) -> Known:
    header = HeaderSnapshot("staging", False, True, None, server("PostgreSQL"), server("MongoDB"), as_of=NOW)
    whole = Known(header, FACTS, SOURCE, MigrationSnapshot(NOW), dry_run=None, verification=VERIFIED)
    return replace(whole, **changes)  # type: ignore[arg-type]


def link(engine: str, state: Link, problem: Problem | None = PROBLEM) -> HeaderSnapshot:
    changed = server(engine, state, problem)
    header = known().header
    return replace(header, postgres=changed) if engine == "PostgreSQL" else replace(header, mongo=changed)


def console(**changes: object) -> PostgresFacts:
    return replace(FACTS, console=replace(STATE, **changes))  # type: ignore[arg-type]


def running(state: State = State.RUNNING) -> MigrationSnapshot:
    return MigrationSnapshot(
        NOW, Kind.EXECUTE, state, Phase.WRITE, rows_total=1_000, rows_done=610, eta_seconds=250.0, started_at=NOW
    )


MISMATCH = replace(VERIFIED, ok=False, tables=(TableVerdict("messages", 9, 8, 0, "mismatch", missing=1),))
NEVER = replace(FACTS, console=Unknown("the schema was never applied here", "devora-console schema apply"))
DRY = replace(running(State.DONE), kind=Kind.DRY_RUN, quarantine_rules={"email_taken": 2, "null": 1})
READ_ONLY = replace(known().header, read_only=True, armed=False)

CASES: dict[str, tuple[Known, str]] = {
    "all well": (known(), "Copied and verified: 1 table ok · 5m00s ago. Quarantine is empty."),
    "postgres lost beats all": (
        known(header=link("PostgreSQL", Link.LOST), postgres=PROBLEM, migration=running()),
        "PostgreSQL is lost: PostgreSQL at h cannot be reached. Next: check that the server runs.",
    ),
    "mongo refuses": (
        known(header=link("MongoDB", Link.REFUSED, Problem("mongo_auth", "MongoDB at m refuses", "Check MONGO_URL"))),
        "MongoDB refuses us: MongoDB at m refuses. Next: check MONGO_URL.",
    ),
    "not configured": (
        known(header=link("MongoDB", Link.ABSENT), mongo=None),
        "MongoDB is not configured. Next: devora-console config init, or try devora-console demo.",
    ),
    "connecting": (
        known(header=link("PostgreSQL", Link.CONNECTING, None), postgres=None),
        "Connecting to PostgreSQL ...",
    ),
    "copy running, with quarantine": (
        known(migration=running(), postgres=console(quarantine_open=3)),
        "Copy running: 61 % of 1 000 rows, about 4m10s left. Quarantine: 3 documents unresolved. Next: watch it (2).",
    ),
    "copy building indexes": (
        known(migration=replace(running(), phase=Phase.INDEXES, rows_total=28, rows_done=12)),
        "Copy running: indexes, 12 of 28. Next: watch it (2).",
    ),
    "copy filling vectors": (
        known(migration=replace(running(), phase=Phase.VECTORS)),
        "Copy running: search vectors, 61 % of 1 000 rows, about 4m10s left. Next: watch it (2).",
    ),
    "copy surveying": (
        known(migration=replace(running(), phase=Phase.SURVEY, rows_total=Unknown("it does not say"))),
        "Copy running: survey, 610 documents so far, about 4m10s left. Next: watch it (2).",
    ),
    "copy deciding": (
        known(migration=replace(running(), phase=Phase.DECIDE, rows_total=Unknown("one step"))),
        "Copy running: decide. Next: watch it (2).",
    ),
    "copy paused": (
        known(migration=running(State.PAUSED)),
        "Copy paused: 61 % of 1 000 rows, about 4m10s left. Next: resume it (2, P).",
    ),
    "another console copies": (
        known(postgres=console(lease_holder="ops@b pid 9", lease_since=NOW)),
        "Copy by another console: ops@b pid 9 since 2026-03-04T14:03:27Z. Next: wait for it, or stop it where it runs.",
    ),
    "own copy just ended": (
        known(migration=replace(running(State.DONE), finished_at=NOW + timedelta(seconds=1))),
        "Copy ending: the target is read again. Next: watch it (2).",
    ),
    "standby": (
        known(postgres=replace(FACTS, in_recovery=True)),
        "PostgreSQL: 16.4 · devora 2.1 GB · 11 of 13 tables · a standby: it takes no writes. "
        "Next: connect to the primary.",
    ),
    "no schema": (
        known(postgres=NEVER, verification=None),
        "The schema is not applied yet. Next: devora-console schema apply.",
    ),
    "schema hidden": (
        known(
            postgres=replace(FACTS, console=Unknown("schema devora_console may not be read", "Connect as its owner"))
        ),
        "The state of the schema is not known: schema devora_console may not be read. Next: connect as its owner.",
    ),
    "source empty": (
        known(mongo=replace(SOURCE, collections=())),
        "MongoDB: standalone 7.0.14 · database devora_db holds no collection. Next: check DB_NAME.",
    ),
    "nothing copied": (
        known(postgres=console(run=None), verification=None),
        "Nothing copied yet. Next: run a dry run (2, d).",
    ),
    "dry run done": (
        known(postgres=console(run=None), verification=None, dry_run=DRY),
        "Nothing copied yet; the dry run is done, 3 documents would go to quarantine. Next: execute the copy (2, X).",
    ),
    "dry run done, read-only": (
        known(header=READ_ONLY, postgres=console(run=None), verification=None, dry_run=DRY),
        "Nothing copied yet; the dry run is done, 3 documents would go to quarantine. "
        "Next: execute the copy (2, X), which needs --allow-writes.",
    ),
    "copy failed": (
        known(postgres=console(run=replace(DONE, state="failed")), verification=None),
        "The last copy failed 2h00m ago · 1 912 004 rows · not finished. "
        "Next: execute the copy (2, X); it goes on where it stopped.",
    ),
    "copy broke off": (
        known(postgres=console(run=replace(DONE, state="running", finished_at=None)), verification=None),
        "The last copy broke off, started 3h00m ago: its process is gone. "
        "Next: execute the copy (2, X); it goes on where it stopped.",
    ),
    "not verified": (
        known(verification=None),
        "Copied (1 912 004 rows · 2h00m ago), not verified by this console yet. Next: verify (2, v).",
    ),
    "mismatch beats quarantine": (
        known(verification=MISMATCH, postgres=console(quarantine_open=1)),
        "Verification failed: mismatch in messages · 5m00s ago. Quarantine: 1 document unresolved. "
        "Next: see the tables (2, t).",
    ),
    "verification old": (
        known(verification=replace(VERIFIED, at=NOW - timedelta(minutes=110))),
        "Copied; the verification is stale: ok 1h50m ago, limit 1h00m. Next: verify (2, v).",
    ),
    "copied after verification": (
        known(verification=VERIFIED, postgres=console(run=replace(DONE, finished_at=NOW - timedelta(minutes=1)))),
        "Copied; the verification is stale: a copy wrote since (5m00s ago). Next: verify (2, v).",
    ),
    "quarantine": (
        known(postgres=console(quarantine_open=1)),
        "Copied and verified. Quarantine: 1 document unresolved. Next: look at them (2, q).",
    ),
    "versions wait": (
        known(postgres=console(schema_versions=LATEST - 1)),
        f"Copied and verified. Schema: version {LATEST} of {LATEST} · 1 not applied. "
        "Next: devora-console schema status.",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_headline(case: tuple[Known, str]) -> None:
    given, wanted = case
    assert overview(given).headline.replace("\u202f", " ") == wanted


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_line_is_there_and_says_how_it_was_reached(case: tuple[Known, str]) -> None:
    lines = overview(case[0]).lines
    assert [line.id for line in lines] == [
        *("mongo", "postgres", "schema", "copy", "verify", "quarantine"),
        *("queries", "indexes", "health", "activity", "search", "events"),
    ]
    for line in lines:
        assert line.text
        assert line.why
        assert line.screen in {None, "migration", "analytics", line.id}
        if line.verdict in {Verdict.FAIL, Verdict.WARN}:
            assert line.remedy, line


def lines_of(given: Known) -> dict[str, OverviewLine]:
    return {line.id: line for line in overview(given).lines}


def test_figures_of_a_healthy_pair() -> None:
    lines = lines_of(known())
    assert lines["mongo"].text == "standalone 7.0.14 · 2 collections · 492 documents · 1.3 GB · no change streams"
    assert lines["postgres"].text == "16.4 · devora 2.1 GB · 11 of 13 tables"
    assert lines["copy"].text.replace("\u202f", " ") == "1 912 004 rows · 2h00m ago"
    assert "drift ? not checked yet" in lines["schema"].text
    assert "limit 0" in lines["quarantine"].why


def test_what_is_not_known_is_never_a_zero() -> None:
    blind = replace(
        SOURCE,
        server=replace(SOURCE.server, version=Unknown("no buildInfo")),
        size_bytes=Unknown("dbStats is refused"),
        change_streams=Unknown("this user may not open one"),
        collections=Unknown("this user may not list its collections", "Grant the role 'read'"),
    )
    hidden = replace(FACTS, size_bytes=Unknown("permission denied"), tables=Unknown("timed out"))
    lines = lines_of(known(mongo=blind, postgres=hidden))
    assert lines["mongo"].verdict is Verdict.UNKNOWN
    assert lines["mongo"].text == "standalone ? · collections ? this user may not list its collections · size ?"
    assert {"? no buildInfo", "? dbStats is refused"} <= set(lines["mongo"].why.splitlines())
    assert lines["postgres"].text == "16.4 · devora ? · tables ?"
    assert "? permission denied" in lines["postgres"].why


@pytest.mark.parametrize("id_", ["schema", "copy", "quarantine"])
def test_without_postgres_its_lines_are_unknown(id_: str) -> None:
    lines = lines_of(known(header=link("PostgreSQL", Link.LOST), postgres=PROBLEM))
    assert (lines[id_].verdict, lines[id_].text) == (Verdict.UNKNOWN, "needs PostgreSQL")


def test_a_partial_count_says_so() -> None:
    some = (CollectionInfo("users", 150, Unknown("-")), CollectionInfo("logs", Unknown("refused"), Unknown("-")))
    assert (
        "2 collections · at least 150 documents"
        in lines_of(known(mongo=replace(SOURCE, collections=some)))["mongo"].text
    )

"""Manufactured conditions and what health says of them, and does not say: bloat, cache, vacuum, sequences, sizes."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import for_database
from devora_console.postgres.health.bloat import BloatPart, TableBloat
from devora_console.postgres.health.buffers import read_buffers
from devora_console.postgres.health.cache import CachePart
from devora_console.postgres.health.guide import read_guide
from devora_console.postgres.health.measure import Measured, find_relation, measure
from devora_console.postgres.health.read import read_health
from devora_console.postgres.health.sequences import SequencesPart
from devora_console.postgres.health.sizes import SizesPart
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot
from devora_console.postgres.health.tables import TableVacuum
from devora_console.postgres.health.vacuum import VacuumPart
from devora_console.postgres.health.wraparound import WraparoundPart
from devora_console.postgres.watch.guest import Guest
from tests.postgres.conftest import Enter, Servers, as_role, execute
from tests.postgres.sessions import sessions
from tests.schema.old_servers import server

EAGER = HealthSettings(
    table_bloat_min_mb=0.3,
    table_bloat_percent=30,
    dead_min_rows=100,
    horizon_seconds=0,
    hot_min_updates=100,
    cache_min_accesses=1,
)


async def look(guest: Guest, *sections: str, settings: HealthSettings = EAGER) -> HealthSnapshot:
    return await read_health(guest, settings, sections=sections)


async def counted(dsn: Dsn, table: str, **least: int) -> None:
    """Wait until the server counted so much for a table: sessions report late, until 14 by way of a process."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for _ in range(100):
            row = await connection.fetchrow("SELECT * FROM pg_stat_user_tables WHERE relname = $1", table)
            if row is not None and all(row[name] >= number for name, number in least.items()):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{table} never counted {least}")
    finally:
        await connection.close()


def titled(lines: tuple[HealthLine, ...], words: str) -> list[HealthLine]:
    return [line for line in lines if words in line.title]


@dataclass(frozen=True)
class Shape:
    """A table made for a test, and what the estimate must say: percent wasted, between, or why there is none."""

    make: tuple[str, ...]
    between: tuple[float, float] | None = None
    unknown: str = ""
    doubt: str = ""
    confidence: str = "fair"
    also: tuple[str, ...] = field(default=())


_ROWS = "SELECT i, repeat('x', 60) FROM generate_series(1, 20000) i"
# From 16 on a bulk load extends the file by many pages at once: a few per cent stand empty.
_OFF = "WITH (autovacuum_enabled = off)"
SHAPES = {
    "fresh": Shape((f"CREATE TABLE t {_OFF} AS {_ROWS}", "ANALYZE t"), (0, 8)),
    "60 % deleted, vacuumed": Shape(
        (f"CREATE TABLE t {_OFF} AS {_ROWS}", "DELETE FROM t WHERE i % 10 < 6", "VACUUM ANALYZE t"), (55, 63)
    ),
    "60 % deleted, not vacuumed": Shape(
        (f"CREATE TABLE t {_OFF} AS {_ROWS}", "ANALYZE t", "DELETE FROM t WHERE i % 10 < 6"),
        (0, 8),
        doubt="12\u202f000 dead rows are not in the estimate",
        confidence="low",
    ),
    "fillfactor 50": Shape(
        (f"CREATE TABLE t WITH (fillfactor=50, autovacuum_enabled=off) AS {_ROWS}", "ANALYZE t"), (0, 8)
    ),
    "padding": Shape(
        (
            f"CREATE TABLE t (a bool, b bigint, c bool, d bigint) {_OFF}",
            "INSERT INTO t SELECT true, i, false, i FROM generate_series(1, 30000) i",
            "ANALYZE t",
        ),
        (0, 8),
    ),
    "wide rows": Shape(
        (
            f"CREATE TABLE t (a text) {_OFF}",
            "ALTER TABLE t ALTER a SET STORAGE PLAIN",
            "INSERT INTO t SELECT repeat('x', 4300) FROM generate_series(1, 300)",
            "ANALYZE t",
        ),
        (0, 1),
        doubt="rows so wide",
        confidence="low",
    ),
    "dropped column": Shape(
        (
            f"CREATE TABLE t {_OFF} AS SELECT i, repeat('x', 200) AS gone FROM generate_series(1, 20000) i",  # noqa: S608
            "ALTER TABLE t DROP COLUMN gone",
            "ANALYZE t",
        ),
        unknown="1 dropped column",
    ),
    "never analysed": Shape((f"CREATE TABLE t {_OFF} AS {_ROWS}", "VACUUM t"), unknown="without statistics"),
    "name column": Shape(
        (
            f"CREATE TABLE t {_OFF} AS SELECT i, 'abc'::name AS n FROM generate_series(1, 20000) i",  # noqa: S608
            "ANALYZE t",
        ),
        unknown="type name",
    ),
    "nulls": Shape(
        (
            f"CREATE TABLE t {_OFF} AS SELECT i, CASE WHEN i % 2 = 0 THEN repeat('y', 40) END AS n, i::bigint AS b"  # noqa: S608
            " FROM generate_series(1, 20000) i",
            "ANALYZE t",
        ),
        (0, 12),
        doubt="null in some rows",
        confidence="low",
    ),
}


async def test_bloat_of_manufactured_tables(watched: Dsn, enter: Enter) -> None:
    for number, shape in enumerate(SHAPES.values()):
        for text in shape.make:
            # Each table by its own name, so that one look sees them all; each statement by a session of its own, or
            # what it reports at its end would count as changed since the ANALYZE.
            named = re.sub(r"\b(TABLE|INTO|FROM|VACUUM|ANALYZE) t\b", rf"\1 t{number}", text)
            await execute(watched, named)
    await counted(watched, "t2", n_dead_tup=12_000)
    guest = await enter(watched)
    snapshot = await look(guest, "bloat")
    part = snapshot.parts["bloat"]
    assert isinstance(part, BloatPart)
    tables = {table.name: table for table in part.tables}
    for number, (case, shape) in enumerate(SHAPES.items()):
        _check(case, tables[f"t{number}"], shape)
    over = {line.title for line in part.lines if line.verdict is Verdict.WARN}
    assert over == {"bloat public.t1"}  # the only one that wastes anything
    assert any("≈" in line.text and line.sql == 'VACUUM (VERBOSE) "public"."t1";' for line in part.lines)


def _check(case: str, table: TableBloat, shape: Shape) -> None:
    if shape.between is None:
        assert isinstance(table.wasted, Unknown), case
        assert shape.unknown in table.wasted.reason, case
        return
    assert isinstance(table.wasted, int), (case, table)
    low, high = shape.between
    assert low <= 100 * table.wasted / table.bytes <= high, (case, table)
    assert table.confidence == shape.confidence, (case, table)
    assert any(shape.doubt in doubt for doubt in table.doubts) if shape.doubt else not table.doubts, (case, table)


async def test_hidden_statistics_are_not_the_absence_of_bloat(watched: Dsn, enter: Enter) -> None:
    await execute(watched, f"CREATE TABLE t {_OFF} AS {_ROWS}", "DELETE FROM t WHERE i % 10 < 6", "VACUUM ANALYZE t")
    for grants, hidden in ((("pg_monitor",), True), ((), True), (("pg_read_all_data",), False)):
        guest = await enter(await as_role(watched, *grants))
        snapshot = await look(guest, "bloat")
        said = [line for line in snapshot.lines if line.verdict is Verdict.UNKNOWN]
        assert bool(said) is hidden, grants
        assert any(line.verdict is Verdict.WARN for line in snapshot.lines) is not hidden
        if hidden:
            assert "hidden from this user" in said[0].text
            assert "pg_read_all_data" in said[0].remedy
            assert not any(line.verdict is Verdict.OK for line in snapshot.lines)


async def test_measuring_one_table(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE SCHEMA ext",
        "CREATE SCHEMA closed",
        'CREATE TABLE closed."Odd t" AS SELECT i FROM generate_series(1, 20000) i',
        'DELETE FROM closed."Odd t" WHERE i % 2 = 0',
        "CREATE TABLE parted (a int) PARTITION BY RANGE (a)",
        "CREATE VIEW seen AS SELECT 1 AS a",
    )
    guest = await enter(watched)
    oid = (await find_relation(guest, "closed.Odd t"))[0]
    assert (await find_relation(guest, '"Odd t"'))[0] == oid
    refused = await measure(guest, oid)
    assert isinstance(refused, Unknown)
    assert "not installed" in refused.reason
    await execute(watched, "CREATE EXTENSION pgstattuple SCHEMA ext")
    guest = await enter(watched)
    found = await measure(guest, oid)
    assert isinstance(found, Measured)
    assert found.dead_rows == 10_000
    assert 30 < 100 * found.dead / found.bytes < 50
    for name, words in (("parted", "partitioned"), ("public.seen", "a view")):
        refused = await measure(guest, (await find_relation(guest, name))[0])
        assert isinstance(refused, Unknown)
        assert words in refused.reason
    # By OID pg_monitor may measure without any right on the schema, unlike nobody.
    watcher = await enter(await as_role(watched, "pg_monitor"))
    assert isinstance(await watcher.query('SELECT * FROM closed."Odd t"'), Unknown)
    if not isinstance(await measure(watcher, oid), Measured):
        refused = await measure(watcher, oid)
        assert isinstance(refused, Unknown)
        assert "ext" in refused.reason  # the schema of the extension is closed to it
        await execute(watched, "GRANT USAGE ON SCHEMA ext TO PUBLIC")
        assert isinstance(await measure(watcher, oid), Measured)
    nobody = await measure(await enter(await as_role(watched)), oid)
    assert isinstance(nobody, Unknown)
    assert "pg_stat_scan_tables" in nobody.remedy


async def test_cache_of_nothing_is_no_data(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int PRIMARY KEY)")
    guest = await enter(watched)
    part = (await look(guest, "cache")).parts["cache"]
    assert isinstance(part, CachePart)
    lines = {line.id: line for line in part.lines}
    for kind in ("tables", "indexes"):
        line = lines[f"cache.{kind}.reset"]
        assert line.verdict is Verdict.NONE
        assert line.value is None
        assert "no data" in line.text
        assert "%" not in line.text
    assert not isinstance(part.tables, Unknown)
    assert part.tables.percent is None
    assert isinstance(part.stat_io, Unknown) is (guest.host.version < 160000)


async def test_cache_over_an_interval(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched, f"CREATE TABLE t {_OFF} AS {_ROWS}", "CREATE INDEX ON t (i)", "CREATE TABLE idle AS SELECT 1"
    )
    await counted(watched, "idle", n_tup_ins=1)
    guest = await enter(watched)

    async def scan() -> None:
        await asyncio.sleep(0.2)
        await execute(watched, "SELECT count(*) FROM t")

    snapshot, _ = await asyncio.gather(read_health(guest, EAGER, sections=["cache"], interval=1.5), scan())
    part = snapshot.parts["cache"]
    assert isinstance(part, CachePart)
    assert 1.4 < snapshot.seconds < 5
    moved = next(each for each in part.interval_relations if each.name == "t")
    assert "idle" not in [each.name for each in part.interval_relations]
    total = next(each for each in part.relations if each.name == "t")
    assert 0 < moved.hit + moved.read < total.hit + total.read


async def test_a_reset_within_the_interval_is_said(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    await execute(watched, "SELECT pg_stat_reset()")

    async def reset() -> None:
        await asyncio.sleep(0.1)
        await execute(watched, "SELECT pg_stat_reset()")

    snapshot, _ = await asyncio.gather(read_health(guest, EAGER, sections=["cache", "io"], interval=0.5), reset())
    line = next(each for each in snapshot.lines if each.id == "cache.database.interval")
    assert line.verdict is Verdict.UNKNOWN
    assert "reset" in line.text


async def _vacuum(guest: Guest, settings: HealthSettings = EAGER) -> VacuumPart:
    part = (await look(guest, "vacuum", settings=settings)).parts["vacuum"]
    assert isinstance(part, VacuumPart)
    return part


async def _due(guest: Guest) -> tuple[dict[str, TableVacuum], dict[str, tuple[bool, bool]], VacuumPart]:
    part = await _vacuum(guest)
    tables = {table.name: table for table in part.tables}
    due = {name: (table.due.vacuum, table.due.insert) for name, table in tables.items() if table.due is not None}
    return tables, due, part


async def test_autovacuum_due_and_what_is_in_its_way(watched: Dsn, enter: Enter) -> None:
    await execute(watched, f"CREATE TABLE disabled {_OFF} AS {_ROWS}")
    await execute(watched, "ANALYZE disabled")
    await execute(
        watched,
        "DELETE FROM disabled WHERE i <= 5000",
        "CREATE TABLE inserted (i int) WITH (autovacuum_vacuum_insert_threshold = 10,"
        " autovacuum_vacuum_insert_scale_factor = 0, autovacuum_analyze_threshold = 1000000)",
        "INSERT INTO inserted SELECT generate_series(1, 500)",
        "CREATE TABLE never_by_insert (i int) WITH (autovacuum_vacuum_insert_threshold = -1,"
        " autovacuum_analyze_threshold = 1000000)",
        "INSERT INTO never_by_insert SELECT generate_series(1, 500)",
        "CREATE TABLE quiet (i int)",
        "INSERT INTO quiet SELECT generate_series(1, 10)",
    )
    await counted(watched, "disabled", n_dead_tup=5_000)
    await counted(watched, "inserted", n_ins_since_vacuum=500)
    await counted(watched, "never_by_insert", n_ins_since_vacuum=500)
    await counted(watched, "quiet", n_ins_since_vacuum=10)
    guest = await enter(watched)
    tables, due, part = await _due(guest)
    if tables["inserted"].last_autovacuum is not None:  # its visit, once a minute, fell between the insert and our look
        await execute(watched, "INSERT INTO inserted SELECT generate_series(1, 500)")
        await counted(watched, "inserted", n_ins_since_vacuum=500)
        tables, due, part = await _due(guest)
    assert due["disabled"][0]
    assert due["inserted"] == (False, True)
    assert due["never_by_insert"] == (False, False)
    assert due["quiet"] == (False, False)
    (line,) = titled(part.lines, "public.disabled")
    assert line.verdict is Verdict.WARN
    assert "autovacuum_enabled is false" in line.text
    assert "5\u202f000 dead rows (25.00 %)" in line.text
    assert "RESET (autovacuum_enabled)" in line.sql
    assert not titled(part.lines, "public.inserted")  # due, and nothing is in the way
    assert not titled(part.lines, "public.quiet")


async def test_a_snapshot_that_holds_the_horizon(watched: Dsn, enter: Enter) -> None:
    await execute(watched, f"CREATE TABLE t AS {_ROWS}", "CREATE TABLE other (a int)")
    holder = await asyncpg.connect(watched.reveal(), server_settings={"application_name": "holds\x07it"})
    quiet = await asyncpg.connect(watched.reveal())
    try:
        await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await holder.execute("SELECT count(*) FROM other")
        await quiet.execute("BEGIN")  # READ COMMITTED after a SELECT holds nothing
        await quiet.execute("SELECT count(*) FROM other")
        await execute(watched, "DELETE FROM t WHERE i <= 15000", "VACUUM t")
        await counted(watched, "t", n_dead_tup=15_000, vacuum_count=1)
        guest = await enter(watched)
        part = await _vacuum(guest)
        pid = holder.get_server_pid()
        assert not isinstance(part.horizon, Unknown)
        assert [each.name for each in part.horizon if each.kind == "session"] == [str(pid)]
        (line,) = titled(part.lines, "xmin horizon")
        assert line.verdict is Verdict.WARN
        assert f"session {pid}" in line.text
        assert "\x07" not in line.text
        (table,) = titled(part.lines, "public.t")
        assert f"session {pid}" in table.text
        assert "dead rows cannot be removed" in table.text
        # Of the two thresholds neither is passed yet: no warning, but still not "nobody".
        calm = await _vacuum(guest, HealthSettings())
        (line,) = titled(calm.lines, "xmin horizon")
        assert line.verdict is Verdict.OK
        assert "oldest holder" in line.text
        # Another user sees that somebody holds it, not for how long.
        nobody = await _vacuum(await enter(await as_role(watched)), HealthSettings())
        (line,) = titled(nobody.lines, "xmin horizon")
        assert line.verdict is Verdict.UNKNOWN
    finally:
        await holder.close()
        await quiet.close()
    (line,) = titled((await _vacuum(guest)).lines, "xmin horizon")
    assert f"session {pid}" not in line.text  # another may be just about to leave


@pytest.fixture(scope="module")
def preparing() -> Iterator[Dsn]:
    with server(14, "max_prepared_transactions=5", "wal_level=logical") as dsn:
        yield dsn


async def test_prepared_transactions_and_slots_hold_the_horizon(preparing: Dsn, enter: Enter) -> None:
    await execute(preparing, "CREATE TABLE t (a int)")
    connection = await asyncpg.connect(preparing.reveal())
    await connection.execute("SELECT pg_create_logical_replication_slot('left_over', 'test_decoding')")
    await connection.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s mine'")
    await connection.execute("CREATE TABLE kept (a int) WITH (autovacuum_vacuum_threshold = 1)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 50)")
    await connection.execute("DELETE FROM kept")
    await connection.execute("BEGIN; LOCK TABLE kept IN SHARE MODE; PREPARE TRANSACTION 'lock'")
    await connection.close()
    await counted(preparing, "kept", n_dead_tup=50)
    part = await _vacuum(await enter(preparing), EAGER.model_copy(update={"horizon_age": 0.0}))
    lines = {line.id: line for line in titled(part.lines, "xmin horizon")}
    (table,) = titled(part.lines, "public.kept")
    assert "a prepared transaction holds ShareLock on it" in table.text
    prepared = lines["vacuum.horizon.prepared_transaction.it's mine"]
    assert prepared.verdict is Verdict.WARN
    assert "ROLLBACK PREPARED 'it''s mine'" in prepared.sql
    slot = lines["vacuum.horizon.replication_slot.left_over"]
    assert "system catalogues" in slot.text
    assert "inactive" in slot.text
    # A database beside it is not held back by the prepared transaction of another.
    await execute(preparing, "CREATE DATABASE beside")
    beside = Dsn(preparing.reveal().replace("/postgres?", "/beside?"))
    part = await _vacuum(await enter(beside), EAGER.model_copy(update={"horizon_age": 0.0}))
    assert not [line for line in part.lines if "prepared" in line.id]


async def test_sequences(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE ends (id int)",
        "CREATE SEQUENCE wide OWNED BY ends.id",
        "ALTER TABLE ends ALTER id SET DEFAULT nextval('wide')",
        "SELECT setval('wide', 2147480000)",
        "CREATE SEQUENCE down INCREMENT -1 MINVALUE -1000 MAXVALUE -1",
        "SELECT setval('down', -900)",
        "CREATE SEQUENCE round MAXVALUE 100 CYCLE",
        "SELECT setval('round', 99)",
        "CREATE TABLE fresh (id bigserial, small smallint GENERATED ALWAYS AS IDENTITY)",
        "CREATE SEQUENCE spent MAXVALUE 100",
        "SELECT setval('spent', 100)",
        "CREATE DOMAIN tiny AS smallint",
        "CREATE TABLE domained (id tiny)",
        "CREATE SEQUENCE by_domain OWNED BY domained.id",
        "SELECT setval('by_domain', 30000)",
        'CREATE TABLE "Set anew" (id int GENERATED ALWAYS AS IDENTITY)',
        'ALTER TABLE "Set anew" ALTER id RESTART WITH 2147483000',  # has no last value
    )
    guest = await enter(watched)
    part = (await look(guest, "sequences")).parts["sequences"]
    assert isinstance(part, SequencesPart)
    lines = {line.title.partition("public.")[2]: line for line in part.lines if "public." in line.title}
    assert {name: line.verdict for name, line in lines.items()} == {
        "wide": Verdict.FAIL, "down": Verdict.WARN, "spent": Verdict.FAIL, "by_domain": Verdict.WARN,
        "Set anew_id_seq": Verdict.FAIL,
    }  # fmt: skip
    assert "648 values left" in lines["Set anew_id_seq"].text
    assert "3\u202f647 values left in column public.ends.id (integer)" in lines["wide"].text
    assert "100 values left" in lines["down"].text
    assert "no value is left" in lines["spent"].text
    fresh = {use.name: use for use in part.sequences}
    assert (fresh["fresh_id_seq"].last, fresh["fresh_id_seq"].used) == (None, 0)
    assert fresh["fresh_small_seq"].limit == 32767
    using = await as_role(watched)
    name = (await enter(using)).host.user
    await execute(watched, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    partly = (await look(await enter(using), "sequences")).lines
    assert any("where it stands is hidden" in line.text and line.verdict is Verdict.UNKNOWN for line in partly)
    await execute(watched, f"REVOKE USAGE ON ALL SEQUENCES IN SCHEMA public FROM {name}")
    nobody = (await look(await enter(await as_role(watched, "pg_monitor")), "sequences")).lines
    assert not any(line.verdict in (Verdict.OK, Verdict.FAIL) for line in nobody)
    assert any("hidden from this user" in line.text and line.verdict is Verdict.UNKNOWN for line in nobody)


async def test_partitions_are_summed(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE parent (a int, b text) PARTITION BY RANGE (a)",
        "CREATE TABLE one PARTITION OF parent FOR VALUES FROM (0) TO (10000)",
        "CREATE TABLE two PARTITION OF parent FOR VALUES FROM (10000) TO (20001) PARTITION BY LIST (a)",
        "CREATE TABLE deep PARTITION OF two DEFAULT",
        "INSERT INTO parent SELECT i, repeat('x', 60) FROM generate_series(0, 20000) i",
        "CREATE INDEX ON parent (a)",
        'CREATE TABLE "Odd [red]t" (a int)',
    )
    guest = await enter(watched)
    part = (await look(guest, "sizes")).parts["sizes"]
    assert isinstance(part, SizesPart)
    sizes = {table.name: table for table in part.tables}
    assert set(sizes) == {"parent", "Odd [red]t"}
    rows = await guest.query("SELECT sum(pg_total_relation_size(relid)) AS n FROM pg_partition_tree('public.parent')")
    assert not isinstance(rows, Unknown)
    assert sizes["parent"].bytes == rows[0]["n"]
    assert sizes["parent"].parts == 2
    assert not sizes["parent"].guessed


@pytest.mark.parametrize("queued", [False, True], ids=["held", "queued"])
async def test_a_locked_table_blocks_nothing(watched: Dsn, enter: Enter, queued: bool) -> None:
    await execute(
        watched,
        f"CREATE TABLE locked {_OFF} AS {_ROWS}",
        "CREATE TABLE free AS SELECT 1 AS a",
        "ANALYZE locked",
        "CREATE TABLE fed (id serial)",
    )
    first, second = await asyncpg.connect(watched.reveal()), await asyncpg.connect(watched.reveal())
    waiting: asyncio.Task[str] | None = None
    try:
        await first.execute("BEGIN")
        await first.execute("LOCK TABLE locked IN ACCESS SHARE MODE" if queued else "LOCK TABLE locked, fed")
        if queued:
            waiting = asyncio.create_task(second.execute("ALTER TABLE locked ADD COLUMN more int"))
            await asyncio.sleep(0.3)
        guest = await enter(watched)
        began = time.monotonic()
        snapshot = await read_health(guest, EAGER)
        guided = await read_guide(guest)
        assert time.monotonic() - began < 3
        assert not [name for name, part in snapshot.parts.items() if isinstance(part, Unknown)]
        part = snapshot.parts["sizes"]
        assert isinstance(part, SizesPart)
        sizes = {table.name: table for table in part.tables}
        assert sizes["locked"].guessed
        assert sizes["locked"].bytes > 1_000_000
        assert not sizes["free"].guessed
        (line,) = [each for each in snapshot.lines if each.title == "size of public.locked"]
        assert line.text.startswith("≈")
        assert not any(isinstance(query.rows, Unknown) for query in guided)
        refused = await measure(guest, sizes["locked"].oid)
        assert isinstance(refused, Unknown)
        assert "lock" in refused.reason
    finally:
        await first.close()
        if waiting is not None:
            await waiting
        await second.close()


async def test_wraparound_counts_only_what_has_an_age(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE parted (a int) PARTITION BY RANGE (a)",
        "CREATE VIEW seen AS SELECT 1 AS a",
        "CREATE TABLE eager (a text) WITH (autovacuum_freeze_max_age = 100000)",
    )
    guest = await enter(watched)
    part = (await look(guest, "wraparound")).parts["wraparound"]
    assert isinstance(part, WraparoundPart)
    assert {"template0", "postgres"} <= {each.database for each in part.databases}
    assert not isinstance(part.tables, Unknown)
    titles = {each.title: each for each in part.tables}
    assert not {"public.parted", "public.seen"} & set(titles)
    assert titles["public.eager"].xid.due == 100_000
    # Of many tables the oldest are listed; its TOAST may have been frozen meanwhile.
    assert titles.get("TOAST of public.eager", titles["public.eager"]).xid.due == 100_000
    assert max(each.xid.age for each in part.tables) < 2_000_000_000
    assert all(line.verdict is Verdict.OK for line in part.lines)


@pytest.mark.parametrize("grants", [None, ("pg_monitor",), ()], ids=["superuser", "pg_monitor", "nobody"])
async def test_every_section_answers_to_every_role(watched: Dsn, enter: Enter, grants: tuple[str, ...] | None) -> None:
    await execute(watched, "CREATE TABLE t (id serial PRIMARY KEY, a text)", "INSERT INTO t (a) VALUES ('x')")
    guest = await enter(watched if grants is None else await as_role(watched, *grants))
    snapshot = await read_health(guest, HealthSettings())
    unread = {name: part.reason for name, part in snapshot.parts.items() if isinstance(part, Unknown)}
    assert not unread
    assert not [line for line in snapshot.lines if line.verdict is Verdict.UNKNOWN and not line.text]
    if grants is None:
        assert not [line.text for line in snapshot.lines if line.verdict is Verdict.UNKNOWN]


async def test_buffers_and_the_guide(watched: Dsn, enter: Enter) -> None:
    await execute(watched, f"CREATE TABLE t AS {_ROWS}", "CREATE TABLE empty (a int)")
    guest = await enter(watched)
    absent = await read_buffers(guest)
    assert isinstance(absent, Unknown)
    assert "not installed" in absent.reason
    await execute(watched, "CREATE SCHEMA ext", "CREATE EXTENSION pg_buffercache SCHEMA ext")
    held = await read_buffers(await enter(watched))
    assert not isinstance(held, Unknown)
    table = next(each for each in held if each.name == "t")
    assert 500_000 < table.bytes < 10_000_000
    assert sum(each.bytes for each in held) % guest.host.block_size == 0
    guide = {query.id: query for query in await read_guide(guest)}
    connection = await asyncpg.connect(watched.reveal())
    try:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.execute(guide["guide_dead_rows"].written)
        for query in guide.values():
            assert not isinstance(query.rows, Unknown)
            await connection.execute(query.mended)
        assert "42703" in guide["guide_dead_rows"].note
    finally:
        await connection.close()


async def test_no_question_fails_on_the_server(watched: Dsn, enter: Enter, versions: Servers) -> None:
    guest = await enter(watched)
    await read_health(guest, HealthSettings())
    assert not guest._failed


async def test_a_name_in_another_encoding_leaves_the_rest_readable(watched: Dsn, enter: Enter) -> None:
    """Roles and databases are of the whole server: one named in LATIN1 is no text for a UTF-8 database."""
    tail = secrets.token_hex(6)
    latin = f"latin_{tail}"
    await execute(watched, f"CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    there = for_database(watched, latin)
    await execute(there, f'CREATE ROLE "caf\u00e9_{tail}"', f'CREATE DATABASE "d\u00e9_{tail}"')
    try:
        guest = await enter(watched)
        assert isinstance(await guest.query("SELECT rolname::text FROM pg_roles"), Unknown)
        assert not isinstance(await guest.query("SELECT 1"), Unknown)
        assert not guest.connection.is_in_transaction()
        snapshot = await read_health(guest, HealthSettings())
        assert [name for name, part in snapshot.parts.items() if isinstance(part, Unknown)] == []
        part = snapshot.parts["wraparound"]
        assert isinstance(part, WraparoundPart)
        names = {each.database for each in part.databases}
        assert f"d\ufffd_{tail}" in names
    finally:
        await execute(there, f'DROP DATABASE "d\u00e9_{tail}"', f'DROP ROLE "caf\u00e9_{tail}"')
        await execute(watched, f"DROP DATABASE {latin} WITH (FORCE)")


async def test_a_table_method_without_multixacts_is_no_disaster(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int)", "UPDATE pg_class SET relminmxid = '0' WHERE oid = 't'::regclass")
    part = (await look(await enter(watched), "wraparound")).parts["wraparound"]
    assert isinstance(part, WraparoundPart)
    assert not [line for line in part.lines if "public.t" in line.title]
    assert not isinstance(part.tables, Unknown)
    assert max(each.mxid.age for each in part.tables) < 2**30


async def test_whoever_analyzes_a_table_is_not_in_the_way_of_it(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE t (a int) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)",
        "INSERT INTO t SELECT generate_series(1, 50000)",
        "DELETE FROM t WHERE a % 2 = 0",
    )
    await counted(watched, "t", n_dead_tup=1000)
    async with sessions(watched) as made:
        await made.open("slow", "SET vacuum_cost_delay = 100", "SET vacuum_cost_limit = 1")
        made.go("slow", "ANALYZE t")
        await asyncio.sleep(0.3)
        part = await _vacuum(await enter(watched))
        (table,) = titled(part.lines, "vacuum public.t")
        assert "passes it over" not in table.text

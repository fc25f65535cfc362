"""Use, state, locks and roles: indexes that are unused, must be kept, are broken, being built, bloated or locked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes import Finding, IndexesSnapshot, Kind, guide, measure, read
from devora_console.postgres.indexes.snapshot import Measurement
from devora_console.postgres.watch.window import read_window
from tests.postgres.conftest import Enter, as_role, execute

EVERYTHING = IndexesSettings(unused_days=0, least_mb=0, table_mb=0)

_USED = """
    CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, plain int);
    CREATE UNIQUE INDEX parent_plain ON parent (plain);
    CREATE TABLE t (a int, b int NOT NULL, c text, d int REFERENCES parent, r int4range, e int, f int, g int,
        EXCLUDE USING gist (r WITH &&));
    CREATE INDEX t_a ON t (a);
    CREATE INDEX t_lower ON t (lower(c));
    CREATE INDEX t_fk ON t (d);
    CREATE UNIQUE INDEX t_identity ON t (b);
    ALTER TABLE t REPLICA IDENTITY USING INDEX t_identity;
    CREATE INDEX t_clustered ON t (e);
    CLUSTER t USING t_clustered;
    CREATE INDEX t_broken ON t (f);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_broken'::regclass;
    CREATE INDEX t_few ON t (g);
    CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
    CREATE INDEX p_b ON p (b);
    INSERT INTO t (b, g) SELECT n, n FROM generate_series(1, 500) n;
    ANALYZE t;
"""


async def _count(dsn: Dsn) -> None:
    """One scan of t_few, counted by the time this returns."""
    conn = await asyncpg.connect(dsn.reveal())
    await conn.execute("SET enable_seqscan = off; SELECT * FROM t WHERE g = 7")
    await conn.close()
    deadline = time.monotonic() + 10
    probe = await asyncpg.connect(dsn.reveal())
    while not await probe.fetchval(
        "SELECT idx_scan > 0 AND (SELECT n_tup_ins > 0 FROM pg_stat_user_tables WHERE relname = 't')"
        " FROM pg_stat_user_indexes WHERE indexrelname = 't_few'"
    ):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await probe.close()


def _by_index(snapshot: IndexesSnapshot, *kinds: Kind) -> dict[str, Finding]:
    return {each.index: each for each in snapshot.of(*kinds)}


async def test_unused_rare_and_kept(watched: Dsn, enter: Enter) -> None:
    await execute(watched, _USED)
    await _count(watched)
    for dsn in (watched, await as_role(watched, "pg_monitor"), await as_role(watched)):
        guest = await enter(dsn)
        snapshot = await read(guest, EVERYTHING, kept=True)
        unused = _by_index(snapshot, Kind.UNUSED)
        assert set(unused) == {"t_a", "t_lower", "p_b"}
        assert unused["t_a"].verdict is Verdict.WARN
        assert unused["t_a"].confidence == "likely"  # nobody knows when it was made
        assert unused["t_a"].remedy_sql == "DROP INDEX CONCURRENTLY public.t_a;"
        assert "500 row writes" in unused["t_a"].reason
        assert unused["t_lower"].confidence.startswith("no: it provides statistics")
        assert "CREATE STATISTICS" in unused["t_lower"].remedy_sql
        assert unused["p_b"].remedy_sql == "DROP INDEX public.p_b;"
        assert set(_by_index(snapshot, Kind.RARELY_USED)) == {"t_few"}
        reasons = {name: each.reason for name, each in _by_index(snapshot, Kind.KEPT).items()}
        expected = {
            "parent_pkey": "primary key",
            "parent_code_key": "constraint parent_code_key",
            "parent_plain": "uniqueness",
            "t_r_excl": "exclusion",
            "t_fk": "foreign key t_d_fkey",
            "t_identity": "replica identity",
            "t_clustered": "clustered",
            "p1_b_idx": "partitioned index",
        }
        assert set(reasons) == set(expected)
        for name, words in expected.items():
            assert words in reasons[name]
    await execute(watched, unused["t_lower"].remedy_sql.split("\n")[0])


async def test_a_short_window_proves_nothing(watched: Dsn, enter: Enter) -> None:
    await execute(watched, _USED, "SELECT pg_stat_reset()")
    first = await enter(watched)
    async with asyncio.timeout(10):  # up to 14 a process of its own takes note of it, some time
        while isinstance(window := await read_window(first), Unknown) or window.reset is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for dsn in (watched, await as_role(watched)):
        snapshot = await read(await enter(dsn), IndexesSettings(least_mb=0))
        unused = _by_index(snapshot, Kind.UNUSED)
        assert unused["t_a"].verdict is Verdict.UNKNOWN
        assert "30 days are needed" in unused["t_a"].confidence
        assert not unused["t_a"].remedy_sql
        assert not [each for each in snapshot.of(Kind.UNUSED, Kind.RARELY_USED) if each.verdict is Verdict.WARN]
        assert snapshot.unused_unknown


async def test_small_ones_are_not_listed(watched: Dsn, enter: Enter) -> None:
    await execute(watched, _USED)
    snapshot = await read(await enter(watched), IndexesSettings(unused_days=0))
    assert not snapshot.of(Kind.UNUSED, Kind.RARELY_USED, Kind.MISSING_FK, Kind.BLOATED, Kind.SUGGESTED)


async def test_a_database_younger_than_the_statistics_of_the_server(watched: Dsn, enter: Enter) -> None:
    snapshot = await read(await enter(watched), EVERYTHING)
    assert not isinstance(snapshot.counted_since, Unknown)
    assert (snapshot.as_of - snapshot.counted_since).total_seconds() < 120


@asynccontextmanager
async def _old_snapshot(dsn: Dsn) -> AsyncIterator[None]:
    """A transaction older than whatever is built meanwhile: CONCURRENTLY waits for it."""
    holder = await asyncpg.connect(dsn.reveal())
    await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class LIMIT 1; SELECT txid_current()")
    try:
        yield
    finally:
        await holder.close()


async def _until(dsn: Dsn, condition: str) -> None:
    conn = await asyncpg.connect(dsn.reveal())
    deadline = time.monotonic() + 10
    while not await conn.fetchval(f"SELECT {condition}"):
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.02)
    await conn.close()


async def test_being_built_then_failed(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int, b int)", "INSERT INTO t VALUES (1, 1)")
    builder = await asyncpg.connect(watched.reveal())
    guests = [await enter(dsn) for dsn in (watched, await as_role(watched, "pg_monitor"), await as_role(watched))]
    async with _old_snapshot(watched):
        build = asyncio.create_task(builder.execute("CREATE UNIQUE INDEX CONCURRENTLY building ON t (a)"))
        await _until(watched, "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('building') AND indisready)")
        for guest in guests[:2]:
            found = _by_index(await read(guest, EVERYTHING), Kind.BUILDING, Kind.INVALID)["building"]
            assert (found.kind, found.verdict) == (Kind.BUILDING, Verdict.RUNNING)
            assert not found.remedy_sql
        found = _by_index(await read(guests[2], EVERYTHING), Kind.BUILDING, Kind.INVALID)["building"]
        assert (found.kind, found.verdict) == (Kind.INVALID, Verdict.UNKNOWN)
        assert "GRANT pg_monitor" in found.notes[0]
        await _cancel(watched, builder)
        with pytest.raises(asyncpg.QueryCanceledError):
            await build
        await builder.close()
    for guest in guests:
        found = _by_index(await read(guest, EVERYTHING), Kind.BUILDING, Kind.INVALID)["building"]
        assert (found.kind, found.verdict, found.confidence) == (Kind.INVALID, Verdict.FAIL, "yes")
        assert "every write pays for it, and it already refuses duplicate values" in found.reason
        assert found.remedy_sql.split("\n") == [
            "DROP INDEX CONCURRENTLY public.building;",
            "CREATE UNIQUE INDEX CONCURRENTLY building ON public.t USING btree (a);",
        ]
        assert not _by_index(await read(guest, EVERYTHING), Kind.UNUSED, Kind.DUPLICATE)
    await execute(watched, *found.remedy_sql.split("\n"))
    assert not (await read(guests[0], EVERYTHING)).of(Kind.INVALID)


async def test_failed_on_duplicate_values_is_not_maintained(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (1)", "CREATE INDEX good ON t (a)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await execute(watched, "CREATE UNIQUE INDEX CONCURRENTLY failed ON t (a)")
    found = (await read(await enter(watched), EVERYTHING)).of(Kind.INVALID)
    assert [each.index for each in found] == ["failed"]
    assert "it only takes space" in found[0].reason
    assert "good" not in found[0].reason  # not unique: it does not do what this one was to do


async def test_a_rebuild_that_was_cancelled(watched: Dsn, enter: Enter) -> None:
    """_ccnew for real; _ccold, which needs a cancellation at the very last wait, by the catalogue."""
    await execute(
        watched,
        "CREATE TABLE t (a int, b int, c text)",  # with a TOAST table, whose index is rebuilt with the others
        "CREATE INDEX i ON t (a)",
        "CREATE INDEX j ON t (b)",
        "CREATE INDEX j_ccold ON t (b)",
        "CREATE INDEX valid_ccnew ON t (a, b)",
    )
    await execute(
        watched, "UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = 'j_ccold'::regclass"
    )
    guest = await enter(await as_role(watched))
    async with _old_snapshot(watched):
        builder = await asyncpg.connect(watched.reveal())
        build = asyncio.create_task(builder.execute("REINDEX TABLE CONCURRENTLY t"))
        await _until(watched, "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('i_ccnew'))")
        found = _by_index(await read(guest, EVERYTHING), Kind.BUILDING, Kind.INVALID)
        assert not [each for each in found.values() if each.schema == "pg_toast" and each.verdict is Verdict.FAIL]
        assert found["i_ccnew"].verdict is Verdict.RUNNING
        assert found["j_ccold"].verdict is Verdict.FAIL or found["j_ccold"].verdict is Verdict.UNKNOWN
        await _cancel(watched, builder)
        with pytest.raises(asyncpg.QueryCanceledError):
            await build
        await builder.close()
    found = _by_index(await read(guest, EVERYTHING), Kind.BUILDING, Kind.INVALID)
    toast = next(each for each in found.values() if each.schema == "pg_toast")
    assert set(found) == {"i_ccnew", "j_ccnew", "valid_ccnew_ccnew", "j_ccold", toast.index}
    assert (toast.table, toast.verdict) == ("t", Verdict.FAIL)
    await execute(watched, toast.remedy_sql)
    assert "the new copy" in found["i_ccnew"].reason
    assert found["i_ccnew"].remedy_sql == "DROP INDEX CONCURRENTLY public.i_ccnew;"
    assert "the old copy" in found["j_ccold"].reason
    assert found["j_ccold"].remedy_sql == "DROP INDEX CONCURRENTLY public.j_ccold;"


async def test_a_partitioned_parent_without_its_parts(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        'CREATE TABLE "odd USING p" (a int, b int) PARTITION BY RANGE (a)',
        'CREATE TABLE p1 PARTITION OF "odd USING p" FOR VALUES FROM (0) TO (9)',
        'CREATE TABLE p2 (b int, a int); ALTER TABLE "odd USING p" ATTACH PARTITION p2 FOR VALUES FROM (9) TO (99)',
        'CREATE INDEX "x ON ONLY y" ON ONLY "odd USING p" (b DESC)',
    )
    guest = await enter(watched)
    (found,) = (await read(guest, EVERYTHING)).of(Kind.INVALID)
    assert (found.index, found.verdict) == ("x ON ONLY y", Verdict.FAIL)
    assert "without a part in 2 of 2 partitions" in found.reason
    statements = found.remedy_sql.split("\n")
    assert len(statements) == 4
    await execute(watched, *statements[:2])
    (found,) = (await read(guest, EVERYTHING)).of(Kind.INVALID)
    assert "1 of 2" in found.reason
    await execute(watched, *found.remedy_sql.split("\n"))
    assert not (await read(guest, EVERYTHING)).of(Kind.INVALID)


async def test_what_a_partition_has_already_becomes_its_part(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE p (a int, b int) PARTITION BY RANGE (a)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (9) TO (99)",
        "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (99) TO (999)",
        "CREATE INDEX x ON ONLY p (lower(b::text))",
        "CREATE INDEX own ON p1 (lower(b::text)); CREATE INDEX other ON p2 (lower(b::text) DESC)",
        "CREATE UNIQUE INDEX enforced ON p3 (lower(b::text))",
        "CREATE INDEX p2_x ON p2 (a)",  # the name that the part of p2 would have
    )
    guest = await enter(watched)
    (found,) = (await read(guest, EVERYTHING)).of(Kind.INVALID)
    statements = found.remedy_sql.split("\n")
    assert statements[0] == "ALTER INDEX public.x ATTACH PARTITION public.own;"
    assert [each.split()[0] for each in statements] == ["ALTER", "CREATE", "ALTER", "CREATE", "ALTER"]
    assert any("own" in note and "enforced" not in note for note in found.notes)
    await execute(watched, *statements)
    after = await read(guest, EVERYTHING)
    assert not after.of(Kind.INVALID)
    assert "own" not in _by_index(after, Kind.DUPLICATE)


async def test_the_remedy_for_a_foreign_key_takes_no_name_that_is_taken(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE parent (x int, y int, PRIMARY KEY (x, y)); CREATE TABLE single (id int PRIMARY KEY)",
        "CREATE TABLE c (a int REFERENCES single, b int) PARTITION BY RANGE (b)",
        "CREATE TABLE c1 PARTITION OF c FOR VALUES FROM (0) TO (9)",
        "CREATE INDEX ON c (a) WHERE b > 5",  # the server calls it c_a_idx, and its part c1_a_idx
        "CREATE TABLE d (x int, y int, z int, FOREIGN KEY (x, y) REFERENCES parent)",
        "CREATE INDEX half ON d (x); CREATE INDEX third ON d (z)",
        "INSERT INTO single VALUES (1); INSERT INTO c SELECT 1, n % 9 FROM generate_series(1, 100) n",
    )
    guest = await enter(watched)
    snapshot = await read(guest, EVERYTHING, kept=True)
    missing = {each.table: each for each in snapshot.of(Kind.MISSING_FK)}
    assert set(missing) == {"c", "d"}
    assert missing["d"].confidence == "no: half finds part of the way, which may be enough"
    kept, unused = _by_index(snapshot, Kind.KEPT), _by_index(snapshot, Kind.UNUSED)
    assert "part of the way for foreign key d_x_y_fkey" in kept["half"].reason  # one finding leans on it
    assert "half" not in unused
    assert "third" in unused
    for each in missing.values():
        await execute(watched, *each.remedy_sql.split("\n"))
    after = await read(guest, EVERYTHING, kept=True)
    assert not after.of(Kind.MISSING_FK, Kind.INVALID)
    assert "half" in _by_index(after, Kind.PREFIX)


async def _cancel(dsn: Dsn, session: asyncpg.Connection[Any]) -> None:
    await execute(dsn, f"SELECT pg_cancel_backend({session.get_server_pid()})")


_BLOAT = IndexesSettings(unused_days=0, least_mb=0, table_mb=0, bloat_mb=0.5, bloat_percent=50)


async def test_bloat_by_estimate_and_by_measure(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE EXTENSION pgstattuple",
        "CREATE TABLE t (a int, b int, n name, u int) WITH (autovacuum_enabled = off)",
        "INSERT INTO t SELECT n, n % 3, 'x' || n, n FROM generate_series(1, 200000) n",
        "CREATE INDEX bloated ON t (a)",
        "CREATE TABLE few AS SELECT n % 3 AS b FROM generate_series(1, 200000) n",
        "CREATE INDEX repeated ON few (b)",
        "CREATE INDEX named ON t (n)",
        "DELETE FROM t WHERE a % 10 <> 0",
    )
    # In a session of its own, and later: what is counted after an ANALYZE counts as changed since.
    await _until(watched, "(SELECT n_tup_del > 0 FROM pg_stat_user_tables WHERE relname = 't')")
    await execute(
        watched,
        "VACUUM ANALYZE t",
        "ANALYZE few",
        "CREATE INDEX fresh ON t (u, a) WITH (fillfactor = 10)",
        "CREATE TABLE never (a int) WITH (autovacuum_enabled = off)",
        "INSERT INTO never SELECT n FROM generate_series(1, 120000) n",
        "CREATE INDEX never_a ON never (a)",
    )
    # Until 14 a session may be shown statistics that are half a second old.
    await _until(watched, "(SELECT n_mod_since_analyze = 0 FROM pg_stat_user_tables WHERE relname = 't')")
    guest = await enter(watched)
    found = _by_index(await read(guest, _BLOAT), Kind.BLOATED)
    assert set(found) == {"bloated", "repeated", "named", "never_a"}  # not fresh: packed as its fill factor says
    # X
    assert (found["bloated"].verdict, found["bloated"].confidence) == (Verdict.WARN, "likely")
    assert found["bloated"].remedy_sql == "REINDEX INDEX CONCURRENTLY public.bloated;"
    for name, why in {"repeated": "deduplicated", "named": "type name", "never_a": "never analysed"}.items():
        assert found[name].verdict is Verdict.UNKNOWN
        assert why in found[name].confidence
    monitor = await enter(await as_role(watched, "pg_monitor"))
    hidden = _by_index(await read(monitor, _BLOAT), Kind.BLOATED)
    assert "hidden from this user" in hidden["bloated"].confidence
    for who in (guest, monitor):
        measured = await measure(who, found["bloated"].oid or 0)
        assert not isinstance(measured, Unknown)
        assert not isinstance(measured.leaf_density, Unknown)
        assert measured.leaf_density < 30
        assert measured.reclaimable_bytes > 0.6 * measured.size_bytes
    nobody = await measure(await enter(await as_role(watched)), found["bloated"].oid or 0)
    assert isinstance(nobody, Unknown)
    assert "not allowed" in nobody.reason


async def test_measuring_what_cannot_be_measured(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int)", "CREATE INDEX h ON t USING hash (a)", "CREATE INDEX i ON t (a)")
    guest = await enter(watched)
    assert isinstance(gone := await measure(guest, 1), Unknown)
    assert "no such index" in gone.reason
    oids = {row["name"]: row["oid"] for row in await guest.ask("index_names") or ()}  # type: ignore[union-attr]
    assert isinstance(other := await measure(guest, oids["h"]), Unknown)
    assert "btree" in other.reason
    assert isinstance(absent := await measure(guest, oids["i"]), Unknown)
    assert absent.remedy == "CREATE EXTENSION pgstattuple;"


@pytest.mark.parametrize("queued", [False, True], ids=["held", "queued"])
async def test_locks_block_nothing(watched: Dsn, enter: Enter, queued: bool) -> None:
    await execute(
        watched,
        "CREATE TABLE locked (a int, b int); CREATE INDEX l1 ON locked (lower(a::text)) WHERE a > 0",
        "CREATE INDEX l2 ON locked (lower(a::text)) WHERE a > 0; CREATE INDEX l3 ON locked (b)",
        "CREATE TABLE open (a int); CREATE INDEX o1 ON open (a); CREATE INDEX o2 ON open (a)",
    )
    guest = await enter(watched)
    sessions: list[asyncpg.Connection[Any]] = [await asyncpg.connect(watched.reveal()) for _ in range(2)]
    waiting: asyncio.Task[Any] | None = None
    if queued:
        await sessions[0].execute("BEGIN; SELECT * FROM locked")
        waiting = asyncio.create_task(sessions[1].execute("BEGIN; LOCK TABLE locked"))
        await _until(watched, "EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
    else:
        await sessions[0].execute("BEGIN; LOCK TABLE locked")
    began = time.monotonic()
    snapshot = await read(guest, EVERYTHING)
    assert time.monotonic() - began < 2
    assert set(_by_index(snapshot, Kind.DUPLICATE)) == {"o2"}  # whether l1 and l2 are the same is not known now
    assert any("exclusive lock" in note and "3 indexes (l1, l2, l3)" in note for note in snapshot.notes)
    assert not isinstance(_by_index(snapshot, Kind.UNUSED)["l3"].size_bytes, Unknown)
    hidden = _by_index(snapshot, Kind.UNUSED)["l1"]
    assert not hidden.remedy_sql  # what would keep the statistics of its expressions is behind the lock
    assert any("a lock hides its expressions" in note for note in hidden.notes)
    assert isinstance(await measure(guest, _by_index(snapshot, Kind.UNUSED)["l3"].oid or 0), Unknown)
    for session in sessions:
        session.terminate()
    if waiting is not None:
        with suppress(asyncpg.PostgresError, OSError, asyncpg.InterfaceError):
            await waiting
    await _until(watched, "NOT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock')")
    assert set(_by_index(await read(guest, EVERYTHING), Kind.DUPLICATE)) == {"o2", "l2"}


async def test_intarray_makes_nothing_ambiguous(watched: Dsn, enter: Enter) -> None:
    try:
        await execute(watched, "CREATE EXTENSION intarray SCHEMA pg_catalog")
    except asyncpg.PostgresError:
        try:
            await execute(watched, "CREATE EXTENSION intarray")
        except asyncpg.PostgresError:
            pytest.skip("intarray is not available")
    await execute(watched, _USED)
    snapshot = await read(await enter(watched), EVERYTHING)
    assert set(_by_index(snapshot, Kind.UNUSED)) == {"t_a", "t_lower", "p_b", "t_few"}
    assert not [note for note in snapshot.notes if "Not known" in note]


async def test_a_table_read_whole_is_a_hint_not_a_verdict(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE big (a int, pad text)",
        "INSERT INTO big SELECT n, repeat('x', 50) FROM generate_series(1, 12000) n",
        "DO $$ BEGIN FOR n IN 1..6 LOOP PERFORM count(*) FROM big; END LOOP; END $$",
    )
    await _until(watched, "(SELECT seq_scan >= 6 AND n_live_tup > 0 FROM pg_stat_user_tables WHERE relname = 'big')")
    settings = EVERYTHING.model_copy(update={"whole_scans": 5.0})
    (found,) = (await read(await enter(watched), settings)).of(Kind.SUGGESTED)
    assert found.verdict is Verdict.NONE
    assert found.reason.startswith("estimate:")
    assert not found.remedy_sql
    assert not (await read(await enter(watched), EVERYTHING)).of(Kind.SUGGESTED)


async def test_the_guides_questions_work(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE TABLE t (a int PRIMARY KEY, b int)", "CREATE INDEX plain ON t (b)")
    usage, unused = await guide(await enter(await as_role(watched)))
    assert not isinstance(usage.rows, Unknown)
    assert not isinstance(unused.rows, Unknown)
    assert {row["indexrelname"] for row in usage.rows} == {"t_pkey", "plain"}
    assert {row["indexrelname"] for row in unused.rows} == {"plain"}
    assert "42703" in usage.corrected
    await execute(watched, usage.sql, unused.sql)


async def test_a_build_that_ends_while_we_look_is_no_failed_one(watched: Dsn, enter: Enter) -> None:
    """Seen not valid, and by the time we ask who builds, nobody does: it has ended, well."""
    await execute(
        watched,
        "CREATE TABLE t (a int)",
        *(f"CREATE INDEX {name} ON t (a)" for name in ("ended", "dropped", "broken")),
        "UPDATE pg_index SET indisvalid = false WHERE indrelid = 't'::regclass",
    )
    guest = await enter(watched)
    ask = guest.ask

    async def late(name: str, *values: Any, **more: Any) -> Any:
        if name == "index_work":
            await execute(
                watched,
                "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ended'::regclass",
                "DROP INDEX dropped",
            )
        return await ask(name, *values, **more)

    guest.ask = late  # type: ignore[method-assign]
    snapshot = await read(guest, EVERYTHING)
    assert set(_by_index(snapshot, Kind.INVALID)) == {"broken"}


async def test_a_locked_table_never_counted_is_not_taken_for_small(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (a int REFERENCES parent) WITH (autovacuum_enabled = off)",
        "INSERT INTO parent SELECT generate_series(1, 1000)",
        "INSERT INTO child SELECT generate_series(1, 1000)",
    )
    guest = await enter(watched)
    holder = await asyncpg.connect(watched.reveal())
    await holder.execute("BEGIN; LOCK TABLE child")
    snapshot = await read(guest, IndexesSettings(table_mb=9))
    holder.terminate()
    assert any("size is not known just now" in note and "child_a_fkey of child" in note for note in snapshot.notes)
    assert not any("quick to read whole" in note for note in snapshot.notes)


async def test_values_kept_outside_the_table_hide_their_width(watched: Dsn, enter: Enter) -> None:
    """Of a value in TOAST the statistics know its pointer; in an index it stands whole."""
    await execute(
        watched,
        "CREATE EXTENSION pgstattuple",
        "CREATE TABLE t (a text, b text)",
        "INSERT INTO t SELECT x.v, x.v || x.v FROM (SELECT string_agg(md5(random()::text || i), '') AS v"
        " FROM generate_series(1, 2000) n, generate_series(1, 35) i GROUP BY n) x",
        "CREATE INDEX wide ON t (b)",
    )
    await execute(watched, "VACUUM ANALYZE t")  # by a session that has no inserts left to count
    settings = IndexesSettings(bloat_mb=1, bloat_percent=30)
    guest = await enter(watched)
    found = _by_index(await read(guest, settings), Kind.BLOATED)
    assert {name: each.verdict for name, each in found.items()} == {"wide": Verdict.UNKNOWN}
    assert "outside the table" in found["wide"].reason
    await execute(watched, "CREATE TABLE none (a int)", "CREATE INDEX empty ON none (a)")
    rows = await guest.query("SELECT 'public.empty'::regclass::oid::bigint AS oid")
    assert not isinstance(rows, Unknown)
    measured = await measure(await enter(watched), rows[0]["oid"])
    assert isinstance(measured, Measurement)
    assert isinstance(measured.leaf_density, Unknown)  # the extension says NaN, which is no JSON
    assert measured.reclaimable_bytes == 0

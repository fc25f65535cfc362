"""Suggested indexes on real servers: what slow statements ask for, and what they do not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import IndexesSettings
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice import read_advised
from devora_console.postgres.indexes import Finding, IndexesSnapshot, Kind, read
from devora_console.postgres.indexes.advised import Advice, Refusal
from devora_console.postgres.watch.guest import TAG
from tests.postgres.advice_shapes import SHAPES, TABLES, Shape
from tests.postgres.conftest import Enter, as_role, execute
from tests.schema.old_servers import server

EASY = IndexesSettings(suggest_mean_ms=0, suggest_calls=3, suggest_cost=1, suggest_statements=100, table_mb=0)
_ONE = Shape("one column", "SELECT sum(id) FROM big WHERE customer = $1", (5,), ("customer",))
_PARTED = next(shape for shape in SHAPES if shape.id == "partitioned")
_HYPOPG = Path("/usr/lib/postgresql/15")


async def _run(dsn: Dsn, shapes: Sequence[Shape], times: int = 4) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        for shape in shapes:
            for _ in range(times):
                verb, _, rest = shape.text.partition(" ")  # a comment is kept, and does not tell statements apart
                await connection.fetch(f"{verb} /* mark {shape.id} */ {rest}", *shape.values)
    finally:
        await connection.close()


async def _prepare(dsn: Dsn, shapes: Sequence[Shape] = SHAPES) -> None:
    await execute(dsn, "CREATE EXTENSION pg_stat_statements", *TABLES)
    await _run(dsn, shapes)


def _advice(snapshot: IndexesSnapshot) -> Advice:
    assert isinstance(snapshot.advice, Advice), snapshot.advice
    return snapshot.advice


async def _ids(dsn: Dsn) -> dict[str, str]:
    """Queryids by the mark in the text."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        rows = await connection.fetch(
            "SELECT substring(query FROM '^[A-Z]+ /\\* mark (.+?) \\*/') AS mark, queryid FROM pg_stat_statements"
            " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return {row["mark"]: str(row["queryid"]) for row in rows if row["mark"]}
    finally:
        await connection.close()


def _wanted(snapshot: IndexesSnapshot) -> dict[str, Finding]:
    """The finding that names each statement."""
    found: dict[str, Finding] = {}
    for each in snapshot.of(Kind.SUGGESTED):
        if each.suggestion is not None:
            found |= {gain.statement.queryid: each for gain in each.suggestion.gains}
    return found


def _why(refusals: Sequence[Refusal], queryid: str) -> str:
    return "".join(each.words for each in refusals if queryid in each.statements)


async def test_what_slow_statements_ask_for(watched: Dsn, enter: Enter) -> None:
    await _prepare(watched)
    await _run(watched, [Shape("called twice", "SELECT max(id) FROM big WHERE customer = $1", (5,))], times=2)
    snapshot = await read_advised(await enter(watched), EASY)
    advice, wanted, ids = _advice(snapshot), _wanted(snapshot), await _ids(watched)
    wrong = {}
    for shape in SHAPES:
        queryid = ids[shape.id]
        finding = wanted.get(queryid)
        said = finding.suggestion.columns if finding is not None and finding.suggestion is not None else ()
        unknown, declined = _why(advice.unknown, queryid), _why(advice.declined, queryid)
        why = unknown if shape.unknown else declined
        if said != shape.columns or (shape.words not in why if shape.words else unknown + declined):
            wrong[shape.id] = (said, unknown, declined)
    assert not wrong
    assert ids["called twice"] not in wanted
    assert all(TAG not in str(gain.statement.text) for each in advice.suggestions for gain in each.gains)


async def test_a_finding_says_what_speaks_for_it_and_what_it_costs(watched: Dsn, enter: Enter) -> None:
    code = next(shape for shape in SHAPES if shape.id == "varchar")
    await _prepare(watched, (_ONE, code, _PARTED))
    guest = await enter(watched)
    snapshot = await read_advised(guest, EASY)
    found = {each.key: each for each in snapshot.of(Kind.SUGGESTED)}
    one = found["customer"]
    assert one.remedy_sql == "CREATE INDEX CONCURRENTLY ON public.big (customer);"
    assert one.confidence == "no: an estimate from statistics; the planner was not asked"
    assert one.reason == "estimate: a slow statement would look at about 10 of 20000 rows instead of all"
    notes = "\n".join(one.notes)
    assert "4 calls" in notes
    assert "SELECT /* mark one column */ sum(id) FROM big WHERE customer = $1" in notes
    assert "planner not asked: hypopg is not installed in this database. CREATE EXTENSION hypopg" in notes
    assert "indexes.suggest_percent = 30" in notes
    assert "20000 inserts" in notes
    assert found["k"].remedy_sql.startswith('CREATE INDEX "parted_k_idx" ON ONLY public.parted (k);\n')
    assert "Judged by the statistics of parted_" in "\n".join(found["k"].notes)
    guessed = {key: found[key].size_bytes for key in ("code", "customer")}
    for each in found.values():
        await execute(watched, *each.remedy_sql.splitlines())
    connection = await asyncpg.connect(watched.reveal())
    for key, size in guessed.items():
        made = await connection.fetchval(f"SELECT pg_relation_size('big_{key}_idx')")
        assert isinstance(size, int)
        assert 0.8 < size / made < 1.25, key
    await connection.close()
    again = await read(guest, EASY, advice=snapshot.advice)
    assert _advice(again).suggestions == ()  # made meanwhile: not suggested any more, without asking anew
    assert _advice(await read_advised(guest, EASY)).suggestions == ()


async def test_an_index_that_the_planner_leaves_alone_is_not_suggested_again(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE EXTENSION pg_stat_statements", *TABLES)
    author = await as_role(watched, "pg_read_all_data")
    name = author.reveal().partition("//")[2].partition(":")[0]
    for setting in ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"):
        await execute(watched, f"ALTER ROLE {name} SET {setting} = off")
    served = Shape("served", "SELECT sum(id) FROM big WHERE served = $1", (5,))
    both = Shape("both", "SELECT sum(id) FROM big WHERE city = $1 AND served = $2", (5, 5))
    await _run(author, (served, both))
    advice, ids = _advice(await read_advised(await enter(watched), EASY)), await _ids(watched)
    assert not [each for each in advice.suggestions if each.columns[0] == "served"]
    for each in ("served", "both"):
        words = "big_served_city_idx on big has these columns already, but the planner prefers the scan"
        assert _why(advice.declined, ids[each]) == words


async def test_who_may_not_see_is_told_so(watched: Dsn, enter: Enter) -> None:
    nothing = (await read_advised(await enter(watched), EASY)).advice
    assert isinstance(nothing, Unknown)
    assert "CREATE EXTENSION pg_stat_statements" in nothing.remedy
    await _prepare(watched, (_ONE,))
    hidden = (await read_advised(await enter(await as_role(watched)), EASY)).advice
    assert isinstance(hidden, Unknown)
    assert "hidden from this role" in hidden.reason
    assert "GRANT pg_read_all_stats TO" in hidden.remedy
    seeing = _advice(await read_advised(await enter(await as_role(watched, "pg_monitor")), EASY))
    assert seeing.suggestions == ()
    assert any(
        "permission denied for table big" in each.words and "GRANT SELECT" in each.remedy for each in seeing.unknown
    )


async def test_a_locked_table_makes_nobody_wait(watched: Dsn, enter: Enter) -> None:
    await _prepare(watched, (_ONE, _PARTED))
    guest, holder = await enter(watched), await asyncpg.connect(watched.reveal())
    await holder.execute("BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE")
    snapshot = await asyncio.wait_for(read_advised(guest, EASY), 30)
    await holder.close()
    advice, ids = _advice(snapshot), await _ids(watched)
    assert "locked by another session" in _why(advice.unknown, ids["one column"])
    assert [each.columns for each in advice.suggestions] == [("k",)]


async def test_thresholds_and_the_most_that_are_planned(watched: Dsn, enter: Enter) -> None:
    await _prepare(watched, (_ONE, _PARTED))
    guest = await enter(watched)
    usual = _advice(await read_advised(guest, IndexesSettings()))
    assert (usual.slow, usual.suggestions) == (0, ())
    few = _advice(await read_advised(guest, EASY.model_copy(update={"suggest_statements": 1.0})))
    assert few.asked == 1 < few.slow
    dear = _advice(await read_advised(guest, EASY.model_copy(update={"suggest_cost": 1e6})))
    assert dear.suggestions == ()
    assert any("indexes.suggest_cost = 1e+06" in each.words for each in dear.declined)


@pytest.mark.slow
@pytest.mark.skipif(not (_HYPOPG / "lib" / "hypopg.so").exists(), reason="hypopg is not installed here")
async def test_the_planner_is_asked_with_hypopg_and_nothing_is_left(enter: Enter) -> None:
    preload = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all")
    with server("local-15", *preload) as dsn:
        await _prepare(dsn)
        await execute(dsn, 'CREATE SCHEMA "e x"; CREATE EXTENSION hypopg SCHEMA "e x"')
        guest = await enter(dsn)
        snapshot = await read_advised(guest, EASY)
        ids, wanted = await _ids(dsn), _wanted(snapshot)
        for shape in SHAPES:
            finding = wanted.get(ids[shape.id])
            said = finding.suggestion.columns if finding is not None and finding.suggestion is not None else ()
            assert said == shape.columns, shape.id
        one = wanted[ids["one column"]]
        assert one.sure == "likely"
        assert "the planner would use it: cost " in one.reason
        assert "hypopg knows no indexes of partitioned tables" in "\n".join(wanted[ids["partitioned"]].notes)
        assert await guest.query('SELECT * FROM "e x".hypopg()') == []
        dear = EASY.model_copy(update={"suggest_saving_percent": 99.9})
        strict = _advice(await read_advised(guest, dear))
        assert any("would not save enough" in each.words for each in strict.declined)

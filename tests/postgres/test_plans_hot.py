"""The hot node on plans that were made to be slow, and what is not said of those that were not."""

from __future__ import annotations

import pytest

from devora_console.config.secret import Dsn
from devora_console.postgres.plans import Plan
from devora_console.postgres.plans.snapshot import HotNode
from tests.postgres.conftest import Enter, execute
from tests.postgres.test_plans import plan_of

_WORLD = (
    "CREATE TABLE big (id int PRIMARY KEY, grp int, twin int, note text) WITH (autovacuum_enabled = off)",
    "INSERT INTO big SELECT g, g % 100, g % 100, repeat('x', 40) || g FROM generate_series(1, 60000) g",
    "CREATE INDEX big_grp ON big (grp)",
    "CREATE TABLE small (id int PRIMARY KEY, name text) WITH (autovacuum_enabled = off)",
    "INSERT INTO small SELECT g, 'n' || g FROM generate_series(1, 3000) g",
    "VACUUM ANALYZE big, small",
    # Written after the last vacuum: pages not all-visible, statistics from before.
    "CREATE TABLE stale (id int PRIMARY KEY, kind int) WITH (autovacuum_enabled = off)",
    "INSERT INTO stale VALUES (1, 1)",
    "ANALYZE stale",
    "INSERT INTO stale SELECT g, 1 FROM generate_series(2, 20000) g",
)
_ONE_PROCESS = "SET max_parallel_workers_per_gather = 0"


def _kinds(hot: HotNode) -> set[str]:
    return {reason.kind for reason in hot.reasons} - {"read"}  # pages read are a fact, and depend on the cache


# condition -> (settings of the database, statement, node, what is said, words in it, what is not said)
_TRUTH = {
    "filter of a whole table": (
        (),
        "SELECT * FROM big WHERE note = 'nothing'",
        "Seq Scan on big",
        {"filter"},
        "reads 60 000 rows to keep 0",
    ),
    "whole table wanted": ((), "SELECT sum(length(note)) FROM big WHERE grp >= 0", None, set(), ""),
    "filter that keeps most": ((), "SELECT * FROM big WHERE note > 'x'", "Seq Scan on big", set(), ""),
    "small table filtered": ((), "SELECT * FROM small WHERE name = 'n7' AND id < 900", None, set(), ""),
    "sort on disk": (
        (("work_mem", "64kB"),),
        "SELECT * FROM big ORDER BY note",
        "Sort",
        {"sort_spill"},
        "work_mem 64kB",
    ),
    "sort in memory": ((("work_mem", "64MB"),), "SELECT * FROM big ORDER BY note DESC, id", "Sort", set(), ""),
    "hash in batches": (
        (("work_mem", "64kB"), ("enable_sort", "off")),
        "SELECT note, count(*) FROM big GROUP BY note",
        "HashAggregate",
        {"hash_batches"},
        "batches",
    ),
    "hash in memory": (
        (("work_mem", "64MB"), ("enable_sort", "off")),
        "SELECT note, count(*) FROM big GROUP BY note",
        "HashAggregate",
        set(),
        "",
    ),
    "misestimate of old statistics": (
        (),
        "SELECT * FROM stale WHERE kind = 1 AND id + 0 > 0",
        "Seq Scan on stale",
        {"estimate"},
        "ANALYZE stale",
    ),
    "few rows under a limit are no misestimate": ((), "SELECT * FROM big LIMIT 3", None, set(), ""),
    "few rows of a semi-join are no misestimate": (
        (("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("enable_hashagg", "off"), ("enable_sort", "off")),
        "SELECT 1 FROM (SELECT 1 LIMIT 1) x WHERE EXISTS (SELECT FROM big WHERE note > 'a')",
        None,
        set(),
        "",
    ),
    "nested loop over a table": (
        (
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("enable_material", "off"),
            ("enable_memoize", "off"),
        ),
        "SELECT count(*) FROM small a JOIN big b ON b.grp = a.id % 100 WHERE a.id <= 1200",
        None,  # the join or the scan in it: both take much
        {"loops"},
        "ran 1 200 times",
    ),
    "subplan for each row": (
        (),
        "SELECT id, (SELECT count(*) FROM big WHERE big.grp = small.id % 3) FROM small WHERE id <= 1200",
        None,
        {"loops"},
        "SubPlan 1 runs again for row after row",
    ),
    "index-only scan that goes to the table": (
        (("enable_seqscan", "off"), ("enable_bitmapscan", "off")),
        "SELECT id FROM stale WHERE id > 0",
        "Index Only Scan using stale_pkey on stale",
        {"heap_fetches", "estimate"},
        "VACUUM stale",
    ),
    "index-only scan after a vacuum": (
        (("enable_seqscan", "off"), ("enable_bitmapscan", "off")),
        "SELECT grp FROM big WHERE grp < 90",
        "Index Only Scan using big_grp on big",
        set(),
        "",
    ),
    "bitmap that became lossy": (
        (("work_mem", "64kB"), ("enable_seqscan", "off"), ("enable_indexscan", "off")),
        "SELECT sum(twin) FROM wide WHERE grp = 5",
        "Bitmap Heap Scan on wide",
        {"lossy_bitmap"},
        "pages were checked row by row",
    ),
}
_WIDE = (
    "CREATE TABLE wide (grp int, twin int, pad text) WITH (autovacuum_enabled = off, fillfactor = 10)",
    "INSERT INTO wide SELECT g % 8, g, repeat('y', 200) FROM generate_series(1, 24000) g",
    "CREATE INDEX ON wide (grp)",
    "VACUUM ANALYZE wide",
)


@pytest.mark.matrix
async def test_the_hot_node_and_what_is_said_of_it(watched: Dsn, enter: Enter) -> None:
    """One database for the whole table: it takes a second to make."""
    await execute(watched, *_WORLD, *_WIDE)
    wrong = []
    for condition, (settings, text, node, said, words) in _TRUTH.items():
        guest = await enter(watched)
        await guest.connection.execute(_ONE_PROCESS)
        for name, value in settings:
            await guest.connection.execute(f"SET {name} = '{value}'")
        plan = await plan_of(guest, text, analyze=True)
        assert plan.kind == "analyze"
        _sums_up(plan)
        hot = plan.hot_node
        assert hot is not None
        assert hot.by == "time"
        told = " ".join(reason.words.replace("\u202f", " ") for reason in hot.reasons)
        if node not in (None, hot.title) or _kinds(hot) != said or words not in told:
            wrong.append((condition, hot.title, _kinds(hot), told))
        await guest.leave()
    assert not wrong


def _sums_up(plan: Plan) -> None:
    """Self times are parts of the whole."""
    selves = [node.self_ms for node in plan.nodes]
    assert all(each is not None and each >= 0 for each in selves)
    assert plan.root.actual is not None
    assert plan.root.actual.total_ms is not None
    assert plan.execution_ms is not None
    total = sum(each or 0 for each in selves)
    assert total <= plan.root.actual.total_ms * plan.root.actual.loops + 1e-6
    assert all(node.self_cost >= 0 for node in plan.nodes)
    assert sum(node.self_cost for node in plan.nodes) <= plan.root.cost_total * (1 + 1e-9)


async def test_a_parallel_plan_adds_up(watched: Dsn, enter: Enter) -> None:
    await execute(watched, *_WORLD[:2], "ANALYZE big")
    guest = await enter(watched)
    for name, value in {
        "parallel_setup_cost": 0, "parallel_tuple_cost": 0, "min_parallel_table_scan_size": 0,
        "max_parallel_workers_per_gather": 2,
    }.items():  # fmt: skip
        await guest.connection.execute(f"SET {name} = {value}")
    plan = await plan_of(guest, "SELECT grp, count(*) FROM big WHERE note LIKE '%77' GROUP BY grp", analyze=True)
    _sums_up(plan)
    scan = next(node for node in plan.nodes if node.type == "Seq Scan")
    assert scan.in_parallel
    assert scan.title.startswith("Parallel Seq Scan")
    gather = next(node for node in plan.nodes if node.workers_planned)
    assert gather.workers_launched is not None
    assert plan.hot_node is not None
    noted = any("parallel workers planned" in note for note in plan.notes)
    assert noted is (gather.workers_launched < (gather.workers_planned or 0))
    assert ("parallel_setup_cost", "0") in plan.settings


async def test_what_is_drawn_elsewhere_is_charged_where_it_runs(watched: Dsn, enter: Enter) -> None:
    await execute(watched, *_WORLD[:2], "ANALYZE big")
    guest = await enter(watched)
    await guest.connection.execute(_ONE_PROCESS)
    cte = await plan_of(
        guest,
        "WITH c AS MATERIALIZED (SELECT grp, count(*) n, max(md5(note)) m FROM big GROUP BY grp)"
        " SELECT * FROM c a JOIN c b USING (grp) ORDER BY 1",
        analyze=True,
    )
    _sums_up(cte)
    scans = [node for node in cte.nodes if node.type == "CTE Scan"]
    assert len(scans) == 2
    whole = cte.root.actual.total_ms if cte.root.actual else None
    assert whole
    assert sum(node.self_ms or 0 for node in scans) < whole / 4  # the CTE's own nodes took it, not those that read it
    init = await plan_of(
        guest, "SELECT * FROM big WHERE grp > (SELECT max(length(md5(note))) * 9 FROM big)", analyze=True
    )
    _sums_up(init)
    outer = init.nodes[0]
    assert outer.type == "Seq Scan"
    assert init.nodes[1].role == "InitPlan"
    assert outer.actual
    assert init.nodes[1].actual
    value = init.nodes[1].actual.total_ms or 0
    assert outer.self_ms == pytest.approx((outer.actual.total_ms or 0) - value)
    nested = await plan_of(
        guest, "SELECT id, (SELECT count(*) FROM big b WHERE b.id = a.id) FROM big a LIMIT 50", analyze=True
    )
    _sums_up(nested)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * FROM big WHERE note = $1", "reads the whole of big; expects"),
        ("SELECT * FROM big a ORDER BY note", "sorts an expected 60 000 rows"),
    ],
)
async def test_without_a_run_everything_is_an_estimate(watched: Dsn, enter: Enter, text: str, words: str) -> None:
    await execute(watched, *_WORLD[:2], "ANALYZE big")
    guest = await enter(watched)
    await guest.connection.execute(_ONE_PROCESS)
    plan = await plan_of(guest, text)
    hot = plan.hot_node
    assert hot is not None
    assert hot.by == "cost"
    assert "planner's estimate" in hot.words
    assert words in hot.reasons[0].words.replace("\u202f", " ")
    assert plan.execution_ms is None
    assert all(node.self_ms is None and node.actual is None for node in plan.nodes)

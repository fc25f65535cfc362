"""Plans as JSON of several versions and shapes, without a server: what each node takes, and what is claimed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.config.thresholds import PlansSettings
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.make import Circumstances, make_plan
from devora_console.postgres.plans.snapshot import Node, Plan
from devora_console.postgres.plans.statement import Statement, read_statement

Raw = dict[str, Any]


def node(kind: str, *plans: Raw, cost: float = 10.0, rows: float = 1, **more: Any) -> Raw:
    """A node of the planner's; keys as ``workers_planned``."""
    named = {_key(key): value for key, value in more.items()}
    return {
        "Node Type": kind,
        "Startup Cost": 0.0,
        "Total Cost": cost,
        "Plan Rows": rows,
        "Plan Width": 8,
        **named,
        **({"Plans": list(plans)} if plans else {}),
    }


def ran(kind: str, *plans: Raw, ms: float, came: float = 1, loops: int = 1, **more: Any) -> Raw:
    """A node that was run."""
    times = {"Actual Startup Time": 0.0, "Actual Total Time": ms, "Actual Rows": came, "Actual Loops": loops}
    return node(kind, *plans, **more) | times


def _key(name: str) -> str:
    small = {"by": "by"}
    return " ".join(small.get(word, word.capitalize()) for word in name.split("_")).replace("Hashagg", "HashAgg")


def make(top: Raw, *, version: int = 180000, jit_above_cost: float = -1, **document: Any) -> Plan:
    """The plan of one EXPLAIN document."""
    statement = read_statement("select 1")
    assert isinstance(statement, Statement)
    kind = "analyze" if "Actual Loops" in top else "plain"
    around = Circumstances(
        datetime(2026, 1, 1, tzinfo=UTC), kind, "public", "4MB", jit_above_cost, 8192, version, "ana", "ana"
    )
    answer = json.dumps([{"Plan": top, **document}])
    found = make_plan(answer, statement, around, PlansSettings())
    assert isinstance(found, Plan)
    assert to_json(found)
    return found


def selves(plan: Plan) -> dict[str, float]:
    """Self time by title."""
    return {each.title: round(each.self_ms or 0, 3) for each in plan.nodes}


def test_a_node_takes_what_its_children_do_not() -> None:
    top = ran("Limit", ran("Sort", ran("Seq Scan", ms=388.1, parent_relationship="Outer"), ms=411.8), ms=412)
    assert selves(make(top)) == {"Limit": 0.2, "Sort": 23.7, "Seq Scan": 388.1}


def test_loops_multiply() -> None:
    inner = ran("Index Scan", ms=0.01, loops=1000, parent_relationship="Inner")
    outer = ran("Seq Scan", ms=5, parent_relationship="Outer")
    assert selves(make(ran("Nested Loop", outer, inner, ms=20))) == {"Nested Loop": 5, "Seq Scan": 5, "Index Scan": 10}


def test_workers_share_the_time() -> None:
    scan = ran("Seq Scan", ms=90, loops=3, parallel_aware=True, parent_relationship="Outer")
    top = ran("Gather", scan, ms=100, workers_planned=2, workers_launched=2)
    assert selves(make(top)) == {"Gather": 10, "Parallel Seq Scan": 90}
    # The leader does not take part: two loops, of the workers only.
    scan = ran("Seq Scan", ms=90, loops=2, parallel_aware=True, parent_relationship="Outer")
    assert selves(make(ran("Gather", scan, ms=100, workers_planned=2, workers_launched=2)))["Gather"] == 10


def test_a_cte_is_charged_to_the_scan_that_ran_it() -> None:
    cte = ran("Seq Scan", ms=80, parent_relationship="InitPlan", subplan_name="CTE c", relation_name="t")
    first = ran("CTE Scan", ms=85, cte_name="c", alias="a", parent_relationship="Outer") | {"CTE Name": "c"}
    second = ran("CTE Scan", ms=2, alias="b", parent_relationship="Inner") | {"CTE Name": "c"}
    plan = make(ran("Hash Join", cte, first, second, ms=90))
    assert selves(plan) == {"Hash Join": 3, "Seq Scan on t": 80, "CTE Scan on c a": 5, "CTE Scan on c b": 2}


@pytest.mark.parametrize(
    ("name", "used"), [("InitPlan 1 (returns $0)", "(x > $0)"), ("InitPlan 1", "(x > (InitPlan 1).col1)")]
)
def test_an_init_plan_is_charged_to_the_node_that_needs_it(name: str, used: str) -> None:
    init = ran("Seq Scan", ms=50, parent_relationship="InitPlan", subplan_name=name, relation_name="i")
    scan = ran("Seq Scan", ms=58, parent_relationship="Outer", relation_name="t", filter=used)
    other = used.replace("$0", "$01").replace("InitPlan 1", "InitPlan 12")
    assert selves(make(ran("Sort", init, scan, ms=60))) == {"Sort": 2, "Seq Scan on i": 50, "Seq Scan on t": 8}
    scan["Filter"] = other  # not this one's value
    scan["Actual Total Time"] = 8
    assert selves(make(ran("Sort", init, scan, ms=60))) == {"Sort": 2, "Seq Scan on i": 50, "Seq Scan on t": 8}


def test_costs_are_shared_like_times() -> None:
    inner = node("Index Scan", cost=8, parent_relationship="Inner")
    outer = node("Seq Scan", cost=100, rows=50, parent_relationship="Outer")
    plan = make(node("Nested Loop", outer, inner, cost=520))
    assert [each.self_cost for each in plan.nodes] == [20, 100, 400]
    assert plan.nodes[2].loops_expected == 50
    # Under a limit a part of the cost only.
    plan = make(node("Limit", node("Sort", node("Seq Scan", cost=900), cost=1000), cost=10))
    assert [round(each.self_cost, 6) for each in plan.nodes] == [0, 1, 9]


_KINDS = st.sampled_from(["Seq Scan", "Nested Loop", "Gather", "CTE Scan", "Materialize", "Limit", "Aggregate"])
_ROLES = st.sampled_from(["Outer", "Inner", "InitPlan", "SubPlan", "Member"])
_NAMES = st.sampled_from(["CTE c", "CTE d", "InitPlan 1 (returns $0)", "InitPlan 2", "SubPlan 1", ""])
_NUMBERS = st.floats(0, 1e6, allow_nan=False)


@st.composite
def _plans(draw: st.DrawFn, depth: int = 3) -> Raw:
    below = draw(st.lists(_plans(depth=depth - 1), max_size=3)) if depth else []
    made = ran(draw(_KINDS), *below, ms=draw(_NUMBERS), came=draw(_NUMBERS), loops=draw(st.integers(0, 1000)))
    made |= {"Total Cost": draw(_NUMBERS), "Plan Rows": draw(_NUMBERS), "Parent Relationship": draw(_ROLES)}
    made |= {"CTE Name": draw(st.sampled_from("cd")), "Filter": draw(st.sampled_from(["$0", "(InitPlan 2).col1", "x"]))}
    made |= {"Subplan Name": name} if (name := draw(_NAMES)) else {}
    return made | {"Shared Hit Blocks": draw(st.integers(0, 999)), "Shared Read Blocks": 0}


@given(_plans())
def test_shares_are_never_negative_nor_more_than_the_whole(top: Raw) -> None:
    plan = make(top)
    times = [each.self_ms or 0.0 for each in plan.nodes]
    whole = top["Actual Total Time"] * top["Actual Loops"]
    assert min(times) >= 0
    assert sum(times) <= whole * (1 + 1e-9) + 1e-9
    costs = [each.self_cost for each in plan.nodes]
    assert min(costs) >= 0
    assert sum(costs) <= top["Total Cost"] * (1 + 1e-9) + 1e-9
    assert all(each.buffers and each.buffers.shared_hit >= 0 for each in plan.nodes)


def _hot(top: Raw, **more: Any) -> tuple[set[str], str]:
    hot = make(top, **more).hot_node
    assert hot is not None
    return {reason.kind for reason in hot.reasons}, " ".join(each.words for each in hot.reasons).replace("\u202f", " ")


def test_hash_batches_are_told_of_the_join_above() -> None:
    hashed = ran("Hash", ms=10, parent_relationship="Inner", hash_batches=8, original_hash_batches=1)
    outer = ran("Seq Scan", ms=10, parent_relationship="Outer")
    kinds, words = _hot(ran("Hash Join", outer, hashed, ms=100))
    assert kinds == {"hash_batches"}
    assert "8 batches" in words
    hashed["Hash Batches"] = 1
    assert _hot(ran("Hash Join", outer, hashed, ms=100))[0] == set()


def test_a_rounded_zero_is_not_called_zero() -> None:
    inner = ran("Seq Scan", ms=1, came=0, loops=200, parent_relationship="Inner", filter="f", rows_removed_by_filter=90)
    outer = ran("Seq Scan", ms=1, came=200, parent_relationship="Outer", rows=200)
    for version, least in ((140000, "at most 100"), (180000, "at most 1")):
        kinds, words = _hot(ran("Nested Loop", outer, inner, ms=210), version=version)
        assert kinds == {"filter"}
        assert least in words
        assert "about 18 000 rows" in words


@pytest.mark.parametrize(
    ("above", "said"),
    [
        (None, True),
        ("Sort", True),
        ("Limit", False),
        ("Merge Join", False),
        ("Nested Loop Semi", False),
        ("Gather with too few workers", False),
    ],
)
def test_a_misestimate_is_claimed_where_all_rows_were_counted(above: str | None, said: bool) -> None:
    scan = ran("Seq Scan", ms=90, came=5, rows=5000, relation_name="t", parent_relationship="Outer")
    outer = ran("Result", ms=0.1, parent_relationship="Outer")
    top = {
        None: scan,
        "Sort": ran("Limit", ran("Sort", scan, ms=91), ms=91),
        "Limit": ran("Limit", scan, ms=91),
        "Merge Join": ran("Merge Join", scan, ms=91),
        "Nested Loop Semi": ran("Nested Loop", outer, scan | {"Parent Relationship": "Inner"}, ms=91, join_type="Semi"),
        "Gather with too few workers": ran("Gather", scan, ms=91, workers_planned=2, workers_launched=0),
    }[above]
    assert ("estimate" in _hot(top)[0]) is said


def test_more_rows_than_expected_are_told_even_under_a_limit() -> None:
    kinds, words = _hot(ran("Limit", ran("Seq Scan", ms=9, came=5000, rows=1, relation_name="t"), ms=9))
    assert kinds == {"estimate"}
    assert "factor 5 000 (limit 10): 1 row expected, 5 000 came. ANALYZE t" in words


def test_sorts_of_workers_and_in_steps() -> None:
    workers = [{"Worker Number": 0, "Sort Method": "external merge", "Sort Space Used": 900, "Sort Space Type": "Disk"}]
    sort = ran("Sort", ms=90, sort_method="quicksort", sort_space_used=30, sort_space_type="Memory", workers=workers)
    assert "sort spilled 900 kB to disk (external merge)" in _hot(sort)[1]
    groups = {"Group Count": 2, "Sort Methods Used": ["external sort"], "Sort Space Disk": {"Peak Sort Space Used": 70}}
    steps = ran("Incremental Sort", ms=90) | {"Full-sort Groups": groups}
    assert "spilled 70 kB" in _hot(steps)[1]
    assert _hot(ran("Sort", ms=9, sort_method="quicksort", sort_space_used=30, sort_space_type="Memory"))[0] == set()


def test_what_never_ran_is_not_judged() -> None:
    plan = make(ran("Append", ran("Seq Scan", ms=0, came=0, loops=0, rows=1000), ms=1))
    assert plan.hot_node is not None
    assert plan.hot_node.node == 0
    assert make(ran("Result", ms=0)).hot_node is None


def test_jit_and_settings() -> None:
    timing = {"Generation": {"Deform": 0.1, "Total": 1.0}, "Total": 150.5}
    jit = {"Functions": 2, "Timing": timing}
    document: Raw = {"Execution Time": 300.0, "JIT": jit, "Settings": {"work_mem": "1MB", "search_path": "x"}}
    plan = make(ran("Result", ms=200), **document)
    assert plan.jit_ms == 150.5
    assert any(note.replace("\u202f", " ") == "JIT compilation took 150.5 ms of 300.0 ms." for note in plan.notes)
    assert plan.settings == (("work_mem", "1MB"),)
    assert any("JIT compilation is off" in note for note in make(node("Result", cost=2e5), jit_above_cost=1e5).notes)
    assert not any("JIT" in note for note in make(node("Result", cost=2e3), jit_above_cost=1e5).notes)
    assert not any("JIT" in note for note in make(node("Result", cost=2e5), jit_above_cost=-1).notes)


@pytest.mark.parametrize(
    "answer", ["[]", "{", '["Utility statements have no plan structure"]', "[" * 5000 + "]" * 5000]
)
def test_what_is_no_plan(answer: str) -> None:
    statement = read_statement("select 1")
    assert isinstance(statement, Statement)
    around = Circumstances(datetime(2026, 1, 1, tzinfo=UTC), "plain", "p", "4MB", -1, 8192, 180000, "a", "a")
    assert isinstance(make_plan(answer, statement, around, PlansSettings()), Unknown)


def test_titles() -> None:
    def title(**raw: Any) -> str:
        return make({"Node Type": "x", "Total Cost": 1.0, **{_key(k): v for k, v in raw.items()}}).root.title

    assert title(node_type="Aggregate", strategy="Hashed", partial_mode="Partial") == "Partial HashAggregate"
    assert title(node_type="Nested Loop", join_type="Anti") == "Nested Loop Anti Join"
    assert title(node_type="Merge Join", join_type="Inner") == "Merge Join"
    assert title(node_type="ModifyTable", operation="Update", relation_name="t", alias="t") == "Update on t"
    assert title(node_type="Bitmap Index Scan", index_name="i") == "Bitmap Index Scan on i"
    assert title(node_type="Index Scan", index_name="i", relation_name="t", scan_direction="Backward") == (
        "Index Scan Backward using i on t"
    )


def test_a_deep_plan_is_read() -> None:
    top: Raw = node("Seq Scan", cost=1)
    for _ in range(300):
        top = node("Subquery Scan", top, cost=1)
    plan = make(top)
    deepest: Node = plan.nodes[-1]
    assert deepest.depth == 300

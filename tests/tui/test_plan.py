"""A plan as text: nothing wider than the terminal, nothing hostile, the hot node marked once and explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from devora_console.postgres.plans.snapshot import Plan
from devora_console.tui.render.look import Look
from devora_console.tui.render.plan import plan_lines, plan_summary
from tests.postgres.test_plans_shapes import Raw, make, node, ran

_TIMES: Raw = {"Execution Time": 412.5, "Planning Time": 0.2}


def _plan() -> Plan:
    scan = ran(
        "Seq Scan",
        ms=388.1,
        came=20,
        rows=24000,
        relation_name="messages",
        parent_relationship="Outer",
        filter="(conversation_id = 7)",
        rows_removed_by_filter=1_100_000,
    )
    return make(
        ran("Limit", ran("Sort", scan, ms=411.8, came=20, rows=24000, sort_key=["at"]), ms=412, came=20, rows=20),
        **_TIMES,
    )


def _plain(plan: Plan, width: int = 80, *, unicode: bool = True) -> str:
    return plan_lines(plan, Look(unicode=unicode), width).plain.replace("\u202f", " ")


def test_the_tree_at_80_columns() -> None:
    lines = _plain(_plan()).splitlines()
    assert lines[0] == "Took 412.5 ms. Seq Scan on messages takes 94 % of the time."
    tree = [line for line in lines if "ms" in line and "→" in line]
    assert [line.split("  ")[0].strip() or line.split("└")[1] for line in tree]
    assert tree[0].split() == ["Limit", "412.0", "ms", "0.200", "ms", "20", "→", "20"]
    assert tree[1].startswith("└ Sort")
    assert tree[2].startswith("  └ Seq Scan on messages")
    assert [line.endswith("◀") for line in tree] == [False, False, True]
    said = " ".join(" ".join(lines).split())
    assert "◀ Seq Scan on messages takes 388.1 ms of 412.0 ms by itself." in said
    assert "reads 1 100 020 rows to keep 20 (limit 10 %); filter (conversation_id = 7)" in said
    assert "filter removed 1 100 000 rows" in said


def test_the_ascii_twin() -> None:
    text = _plain(_plan(), unicode=False)
    assert text.isascii()
    assert "+ Sort" in text
    assert " <\n" in text
    assert "< Seq Scan on messages takes" in text


def test_an_estimate_is_called_one() -> None:
    plan = make(node("Sort", node("Seq Scan", cost=900, rows=5), cost=1000, rows=5))
    assert plan_summary(plan).replace("\u202f", " ") == (
        "Estimated cost 1 000; not run. Seq Scan holds 90 % of the estimated cost."
    )
    assert "expected → came" not in _plain(plan)


def test_what_never_ran_is_not_zero() -> None:
    plan = make(ran("Append", ran("Seq Scan", ms=5), ran("Seq Scan", ms=0, came=0, loops=0), ms=6))
    assert "never run" in _plain(plan)


_HOSTILE = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b\u202e\n[/]日é"), min_size=1, max_size=80
)


@given(_HOSTILE, st.integers(40, 130), st.integers(0, 40), st.booleans())
def test_no_line_is_too_wide_and_nothing_steers(text: str, width: int, depth: int, unicode: bool) -> None:
    top = ran(
        "Seq Scan", ms=9e9, came=1e12, rows=1e15, loops=3, relation_name=text, filter=text, rows_removed_by_filter=9e9
    )
    for _ in range(depth):
        top = ran("Subquery Scan", top, ms=9e9, alias=text, subplan_name=text, parent_relationship="SubPlan")
    shown = plan_lines(make(top, Settings={text: text}), Look(unicode=unicode), width).plain
    for line in shown.split("\n"):
        assert cell_len(line) <= width
        assert "\x1b" not in line
        assert "\u202e" not in line


@pytest.mark.parametrize("width", [0, 10, 40, 79, 200])
def test_any_width_can_be_asked_for(width: int) -> None:
    assert all(cell_len(line) <= max(width, 40) for line in _plain(_plan(), width).split("\n"))

"""Which node takes most, and why: only what the numbers of the plan show. Pure."""

from __future__ import annotations

from devora_console.postgres.plans.reasons import estimated_reasons, measured_reasons
from devora_console.postgres.plans.snapshot import HotNode
from devora_console.postgres.plans.whole import Whole
from devora_console.postgres.plans.words import milliseconds, percent


def hot_node(whole: Whole) -> HotNode | None:
    """The node that takes most by itself; None where nothing took anything that can be measured."""
    measured = whole.nodes[0].self_ms is not None
    shares = [(node.self_ms or 0.0) if measured else node.self_cost for node in whole.nodes]
    total, most = sum(shares), max(shares)
    if total <= 0:
        return None
    node = whole.nodes[shares.index(most)]
    if measured:
        words = f"takes {milliseconds(most)} of {milliseconds(total)} by itself"
    else:
        words = f"holds {percent(most / total)} of the cost, by the planner's estimate"
    reasons = measured_reasons(whole, node) if node.actual else estimated_reasons(whole, node)
    return HotNode(node.id, node.title, "time" if measured else "cost", most / total, words, tuple(reasons))

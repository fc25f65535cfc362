"""Rows expected against rows that came: where the two may be compared at all. Pure."""

from __future__ import annotations

from devora_console.core.safetext import one_line
from devora_console.postgres.plans.snapshot import Node, Reason
from devora_console.postgres.plans.whole import Whole
from devora_console.postgres.plans.words import count, of_rows


def misestimate(whole: Whole, node: Node) -> list[Reason]:
    """Only where rows were counted in full: under a LIMIT, a semi-join or a merge fewer come than there are."""
    assert node.actual is not None
    if not _comparable(whole, node):
        return []
    expected, got = max(node.rows_estimated, 1.0), max(node.actual.rows, 1.0)
    factor = max(expected / got, got / expected)
    if factor < whole.limits.misestimate_factor or (got < expected and not _ran_to_its_end(whole, node)):
        return []
    per = " per loop" if node.actual.loops > 1 else ""
    words = (
        f"estimate off by factor {count(factor)} (limit {whole.limits.misestimate_factor:g}): "
        f"{of_rows(node.rows_estimated)} expected{per}, {count(node.actual.rows)} came"
    )
    if node.relation:
        words += f". ANALYZE {one_line(node.relation, 80)} helps if its statistics are old"
    return [Reason("estimate", words)]


def _comparable(whole: Whole, node: Node) -> bool:
    """Not where fewer workers came than planned, nor what a merge join goes back over, nor a bitmap (not rows)."""
    if node.type in ("Bitmap Index Scan", "BitmapAnd", "BitmapOr", "Hash", "ModifyTable"):
        return False
    at: Node | None = node
    while at is not None:
        above = whole.above(at)
        if above is not None:
            if above.type == "Merge Join" and at.role == "Inner":
                return False
            if above.type == "Memoize":
                return False
        if at.in_parallel and above is not None and above.workers_planned != above.workers_launched:
            return False
        at = above
    return True


def _ran_to_its_end(whole: Whole, node: Node) -> bool:
    at = node
    while (above := whole.above(at)) is not None:
        if at.role in ("InitPlan", "SubPlan") or above.type in ("Limit", "Merge Join"):
            return False
        if above.type in ("Sort", "Hash", "Bitmap Heap Scan", "BitmapOr"):
            return True
        if above.type == "Aggregate" and above.title.split()[-1] in ("Aggregate", "HashAggregate"):
            return True
        if above.type == "Nested Loop" and at.role == "Inner" and (_stops_early(above) or above.inner_unique):
            return False
        if above.type == "Hash Join" and at.role == "Outer" and _inner_is_empty(whole, above):
            return False
        if above.type in ("WindowAgg", "Memoize", "SetOp", "Recursive Union", "BitmapAnd"):
            return False
        at = above
    return True


def _stops_early(join: Node) -> bool:
    return "Semi" in join.title or "Anti" in join.title


def _inner_is_empty(whole: Whole, join: Node) -> bool:
    return any(each.role == "Inner" and not (each.actual and each.actual.rows) for each in whole.below(join))

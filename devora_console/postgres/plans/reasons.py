"""Why a node takes what it takes: each reason follows from numbers of the plan. Pure."""

from __future__ import annotations

from devora_console.core.safetext import one_line
from devora_console.postgres.plans.estimates import misestimate
from devora_console.postgres.plans.snapshot import Node, Reason
from devora_console.postgres.plans.whole import Whole
from devora_console.postgres.plans.words import count, kilobytes, milliseconds, of_rows


def estimated_reasons(whole: Whole, node: Node) -> list[Reason]:
    """What the planner expects of the node."""
    found = []
    keeps = next((text for key, text in node.conditions if key == "Filter"), None)
    if node.type == "Seq Scan":
        what = f"reads the whole of {_name(node.relation)}"
        if keeps is not None:
            what += f"; expects {of_rows(node.rows_estimated)}{_each(node)} to pass {_cut(keeps)}"
        found.append(Reason("whole_table", what))
    if node.loops_expected >= whole.limits.loops:
        found.append(Reason("loops", f"is expected to run {count(node.loops_expected)} times"))
    if node.type == "Sort":
        found.append(Reason("sort", f"sorts an expected {of_rows(node.rows_estimated)}{_each(node)}"))
    inner = [each for each in whole.below(node) if each.role == "Inner"]
    if node.type == "Nested Loop" and inner and inner[0].loops_expected >= whole.limits.loops:
        found.append(Reason("loops", f"expects to run its inner side {count(inner[0].loops_expected)} times"))
    return found


def _each(node: Node) -> str:
    return " in each process" if node.in_parallel else " each time" if node.loops_expected > 1 else ""


def measured_reasons(whole: Whole, node: Node) -> list[Reason]:
    """What the numbers of a run show."""
    assert node.actual is not None
    if not node.actual.loops:
        return []
    found = [
        *_filter(whole, node), *misestimate(whole, node), *_sort(whole, node), *_hash(whole, node),
        *_loops(whole, node), *_lossy(whole, node), *_heap_fetches(node),
    ]  # fmt: skip
    return found + _temporary(whole, node, found) + _pages(whole, node)


def _filter(whole: Whole, node: Node) -> list[Reason]:
    """Reads many to keep few. Means per loop are rounded, so counts over several loops are "about"."""
    assert node.actual is not None
    limits, loops = whole.limits, node.actual.loops
    in_filter, in_join = node.removed_by_filter or 0, node.removed_by_join or 0
    by_join = in_join > in_filter
    removed = max(in_join, in_filter) * loops
    kept = node.actual.all_rows
    read = kept + removed
    if read < limits.filtered_rows or 100 * kept > limits.filter_keeps_percent * read:
        return []
    words = (
        f"reads {_about(loops)}{count(read)} rows to keep {_kept(whole, node)} "
        f"(limit {limits.filter_keeps_percent:g} %)"
    )
    text = next((text for key, text in node.conditions if key == ("Join Filter" if by_join else "Filter")), "")
    if by_join:
        return [
            Reason("filter", f"compares {_about(loops)}{count(read)} pairs to keep {_kept(whole, node)}: {_cut(text)}")
        ]
    if text:
        words += f"; filter {_cut(text)}"
    if node.type == "Seq Scan":
        words += ". An index on the filter's columns could help if the filter is this selective as a rule"
    elif node.type == "Index Scan":
        words += ". An index that also covers the filter's columns could help if it is this selective as a rule"
    return [Reason("filter", words)]


def _kept(whole: Whole, node: Node) -> str:
    assert node.actual is not None
    rows, loops = node.actual.rows, node.actual.loops
    if rows == 0 and loops > 1:
        # A mean that was rounded to 0: to whole rows before 18, to hundredths from then on.
        return f"at most {count(loops * (0.5 if whole.version < 180000 else 0.005))}"
    return f"{_about(loops)}{count(rows * loops)}"


def _about(loops: int) -> str:
    return "about " if loops > 1 else ""


def _sort(whole: Whole, node: Node) -> list[Reason]:
    memory = node.memory
    if memory is None or "Sort" not in node.type or not memory.disk_kb:
        return []
    return [
        Reason(
            "sort_spill",
            f"sort spilled {kilobytes(memory.disk_kb)} to disk ({one_line(memory.method, 40)})"
            f"{_work_mem(whole)}; more work_mem would keep it in memory",
        )
    ]


def _hash(whole: Whole, node: Node) -> list[Reason]:
    found = []
    for each in (node, *whole.below(node)):
        memory = each.memory
        if memory is None or memory.batches < 2 or (each is not node and each.type != "Hash"):
            continue
        words = f"hash table did not fit into memory: {memory.batches} batches"
        if memory.disk_kb:
            words += f", {kilobytes(memory.disk_kb)} on disk"
        found.append(Reason("hash_batches", f"{words}{_work_mem(whole)}; its limit is work_mem × hash_mem_multiplier"))
    return found


def _work_mem(whole: Whole) -> str:
    return f" with work_mem {one_line(whole.work_mem, 20)}" if whole.work_mem else ""


def _loops(whole: Whole, node: Node) -> list[Reason]:
    assert node.actual is not None
    found = []
    if node.actual.loops >= whole.limits.loops:
        mean = "" if node.actual.total_ms is None else f", {milliseconds(node.actual.total_ms)} each"
        found.append(Reason("loops", f"ran {count(node.actual.loops)} times{mean}{_because(whole, node)}"))
    for each in whole.below(node):
        often = each.actual.loops if each.actual else 0
        if often < whole.limits.loops or often <= node.actual.loops:
            continue
        if each.role == "SubPlan":
            found.append(
                Reason("subplan", f"{one_line(each.subplan, 60)} ran {count(often)} times, again for row after row")
            )
        elif node.type == "Nested Loop" and each.role == "Inner":
            found.append(Reason("loops", f"nested loop: its inner side ran {count(often)} times"))
    return found


def _because(whole: Whole, node: Node) -> str:
    """What repeats it: the nearest place above where the count of loops jumps."""
    assert node.actual is not None
    at = node
    while (above := whole.above(at)) is not None and at.actual and above.actual:
        if above.actual.loops < at.actual.loops:
            if at.role == "SubPlan":
                return f": {one_line(at.subplan, 60)} runs again for row after row"
            if above.type == "Nested Loop" and at.role == "Inner":
                return ": a nested loop runs it once for each row of its outer side"
            return ""
        at = above
    return ""


def _lossy(whole: Whole, node: Node) -> list[Reason]:
    if not node.lossy_blocks:
        return []
    pages = node.lossy_blocks + (node.exact_blocks or 0)
    # Before 18 the workers' pages of a parallel scan are not told.
    pages_read = (
        f"{count(node.lossy_blocks)} of {count(pages)}"
        if whole.version >= 180000 or not node.in_parallel
        else (f"at least {count(node.lossy_blocks)}")
    )
    words = f"bitmap grew too large: {pages_read} pages were checked row by row"
    if node.removed_by_recheck and node.actual:
        words += f", {_about(node.actual.loops)}{count(node.removed_by_recheck * node.actual.loops)} rows in vain"
    return [Reason("lossy_bitmap", f"{words}{_work_mem(whole)}; more work_mem would keep it exact")]


def _heap_fetches(node: Node) -> list[Reason]:
    assert node.actual is not None
    rows = node.actual.all_rows + (node.removed_by_filter or 0) * node.actual.loops
    if not node.heap_fetches or node.heap_fetches < rows / 10:
        return []
    return [
        Reason(
            "heap_fetches",
            f"index-only scan still went to the table {count(node.heap_fetches)} times, as pages are not marked "
            f"all-visible; VACUUM {_name(node.relation)} marks them, "
            "as far as no old transaction needs what is on them",
        )
    ]


def _temporary(whole: Whole, node: Node, told: list[Reason]) -> list[Reason]:
    if node.buffers is None or not node.buffers.temp_written or {r.kind for r in told} & {"sort_spill", "hash_batches"}:
        return []
    return [
        Reason(
            "temp_written", f"wrote {kilobytes(node.buffers.temp_written * whole.block_size / 1024)} to temporary files"
        )
    ]


def _pages(whole: Whole, node: Node) -> list[Reason]:
    """Not a fault, but a fact: how much of what it touched was not in shared buffers."""
    if node.buffers is None or not node.buffers.shared_read:
        return []
    pages = node.buffers.shared_hit + node.buffers.shared_read
    size = kilobytes(node.buffers.shared_read * whole.block_size / 1024)
    return [
        Reason("read", f"{count(node.buffers.shared_read)} of {count(pages)} pages ({size}) were not in shared buffers")
    ]


def _cut(text: str) -> str:
    return one_line(text, 160)


def _name(name: str) -> str:
    return one_line(name, 80)

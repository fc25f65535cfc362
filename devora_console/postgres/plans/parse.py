"""From EXPLAIN's JSON, in the shapes of PostgreSQL 14 to 18, to nodes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import shares
from devora_console.postgres.plans.shares import Drawn
from devora_console.postgres.plans.snapshot import Actual, Buffers, Memory, Node

_PLANS_OF_RULES = "a rule turns the statement into {} statements; the plan is of the costliest"


def read_json(text: str) -> tuple[Mapping[str, Any], tuple[str, ...]] | Unknown:
    """The plan's document, and what has to be said about it."""
    try:
        found = json.loads(text)
    except RecursionError:
        return Unknown("the plan is nested too deeply to be read")
    except ValueError:
        return Unknown("the server's answer is not a plan in JSON")
    documents = [each for each in found if isinstance(each, dict) and isinstance(each.get("Plan"), dict)]
    if not documents:
        return Unknown("the server has no plan for it: nothing would be run, or nothing that is planned")
    best = max(documents, key=lambda each: Drawn(each["Plan"], None, 0).number("Total Cost"))
    return best, (_PLANS_OF_RULES.format(len(documents)),) if len(documents) > 1 else ()


def read_nodes(top: Mapping[str, Any]) -> tuple[Node, ...]:
    """The nodes of a plan from top to bottom."""
    drawn = shares.flatten(top)
    analyzed = "Actual Loops" in top
    times = shares.self_times(drawn) if "Actual Total Time" in top else None
    wholes = shares.whole_times(drawn) if times else None
    costs = shares.self_costs(drawn)
    loops = shares.expected_loops(drawn)
    gathers = shares.gather_above(drawn)
    buffers = _buffers(drawn) if "Shared Hit Blocks" in top and analyzed else None
    return tuple(
        Node(
            id=at,
            parent=node.parent,
            depth=node.depth,
            type=node.word("Node Type"),
            title=title(node),
            role=node.word("Parent Relationship"),
            subplan=node.word("Subplan Name"),
            relation=node.word("Relation Name"),
            index=node.word("Index Name"),
            conditions=tuple(shares.conditions(node)),
            rows_estimated=node.number("Plan Rows"),
            cost_total=node.number("Total Cost"),
            actual=_actual(node) if analyzed else None,
            whole_ms=None if wholes is None else wholes[at],
            self_ms=None if times is None else times[at],
            self_cost=costs[at],
            loops_expected=loops[at],
            buffers=None if buffers is None else buffers[at],
            removed_by_filter=node.number("Rows Removed by Filter") if analyzed else None,
            removed_by_join=node.number("Rows Removed by Join Filter") if analyzed else None,
            removed_by_recheck=node.number("Rows Removed by Index Recheck") if analyzed else None,
            memory=_memory(node),
            heap_fetches=_maybe(node, "Heap Fetches"),
            lossy_blocks=_of_all(node, "Lossy Heap Blocks") if analyzed else None,
            exact_blocks=_of_all(node, "Exact Heap Blocks") if analyzed else None,
            workers_planned=_maybe(node, "Workers Planned"),
            workers_launched=_maybe(node, "Workers Launched"),
            subplans_removed=int(node.number("Subplans Removed")),
            inner_unique=bool(node.raw.get("Inner Unique")),
            in_parallel=gathers[at] is not None,
        )
        for at, node in enumerate(drawn)
    )


def title(node: Drawn) -> str:
    """What the node is and on what, in EXPLAIN's own words.

    >>> title(Drawn({"Node Type": "Seq Scan", "Parallel Aware": True, "Relation Name": "t", "Alias": "m"}, None, 0))
    'Parallel Seq Scan on t m'
    >>> title(Drawn({"Node Type": "Hash Join", "Join Type": "Left"}, None, 0))
    'Hash Left Join'
    """
    words = _type(node)
    if node.raw.get("Parallel Aware"):
        words = f"Parallel {words}"
    if node.word("Scan Direction") == "Backward":
        words += " Backward"
    index = node.word("Index Name")
    if index and node.word("Node Type") == "Bitmap Index Scan":
        return f"{words} on {index}"
    if index:
        words += f" using {index}"
    on = next(
        (node.word(key) for key in ("Relation Name", "CTE Name", "Function Name", "Tuplestore Name") if node.word(key)),
        "",
    )
    alias = node.word("Alias")
    if on or alias:
        words += f" on {on or alias}"
        if on and alias and alias != on:
            words += f" {alias}"
    return words


def _type(node: Drawn) -> str:
    kind, strategy = node.word("Node Type"), node.word("Strategy")
    join = node.word("Join Type")
    if kind == "Aggregate":
        named = {"Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}.get(strategy, kind)
        partial = node.word("Partial Mode")
        return f"{partial} {named}" if partial in ("Partial", "Finalize") else named
    if kind == "SetOp":
        return f"{'HashSetOp' if strategy == 'Hashed' else 'SetOp'} {node.word('Command')}".strip()
    if kind == "ModifyTable":
        return node.word("Operation") or kind
    if kind in ("Custom Scan", "Foreign Scan"):
        provider = node.word("Custom Plan Provider")
        return f"{kind} ({provider})" if provider else kind
    if join and join != "Inner" and kind in ("Hash Join", "Merge Join"):
        return f"{kind.split()[0]} {join} Join"
    if join and join != "Inner" and kind == "Nested Loop":
        return f"{kind} {join} Join"
    return kind or "node without a name"


def _actual(node: Drawn) -> Actual:
    timed = "Actual Total Time" in node.raw
    return Actual(
        node.number("Actual Rows"),
        int(node.number("Actual Loops")),
        node.number("Actual Total Time") if timed else None,
    )


def _maybe(node: Drawn, key: str) -> int | None:
    return int(node.number(key)) if key in node.raw else None


def _parts(node: Drawn) -> list[Drawn]:
    """The node and what each parallel worker says of its own part."""
    return [node, *(Drawn(worker, None, 0) for worker in node.raw.get("Workers", []) if isinstance(worker, dict))]


def _of_all(node: Drawn, key: str) -> int:
    """With the workers': from 18 on these are told apart."""
    return int(sum(part.number(key) for part in _parts(node)))


def _memory(node: Drawn) -> Memory | None:
    kind = node.word("Node Type")
    if kind in ("Sort", "Incremental Sort"):
        return _sort(node)
    batches = max(int(part.number(key)) for part in _parts(node) for key in ("Hash Batches", "HashAgg Batches"))
    if kind == "Hash" and batches:
        return Memory(memory_kb=int(node.number("Peak Memory Usage")), batches=batches)
    if kind == "Aggregate" and batches:
        return Memory(
            memory_kb=int(max(part.number("Peak Memory Usage") for part in _parts(node))),
            disk_kb=_of_all(node, "Disk Usage"),
            batches=batches,
        )
    if node.word("Storage"):  # 17 and later: of Materialize, CTE Scan, WindowAgg
        space = int(node.number("Maximum Storage"))
        return Memory("", 0, space) if node.word("Storage") == "Disk" else Memory("", space)
    return None


def _sort(node: Drawn) -> Memory | None:
    method, memory, disk = "", 0, 0
    for part in _parts(node):
        used = int(part.number("Sort Space Used"))
        method = method or part.word("Sort Method")
        if part.word("Sort Space Type") == "Disk":
            disk += used
            method = part.word("Sort Method")
        else:
            memory += used
        for groups in (part.raw.get("Full-sort Groups"), part.raw.get("Pre-sorted Groups")):
            if isinstance(groups, dict):
                method = method or ", ".join(map(str, groups.get("Sort Methods Used", [])))
                memory = max(memory, int(groups.get("Sort Space Memory", {}).get("Peak Sort Space Used", 0)))
                disk = max(disk, int(groups.get("Sort Space Disk", {}).get("Peak Sort Space Used", 0)))
    return Memory(method, memory, disk) if method or memory or disk else None


def _buffers(drawn: list[Drawn]) -> list[Buffers]:
    keys = ("Shared Hit Blocks", "Shared Read Blocks", "Temp Read Blocks", "Temp Written Blocks")
    return [Buffers(*each) for each in zip(*(shares.self_counts(drawn, key) for key in keys), strict=True)]

"""From the server's answer to a plan that is judged and noted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.config.thresholds import PlansSettings
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.judge import hot_node
from devora_console.postgres.plans.parse import read_json, read_nodes
from devora_console.postgres.plans.snapshot import Node, Plan
from devora_console.postgres.plans.statement import Statement
from devora_console.postgres.plans.whole import Whole
from devora_console.postgres.plans.words import count, milliseconds

_OURS = frozenset({"search_path", "plan_cache_mode", "jit"})  # set by us, so that they say nothing about the server


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a plan came about. ``author``: whose statement it is; ``user``: as whom it was planned."""

    as_of: datetime
    kind: str
    search_path: str
    work_mem: str
    jit_above_cost: float
    block_size: int
    version: int
    user: str
    author: str


def make_plan(answer: str, statement: Statement, around: Circumstances, limits: PlansSettings) -> Plan | Unknown:
    """The plan of EXPLAIN's JSON."""
    found = read_json(answer)
    if isinstance(found, Unknown):
        return found
    document, said = found
    nodes = read_nodes(document["Plan"])
    whole = Whole(nodes, limits, around.work_mem, around.block_size, around.version)
    jit_ms = _jit(document)
    settings = document.get("Settings")
    return Plan(
        as_of=around.as_of,
        kind=around.kind,
        nodes=nodes,
        planning_ms=_number(document, "Planning Time"),
        execution_ms=_number(document, "Execution Time"),
        jit_ms=jit_ms,
        settings=tuple(
            (str(name), str(value))
            for name, value in (settings.items() if isinstance(settings, dict) else ())
            if name not in _OURS
        ),
        search_path=around.search_path,
        work_mem=around.work_mem,
        block_size=around.block_size,
        version=around.version,
        hot_node=hot_node(whole),
        notes=(*said, *_notes(document, nodes, statement, around, jit_ms)),
    )


def _number(document: Mapping[str, Any], key: str) -> float | None:
    value = document.get(key)
    return float(value) if isinstance(value, int | float) else None


def _jit(document: Mapping[str, Any]) -> float | None:
    jit = document.get("JIT")
    timing = jit.get("Timing") if isinstance(jit, dict) else None
    return _number(timing, "Total") if isinstance(timing, dict) else None


def _notes(
    document: Mapping[str, Any],
    nodes: tuple[Node, ...],
    statement: Statement,
    around: Circumstances,
    jit_ms: float | None,
) -> list[str]:
    notes = []
    if around.kind == "analyze":
        notes.append(
            "The statement was run once, in a read-only transaction that was rolled back. Its reads count in the "
            "statistics; what its functions do beyond a transaction (sequences, other servers) is not undone."
        )
    else:
        notes.append("The statement was not run: rows and costs are the planner's estimates.")
    if around.kind == "generic":
        notes.append(
            "A generic plan, made without the values of $1 ...: with values PostgreSQL may choose another "
            "(plan_cache_mode)."
        )
    if statement.squashed:
        notes.append(
            "A list is shortened in the stored text ($1 /*, ... */): it was planned as a list of one value; "
            "with more values rows, cost and the plan itself may differ."
        )
    if around.kind == "generic" and any(node.subplans_removed for node in nodes):
        notes.append(
            "Partitions were left out of this plan as the parameters are NULL in it; with values one or more are read."
        )
    if around.author != around.user:
        notes.append(
            f"Planned as {one_line(around.user, 63)}, with the settings of {one_line(around.author, 63)}, whose "
            "statement it is; row-level security may give that role another plan."
        )
    notes += _parallel(nodes) + _compiled(document, nodes, around, jit_ms)
    notes.append("EXPLAIN itself may add to idx_scan: the planner looks at the ends of indexes.")
    return notes


def _parallel(nodes: tuple[Node, ...]) -> list[str]:
    return [
        f"{node.title}: {node.workers_planned} parallel workers planned, {node.workers_launched} came; "
        "the limits are max_parallel_workers and max_worker_processes."
        for node in nodes
        if node.actual
        and node.actual.loops
        and node.workers_planned
        and node.workers_launched is not None
        and node.workers_launched < node.workers_planned
    ]


def _compiled(
    document: Mapping[str, Any], nodes: tuple[Node, ...], around: Circumstances, jit_ms: float | None
) -> list[str]:
    if jit_ms is not None:
        whole = _number(document, "Execution Time")
        return [f"JIT compilation took {milliseconds(jit_ms)}" + (f" of {milliseconds(whole)}." if whole else ".")]
    if 0 <= around.jit_above_cost < nodes[0].cost_total:
        return [
            f"JIT compilation is off in this session; where jit is on, a plan that costs more than "
            f"{count(around.jit_above_cost)} (jit_above_cost) is compiled too, which takes time of its own."
        ]
    return []

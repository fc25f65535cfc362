"""What a plan is: its nodes as the server gave them, and what each took by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actual:
    """What happened, only with ANALYZE. ``rows`` and ``total_ms`` are means per loop, as PostgreSQL counts them.

    Before version 18 ``rows`` are rounded to whole ones: over many loops 0 may stand for less than a half.
    ``total_ms`` is None where the server did not time.
    """

    rows: float
    loops: int
    total_ms: float | None

    @property
    def all_rows(self) -> float:
        """Rows of all loops."""
        return self.rows * self.loops


@dataclass(frozen=True, slots=True)
class Buffers:
    """Blocks a node touched by itself, children not counted."""

    shared_hit: int = 0
    shared_read: int = 0
    temp_read: int = 0
    temp_written: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """How a sort or a hash did with its memory. ``disk_kb``: what it put on disk, in kB of 1024 bytes.

    ``method``: of a sort. ``batches``: of a hash, 1 when all of it was in memory.
    """

    method: str = ""
    memory_kb: int = 0
    disk_kb: int = 0
    batches: int = 1


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``id`` counts from 0 from top to bottom, ``parent`` is the node it is drawn under.

    ``self_ms``: time of this node alone over all loops, in parallel parts divided by those that worked at it, so that
    all of a plan's add up to the time of its top node; ``whole_ms``: with all it waits for. None without ANALYZE.
    ``self_cost``: the same of the estimate. ``loops_expected``: how often the planner expects it to run, as far as
    that can be told.
    ``removed_*``: rows a filter (join condition, recheck) threw away, means per loop; None without ANALYZE.
    """

    id: int
    parent: int | None
    depth: int
    type: str
    title: str
    role: str  # Outer, Inner, Subquery, InitPlan, SubPlan, Member, or empty
    subplan: str
    relation: str
    index: str
    conditions: tuple[tuple[str, str], ...]
    rows_estimated: float
    cost_total: float
    actual: Actual | None
    whole_ms: float | None
    self_ms: float | None
    self_cost: float
    loops_expected: float
    buffers: Buffers | None
    removed_by_filter: float | None = None
    removed_by_join: float | None = None
    removed_by_recheck: float | None = None
    memory: Memory | None = None
    heap_fetches: int | None = None
    lossy_blocks: int | None = None
    exact_blocks: int | None = None
    workers_planned: int | None = None
    workers_launched: int | None = None
    subplans_removed: int = 0
    inner_unique: bool = False
    in_parallel: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node takes what it takes: follows from numbers of the plan. ``kind`` is stable, for scripts."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class HotNode:
    """The node that takes most. ``by``: "time" (measured) or "cost" (the planner's estimate).

    ``share``: of the whole, 0 to 1. ``words``: what it takes; ``reasons``: why, where the plan tells.
    """

    node: int
    title: str
    by: str
    share: float
    words: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as of ``as_of``.

    ``kind``: "generic" (parameters without values), "plain" (estimates only) or "analyze" (was run).
    ``settings``: planner settings that differ from their defaults. ``jit_ms``: of the run, None where there was no JIT.
    ``work_mem``: as it was when planning. ``block_size`` in bytes.
    """

    as_of: datetime
    kind: str
    nodes: tuple[Node, ...]
    planning_ms: float | None
    execution_ms: float | None
    jit_ms: float | None
    settings: tuple[tuple[str, str], ...]
    search_path: str
    work_mem: str
    block_size: int
    version: int
    hot_node: HotNode | None
    notes: tuple[str, ...]

    @property
    def root(self) -> Node:
        """The top node."""
        return self.nodes[0]

"""The scans of a plan that read rows to throw them away. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devora_console.postgres.advice.condition import Compared, Unread, read_condition
from devora_console.postgres.plans import shares
from devora_console.postgres.plans.shares import Drawn

_WHOLE = "Seq Scan"
_BY_INDEX = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan with a condition that is checked row by row. ``cost`` is the planner's, by itself over all its
    ``loops``.

    ``by``: what an index found it by, nothing where every row is read; ``index``: which one, empty where all of a table
    is read.
    """

    schema: str
    table: str
    index: str
    condition: tuple[Compared | Unread, ...]
    by: tuple[Compared | Unread, ...]
    cost: float
    loops: float


@dataclass(frozen=True, slots=True)
class Read:
    """What a plan reads: its ``cost`` in all, its scans, whether parameters decide ``later`` which partitions are read,
    and the ``indexes`` it uses.
    """

    cost: float
    scans: tuple[Scan, ...]
    later: bool
    indexes: frozenset[str]


def read_scans(top: Mapping[str, Any]) -> Read:
    """The scans with a filter of a plan made with VERBOSE."""
    nodes = shares.flatten(top)
    costs, loops = shares.self_costs(nodes), shares.expected_loops(nodes)
    found = [scan for at, node in enumerate(nodes) if (scan := _scan(nodes, at, costs[at], loops[at])) is not None]
    return Read(
        cost=nodes[0].number("Total Cost"),
        scans=tuple(found),
        later=any(node.number("Subplans Removed") > 0 for node in nodes),
        indexes=frozenset(name for node in nodes if (name := node.word("Index Name"))),
    )


def _scan(nodes: Sequence[Drawn], at: int, cost: float, loops: float) -> Scan | None:
    node = nodes[at]
    kind, alias = node.word("Node Type"), node.word("Alias")
    if kind not in (_WHOLE, *_BY_INDEX) or not node.word("Filter"):
        return None
    by = node.word("Index Cond") or node.word("Recheck Cond")
    index = node.word("Index Name")
    if kind == "Bitmap Heap Scan":
        below = [each for each in nodes if each.parent == at]
        index = next((each.word("Index Name") for each in below if each.word("Index Name")), "")
        cost += loops * sum(each.number("Total Cost") for each in below)
    return Scan(
        schema=node.word("Schema"),
        table=node.word("Relation Name"),
        index=index,
        condition=tuple(read_condition(node.word("Filter"), alias)),
        by=tuple(read_condition(by, alias)) if by else (),
        cost=cost,
        loops=loops,
    )

"""What each node of a plan takes by itself, though nodes are counted with what they wait for.

A node's time holds that of the nodes below it. Three things are drawn in one place and run in another: a CTE runs
inside the scans that read it, an InitPlan inside whatever first needs its value, parallel workers beside each other.
Here each is charged where it runs; then the whole is handed down from the top, so that no share is negative and
together they are never more than the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node as EXPLAIN draws it; ``parent`` is an index into the same list, smaller than the node's own."""

    raw: Mapping[str, Any]
    parent: int | None
    depth: int

    def number(self, key: str) -> float:
        """A number of the plan, 0 where it is not given."""
        value = self.raw.get(key)
        return float(value) if isinstance(value, int | float) else 0.0

    def word(self, key: str) -> str:
        """A word of the plan, empty where it is not given."""
        value = self.raw.get(key)
        return value if isinstance(value, str) else ""


def flatten(top: Mapping[str, Any]) -> list[Drawn]:
    """The nodes from top to bottom."""
    drawn: list[Drawn] = []
    waiting: list[tuple[Mapping[str, Any], int | None, int]] = [(top, None, 0)]
    while waiting:
        raw, parent, depth = waiting.pop()
        drawn.append(Drawn(raw, parent, depth))
        mine = len(drawn) - 1
        waiting += [(child, mine, depth + 1) for child in reversed(raw.get("Plans", []))]
    return drawn


def gather_above(nodes: Sequence[Drawn]) -> list[int | None]:
    """For each node the Gather it runs under, or None."""
    above: list[int | None] = []
    for node in nodes:
        if node.parent is None:
            above.append(None)
        elif nodes[node.parent].word("Node Type") in ("Gather", "Gather Merge") and not node.word("Subplan Name"):
            above.append(node.parent)
        else:
            above.append(above[node.parent])
    return above


def whole_times(nodes: Sequence[Drawn]) -> list[float]:
    """Milliseconds of wall clock of each node with all it waits for; of parallel parts the mean of who worked."""
    gathers = gather_above(nodes)
    workers = [1.0] * len(nodes)
    for at, node in enumerate(nodes):
        if node.parent is not None and gathers[at] == node.parent:
            once = max(1.0, nodes[node.parent].number("Actual Loops"))
            workers[node.parent] = max(1.0, node.number("Actual Loops") / once)
    whole = []
    for at, node in enumerate(nodes):
        gather = gathers[at]
        together = 1.0 if gather is None else workers[gather]
        if node.word("Parent Relationship") == "InitPlan":
            together = min(together, max(1.0, node.number("Actual Loops")))  # run before there are workers, or by each
        whole.append(node.number("Actual Total Time") * node.number("Actual Loops") / together)
    return whole


def self_times(nodes: Sequence[Drawn]) -> list[float]:
    """The part of :func:`whole_times` that each node took by itself."""
    whole = whole_times(nodes)
    return _hand_down(nodes, _where_it_runs(nodes, whole), whole, lambda at: False)


def expected_loops(nodes: Sequence[Drawn]) -> list[float]:
    """How often the planner expects each node to run; 1 where nothing says otherwise."""
    loops: list[float] = []
    outer: dict[int, float] = {}
    for node in nodes:
        if node.parent is None:
            loops.append(1.0)
            continue
        above = nodes[node.parent]
        often = loops[node.parent]
        role = node.word("Parent Relationship")
        if role == "Outer":
            outer[node.parent] = node.number("Plan Rows")
        if role == "Inner" and above.word("Node Type") == "Nested Loop":
            often *= max(1.0, outer.get(node.parent, 1.0))
        elif role == "SubPlan" and f"hashed {node.word('Subplan Name')}" not in _conditions(above):
            often *= max(1.0, above.number("Plan Rows"))
        elif above.word("Node Type") == "Materialize" and above.parent is not None:
            often = loops[above.parent]  # it keeps what it read
        loops.append(often)
    return loops


def self_costs(nodes: Sequence[Drawn]) -> list[float]:
    """The planner's cost of each node by itself, over the loops it expects."""
    loops = expected_loops(nodes)
    whole = [node.number("Total Cost") * often for node, often in zip(nodes, loops, strict=True)]
    parents = [node.parent for node in nodes]

    def repeated(at: int) -> bool:
        parent = parents[at]
        return parent is not None and loops[at] > loops[parent]

    return _hand_down(nodes, parents, whole, repeated)


def self_counts(nodes: Sequence[Drawn], key: str) -> list[int]:
    """A counter (blocks) of each node without what ran inside it; such counters hold all loops and workers."""
    own = [node.number(key) for node in nodes]
    inside = [0.0] * len(nodes)
    whole = [node.number("Actual Total Time") * node.number("Actual Loops") for node in nodes]
    for at, parent in enumerate(_where_it_runs(nodes, whole)):
        if parent is not None:
            inside[parent] += own[at]
    return [round(max(0.0, mine - below)) for mine, below in zip(own, inside, strict=True)]


def _hand_down(
    nodes: Sequence[Drawn], parents: Sequence[int | None], whole: Sequence[float], repeated: Callable[[int], bool]
) -> list[float]:
    """Shares of the top node's whole. What runs once is served before what is repeated, whose whole is a guess."""
    below: list[list[int]] = [[] for _ in nodes]
    for at, parent in enumerate(parents):
        if parent is not None:
            below[parent].append(at)
    shares = [0.0] * len(nodes)
    waiting = [(0, whole[0])]
    while waiting:
        at, given = waiting.pop()
        scale = given / whole[at] if whole[at] > 0 else 0.0
        rest = given
        for late in (False, True):
            turn = [child for child in below[at] if repeated(child) is late]
            wanted = sum(whole[child] for child in turn) * scale
            fits = 1.0 if wanted <= rest else rest / wanted
            for child in turn:
                waiting.append((child, whole[child] * scale * fits))
            rest = max(0.0, rest - wanted)
        shares[at] = rest
    return shares


def _where_it_runs(nodes: Sequence[Drawn], whole: Sequence[float]) -> list[int | None]:
    """For each node the one whose time holds its own."""
    parents = [node.parent for node in nodes]
    for at, node in enumerate(nodes):
        name = node.word("Subplan Name")
        if node.word("Parent Relationship") != "InitPlan" or not name:
            continue
        if name.startswith("CTE "):
            readers = [
                other
                for other, each in enumerate(nodes)
                if each.word("Node Type") == "CTE Scan" and each.word("CTE Name") == name[4:]
            ]
        else:
            readers = _users(nodes, at, name)
        readers = [reader for reader in readers if not _inside(parents, reader, at)]
        if readers:
            parents[at] = max(readers, key=lambda reader: whole[reader])
    return parents


def _users(nodes: Sequence[Drawn], at: int, name: str) -> list[int]:
    """The nodes that need an InitPlan's value, as far as their conditions tell; a Gather evaluates it for its part."""
    returned = re.search(r"\(returns (\$\d+)", name)
    sign = re.escape(returned[1]) + r"(?!\d)" if returned else re.escape(name.partition(" (")[0]) + r"(?![0-9])"
    gathers = gather_above(nodes)
    drawn = [node.parent for node in nodes]
    found = []
    for other, node in enumerate(nodes):
        if re.search(sign, _conditions(node)) and _inside(drawn, other, nodes[at].parent):
            gather = gathers[other]
            found.append(other if gather is None or not _inside(drawn, gather, nodes[at].parent) else gather)
    return found


def _inside(parents: Sequence[int | None], at: int | None, top: int | None) -> bool:
    """Whether ``at`` is ``top`` or below it."""
    while at is not None:
        if at == top:
            return True
        at = parents[at]
    return False


CONDITIONS = (
    "Index Cond", "Recheck Cond", "TID Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "One-Time Filter",
    "Order By", "Sort Key", "Presorted Key", "Group Key", "Cache Key", "Run Condition", "Conflict Filter",
    "Function Call", "Table Function Call",
)  # fmt: skip


def _conditions(node: Drawn) -> str:
    return "\n".join(text for _, text in conditions(node))


def conditions(node: Drawn) -> list[tuple[str, str]]:
    """What the node compares, sorts and groups by, as (title, text)."""
    found = []
    for key in CONDITIONS:
        value = node.raw.get(key)
        if isinstance(value, str):
            found.append((key, value))
        elif isinstance(value, list):
            found.append((key, ", ".join(str(each) for each in value)))
    return found

"""A plan as it is judged: nodes and what they are measured against."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.config.thresholds import PlansSettings
from devora_console.postgres.plans.snapshot import Node


@dataclass(frozen=True, slots=True)
class Whole:
    """All nodes of a plan, and what is needed to judge one of them."""

    nodes: tuple[Node, ...]
    limits: PlansSettings
    work_mem: str
    block_size: int
    version: int

    def above(self, node: Node) -> Node | None:
        """The node it is drawn under."""
        return None if node.parent is None else self.nodes[node.parent]

    def below(self, node: Node) -> list[Node]:
        """The nodes drawn under it."""
        return [each for each in self.nodes if each.parent == node.id]

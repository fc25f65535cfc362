"""How the hits of one answer moved against another: up, down, new, gone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.search.model import Hit

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Movement:
    """``moved``: places up (positive) or down of each hit that is in both; ``new`` are not in the baseline, ``gone``
    are only there. Both lists keep the order of their ranking.
    """

    moved: dict[Key, int]
    new: tuple[Key, ...]
    gone: tuple[Key, ...]

    def words(self, key: Key) -> str:
        """In short: ``▲2``, ``▼1``, ``=``, ``NEW``; empty for what is in neither.

        >>> Movement({("file", "1"): -3}, (), ()).words(("file", "1"))
        '▼3'
        """
        if key in self.new:
            return "NEW"
        by = self.moved.get(key)
        if by is None:
            return ""
        return "=" if by == 0 else f"▲{by}" if by > 0 else f"▼{-by}"


def movement(hits: Sequence[Hit], baseline: Sequence[Hit]) -> Movement:
    """Compare a ranking with the baseline's."""
    before = {hit.key: hit.rank for hit in baseline}
    after = {hit.key: hit.rank for hit in hits}
    return Movement(
        moved={key: before[key] - rank for key, rank in after.items() if key in before},
        new=tuple(key for key in after if key not in before),
        gone=tuple(key for key in before if key not in after),
    )

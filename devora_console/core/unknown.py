"""Known or explained: a value that cannot be known is never 0, empty or green."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands where a value would stand, with the reason it is not known and what would make it known."""

    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"? {self.reason}"

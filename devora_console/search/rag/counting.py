"""Counting tokens: with whatever counter is there, by name."""

from __future__ import annotations

from typing import Protocol


class Counter(Protocol):
    """Counts the tokens of a text; ``name`` says how, for people: counts of two counters differ."""

    @property
    def name(self) -> str:
        """What counts."""
        ...

    def count(self, text: str) -> int:
        """Tokens, never fewer than 0."""
        ...


class ByBytes:
    """A third of the bytes: too many rather than too few, for French and English alike.

    >>> ByBytes().count("été")
    2
    """

    name = "a third of the bytes (estimate)"

    def count(self, text: str) -> int:
        """Tokens, rounded up."""
        return -(-len(text.encode("utf-8", "replace")) // 3)

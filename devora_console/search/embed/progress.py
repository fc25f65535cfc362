"""How far a back-fill is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.embed.ann import Built
from devora_console.search.embed.models import Price


class Ending(StrEnum):
    """How a back-fill ended. All but ``DONE`` are resumed by running it again."""

    DONE = "done"
    CEILING = "ceiling"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Progress:
    """A back-fill as of now. ``total``: documents that needed a vector when it began; ``changed``: edited or deleted
    while they were embedded, and left stale; ``empty``: nothing in them to embed. ``waiting``: for what, in words.
    ``cost``: US dollars so far by ``price``; None where that is not known.
    """

    run: UUID
    model: str
    total: int
    embedded: int = 0
    vectors: int = 0
    failed: int = 0
    empty: int = 0
    changed: int = 0
    tokens: int = 0
    cost: float | None = None
    price: Price | Unknown | None = None
    seconds: float = 0.0
    paused: bool = False
    waiting: str = ""

    @property
    def rows_per_second(self) -> float | Unknown:
        """Documents embedded and written in a second."""
        return self.embedded / self.seconds if self.seconds > 0 else Unknown("nothing has been embedded yet")


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a back-fill. ``remaining``: documents still to embed, whoever is to do it."""

    progress: Progress
    ending: Ending
    remaining: int
    problem: Problem | None
    index: Built | None
    removed: int

    @property
    def words(self) -> str:
        """The final line."""
        told = self.progress
        extra = f", {_apart(told.empty)} with nothing to embed" if told.empty else ""
        extra += f", {_apart(told.changed)} edited meanwhile" if told.changed else ""
        counts = f"{_apart(told.embedded)} embedded, {_apart(self.remaining)} remaining, {_apart(told.failed)} failed"
        return counts + extra


def _apart(count: int) -> str:
    """With a narrow space between thousands, as every count is written."""
    return f"{count:,}".replace(",", "\u202f")

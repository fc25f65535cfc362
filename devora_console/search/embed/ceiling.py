"""How far a back-fill may go. Reaching it is an outcome of its own, and no error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devora_console.search.embed.models import MOST_TEXTS, MOST_TOKENS, Price
from devora_console.search.embed.tokens import rough
from devora_console.search.embed.work import Text


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most documents, tokens and US dollars of a run; None: no such limit."""

    rows: int | None = None
    tokens: int | None = None
    cost: float | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens have to be counted for it."""
        return self.tokens is not None or self.cost is not None

    def tokens_left(self, used: int, price: Price | None) -> int | None:
        """How many more tokens fit; None: any number."""
        limits = [] if self.tokens is None else [self.tokens - used]
        if self.cost is not None and price is not None and price.per_million > 0:
            limits.append(int((self.cost - price.cost(used)) * 1_000_000 / price.per_million + 1e-6))
        return max(0, min(limits)) if limits else None

    def words(self) -> str:
        """For people: ``1000 documents, $0.50``."""
        parts = [f"{self.rows} documents"] if self.rows is not None else []
        parts += [f"{self.tokens} tokens"] if self.tokens is not None else []
        parts += [f"${self.cost:g}"] if self.cost is not None else []
        return ", ".join(parts) or "none"


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents that go to the provider together, and their tokens as counted (0 where nobody counts)."""

    texts: tuple[Text, ...]
    tokens: int


class Budget:
    """What is left of a ceiling. ``committed``: tokens used, and counted of what is under way."""

    def __init__(self, ceiling: Ceiling, price: Price | None, count: Callable[[str], int] | None) -> None:
        self.reached = False
        self.committed = 0
        self._ceiling = ceiling
        self._price = price
        self._count = count
        self._rows = 0

    def rows(self, wanted: int) -> int:
        """How many of so many documents may be claimed; fewer than wanted: the ceiling is reached."""
        if self._ceiling.rows is None:
            return wanted
        return min(wanted, self._ceiling.rows - self._rows)

    def took(self, rows: int) -> None:
        """So many documents were claimed."""
        self._rows += rows

    def cut(self, texts: Sequence[Text]) -> list[Batch]:
        """Documents in batches that one request takes, up to the first that the ceiling leaves no room for."""
        batches: list[Batch] = []
        held: list[Text] = []
        pieces = size = tokens = 0
        for text in texts:
            own, counted = rough(text.pieces), sum(map(self._count, text.pieces)) if self._count else 0
            left = self._ceiling.tokens_left(self.committed, self._price)
            if left is not None and counted > left:
                self.reached = True
                break
            if held and (pieces + len(text.pieces) > MOST_TEXTS or size + own > MOST_TOKENS):
                batches.append(Batch(tuple(held), tokens))
                held, pieces, size, tokens = [], 0, 0, 0
            self.committed += counted
            held.append(text)
            pieces, size, tokens = pieces + len(text.pieces), size + own, tokens + counted
        if held:
            batches.append(Batch(tuple(held), tokens))
        return batches

    def settle(self, counted: int, used: int) -> None:
        """A batch that was counted as so many tokens has really used so many."""
        self.committed += used - counted

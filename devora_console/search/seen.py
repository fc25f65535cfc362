"""What a screen sees of searching: the answers so far, what is being asked, and what stands in the way. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.model import Asked, SearchSnapshot
from devora_console.search.rag.model import Answer


@dataclass(frozen=True, slots=True)
class SearchSeen:
    """``snapshot`` is the newest, of the last ask that brought one; ``asking`` what is under way since ``since``.

    ``before``: the whole answer to the same text as it was asked before it was asked differently. ``problem``: why
    nothing can be asked at all.
    """

    snapshot: SearchSnapshot | None = None
    before: SearchSnapshot | None = None
    asking: Asked | None = None
    since: datetime | None = None
    problem: Problem | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user to search as. ``documents``: how many search documents there are of them, counted up to a limit."""

    id: str
    email: str
    documents: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that a question may go on with. ``at``: when it was written in last; ``more``: than counted."""

    id: str
    title: str
    at: datetime | None
    messages: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """How much of the search documents is embedded, for one model, as of ``at``.

    ``vectors`` of the ``documents`` have words that full text can find; ``current`` an embedding of their present text,
    ``stale`` one of an earlier text; the rest has none. Unknown where the server cannot tell.
    """

    at: datetime
    model: str
    documents: int
    vectors: int
    current: int | Unknown
    stale: int | Unknown

    @property
    def as_of(self) -> datetime:
        """When it was counted."""
        return self.at

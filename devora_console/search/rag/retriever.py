"""Where found things come from: any search that keeps this protocol."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from devora_console.search.rag.model import Retrieved


class Retriever(Protocol):
    """Searches as a user would; None: as the owner, over everybody's."""

    async def retrieve(self, question: str, user: UUID | None, most: int) -> Retrieved:
        """The best ``most`` things for a question, best first. Says in ``problem`` why there are none when it could
        not search; raises nothing but what the driver raises when the database is away.
        """
        ...

"""What tells drivers on different machines apart: a lease somewhere that both can see."""

from __future__ import annotations

from typing import Protocol


class Lease(Protocol):
    """Taken at GO and confirmed before each step."""

    @property
    def why(self) -> str:
        """Why it is not ours, in words; empty while it is."""

    async def take(self) -> bool:
        """Take or renew it; whether we may go on."""

    async def give(self) -> None:
        """Give it back; it runs out by itself otherwise."""

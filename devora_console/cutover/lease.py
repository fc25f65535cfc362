"""What tells drivers on different machines apart: a lease somewhere that both can see."""

from __future__ import annotations

import asyncio
from typing import Protocol

from devora_console.cutover.events import Kind
from devora_console.cutover.record import Record

_RENEWED_EVERY = 30.0  # seconds; a step may take longer than a lease lasts


class Lease(Protocol):
    """Taken at GO and confirmed before each step."""

    @property
    def why(self) -> str:
        """Why it is not ours, in words; empty while it is."""

    @property
    def override(self) -> str:
        """The reason a person gave for going on when it cannot be asked for; empty when nobody did."""

    async def take(self) -> bool:
        """Take or renew it; whether we may go on."""

    async def give(self) -> None:
        """Give it back; it runs out by itself otherwise."""


class Keeper:
    """A lease whose changes stand in the journal, kept as long as the run is driven."""

    def __init__(self, lease: Lease, record: Record) -> None:
        self._lease = lease
        self._record = record
        self._told: tuple[str, str] = ("", "")
        self._lock = asyncio.Lock()

    @property
    def why(self) -> str:
        """Why it is not ours, in words; empty while it is."""
        return self._lease.why

    async def take(self) -> bool:
        """Take or renew it, and write down when that is another answer than before; whether we may go on."""
        async with self._lock:
            ours = await self._lease.take()
            why = self._lease.why
            state = "lost" if not ours else "override" if why else "taken"
            reason = f"{self._lease.override} ({why})" if state == "override" else why
            if (state, reason) != self._told:
                await self._record.add(Kind.LEASE, {"state": state, "reason": reason})
                self._told = (state, reason)
            return ours

    async def keep(self) -> None:
        """Renew it until cancelled. One that is lost stops the next step from being started."""
        while True:
            await asyncio.sleep(_RENEWED_EVERY)
            await self.take()

    async def give(self) -> None:
        """Give it back."""
        await self._lease.give()

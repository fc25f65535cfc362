"""The journal as the driver of a run writes it: every write is fenced, and the run is what the journal then says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from devora_console.cutover.events import Event, Kind
from devora_console.cutover.fold import fold
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.state import Run


class Record:
    """A run and its journal. Give ``token`` for the driver's; without it only what anybody may add is written."""

    def __init__(self, journal: Journal, run: Run, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._changed = changed
        self._lock = asyncio.Lock()
        self.run = run
        self.token: int | None = None

    async def add(
        self,
        kind: Kind,
        payload: Mapping[str, object],
        *,
        step: str | None = None,
        attempt: int | None = None,
        fenced: bool = True,
    ) -> Event:
        """Write one event, durable on return. Raises ConsoleError (exit 4) when somebody else drives by now."""
        async with self._lock:
            token = self.token if fenced else None
            event = await asyncio.to_thread(
                self._journal.append, kind, payload, step=step, attempt=attempt, token=token
            )
            await self._read()
        self._changed()
        return event

    async def catch_up(self) -> bool:
        """Take in what others wrote; whether there was anything."""
        async with self._lock:
            found = await self._read()
        if found:
            self._changed()
        return found

    async def _read(self) -> bool:
        events = await asyncio.to_thread(lambda: list(self._journal.events(self.run.last_seq)))
        if events:
            self.run = fold(events, self.run)
        return bool(events)

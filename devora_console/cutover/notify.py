"""Tell a webhook what happens. It reads the journal behind the driver's back: it never holds a step up or fails one.

What was told is in the journal, so that a console that takes over tells what is left. Delivery is at least once.
"""

from __future__ import annotations

import asyncio
import contextlib

import httpx

from devora_console.config.secret import Secret
from devora_console.core.backoff import backoff
from devora_console.core.problems import ConsoleError
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.record import Record
from devora_console.cutover.telling import words

_TOLD = frozenset({Kind.RUN, Kind.GO, Kind.STEP, Kind.WAIVED, Kind.VOTE, Kind.NOTE})
_SECONDS = 10.0
_LOOK = 1.0
_AT_ONCE = 20


class Notifier:
    """One webhook that takes ``{"text": ...}``, as Slack, Mattermost and many others do."""

    def __init__(self, record: Record, journal: Journal, url: Secret) -> None:
        self._record = record
        self._journal = journal
        self._url = url
        self._seen = 0  # events that were looked at
        self._told = 0  # events that were told, by this console or one before
        self._left: list[Event] = []

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            done = await self._once()
            failures = 0 if done else failures + 1
            await asyncio.sleep(_LOOK if done else backoff(failures, refused=False))

    async def _once(self) -> bool:
        """Tell what is new; whether that went well."""
        await asyncio.to_thread(self._look)
        part = self._left[:_AT_ONCE]
        if not part:
            return True
        text = "\n".join(f"{each.at:%H:%M:%SZ} {words(each)}" for each in part)
        body = {"text": f"{self._record.run.title} ({self._record.run.environment})\n{text}"}
        ok = False
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
            async with httpx.AsyncClient(timeout=_SECONDS) as client:
                ok = (await client.post(self._url.reveal(), json=body)).is_success
        if ok:
            self._left = self._left[_AT_ONCE:]
            with contextlib.suppress(ConsoleError):  # a journal that cannot be written stops the driver, not this
                said = {"event": part[-1].seq, "sink": "webhook", "ok": True, "tries": 1}
                await self._record.add(Kind.NOTIFIED, said, fenced=False)
        return ok

    def _look(self) -> None:
        """Take in what is new in the journal."""
        for event in self._journal.events(self._seen):
            self._seen = event.seq
            if event.kind is Kind.NOTIFIED:
                seq = event.payload["event"]
                assert isinstance(seq, int)
                self._told = max(self._told, seq)
            elif event.kind in _TOLD:
                self._left.append(event)
        self._left = [each for each in self._left if each.seq > self._told]

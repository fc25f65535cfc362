"""From the spool to the database: what this process wrote, and what others left behind."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from devora_console.analytics import spool as spools
from devora_console.analytics.privacy import Dropped, Privacy, event_name, person, uuid_of
from devora_console.analytics.spool import Sealed, Spool
from devora_console.analytics.store import Store, Unreadable

_log = logging.getLogger(__name__)
_BATCH = 200
LONGEST = 1_000_000
"""Bytes of a line; ours are far shorter, and PostHog takes no longer event."""
_LOOK_SECONDS = 10.0
UNREADABLE = "PostgreSQL could not take it"


class Mover:
    """One for a spool. What it drops it counts in ``dropped``."""

    def __init__(self, spool: Spool, store: Store, privacy: Privacy, dropped: Dropped) -> None:
        self._spool, self._store, self._privacy, self._dropped = spool, store, privacy, dropped
        self._gone = Dropped()  # of the file at hand: counted when it is through, however often it was begun
        self._pending: list[Sealed] = []
        self._looked = float("-inf")

    async def step(self, until: float = math.inf) -> int:
        """Move what there is, or a batch at least until that moment (monotonic); how many were new to the database.

        Raises ConsoleError when it is away.
        """
        self._collect()
        moved = 0
        while self._pending:
            moved += await self._move(self._pending[0], until)
            self._pending.pop(0).remove()
            if time.monotonic() >= until:
                break
        return moved

    def look_again(self) -> None:
        """Look for what others left behind at the next step, however lately we did."""
        self._looked = float("-inf")

    def release(self) -> None:
        """Leave what is not moved yet to whoever comes next."""
        while self._pending:
            self._pending.pop().close()

    def _collect(self) -> None:
        if self._pending:
            return  # the database was away; our own file grows meanwhile
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._pending.extend(spools.left_behind(self._spool.folder))
            self._spool.look()
        sealed = self._spool.seal()
        if sealed is not None:
            self._pending.append(sealed)

    async def _move(self, sealed: Sealed, until: float) -> int:
        self._gone = Dropped()
        moved, batch, end = 0, list[str](), 0
        for line, end in self._sound(sealed):
            batch.append(line)
            if len(batch) >= _BATCH:
                moved += await self._record(batch)
                batch = []
                if time.monotonic() >= until and (rest := sealed.rest(end)) is not None:
                    self._pending.insert(1, rest)
                    break
        moved += await self._record(batch) if batch else 0
        self._dropped.add(self._gone)
        return moved

    async def _record(self, batch: list[str]) -> int:
        """Record them; when PostgreSQL cannot take some, find out which."""
        try:
            return await self._store.record(f"[{','.join(batch)}]")
        except Unreadable as error:
            if len(batch) == 1:
                _log.warning("an event is given up: %s", error)
                self._gone.event(UNREADABLE)
                return 0
        half = len(batch) // 2
        return await self._record(batch[:half]) + await self._record(batch[half:])

    def _sound(self, sealed: Sealed) -> Iterator[tuple[str, int]]:
        """Its events, and for each where in the file it ends."""
        end = 0
        for line in sealed.lines():
            end += len(line)
            sound = self._judged(line) if line.endswith(b"\n") and len(line) <= LONGEST else None
            if sound is None:
                self._gone.event(spools.TORN)
            else:
                yield sound, end
            time.sleep(1e-5)  # a true pause: whoever calls track_event meanwhile gets the interpreter

    def _judged(self, line: bytes) -> str | None:
        """The line as it may be recorded: a file on a disk may hold anything. None for what is no event."""
        try:
            said = json.loads(line)
            event, identity = event_name(said["event"]), uuid_of(said["id"])
            at = moment(datetime.fromisoformat(said["at"]))
            session = uuid_of(said.get("session"))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if event is None or identity is None or at is None:
            return None
        return write(
            identity=str(identity),
            event=event,
            user=person(said.get("user")),
            session=str(session) if session else None,
            at=at,
            properties=self._privacy.kept(event, said.get("properties"), self._gone),
        )


def moment(given: object) -> datetime | None:
    """When it was, in UTC; without a zone it is taken for UTC. None for what PostgreSQL or PostHog could not tell back.

    >>> moment(datetime(2026, 3, 1, 12)).isoformat(), moment(datetime.min), moment("yesterday")
    ('2026-03-01T12:00:00+00:00', None, None)
    """
    if not isinstance(given, datetime) or not 1970 <= given.year < 9999:
        return None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def write(
    *, identity: str, event: str, user: str | None, session: str | None, at: datetime, properties: Mapping[str, object]
) -> str:
    """An event as the spool and the database take it: JSON on one line, ASCII."""
    return json.dumps(
        {
            "id": identity,
            "event": event,
            "user": user,
            "session": session,
            "at": at.isoformat(),
            "properties": properties,
        }
    )

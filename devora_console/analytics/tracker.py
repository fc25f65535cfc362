"""What Devora's backend calls: ``track_event``. It never blocks on a network and never raises.

The event is on this machine's disk when the call returns; a background task brings it to PostgreSQL and from there to
PostHog. Without ``configure`` the settings are read on the first call, which takes some milliseconds once.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from devora_console.analytics import spool as spools
from devora_console.analytics.courier import Courier
from devora_console.analytics.events import EventType
from devora_console.analytics.mover import LONGEST, moment, write
from devora_console.analytics.privacy import Dropped, event_name, person, uuid_of
from devora_console.analytics.setup import Setup
from devora_console.analytics.spool import Spool
from devora_console.config.load import load
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError

_log = logging.getLogger(__name__)
_END_SECONDS = 1.5
NO_NAME, NO_TIME, TOO_LONG = "an event without a name", "an event at no time", "an event is too long"


class Tracker:
    """Events of this process, by one setup."""

    def __init__(self, setup: Setup, *, background: bool = True) -> None:
        self._setup = setup
        self._spool = Spool(setup.folder, setup.limit)
        self._dropped = Dropped()
        self._lock = threading.RLock()
        self._courier = Courier(setup, self._spool) if background else None
        self._started = False
        self._told: set[str] = set()

    def track(
        self, event: object, user: object, properties: object, session: object, at: datetime | None
    ) -> str | None:
        """Write it down; its id, or None when it is not kept."""
        gone = Dropped()
        line, identity = self._line(event, user, properties, session, at, gone)
        why = self._spool.append(line) if line else ""
        if why:
            gone.event(why)
            identity = None
        if gone:
            with self._lock:
                self._dropped.add(gone)
        if why and why not in self._told:
            self._told.add(why)
            _log.warning("events are dropped: %s (%s)", why, self._setup.folder)
        if not self._started:
            self._start()
        return identity

    def _line(
        self, event: object, user: object, properties: object, session: object, at: datetime | None, gone: Dropped
    ) -> tuple[bytes, str | None]:
        name = event_name(event)
        if name is None:
            gone.event(NO_NAME)
            return b"", None
        when = moment(at) if at is not None else datetime.now(UTC)
        if when is None:
            gone.event(NO_TIME)
            return b"", None
        identity = str(uuid7())
        text = write(
            identity=identity,
            event=name,
            user=person(user),
            session=str(found) if (found := uuid_of(session)) else None,
            at=when,
            properties=self._setup.privacy.kept(name, properties, gone),
        )
        if len(text) >= LONGEST:
            gone.event(TOO_LONG)
            return b"", None
        return text.encode() + b"\n", identity

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            self._started = True
        if self._courier is not None:
            self._courier.start(self._take_dropped)

    def _take_dropped(self) -> Dropped:
        with self._lock:
            taken, self._dropped = self._dropped, Dropped()
            return taken

    def stop(self, seconds: float) -> None:
        """Bring away what can be brought away in time. Later calls still write to the disk."""
        if self._courier is not None and self._started:
            self._courier.stop(seconds)
        self._started = True

    def again(self) -> Tracker:
        """Another one by the same setup, for a child of this process."""
        return Tracker(self._setup, background=self._courier is not None)

    def leave(self) -> None:
        """Close the file: another process may take it up."""
        self._spool.close()


_current: Tracker | None = None
_choosing = threading.RLock()  # a signal's handler may track while we are in here


def track_event(
    event: EventType | str,
    user_id: UUID | str | int | None,
    properties: Mapping[str, Any] | None = None,
    *,
    session_id: UUID | str | None = None,
    timestamp: datetime | None = None,
) -> str | None:
    """Record that something happened; the event's id, or None when it could not be kept. Never raises, never waits.

    ``properties``: only those that the catalogue or the settings list are kept, the others are counted.
    ``timestamp``: when it happened, now by default; one without a zone is taken for UTC.
    """
    try:
        return _tracker().track(event, user_id, properties, session_id, timestamp)
    except Exception:  # noqa: BLE001 - whatever is wrong here, the caller has work to do
        _log.exception("an event could not be kept")
        return None


def configure(
    settings: Settings | None = None,
    *,
    dsn: str | None = None,
    posthog_api_key: str | None = None,
    posthog_host: str | None = None,
    spool: str | Path | None = None,
    allow: str | None = None,
    background: bool = True,
) -> None:
    """Say how events are kept and sent, when the application starts; what is not given is as configured.

    ``allow``: names of further properties, with commas. ``background`` False only writes to the disk: another process
    brings it away. Raises ConsoleError when a setting is wrong.
    """
    given = {
        "postgres.dsn": dsn,
        "analytics.posthog_api_key": posthog_api_key,
        "analytics.posthog_host": posthog_host,
        "analytics.spool": None if spool is None else str(spool),
        "analytics.allow": allow,
    }
    overrides = {name: value for name, value in given.items() if value is not None}
    found = settings if settings is not None else load(overrides=overrides).settings
    setup = Setup.of(found)
    if background and not setup.fault:
        # Here, at the start: loaded in the background it would hold up the interpreter during the first calls.
        importlib.import_module("devora_console.analytics.postroom")
    _use(Tracker(setup, background=background))


def shutdown(seconds: float = _END_SECONDS) -> None:
    """Bring away what can be brought away within ``seconds``. Also done at the end of the process."""
    tracker = _current
    if tracker is not None:
        tracker.stop(max(0.0, seconds))


def _use(tracker: Tracker | None) -> None:
    global _current
    with _choosing:
        before, _current = _current, tracker
    if before is not None:
        before.stop(_END_SECONDS)
        before.leave()


def _tracker() -> Tracker:
    global _current  # noqa: PLW0603 - see _use
    if _current is None:
        with _choosing:
            if _current is None:
                _current = Tracker(_configured())
    return _current


def _configured() -> Setup:
    """As configured; a configuration that is wrong keeps events on the disk, and none leaves it."""
    try:
        return Setup.of(load().settings)
    except ConsoleError as error:
        _log.warning("events stay on the disk: %s", error.problem)
        return Setup.of(Settings())


def _after_fork() -> None:
    """A child has no threads, and its parent's file is its parent's."""
    global _current, _choosing  # noqa: PLW0603 - see _use
    _choosing = threading.RLock()
    spools.let_go()
    if _current is not None:
        _current = _current.again()


def uuid7() -> UUID:
    """A new id that sorts by its moment (RFC 9562).

    >>> uuid7().version
    7
    """
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | (0x7000 << 64) | (0x8000 << 48))


os.register_at_fork(after_in_child=_after_fork)
atexit.register(shutdown)

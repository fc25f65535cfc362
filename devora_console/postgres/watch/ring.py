"""The last hour of a kind of snapshot: for intervals, trends and, later, replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar


class Dated(Protocol):
    """Anything as of a moment."""

    @property
    def as_of(self) -> datetime:
        """When it was seen."""


S = TypeVar("S", bound=Dated)


class Ring(Generic[S]):
    """Snapshots in the order they were taken, none older than ``keep``, and at most ``most`` of them."""

    def __init__(self, keep: timedelta = timedelta(hours=1), most: int = 3600) -> None:
        self._keep = keep
        self._held: deque[S] = deque(maxlen=most)

    def add(self, snapshot: S) -> None:
        """The latest one. A clock that was set back begins anew: nothing before can be compared."""
        if self._held and snapshot.as_of < self._held[-1].as_of:
            self._held.clear()
        self._held.append(snapshot)
        while snapshot.as_of - self._held[0].as_of > self._keep:
            self._held.popleft()

    def __iter__(self) -> Iterator[S]:
        return iter(tuple(self._held))

    def __len__(self) -> int:
        return len(self._held)

    @property
    def latest(self) -> S | None:
        """The newest, if there is one."""
        return self._held[-1] if self._held else None

    def before(self, seconds: float) -> S | None:
        """What to compare the newest with for an interval of ``seconds``: the youngest at least that much older, or
        else the oldest there is. None while there is only one.
        """
        if len(self._held) < 2:
            return None
        newest = self._held[-1]
        for each in reversed(self._held):
            if (newest.as_of - each.as_of).total_seconds() >= seconds:
                return each
        return self._held[0]

    def clear(self) -> None:
        """Forget everything: another server, or statistics that began anew."""
        self._held.clear()

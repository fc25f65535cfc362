"""From the database to PostHog: what is due, in batches, with patience."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from devora_console.analytics.outcome import Fate, Outcome
from devora_console.analytics.store import Store, Taken
from devora_console.core.backoff import backoff

_log = logging.getLogger(__name__)
BATCH = 100
LEASE_SECONDS = 45.0
"""How long taken events are nobody else's; after a kill they are due again when it is over."""
_ANSWER_SECONDS = 25.0  # one that drips is no answer
_LEAST_SECONDS = 3.0  # a request has a fair chance also when the time is over
_LONGEST_SECONDS = 3600.0  # no answer puts deliveries off for longer
HALTED_SECONDS = 300.0
"""How long nothing is sent after an answer that only a change of the settings can better."""


class Sends(Protocol):
    """PostHog, or what stands for it."""

    def send(self, events: Sequence[Taken]) -> Outcome:
        """Send them in one request; blocks."""


class Sender:
    """Takes, sends, settles. ``problem``: why the last batch did not arrive, '' after one that did."""

    def __init__(self, store: Store, postroom: Callable[[], Sends]) -> None:
        self._store, self._make = store, postroom
        self._postroom: Sends | None = None
        self._failures = 0
        self._not_before = float("-inf")
        self._until = math.inf
        self.problem = ""
        self.halted = False
        self.delivered = 0

    async def step(self, *, now: bool = False, until: float = math.inf) -> int:
        """Send one batch; how many events were settled. 0 when none is due, or it is not the time (unless ``now``).

        After ``until`` (monotonic) an answer is waited for a little, and no more of the batch is told apart than the
        event at hand. Raises ConsoleError when the database is away.
        """
        self._until = until
        if not now and time.monotonic() < self._not_before:
            return 0
        taken = await self._store.take(BATCH, LEASE_SECONDS)
        return await self._deliver(taken) if taken else 0

    async def _deliver(self, events: Sequence[Taken]) -> int:
        outcome = await self._answer(events)
        ids = [each.id for each in events]
        if outcome.fate is Fate.DELIVERED:
            self._failures, self.problem, self.halted = 0, "", False
            done = await self._store.settle(ids, "delivered")
            self.delivered += done
            return done
        self.problem = outcome.why
        if outcome.fate is Fate.SPLIT and len(events) == 1:
            _log.warning("PostHog refuses event %s (%s): %s", events[0].id, events[0].event, outcome.why)
            return await self._store.settle(ids, "refused", outcome.why)
        if outcome.fate is Fate.SPLIT:
            half = len(events) // 2
            done = await self._deliver(events[:half])
            if time.monotonic() < self._not_before or time.monotonic() >= self._until:  # it went away, or the time did
                await self._store.settle(ids[half:], "later", outcome.why)
                return done
            return done + await self._deliver(events[half:])
        await self._put_off(ids, outcome)
        return 0

    async def _put_off(self, ids: Sequence[object], outcome: Outcome) -> None:
        self._failures += 1
        self.halted = outcome.fate is Fate.HALT
        wanted = outcome.seconds or 0.0
        pause = min(wanted, _LONGEST_SECONDS) if wanted > 0 else backoff(self._failures, refused=False)
        if self.halted:
            pause = HALTED_SECONDS
        self._not_before = time.monotonic() + pause
        if self._failures == 1 or self.halted:
            _log.warning("events wait: %s", outcome.why)
        # Due at once: this sender keeps its own pause, and a person who asks for a try gets one.
        await self._store.settle(ids, "later", outcome.why)  # type: ignore[arg-type]

    async def _answer(self, events: Sequence[Taken]) -> Outcome:
        if self._postroom is None:
            self._postroom = await asyncio.to_thread(self._make)
        postroom = self._postroom
        seconds = min(_ANSWER_SECONDS, max(_LEAST_SECONDS, self._until - time.monotonic()))
        try:
            return await asyncio.wait_for(asyncio.to_thread(postroom.send, events), seconds)
        except TimeoutError:
            return Outcome(Fate.LATER, "PostHog does not come to the end of its answer")
        except Exception as error:  # noqa: BLE001 - the SDK's own mistakes must not end deliveries
            _log.exception("posthog failed")
            return Outcome(Fate.LATER, f"the PostHog SDK failed ({type(error).__name__})")

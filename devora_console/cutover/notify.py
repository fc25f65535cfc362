"""Tell others what happens. It reads the journal behind the driver's back: it never holds a step up or fails one.

What was told is in the journal, so that a console that takes over tells what is left. Delivery is at least once: a
console that is killed between the answer and its entry in the journal tells that message again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from devora_console.core.backoff import backoff
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.model import Runbook
from devora_console.cutover.outbox import Outbox, wanted
from devora_console.cutover.record import Record
from devora_console.cutover.sinks import Message, Sink

SECONDS = 10.0
"""Seconds that an answer may take, from the first byte to the last."""

LONGEST_WAIT = 3600.0
"""Seconds that a server may ask to be left alone; one that asks for more is asked again then."""

_LOOK = 1.0
_READ = 4_096  # bytes of an answer that are read: what it says is told in a line
_AGAIN = frozenset({408, 429})  # of the answers that say "your mistake", those that time mends


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. ``over``: the same message would be refused again; ``wait`` seconds were asked for."""

    ok: bool
    reason: str = ""
    over: bool = False
    wait: float = 0.0


class Notifier:
    """Tells one sink, until it is told to end."""

    def __init__(
        self, record: Record, journal: Journal, runbook: Runbook, sink: Sink, mine: Callable[[], bool]
    ) -> None:
        """``mine``: whether it is this console's turn; false while another one drives, which tells then."""
        self._mine = mine
        self._record = record
        self._journal = journal
        self._sink = sink
        self._outbox = Outbox(sink.name, wanted(sink.name, record.run, runbook))
        self._seen = 0  # events that were looked at
        self._tries = 0  # in a row that failed
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Tell what there is, once, and end."""
        self._ending.set()

    async def run(self) -> None:
        """Until :meth:`end`."""
        while True:
            pause = await self._once()
            if self._ending.is_set() and (pause or not self._outbox.waiting):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _once(self) -> float:
        """Tell what is new; the seconds until the next look."""
        try:
            await asyncio.to_thread(self._look)
        except ConsoleError:  # a journal that cannot be read stops the driver, not this
            return _LOOK
        part = self._outbox.waiting[: self._sink.most]
        if not part or not await asyncio.to_thread(self._mine):
            return _LOOK
        outcome = await self._post(self._sink.message(self._record.run, part))
        self._tries = 0 if outcome.ok or outcome.over else self._tries + 1
        await self._write(part[-1][0], outcome)
        if outcome.ok or outcome.over:
            await asyncio.to_thread(self._look)
            return 0.0 if self._outbox.waiting else _LOOK
        return max(backoff(self._tries, refused=False), outcome.wait)

    async def _write(self, event: Event, outcome: Outcome) -> None:
        """Keep what came of it. Of tries that fail in a row only the 1st, 2nd, 4th, 8th, ... are kept."""
        tries = max(1, self._tries)
        if not (outcome.ok or outcome.over) and tries & (tries - 1):
            return
        said: dict[str, object] = {"event": event.seq, "sink": self._sink.name, "ok": outcome.ok, "tries": tries}
        if not outcome.ok:
            said |= {"reason": outcome.reason, "gave_up": outcome.over}
        with contextlib.suppress(ConsoleError):  # a journal that cannot be written stops the driver, not this
            await self._record.add(Kind.NOTIFIED, said, fenced=False)

    def _look(self) -> None:
        new = self._journal.events(self._seen)
        if new:
            self._outbox.take(new)
            self._seen = new[-1].seq

    async def _post(self, message: Message) -> Outcome:
        try:
            async with (
                asyncio.timeout(SECONDS),
                httpx.AsyncClient(timeout=SECONDS) as client,
                client.stream("POST", message.url, json=message.body, headers=message.headers) as answer,
            ):
                return judged(answer.status_code, answer.headers, await _start(answer), utc_now())
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(False, f"no answer within {SECONDS:g} s")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError):  # ValueError: a key that is no ASCII
            return Outcome(False, "its address or key is none", over=True)
        except (httpx.HTTPError, OSError) as error:  # its words may hold the address, which is a secret
            return Outcome(False, f"not reached ({type(error).__name__})")


async def _start(answer: httpx.Response) -> bytes:
    """The beginning of what it says; nothing of a good one."""
    said = b""
    if not answer.is_success:
        async for part in answer.aiter_bytes(_READ):
            said += part
            if len(said) >= _READ:
                break
    return said[:_READ]


def judged(status: int, headers: Mapping[str, str], said: bytes, now: datetime) -> Outcome:
    """What an answer means: a 4xx other than 408 and 429, and a redirect, would be answered like that again."""
    if 200 <= status < 300:
        return Outcome(True)
    reason = f"HTTP {status}"
    if detail := _detail(said):
        reason += f": {detail}"
    over = 300 <= status < 500 and status not in _AGAIN
    return Outcome(False, reason, over, 0.0 if over else _wait(headers.get("retry-after", ""), now))


def _detail(said: bytes) -> str:
    """The words of an answer, from JSON's ``detail`` or from plain text; a page of HTML says nothing in a line."""
    text = said.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        return one_line(str(found.get("detail") or found.get("error") or ""), 160)
    return "" if text.startswith("<") else one_line(text, 160)


def _wait(text: str, now: datetime) -> float:
    """Seconds of a Retry-After, which is a number or a date; 0 for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WAIT)

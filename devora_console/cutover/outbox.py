"""What of a run is told to whom, and how far that has come. Pure: the journal is the spool, and this reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.safetext import one_line
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.model import Runbook
from devora_console.cutover.state import Run, RunMode, RunState, StepState
from devora_console.cutover.telling import words
from devora_console.cutover.voting import RUN_SCOPE

WEBHOOK = "webhook"
POSTHOG = "posthog"

Wanted = Callable[[Event], str]
"""What is said of an event; '' when it is not told."""

_TOLD = frozenset({Kind.RUN, Kind.GO, Kind.STEP, Kind.WAIVED, Kind.VOTE, Kind.NOTE})
_ENDS = {
    RunState.ROLLING_BACK.value: "rollback begins",
    RunState.ROLLED_BACK.value: "rolled back",
    RunState.DONE.value: "done",
    RunState.ABORTED.value: "called off before anything was done",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a sink was told. Counts are of events. ``reason`` says why the latest try failed, '' when it went well;
    ``tries`` is how often in a row. ``at`` is the time of the latest delivery or failure that is written down.
    """

    sink: str
    delivered: int
    waiting: int
    given_up: int
    tries: int
    reason: str
    at: datetime | None


class Outbox:
    """What one sink has been told and has not, from the events in their order."""

    def __init__(self, sink: str, wanted: Wanted) -> None:
        self._sink = sink
        self._wanted = wanted
        self.waiting: list[tuple[Event, str]] = []
        self._delivered = 0
        self._given_up = 0
        self._tries = 0
        self._reason = ""
        self._at: datetime | None = None

    def take(self, events: Iterable[Event]) -> None:
        """Take in what is new in the journal."""
        for event in events:
            if event.kind is Kind.NOTIFIED:
                if event.payload.get("sink") == self._sink:
                    self._notified(event)
            elif said := self._wanted(event):
                self.waiting.append((event, said))

    def _notified(self, event: Event) -> None:
        said = event.payload
        good, over = bool(said["ok"]), bool(said.get("gave_up"))
        self._at = event.at
        if good or over:
            upto = int(str(said["event"]))
            before = len(self.waiting)
            self.waiting = [each for each in self.waiting if each[0].seq > upto]
            gone = before - len(self.waiting)
            self._delivered += gone if good else 0
            self._given_up += 0 if good else gone
        if good:
            self._tries, self._reason = 0, ""
        else:
            self._tries, self._reason = int(str(said.get("tries", 1))), str(said.get("reason", ""))

    def delivery(self) -> Delivery:
        """How far it has come."""
        return Delivery(
            self._sink, self._delivered, len(self.waiting), self._given_up, self._tries, self._reason, self._at
        )


def wanted(sink: str, run: Run, runbook: Runbook) -> Wanted:
    """What ``sink`` is told of this run."""
    return Marks(run, runbook).words if sink == POSTHOG else _every_step


def deliveries(run: Run, runbook: Runbook, events: Sequence[Event], sinks: Mapping[str, str]) -> tuple[Delivery, ...]:
    """How far each sink was told: those that are set up (``sinks``, each with what it lacks or '') and those that were
    told before.
    """
    told = {str(each.payload["sink"]) for each in events if each.kind is Kind.NOTIFIED}
    found = []
    for name in sorted({*sinks, *told}):
        outbox = Outbox(name, wanted(name, run, runbook))
        outbox.take(events)
        one = outbox.delivery()
        lacks = sinks.get(name, "it is not set up any more" if one.waiting else "")
        found.append(Delivery(*_with(one, lacks)) if lacks else one)
    return tuple(found)


def _with(one: Delivery, reason: str) -> tuple[str, int, int, int, int, str, datetime | None]:
    return one.sink, one.delivered, one.waiting, one.given_up, one.tries, reason, one.at


def _every_step(event: Event) -> str:
    return words(event) if event.kind in _TOLD else ""


class Marks:
    """The few moments of a real run that belong on the charts of the product: begun, steps that the runbook marks with
    ``annotate``, the point of no return, the way back, the end. A rehearsal leaves the site alone, and has none.

    Reasons are left out: they may quote what a server or a command said, and charts are no place for that.
    """

    def __init__(self, run: Run, runbook: Runbook) -> None:
        self._real = run.mode is RunMode.REAL
        self._head = f"Cutover of {one_line(run.environment, 60)}, run {run.id}"
        self._titles = {each.id: one_line(each.title, 160) for each in runbook.steps if each.annotate or each.ponr}
        beyond = runbook.point_of_no_return
        self._beyond = beyond.id if beyond else None
        self._gone = False  # a run that never got its GO did nothing

    def words(self, event: Event) -> str:
        """The mark of an event, '' for none."""
        said = self._mark(event) if self._real else ""
        return f"{self._head}: {said}" if said else ""

    def _mark(self, event: Event) -> str:
        if event.kind is Kind.GO:
            if event.payload["scope"] != RUN_SCOPE or self._gone:
                return ""
            self._gone = True
            return "begins"
        if event.kind is Kind.RUN:
            return _ENDS.get(str(event.payload["state"]), "") if self._gone else ""
        title = self._titles.get(event.step or "")
        if title is None:
            return ""
        if event.kind is Kind.INTENT and event.step == self._beyond and event.attempt == 1:
            return "" if event.payload.get("undo") else f"point of no return, {title} starts"
        if event.kind is Kind.STEP:
            return {StepState.PASSED.value: title, StepState.UNDONE.value: f"taken back, {title}"}.get(
                str(event.payload["state"]), ""
            )
        return ""


def told_words(one: Delivery) -> str:
    """A delivery in one line, with a sign."""
    parts = [f"{one.delivered} told"]
    if one.waiting:
        parts.append(f"{one.waiting} waiting")
    if one.given_up:
        parts.append(f"{one.given_up} refused and given up")
    why = f": {one.reason}" if one.reason else ""
    if one.reason and one.tries > 1:
        why += f" (at least {one.tries} tries in a row)"
    sign = "✗" if one.reason or one.given_up else "…" if one.waiting else "✓"
    return one_line(f"{sign} {one.sink}: {', '.join(parts)}{why}", 300)

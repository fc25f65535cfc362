"""Events in plain words, for timelines and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.cutover.events import Event, Kind


def words(event: Event) -> str:
    """One event in plain words."""
    told = _WORDS.get(event.kind)
    said: Mapping[str, Any] = event.payload
    what = " ".join(told(said)) if told else event.kind.value
    if event.step is None:
        return what
    return f"{event.step}{f' ({event.attempt})' if event.attempt and event.attempt > 1 else ''}: {what}"


def _created(said: Mapping[str, Any]) -> Iterator[str]:
    yield f"run opened ({said['mode']}) in {said['environment']} with runbook {said['runbook']}"


def _gate(said: Mapping[str, Any]) -> Iterator[str]:
    yield f"gate {said['gate']} measured: {said['verdict']}, {said['value']}"
    if said["verdict"] != Verdict.OK.value and said.get("remedy"):
        yield f"({said['remedy']})"


def _vote(said: Mapping[str, Any]) -> Iterator[str]:
    yield f"{str(said['vote']).replace('_', ' ')} for {said['scope']}"
    if said.get("reason"):
        yield f"because {said['reason']}"


def _intent(said: Mapping[str, Any]) -> Iterator[str]:
    yield "undo may start from here on:" if said.get("undo") else "may start from here on:"
    yield " ".join(map(str, said["argv"]))


def _exited(said: Mapping[str, Any]) -> Iterator[str]:
    ended = f"signal {said['signal']}" if said.get("signal") else f"exit code {said.get('rc')}"
    yield f"{'undo ended' if said.get('undo') else 'ended'} with {ended}"
    if said.get("seconds") is not None:
        yield f"after {span(float(said['seconds']))}"
    if said.get("timed_out"):
        yield "(its time was over)"


_PHASES = {"post": "afterwards", "already": "was it so already", "guardrail": "meanwhile", "undo": "after the undo"}


def _probed(said: Mapping[str, Any]) -> Iterator[str]:
    phase = str(said.get("phase", ""))
    yield f"probe {said['probe']} ({_PHASES.get(phase, phase)}): {said['verdict']}, {said['value']}"
    if said["verdict"] != Verdict.OK.value and said.get("needed"):
        yield f"(needed: {said['needed']})"


def _lease(said: Mapping[str, Any]) -> Iterator[str]:
    reason = str(said.get("reason", ""))
    if said["state"] == "override":
        yield f"goes on without the lease in PostgreSQL, because {reason}"
    else:
        yield f"lease in PostgreSQL {said['state']}"
        if reason:
            yield f"({reason})"


def _notified(said: Mapping[str, Any]) -> Iterator[str]:
    upto = f"{said['sink']} up to event {said['event']}"
    if said["ok"]:
        yield f"told {upto}"
        return
    yield f"gave up telling {upto}" if said.get("gave_up") else f"could not tell {upto}, and tries again"
    if said.get("reason"):
        yield f"({said['reason']})"


def _step(said: Mapping[str, Any]) -> Iterator[str]:
    yield str(said["state"])
    if said.get("by"):
        yield f"by {said['by']}"
    if said.get("reason"):
        yield f"({said['reason']})"


def _state(said: Mapping[str, Any]) -> Iterator[str]:
    yield f"run {said['state']}"
    if said.get("reason"):
        yield f"({said['reason']})"


_WORDS: Mapping[Kind, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    Kind.CREATED: _created,
    Kind.GATE: _gate,
    Kind.ATTESTED: lambda said: iter((f"gate {said['gate']} attested: {said['evidence']}",)),
    Kind.WAIVED: lambda said: iter((f"gate {said['gate']} waived: {said['reason']}",)),
    Kind.VOTE: _vote,
    Kind.POLL: lambda said: iter((f"any strong objections? GO for {said['scope']} at {said['ends_at']}",)),
    Kind.GO: lambda said: iter((f"GO for {said['scope']}",)),
    Kind.DRIVER: lambda said: iter((f"{said['holder']} drives",)),
    Kind.LEASE: _lease,
    Kind.RUN: _state,
    Kind.INTENT: _intent,
    Kind.STARTED: lambda said: iter((f"{'undo runs' if said.get('undo') else 'runs'} as process {said['pid']}",)),
    Kind.EXITED: _exited,
    Kind.PROBED: _probed,
    Kind.STEP: _step,
    Kind.EVIDENCE: lambda said: iter((f"done, says a person: {said['text']}",)),
    Kind.OBSERVED: lambda said: iter((f"observed for {span(float(said['seconds']))}, {said['samples']} samples",)),
    Kind.NOTE: lambda said: iter((f"note: {said['text']}",)),
    Kind.CLOCK: lambda said: iter((f"the wall clock jumped by {said['seconds']} s",)),
    Kind.ARTIFACT: lambda said: iter((f"kept {said['path']}, {said['bytes']} bytes, SHA-256 {said['sha256']}",)),
    Kind.REHEARSED: lambda said: iter((f"scratch database {said['database']} {said['state']}",)),
    Kind.NOTIFIED: _notified,
}

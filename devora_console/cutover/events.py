"""What a run's journal holds: append-only events, each bound to the one before by its hash.

Everything that is known of a run is a fold over its events (:mod:`devora_console.cutover.fold`); nothing else is truth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from devora_console.core.clock import iso

GENESIS = "0" * 64


class Kind(StrEnum):
    """What happened. The payload's keys stand beside each."""

    CREATED = "run.created"  # runbook, sha, text, git, strategy, environment, mode, targets{mongo, postgres}, window
    GATE = "gate.measured"  # gate, class, verdict, value, threshold, why, remedy, true_at, evidence, evidence_sha
    ATTESTED = "gate.attested"  # gate, evidence
    WAIVED = "gate.waived"  # gate, reason
    VOTE = "vote"  # scope (run, or a step's id), vote (go | no_go | objection), reason, source, sha, plan_sha, expires
    POLL = "poll"  # scope, ends_at: people are asked for strong objections
    GO = "go"  # scope (run, or the step past which there is no return), sha, plan_sha
    DRIVER = "driver.taken"  # token, holder, from (the token before)
    LEASE = "lease"  # state (taken | lost | override), reason
    RUN = "run.state"  # state, reason; despite: guardrails that did not say yes when somebody went on
    INTENT = "step.intent"  # argv, cwd, env_keys, timeout_seconds, undo (bool); durable before anything starts
    STARTED = "step.started"  # pid, pid_start, boot_id
    EXITED = "step.exited"  # rc, signal, seconds, out_bytes, out_sha, dropped_bytes, timed_out, ingested
    PROBED = "probe"  # probe, verdict (ok | fail | unknown), value, needed, phase (post | already | guardrail | undo)
    STEP = "step.state"  # state, reason, by (probe | exit | person | driver), undo
    EVIDENCE = "step.evidence"  # text: what a person says was done
    OBSERVED = "observed"  # seconds of a wait that were observed, samples
    NOTE = "note"  # text
    CLOCK = "clock.jump"  # seconds, boot_id
    ARTIFACT = "artifact"  # path, sha256, bytes, kind, level
    REHEARSED = "rehearsal.target"  # the scratch target of a rehearsal: database, state (made | dropped)
    NOTIFIED = "notified"  # event (up to which), sink, ok, tries, and when not ok: reason, gave_up


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``at`` is wall time, ``mono`` the machine's seconds since boot; ``boot`` tells boots apart."""

    seq: int
    run: str
    at: datetime
    mono: float
    boot: str
    actor: str
    host: str
    kind: Kind
    step: str | None
    attempt: int | None
    payload: Mapping[str, object]
    previous: str
    hash: str


def chained(event: Mapping[str, object], previous: str) -> str:
    """The hash of an event: SHA-256 over the hash before it and the event's canonical JSON (without hashes)."""
    text = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def body(event: Event) -> dict[str, object]:
    """What of an event is hashed."""
    return {
        "seq": event.seq,
        "run": event.run,
        "at": iso(event.at),
        "mono": event.mono,
        "boot": event.boot,
        "actor": event.actor,
        "host": event.host,
        "kind": event.kind.value,
        "step": event.step,
        "attempt": event.attempt,
        "payload": dict(event.payload),
    }

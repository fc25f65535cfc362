"""A run as data: the keys that every subcommand of cutover answers with."""

from __future__ import annotations

from devora_console.cutover.headline import headline
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine, succeeded
from devora_console.cutover.state import Vote
from devora_console.cutover.voting import PollSeen


def keys(seen: CutoverSnapshot) -> dict[str, object]:
    """``run``, ``steps``, ``gates``, ``approvals``, ``poll``, ``point_of_no_return`` and what belongs to them."""
    run = seen.run
    return {
        "run": None
        if run is None
        else {
            "id": run.id,
            "state": run.state.value,
            "reason": run.reason,
            "mode": run.mode.value,
            "environment": run.environment,
            "runbook": run.runbook,
            "sha": run.sha,
            "created": run.created,
            "window_ends": run.window_ends,
            "driver": seen.driver,
            "succeeded": succeeded(run),
            "events": run.last_seq,
        },
        "headline": headline(seen),
        "current": seen.current,
        "waits_for": seen.waits_for,
        "poll": None if seen.poll is None else _poll(seen.poll),
        "steps": [_step(each) for each in seen.steps],
        "gates": seen.gates,
        "approvals": [] if run is None else run.votes,
        "point_of_no_return": seen.plan.point_of_no_return.id
        if seen.plan is not None and seen.plan.point_of_no_return is not None
        else None,
        "window": seen.window,
        "rollback": seen.rollback,
        "told": seen.told,
    }


def _poll(poll: PollSeen) -> dict[str, object]:
    """The poll for objections under way."""
    return {
        "scope": poll.scope,
        "opened_at": poll.opened_at,
        "ends_at": poll.ends_at,
        "seconds_left": round(poll.seconds_left, 1),
        "votes": [_voice(each) for each in poll.votes],
        "objections": [_voice(each) for each in poll.objections],
    }


def _voice(vote: Vote) -> dict[str, object]:
    return {"actor": vote.actor, "vote": vote.vote, "reason": vote.reason, "at": vote.at}


def _step(line: StepLine) -> dict[str, object]:
    standing = line.standing
    return {
        "id": line.planned.id,
        "number": line.planned.number,
        "title": line.planned.title,
        "kind": line.planned.kind.value,
        "state": line.state.value,
        "reason": standing.reason if standing else "",
        "decided_by": standing.by if standing else "",
        "began": standing.began if standing else None,
        "seconds": standing.seconds if standing else None,
        "going_seconds": line.going_seconds,
        "expected": line.planned.time,
        "attempts": standing.attempts if standing else (),
        "probes": list(standing.probes.values()) if standing else [],
        "observed_seconds": standing.observed_seconds if standing else 0.0,
        "samples": standing.samples if standing else 0,
    }

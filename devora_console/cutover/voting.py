"""Who said what about going on. Pure: silence is consent in a poll for objections, never in an approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devora_console.core.safetext import one_line
from devora_console.cutover.state import Run, Vote

RUN_SCOPE = "run"
ROLLBACK_SCOPE = "rollback"
_COUNTS_FOR = timedelta(hours=12)  # an approval of yesterday was for yesterday's window


@dataclass(frozen=True, slots=True)
class Standing:
    """What votes come to: ``objections`` and no-gos in words, ``people`` who said go, ``needed`` how many must."""

    objections: tuple[str, ...]
    people: tuple[str, ...]
    needed: int

    @property
    def enough(self) -> bool:
        """Whether enough different people approved, and nobody objects."""
        return not self.objections and len(self.people) >= self.needed

    @property
    def words(self) -> str:
        """What is missing; empty when nothing is."""
        if self.objections:
            return "; ".join(self.objections)
        missing = self.needed - len(self.people)
        if missing <= 0:
            return ""
        so_far = f" (so far: {', '.join(self.people)})" if self.people else ""
        return f"{missing} more {'person has' if missing == 1 else 'people have'} to approve{so_far}"


@dataclass(frozen=True, slots=True)
class PollSeen:
    """A poll for objections as it stands: GO for ``scope`` (run, or a step's id) at ``ends_at``, in ``seconds_left``,
    unless there is one of ``objections``. ``votes`` are those for it.
    """

    scope: str
    opened_at: datetime
    ends_at: datetime
    seconds_left: float
    votes: tuple[Vote, ...]
    objections: tuple[Vote, ...]

    @property
    def people(self) -> str:
        """Who said what, in words; empty while nobody has."""
        found = (("go", self.votes), ("against", self.objections))
        return "; ".join(f"{word}: {', '.join(_names(votes))}" for word, votes in found if votes)


def polled(run: Run, plan_sha: str, now: datetime) -> PollSeen | None:
    """The poll that is under way, from what the journal says of it."""
    poll = run.poll
    if poll is None:
        return None
    votes = _counting(run, poll.scope, plan_sha, now)
    return PollSeen(
        scope=poll.scope,
        opened_at=poll.opened,
        ends_at=poll.ends,
        seconds_left=max(0.0, (poll.ends - now).total_seconds()),
        votes=tuple(each for each in votes if each.vote == "go"),
        objections=tuple(each for each in votes if each.vote != "go"),
    )


def counted(run: Run, scope: str, needed: int, plan_sha: str, now: datetime, since: datetime | None = None) -> Standing:
    """The votes that count: about this scope, this runbook and this plan, not too old. Any edit voids them. With
    ``since``, none from before: an approval to begin says nothing of what came of it.
    """
    votes = [each for each in _counting(run, scope, plan_sha, now) if since is None or each.at >= since]
    return Standing(
        objections=tuple(_objection(each) for each in votes if each.vote != "go"),
        people=_people(votes),
        needed=needed,
    )


def _counting(run: Run, scope: str, plan_sha: str, now: datetime) -> list[Vote]:
    return [
        each
        for each in run.votes
        if each.scope == scope
        and each.sha == run.sha
        and each.plan_sha in ("", plan_sha)
        and now - each.at <= _COUNTS_FOR
    ]


def _people(votes: Sequence[Vote]) -> tuple[str, ...]:
    return _names([each for each in votes if each.vote == "go"])


def _names(votes: Sequence[Vote]) -> tuple[str, ...]:
    """Different people: the same name, written otherwise, is one of them."""
    found = {" ".join(each.actor.casefold().split()): one_line(each.actor, 60) for each in votes}
    return tuple(sorted(found.values()))


def _objection(vote: Vote) -> str:
    what = "objects" if vote.vote == "objection" else "says no go"
    return f"{one_line(vote.actor, 60)} {what}: {one_line(vote.reason, 160) or 'no reason given'}"

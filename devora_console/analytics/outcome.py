"""What became of a batch of events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of a batch. SPLIT: some event of it is refused. HALT: nothing is taken before a setting changes."""

    DELIVERED = "delivered"
    LATER = "later"
    SPLIT = "split"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """PostHog's answer. ``seconds``: how long it wants to be left alone, when it said so."""

    fate: Fate
    why: str = ""
    seconds: float | None = None

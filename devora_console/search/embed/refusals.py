"""What a provider says no to, told apart by what to do about it."""

from __future__ import annotations

from enum import StrEnum

from devora_console.core.problems import Problem


class Refusal(StrEnum):
    """Why there is no vector.

    ``STOP``: no further request will do better (quota, key, model): stop, to be resumed once it is settled. ``INPUT``:
    the texts themselves are refused: find out which. ``SHORT``: the answer is not what was asked for, such as fewer
    vectors: this batch has failed. ``GONE``: patience ran out with a provider that limits, fails or is not there.
    """

    STOP = "stop"
    INPUT = "input"
    SHORT = "short"
    GONE = "gone"


class EmbeddingRefused(Exception):
    """Raised by an embedder. ``problem`` says it in words, without any secret and without the texts."""

    def __init__(self, refusal: Refusal, problem: Problem) -> None:
        super().__init__(str(problem))
        self.refusal = refusal
        self.problem = problem

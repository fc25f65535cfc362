"""Results and sides without servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devora_console.bench.model import Parameter, Question
from devora_console.bench.result import Asked, Kind, Manner, Place, Result, Series, Subject
from devora_console.bench.sides import Listed, Reply
from devora_console.core.problems import connect_error
from devora_console.core.unknown import Unknown

AT = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
MANNER = Manner(seed=1, rounds=5, warm_up=1, concurrency=4, timeout_seconds=10.0)
NOT_THERE = Unknown("Not available (manual implementation)")


def series(*milliseconds: float, subjects: int = 30, rounds: int = 5, digest: str = "a", **more: Any) -> Series:
    """Times that vary a little from subject to subject, in the order of ``milliseconds`` over and over."""
    samples = tuple(
        tuple(milliseconds[(at + turn) % len(milliseconds)] * (1 + at / 100) for turn in range(rounds))
        for at in range(subjects)
    )
    return Series(samples, (2,) * subjects, (digest,) * subjects, **more)


def asked(mongo: Series | Unknown, postgres: Series | Unknown, **more: Any) -> Asked:
    """A question and what it took."""
    given: dict[str, Any] = {
        "id": "user-projects", "title": "Find user projects", "about": "", "digest": "d", "same": "ids", **more,
    }  # fmt: skip
    return Asked(mongo=mongo, postgres=postgres, **given)


def place(engine: str, stand_in: str = "", version: str = "7.0.14") -> Place:
    """What stood on one side."""
    return Place(
        engine=engine,
        version=Unknown(stand_in) if stand_in else version,
        database="devora_db",
        at=AT,
        stand_in=stand_in,
        topology="standalone",
        asked_as="app_user",
        size_bytes=1_000_000,
        sizes={"users": 30},
        settings={"work_mem": "4MB"},
        distance_ms=0.4,
    )


def result(*questions: Asked, kind: Kind = "both", stand_in: str = "", subjects: int = 30, **more: Any) -> Result:
    """A kept run."""
    given: dict[str, Any] = {
        "id": f"20261128-060000-{kind}-0001",
        "manner": MANNER,
        "mongo": place("MongoDB", stand_in),
        "postgres": place("PostgreSQL", version="18.6"),
        "client": {"machine": "x86_64, 2 processors"},
        **more,
    }
    return Result(
        kind=kind,
        at=AT,
        console="0.1.0",
        catalogue="devora",
        digest="c",
        subjects=tuple(Subject({"user": f"u{at}"}) for at in range(subjects)),
        questions=questions,
        **given,
    )


@dataclass
class FakeSide:
    """Answers at once, or as ``answer`` says; notes who was asked when, and how many at a time."""

    name: str
    answer: Callable[[Question, Mapping[str, Any]], Reply] = lambda question, values: Reply(["1"])
    listing: Mapping[str, Sequence[tuple[str, Any]]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0
    under_way: int = 0
    gone: bool = False

    async def listed(self, parameter: Parameter, values: Mapping[str, Any]) -> list[Listed]:
        return [Listed(key, value) for key, value in self.listing.get(parameter.name, ())]

    async def ask(self, question: Question, values: Mapping[str, Any]) -> Reply:
        self.log.append((self.name, question.id))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
            return self.answer(question, values)
        finally:
            self.under_way -= 1

    async def alive(self) -> None:
        if self.gone:
            raise connect_error("gone", f"{self.name} does not answer")

    async def place(self, questions: Sequence[Question]) -> Place:
        return place(self.name)

    async def close(self) -> None:
        """Nothing to give back."""

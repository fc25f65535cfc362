"""Asking: rounds over all questions, the sides taking turns, a fixed number of asks under way at a time.

A block is one question asked for every subject of one side. The sides' blocks alternate, and which comes first does
too, so that what else the machine does falls on both alike; and neither side answers while the other one is asked.
Times are the application's: from the ask to the last row as a Python object, transaction and role included.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devora_console.bench.model import Question
from devora_console.bench.result import Manner, Series
from devora_console.bench.sides import QuestionFailed, Reply, Side, digest
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown

Values = Mapping[str, tuple[Mapping[str, Any], ...]]
_PRECISION = 4  # decimals of a millisecond
_TELLING = 3  # characters: fewer tell of nobody, and may be part of any word
_PATIENCE = 8  # asks cut off one after another, after which a question is given up: the server hangs, or it never ends


@dataclass(slots=True)
class _Tally:
    """What one question took on one side so far, by subject."""

    subjects: int
    samples: list[list[float]] = field(init=False)
    apart: list[list[float | None]] = field(init=False)
    replies: list[Reply | None] = field(init=False)
    timeouts: int = 0
    errors: int = 0
    error: str = ""
    cut_off: int = 0  # one after another

    def __post_init__(self) -> None:
        self.samples = [[] for _ in range(self.subjects)]
        self.apart = [[] for _ in range(self.subjects)]
        self.replies = [None] * self.subjects

    def series(self) -> Series:
        """As it is kept."""
        embeds = any(value is not None for each in self.apart for value in each)
        return Series(
            samples=tuple(tuple(each) for each in self.samples),
            counts=tuple(None if each is None else len(each.rows) for each in self.replies),
            digests=tuple(None if each is None else digest("\n".join(sorted(each.rows))) for each in self.replies),
            timeouts=self.timeouts,
            errors=self.errors,
            error=self.error,
            apart=tuple(tuple(value or 0.0 for value in each) for each in self.apart) if embeds else None,
        )


@dataclass(slots=True)
class Runner:
    """One run. ``tell`` is given a line now and then. ``until``: seconds that rounds go on, instead of their number."""

    sides: Sequence[Side]
    questions: Sequence[Question]
    values: Values
    manner: Manner
    tell: Callable[[str], None]
    until: float | None = None
    _tallies: dict[tuple[str, str], _Tally] = field(default_factory=dict)
    _failed: dict[tuple[str, str], Unknown] = field(default_factory=dict)

    async def run(self) -> tuple[dict[tuple[str, str], Series | Unknown], int]:
        """By (question, side) what was measured, and how many rounds were counted. ConsoleError when a side is lost."""
        for number in range(self.manner.warm_up):
            self.tell(f"warming up, round {number + 1} of {self.manner.warm_up}")
            await self._round(number, {})
        rounds, began = 0, time.monotonic()
        while self._goes_on(rounds, began):
            rounds += 1
            self.tell(f"round {rounds}" + ("" if self.until is not None else f" of {self.manner.rounds}"))
            await self._round(rounds, self._tallies)
        found: dict[tuple[str, str], Series | Unknown] = {key: each.series() for key, each in self._tallies.items()}
        return found | dict(self._failed), rounds

    def _goes_on(self, rounds: int, began: float) -> bool:
        if self.until is None:
            return rounds < self.manner.rounds
        return rounds == 0 or time.monotonic() - began < self.until

    async def _round(self, number: int, into: dict[tuple[str, str], _Tally]) -> None:
        for at, question in enumerate(self.questions):
            order = self.sides if (number + at) % 2 == 0 else [*reversed(self.sides)]
            for side in order:
                key = (question.id, side.name)
                if key in self._failed or side.name in question.missing:
                    continue
                subjects = len(self.values[side.name])
                tally = into.setdefault(key, _Tally(subjects)) if into is self._tallies else _Tally(subjects)
                before = tally.errors
                await self._block(side, question, tally)
                given_up = self._given_up(tally, tally.errors - before)
                if given_up is not None:  # asking on would tell nothing
                    await side.alive()
                    self._failed[key] = given_up
                    self._tallies.pop(key, None)

    def _given_up(self, tally: _Tally, errors: int) -> Unknown | None:
        """Why a question is asked no more, after a block of so many errors."""
        if errors == tally.subjects:
            return Unknown(f"it failed: {tally.error}", "Correct the question, or the schema")
        if tally.cut_off >= self._patience(tally.subjects):
            words = f"{tally.cut_off} asks one after another took over {self.manner.timeout_seconds:g} s"
            return Unknown(f"it failed: {words}", "Look at the server, or raise bench.timeout_seconds")
        return None

    def _patience(self, subjects: int) -> int:
        return min(subjects, max(_PATIENCE, 2 * self.manner.concurrency))

    async def _block(self, side: Side, question: Question, tally: _Tally) -> None:
        turns = iter(range(tally.subjects))
        lost: ConsoleError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.manner.concurrency, tally.subjects)):
                    group.create_task(self._worker(side, question, tally, turns))
        except* ConsoleError as errors:
            lost = _first(errors)
        if lost is not None:
            raise lost

    async def _worker(self, side: Side, question: Question, tally: _Tally, turns: Iterator[int]) -> None:
        theirs = self.values[side.name]
        for subject in turns:
            if tally.cut_off >= self._patience(tally.subjects):
                return
            began = time.perf_counter()
            try:
                reply = await side.ask(question, theirs[subject])
            except TimeoutError:
                tally.timeouts += 1
                tally.cut_off += 1
                tally.samples[subject].append(1000 * self.manner.timeout_seconds)
                tally.apart[subject].append(None)
                continue
            except QuestionFailed as error:
                tally.errors += 1
                tally.error = tally.error or _without(str(error), theirs[subject])
                continue
            tally.cut_off = 0
            taken = round(1000 * (time.perf_counter() - began), _PRECISION)
            tally.samples[subject].append(taken)
            tally.apart[subject].append(None if reply.apart_ms is None else round(reply.apart_ms, _PRECISION))
            tally.replies[subject] = tally.replies[subject] or reply


def _without(said: str, values: Mapping[str, Any]) -> str:
    """What a server said without the values it was asked with: a result holds no text and no id of a user.

    >>> _without('invalid input syntax for type uuid: "anna"', {"user": "anna"})
    'invalid input syntax for type uuid: "…"'
    """
    for value in sorted((str(each) for each in values.values()), key=len, reverse=True):
        if len(value) >= _TELLING:
            said = said.replace(value, "…")
    return said


def _first(group: BaseExceptionGroup[ConsoleError]) -> ConsoleError:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, ConsoleError)
    return found

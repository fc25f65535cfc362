"""Kept results as a screen looks at them: all of them, and one judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.bench.judge import Goal, Line, goal, lines
from devora_console.bench.result import Result
from devora_console.bench.store import Store
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem


@dataclass(frozen=True, slots=True)
class Benched:
    """``results`` oldest first; of the one that is ``shown`` the ``lines``, and whether the ``goal`` is reached.

    Nothing is shown where nothing is kept; ``problems`` are those of files that cannot be read.
    """

    as_of: datetime
    results: tuple[Result, ...]
    shown: Result | None
    lines: tuple[Line, ...]
    goal: Goal | None
    problems: tuple[Problem, ...]


def look(settings: Settings, wanted: str | None = None, before: Benched | None = None) -> Benched:
    """The kept results, with the wanted one judged, else the newest. Judging takes a while: not on a loop.

    ``before`` is an earlier look: what was judged then need not be judged again.
    """
    every = list(Store.of(settings).every())
    results = tuple(each for each in every if isinstance(each, Result))
    problems = tuple(each for each in every if isinstance(each, Problem))
    shown = next((each for each in results if each.id == wanted), results[-1] if results else None)
    if shown is None:
        return Benched(utc_now(), results, None, (), None, problems)
    if before is not None and before.shown is not None and before.shown.id == shown.id:
        return Benched(utc_now(), results, shown, before.lines, before.goal, problems)
    judged = lines(shown, settings.bench)
    return Benched(utc_now(), results, shown, judged, goal(shown, judged, settings.bench), problems)

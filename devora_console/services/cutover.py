"""The cutover beside the other services of a console: looked at from the start, silent while nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devora_console.config.settings import Settings
from devora_console.core.guard import Guard
from devora_console.core.problems import Problem, refused
from devora_console.cutover.journal import home
from devora_console.cutover.outputs import last_lines
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import ENDED
from devora_console.services.cutting import Aim, Cutting
from devora_console.services.showing import Seen, shown
from devora_console.services.walking import Walking

_LINES = 400
_NO_AIM = Problem("cutover.no_runbook", "this console was started without a runbook", "Set cutover.runbook")


class Cutover:
    """``changed(moved)`` is called for a newer snapshot; ``moved``: more than its clocks is new."""

    def __init__(self, settings: Settings, guard: Guard, aim: Aim | None, changed: Callable[[bool], None]) -> None:
        self._environment = settings.environment
        self._changed = changed
        self._cutting = Cutting(settings, aim) if aim is not None else None
        self._walking = Walking(self._cutting, settings.environment, guard, self._looked) if self._cutting else None
        self._last: object = None

    @property
    def snapshot(self) -> CutoverSnapshot:
        """The latest."""
        if self._walking is None:
            return shown(Seen(self._environment, None, _NO_AIM))
        return self._walking.snapshot

    def start(self) -> None:
        """Begin to look, on the running loop."""
        if self._walking is not None:
            self._walking.start()

    async def stop(self) -> None:
        """Let go of the run; a step in flight goes on."""
        if self._walking is not None:
            await self._walking.stop()

    async def act(self, verb: str, target: str, text: str) -> None:
        """Do what a person asked for. Raises ConsoleError for what is not allowed now."""
        if self._walking is None:
            raise refused("no_runbook", _NO_AIM.message, _NO_AIM.remedy)
        await self._walking.act(verb, target, text)

    async def output(self, step: str) -> tuple[str, ...]:
        """The end of what the latest attempt at a step printed; of any step, not of the current one alone."""
        run = self.snapshot.run
        attempts = run.step(step).attempts if run is not None else ()
        if self._cutting is None or run is None or not attempts:
            return ()
        latest = attempts[-1]
        folder = home.attempt_folder(self._cutting.root / run.id, step, latest.number, undo=latest.undo)
        return await asyncio.to_thread(last_lines, folder, _LINES)

    def _looked(self) -> None:
        seen = self.snapshot
        told = _told(seen)
        moved = told != self._last
        self._last = told
        if moved or (seen.run is not None and seen.run.state not in ENDED) or seen.measuring:
            self._changed(moved)


def _told(seen: CutoverSnapshot) -> object:
    """What a snapshot says besides the time of day."""
    gates = tuple((each.id, each.verdict, each.waiver) for each in seen.gates)
    run = (seen.run.id, seen.run.state, seen.run.last_seq) if seen.run is not None else None
    return seen.problem, run, gates, seen.measuring, seen.driving, seen.driver, seen.plan is None

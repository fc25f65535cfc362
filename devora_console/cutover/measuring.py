"""Gates measured behind the driver's back: that takes seconds to minutes, and people can act meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from devora_console.cutover.model import GateUse

Measure = Callable[[Sequence[GateUse]], Awaitable[None]]


class Measuring:
    """One measuring at a time, for one step."""

    def __init__(self, measure: Measure, wake: asyncio.Event) -> None:
        self._measure = measure
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._of = ""
        self._ended = 0.0

    def over(self, step: str, wanted: Sequence[GateUse], seconds: float) -> bool:
        """Whether the gates have been measured for this step within the last ``seconds``; begins to, when not."""
        now = asyncio.get_running_loop().time()
        task = self._task
        if task is not None and self._of == step:
            if not task.done():
                return False
            task.result()
            if now - self._ended <= seconds:
                return True
        self.forget()
        self._of, self._task = step, asyncio.create_task(self._all(wanted))
        return False

    async def _all(self, wanted: Sequence[GateUse]) -> None:
        await self._measure(wanted)
        self._ended = asyncio.get_running_loop().time()
        self._wake.set()

    def forget(self) -> None:
        """What was measured counts no longer."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

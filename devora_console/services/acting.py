"""Acts on the target from the screens: prepared, permitted by the guard, done one at a time, told as they go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from devora_console.config.settings import Settings
from devora_console.core.guard import Act, Guard
from devora_console.core.problems import refused, usage_error
from devora_console.postgres.acts.log import ActLog
from devora_console.postgres.acts.model import CONSOLE, ON_SESSIONS, Plan, Request, Result
from devora_console.postgres.acts.perform import perform
from devora_console.postgres.acts.prepare import prepare
from devora_console.postgres.acts.things import read
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest


class Acting:
    """``told`` is called after each line of progress; a command begins with the words of ``console``. An act has
    sessions of its own, and ends with the console.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        guard: Guard,
        told: Callable[[], None],
        console: Sequence[str] = CONSOLE,
    ) -> None:
        self._settings = settings
        self._target = target
        self._guard = guard
        self._told = told
        self._console = console
        self._tasks: set[asyncio.Task[Result]] = set()
        self.progress = ""

    async def prepare(self, request: Request, oid: int | None = None) -> Plan:
        """The plan with its preview; ``oid`` instead of a name. Raises ConsoleError: exit 2 for what is not there, 4
        for what cannot work.
        """
        guest = await self._enter()
        try:
            if oid is not None:
                thing = await read(guest, oid)
                if thing is None:
                    raise usage_error("no_object", f"there is no object {oid} any more", "Look again")
                request = replace(request, name=thing.quoted)
            return await prepare(guest, request, self._settings.activity, console=self._console)
        finally:
            await guest.leave()

    async def perform(self, plan: Plan, typed: str) -> Result:
        """Do it and verify it. Raises ConsoleError (exit 4) when the guard or another act is in the way.

        A signal is never in the way of an act, nor an act in the way of a signal: it may be what frees the other.
        """
        name = plan.preview.type_name
        self._guard.permit(Act(_words(plan), name, always_typed=True), typed)
        if self._tasks and plan.request.kind not in ON_SESSIONS:
            raise refused("act_running", f"another act is under way: {self.progress}", "Wait for its end")
        task = asyncio.create_task(self._perform(plan))
        self._tasks.add(task)
        try:
            return await asyncio.shield(task)
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._tell("")

    async def _perform(self, plan: Plan) -> Result:
        guest = await self._enter()
        try:
            self._tell(f"{_words(plan)} …")
            return await perform(guest, plan, self._target.dsn(), ActLog(), self._tell)
        finally:
            await guest.leave()

    async def stop(self) -> None:
        """Cut off what is under way; its end is verified and logged."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _enter(self) -> Guest:
        settings = self._settings.postgres
        return await Guest.enter(
            self._target.dsn(),
            purpose="act",
            timeout_seconds=settings.connect_timeout_seconds,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )

    def _tell(self, line: str) -> None:
        self.progress = line
        self._told()


def _words(plan: Plan) -> str:
    return f"{plan.request.kind} {plan.preview.type_name}"

"""A guest on the configured PostgreSQL for the length of one command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from devora_console.cli.door import Door
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest

T = TypeVar("T")


def as_guest(door: Door, purpose: str, work: Callable[[Guest], Awaitable[T]]) -> T:
    """What ``work`` finds out. Raises ConsoleError when the server cannot be reached or is lost."""
    settings = door.effective.settings.postgres
    dsn = Target(settings).dsn()

    async def visit() -> T:
        guest = await Guest.enter(
            dsn,
            purpose=purpose,
            timeout_seconds=settings.connect_timeout_seconds,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )
        try:
            return await work(guest)
        finally:
            await guest.leave()

    return asyncio.run(visit())

"""How far events have come: on the disk, in the database, at PostHog. Read only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from devora_console.analytics import spool as spools
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.setup import Setup
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.target import Target

_HERE = "devora_console.analytics"
# What is neither was written by something else.
_DELIVERY = "SELECT *, stored - delivered - waiting - refused AS untracked FROM public.devora_event_delivery()"
Row = asyncpg.Record | Unknown
if TYPE_CHECKING:  # asyncpg's types are generic for the type checker only
    Lend = Callable[[Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[Row]]], Awaitable[Row]]
"""Gives a session for some work on it. Raises ConsoleError while the server is away."""
_OUTDATED = (asyncpg.UndefinedFunctionError, asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)


@dataclass(frozen=True, slots=True)
class DeliverySnapshot:
    """Events are ``spooled`` (on this machine's disk, not in the database yet) or ``stored`` (in the database).

    Of the stored ones some are ``delivered`` (PostHog confirmed), ``waiting``, or ``refused`` (by PostHog, for good);
    ``untracked`` ones did not come by ``track_event``: nothing sends them.

    ``configured``: whether anything is sent; ``fault`` says why not. ``dropped``: what was not kept, on this machine.
    """

    spooled: int | Unknown
    stored: int | Unknown
    delivered: int | Unknown
    waiting: int | Unknown
    refused: int | Unknown
    untracked: int | Unknown
    oldest_waiting_at: datetime | Unknown | None
    next_due_at: datetime | Unknown | None
    last_delivered_at: datetime | Unknown | None
    last_error: str | Unknown | None
    last_error_at: datetime | Unknown | None
    configured: bool
    fault: str
    host: str
    dropped: Dropped | Unknown
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the database. ``state``: delivered, waiting, refused or untracked."""

    id: UUID
    name: str
    user: str | None
    properties: dict[str, object]
    at: datetime
    state: str
    attempts: int
    delivered_at: datetime | None
    problem: str | None


async def read(settings: Settings, lend: Lend) -> DeliverySnapshot:
    """As things stand, over the session that ``lend`` gives. Never raises for what is away or refused: that is Unknown,
    with the reason.
    """
    setup = Setup.of(settings)
    spooled, dropped = await asyncio.to_thread(_disk, setup)
    row = await _row(lend)

    def of(name: str) -> Any:
        return row if isinstance(row, Unknown) else row[name]

    return DeliverySnapshot(
        spooled=spooled,
        stored=of("stored"),
        delivered=of("delivered"),
        waiting=of("waiting"),
        refused=of("refused"),
        untracked=of("untracked"),
        oldest_waiting_at=of("oldest_waiting_at"),
        next_due_at=of("next_due_at"),
        last_delivered_at=of("delivered_at"),
        last_error=of("problem"),
        last_error_at=of("problem_at"),
        configured=not setup.fault,
        fault=setup.fault,
        host=setup.host,
        dropped=dropped,
        at=utc_now(),
    )


async def events(target: Target, *, most: int, name: str | None, undelivered: bool) -> list[StoredEvent]:
    """The newest events, or the oldest that PostHog does not have. Raises ConsoleError."""

    async def work(connection: asyncpg.Connection[asyncpg.Record]) -> list[asyncpg.Record]:
        return await connection.fetch(sql(_HERE, "undelivered" if undelivered else "events"), most, name)

    return [
        StoredEvent(**{**row, "properties": json.loads(row["properties"])})
        for row in await target.visit(work, purpose="events")
    ]


def _disk(setup: Setup) -> tuple[int | Unknown, Dropped | Unknown]:
    try:
        return spools.waiting(setup.folder), spools.dropped(setup.folder)
    except OSError as error:
        why = Unknown(
            f"the spool {setup.folder}: {error.strerror}", "Run this as the backend's user, or set analytics.spool"
        )
        return why, why


async def _row(lend: Lend) -> asyncpg.Record | Unknown:
    async def work(connection: asyncpg.Connection[asyncpg.Record]) -> asyncpg.Record | Unknown:
        try:
            row = await connection.fetchrow(_DELIVERY)
        except _OUTDATED:
            return Unknown("the schema is older than event delivery", "devora-console schema apply")
        except asyncpg.InsufficientPrivilegeError:
            return Unknown("this login may not ask how events were delivered", "Use the owner or an administrator")
        except asyncpg.QueryCanceledError:
            return Unknown("counting the events took too long", "Raise postgres.statement_timeout_seconds")
        return row if row is not None else Unknown("the record of deliveries is empty", "devora-console schema check")

    try:
        return await lend(work)
    except ConsoleError as error:
        return Unknown(one_line(error.problem.message, 300), error.problem.remedy)

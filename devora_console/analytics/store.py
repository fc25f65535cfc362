"""Events in PostgreSQL: recorded, taken to be sent, settled. One connection, opened when it is needed.

The login may be the application's: everything goes through functions that run as the owner (schema version 20).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from devora_console.config.settings import PostgresSettings
from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST, close, connect, explain

_STATEMENT_SECONDS = 20.0
_OUTDATED = (
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
)


class Unreadable(Exception):
    """PostgreSQL cannot take what was given: it is not its fault, and another try will not help."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An event to be sent. ``person``: as PostHog is to know the user, None for nobody."""

    id: UUID
    person: str | None
    event: str
    properties: dict[str, object]
    session: UUID | None
    at: datetime
    attempts: int


class Store:
    """The database of the settings. ``token``: the spool's; None to see everybody's as the owner."""

    def __init__(self, settings: PostgresSettings, token: str | None) -> None:
        self._settings, self._token = settings, token
        self._opened: asyncpg.Connection[asyncpg.Record] | None = None

    async def record(self, events: str) -> int:
        """Add the events of a JSON array that are not there yet; how many. Raises Unreadable, ConsoleError."""
        return int(await self._ask("SELECT public.devora_record_events($1::jsonb, $2)", events, self._token) or 0)

    async def claim_users(self) -> int:
        """Give events to users who have appeared since. Raises ConsoleError."""
        return int(await self._ask("SELECT public.devora_claim_users()") or 0)

    async def take(self, most: int, seconds: float) -> list[Taken]:
        """Events that are due, and nobody else's for ``seconds``. Raises ConsoleError."""
        rows = await self._ask(
            "SELECT array_agg(to_jsonb(t) ORDER BY t.at, t.id) FROM public.devora_take_events($1, $2, $3) t",
            *(most, seconds, self._token),
        )
        taken, odd = _readable(rows or ())
        if odd:
            await self.settle(odd, "refused", "its time or properties cannot be told to PostHog")
        return taken

    async def settle(self, ids: Sequence[UUID], outcome: str, why: str | None = None, seconds: float = 0) -> int:
        """Note what became of events: ``delivered``, ``later``, ``refused``. Raises ConsoleError."""
        ask = "SELECT public.devora_settle_events($1, $2, $3, $4, $5)"
        return int(await self._ask(ask, list(ids), outcome, why, seconds, self._token) or 0)

    async def retry(self) -> int:
        """Let refused events be tried again; how many. Raises ConsoleError."""
        return int(await self._ask("SELECT public.devora_retry_events()") or 0)

    async def waiting(self) -> int:
        """Events of everybody that are neither delivered nor refused. Raises ConsoleError."""
        return int(await self._ask("SELECT public.devora_events_waiting()") or 0)

    async def close(self) -> None:
        """Leave."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await close(opened)

    def abandon(self) -> None:
        """Leave without waiting for anybody."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.terminate()

    async def _ask(self, statement: str, *values: object) -> Any:
        dsn = self._settings.dsn
        if dsn is None and not self._settings.from_libpq:
            raise usage_error("postgres_missing", "no PostgreSQL is configured", "Set POSTGRES_DSN")
        try:
            if self._opened is None or self._opened.is_closed():
                self._opened = await connect(
                    dsn,
                    purpose="events",
                    read_only=False,
                    timeout_seconds=self._settings.connect_timeout_seconds,
                    statement_timeout_seconds=_STATEMENT_SECONDS,
                )
            return await self._opened.fetchval(statement, *values)
        except asyncpg.ForeignKeyViolationError as error:
            raise explain(error, dsn) from None  # the user was deleted that very moment: another try knows
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise Unreadable(one_line(str(error), 200)) from None
        except _OUTDATED as error:
            self.abandon()
            raise usage_error(
                "events_schema",
                f"events cannot be recorded: {one_line(str(error), 200)}",
                "Run: devora-console schema apply; the login must be a member of app_user or the owner",
            ) from None
        except (*LOST, asyncpg.PostgresError) as error:
            self.abandon()
            raise explain(error, dsn) from None
        except BaseException:  # cancelled in the middle: what the connection is at is not known, nobody may use it
            self.abandon()
            raise


def away(error: ConsoleError) -> bool:
    """Whether the server is away, as opposed to: it refuses us, or the settings are wrong."""
    return error.problem.code not in {"events_schema", "postgres_missing", "postgres_auth", "postgres_database"}


def _readable(rows: Iterable[str]) -> tuple[list[Taken], list[UUID]]:
    """The events, and the ids of those with a moment that no calendar here has: the others are not to wait for them."""
    taken, odd = [], []
    for row in map(json.loads, rows):
        try:
            taken.append(_taken(row))
        except ValueError:
            odd.append(UUID(str(row["id"])))
        time.sleep(1e-5)  # a true pause: whoever calls track_event meanwhile gets the interpreter
    return taken, odd


def _taken(row: dict[str, object]) -> Taken:
    properties, session = row["properties"], row["session"]
    return Taken(
        id=UUID(str(row["id"])),
        person=None if row["person"] is None else str(row["person"]),
        event=str(row["event"]),
        properties=properties if isinstance(properties, dict) else {},
        session=None if session is None else UUID(str(session)),
        at=datetime.fromisoformat(str(row["at"])),
        attempts=int(str(row["attempts"])),
    )

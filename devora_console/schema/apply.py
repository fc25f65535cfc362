"""Apply the pending versions, each in one transaction with its record and the catalogue it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from devora_console.schema.preflight import Finding, Waiting, preflight
from devora_console.schema.record import (
    PREPARE,
    describe_sql,
    exclusive,
    failed,
    record_sql,
    recorded,
    refuse,
)
from devora_console.schema.versions import LATEST, Version, versions


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What an apply did: versions applied now and before, those that wait, and what else was noticed."""

    applied: tuple[int, ...]
    already: tuple[int, ...]
    waiting: tuple[Waiting, ...]
    notices: tuple[Finding, ...]


def _silent(line: str) -> None:
    """Nobody listens."""


async def apply(
    connection: asyncpg.Connection, *, to: int = LATEST, narrate: Callable[[str], None] = _silent
) -> ApplyResult:
    """Apply every version up to ``to`` that is not there yet, in order; again does nothing.

    A version whose extension is missing waits and does not hold up the others. ConsoleError: exit 1 with
    the first of the blocking problems (:func:`preflight` has all of them) or the server's refusal; exit 4 when
    somebody else is changing the schema. A version that fails leaves nothing behind; those before it stay.
    """
    async with exclusive(connection):
        look = await preflight(connection)
        refuse(look.blocking)
        already = {row.version for row in await recorded(connection)}
        stuck = {wait.version for wait in look.waiting}
        applied = []
        for version in versions():
            if version.number in already or version.number in stuck or version.number > to:
                continue
            narrate(f"applying {version.label}: {version.what}")
            await _apply_one(connection, version)
            applied.append(version.number)
    return ApplyResult(
        applied=tuple(applied),
        already=tuple(sorted(already)),
        waiting=tuple(wait for wait in look.waiting if wait.version <= to),
        notices=tuple(f for f in look.findings if f.problem.code == "schema_public_open"),
    )


async def _apply_one(connection: asyncpg.Connection, version: Version) -> None:
    try:
        async with connection.transaction():
            await connection.execute(PREPARE)
            await connection.execute(version.up)
            await connection.execute(record_sql(version))
            await connection.execute(describe_sql())
    except asyncpg.PostgresError as error:
        raise failed(f"version {version.label}", error) from error

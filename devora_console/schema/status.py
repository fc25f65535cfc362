"""Which versions are applied, pending or waiting, and whether the guide's counts come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.schema.catalogue import Catalogue, expected
from devora_console.schema.preflight import Waiting, waits
from devora_console.schema.record import Applied, changed, recorded
from devora_console.schema.sql import question
from devora_console.schema.versions import Version, versions

State = Literal["applied", "pending", "waiting", "changed", "newer"]

_GUIDE = {"tables": 11, "indexes": 30, "triggers": 8, "materialized_views": 4}
_SHOWN_BY = {"tables": "\\dt", "indexes": "\\di", "views": "\\dv", "materialized_views": "\\dm"}
_KINDS = {
    "tables": "table",
    "indexes": "index",
    "triggers": "trigger",
    "views": "view",
    "materialized_views": "materialized view",
    "policies": "policy",
    "functions": "function",
}


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version here. ``problem`` says why it waits or does not fit."""

    version: int
    name: str
    what: str
    state: State
    applied_at: datetime | None
    applied_by: str | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Count:
    """Objects in schema public. ``expected`` is what was recorded (None: nothing), ``guide`` what step 2.1 says.

    ``shown_by`` is the psql command that lists them, empty where psql has none.
    """

    kind: str
    found: int
    expected: int | None
    guide: int | None
    shown_by: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The answer of ``schema status``. ``ok``: nothing pending (some may wait), nothing changed, counts right."""

    ok: bool
    at: datetime
    database: str
    server_version_num: int
    versions: tuple[VersionState, ...]
    pending: tuple[int, ...]
    waiting: tuple[Waiting, ...]
    counts: tuple[Count, ...]
    problems: tuple[Problem, ...]


async def status(connection: asyncpg.Connection) -> Status:
    """Read only. Raises ConsoleError (exit 4) when the record may not be read by this user."""
    async with connection.transaction(readonly=True):
        applied = await recorded(connection)
        wanted = await expected(connection) if applied else None
        done = {row.version for row in applied}
        waiting = await waits(connection, tuple(v for v in versions() if v.number not in done))
        found = await connection.fetchrow(question("counts"))
        here = await connection.fetchrow(
            "SELECT current_database()::text AS database, current_setting('server_version_num')::integer AS server"
        )
    if found is None or here is None:
        raise RuntimeError("a count without FROM always has a row")
    states = _states(applied, waiting)
    counts = _counts(dict(found), wanted.catalogue if wanted else None)
    pending = tuple(state.version for state in states if state.state == "pending")
    problems = changed(applied)
    return Status(
        ok=not pending and not problems and all(count.ok for count in counts),
        at=utc_now(),
        database=here["database"],
        server_version_num=here["server"],
        versions=states,
        pending=pending,
        waiting=waiting,
        counts=counts,
        problems=problems,
    )


def _states(applied: tuple[Applied, ...], waiting: tuple[Waiting, ...]) -> tuple[VersionState, ...]:
    rows = {row.version: row for row in applied}
    reasons = {wait.version: wait.problem for wait in waiting}
    states = [_state(version, rows.get(version.number), reasons) for version in versions()]
    known = {version.number for version in versions()}
    for row in applied:
        if row.version not in known:
            problem = changed([row])[0]
            states.append(VersionState(row.version, row.name, "", "newer", row.applied_at, row.applied_by, problem))
    return tuple(states)


def _state(version: Version, row: Applied | None, reasons: dict[int, Problem]) -> VersionState:
    if row is None:
        problem = reasons.get(version.number)
        state: State = "waiting" if problem else "pending"
        return VersionState(version.number, version.name, version.what, state, None, None, problem)
    problems = changed([row])
    return VersionState(
        version=version.number,
        name=version.name,
        what=version.what,
        state="changed" if problems else "applied",
        applied_at=row.applied_at,
        applied_by=row.applied_by,
        problem=problems[0] if problems else None,
    )


def _counts(found: dict[str, int], recorded_catalogue: Catalogue | None) -> tuple[Count, ...]:
    counts = []
    for kind, number in found.items():
        expected_number = None
        if recorded_catalogue is not None:
            names = recorded_catalogue.get(_KINDS[kind], {})
            expected_number = sum(1 for name in names if name.startswith("public."))
        guide = _GUIDE.get(kind)
        # The guide's eleven tables and two for search, which it does not know.
        meets = guide is None or (number == guide if kind == "materialized_views" else number >= guide)
        ok = number == expected_number if expected_number is not None else meets
        counts.append(Count(kind, number, expected_number, guide, _SHOWN_BY.get(kind, ""), ok))
    return tuple(counts)

"""Gates about the schema: is it as it was applied, and does everything that guards the data hold?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeAlias

import asyncpg

from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.gates import asked, listed
from devora_console.postgres.target import Target
from devora_console.schema.check import CheckResult, check
from devora_console.schema.drift import Drift
from devora_console.schema.sql import question
from devora_console.schema.status import Status, status

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
TTL = timedelta(minutes=10)
_LOOK = "devora-console schema check"
# What has to be there for the data to be guarded; that a thing differs otherwise is drift.
_GUARDS = frozenset({"table", "constraint", "index", "trigger"})


def drift_gate(target: Target) -> Gate:
    """``schema.drift``."""
    threshold = "every version applied, no difference from what they made"

    async def measure() -> Measurement:
        return await asked(target, lambda connection: _drift(connection, threshold), threshold=threshold)

    about = "The live catalogue is compared with the one that was recorded when the newest version was applied."
    return Gate("schema.drift", "Schema as applied", about, TTL, measure)


async def _drift(connection: Connection, threshold: str) -> Measurement:
    found = await status(connection)
    result = await check(connection)
    applied = sum(each.state == "applied" for each in found.versions)
    known = sum(each.state != "newer" for each in found.versions)
    value = f"{applied} of {known} versions applied"
    why = f"The catalogue recorded with version {result.version} against the live one."
    evidence: dict[str, object] = {
        "applied": applied,
        "pending": list(found.pending),
        "waiting": [each.version for each in found.waiting],
        "drift": len(result.drift),
        "undecided": len(result.undecided),
    }
    wrong = _wrong(found, result)
    if wrong is not None:
        said, remedy = wrong
        verdict = Verdict.UNKNOWN if not applied else Verdict.FAIL
        return Measurement(verdict, f"{value}; {said}", threshold, why, remedy, evidence=evidence)
    if result.verdict != "ok":
        said = (
            result.problems[0].message if result.problems else f"{len(result.undecided)} definitions to compare by hand"
        )
        remedy = result.problems[0].remedy if result.problems else f"{_LOOK} shows them"
        return Measurement(Verdict.UNKNOWN, f"{value}; {said}", threshold, why, remedy, evidence=evidence)
    if found.waiting:  # for what this server does not offer: the guide leaves it to the team
        value += f", {len(found.waiting)} waiting: " + listed([each.problem.message for each in found.waiting], 2)
    return Measurement(Verdict.OK, f"{value}, no drift", threshold, why, evidence=evidence)


def _wrong(found: Status, result: CheckResult) -> tuple[str, str] | None:
    """What is known to be amiss, in words, and what mends it."""
    if found.problems:
        return found.problems[0].message, found.problems[0].remedy
    if result.drift:
        first, more = result.drift[0], len(result.drift) - 1
        words = f"{first.kind} {first.object}: {first.aspect} differs"
        return words + (f" (and {more} more)" if more else ""), f"{_LOOK} lists all; this one: {first.remedy}"
    if found.pending:
        return f"pending: {', '.join(map(str, found.pending))}", "devora-console schema apply"
    return None


def constraints_gate(target: Target) -> Gate:
    """``constraints.validated``."""
    threshold = "none missing, set aside, not valid or switched off"

    async def measure() -> Measurement:
        return await asked(target, lambda connection: _constraints(connection, threshold), threshold=threshold)

    about = (
        "Constraints, indexes and triggers are all there and hold for the rows that are in. A bulk load sets them "
        "aside; one that was cut off leaves them so."
    )
    return Gate("constraints.validated", "Constraints hold", about, TTL, measure)


async def _constraints(connection: Connection, threshold: str) -> Measurement:
    result = await check(connection)
    if result.version is None:
        problem = result.problems[0]
        return not_known(Unknown(problem.message, problem.remedy), threshold)
    aside = await _set_aside(connection)
    loose = [
        (f"{row['kind']} {row['name']} of {row['on_table']} {row['words']}", row["remedy"])
        for row in await connection.fetch(question("loose"))
    ]
    missing = list(_missing(result.drift, {name for _, name in aside}))
    evidence: dict[str, object] = {"set_aside": len(aside), "missing": len(missing), "loose": len(loose)}
    why = f"The catalogue, against the one recorded with version {result.version}; devora_console.set_aside."
    wrong = [*(f"{kind} {name} is set aside" for kind, name in aside), *(words for words, _ in (*missing, *loose))]
    if not wrong:
        return Measurement(Verdict.OK, "every one is there and holds", threshold, why, evidence=evidence)
    remedy = "devora-console migrate --execute brings back what a load has set aside"
    if not aside:
        remedy = (missing or loose)[0][1]
    return Measurement(
        Verdict.FAIL, f"{len(wrong)} do not hold: {listed(wrong)}", threshold, why, remedy, evidence=evidence
    )


async def _set_aside(connection: Connection) -> list[tuple[str, str]]:
    """(kind, name) of what a bulk load has taken away and not brought back; or has, but not validated."""
    if await connection.fetchval("SELECT to_regclass('devora_console.set_aside') IS NULL"):
        return []
    rows = await connection.fetch("SELECT kind, name FROM devora_console.set_aside ORDER BY number")
    return [(row["kind"].replace("_", " "), row["name"]) for row in rows]


def _missing(drift: Iterable[Drift], aside: set[str]) -> Iterable[tuple[str, str]]:
    """(words, remedy) of what is recorded and not there, without what is set aside: that is named already.

    What is there and does not hold is left to the question about the live catalogue; a column that may be NULL is not.
    """
    for each in drift:
        name = each.object.rpartition(".")[2].strip('"')
        if each.kind in _GUARDS and each.aspect == "object" and each.found is None and name not in aside:
            yield f"{each.kind} {one_line(each.object)} is missing", each.remedy
        elif each.kind == "column" and each.aspect == "not_null" and each.expected == "yes":
            yield f"column {one_line(each.object)} may be NULL", each.remedy

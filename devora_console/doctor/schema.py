"""Questions about what the console made in the target: the schema, a running migration, the quarantine."""

from __future__ import annotations

import asyncpg

from devora_console.core.clock import iso, span, utc_now
from devora_console.core.unknown import Unknown
from devora_console.doctor.check import Answer, Question, failed, passed, unknown, warned
from devora_console.doctor.postgres import Target
from devora_console.schema import LATEST, check

_APPLY = "devora-console schema apply"


async def _names(target: Target) -> Answer:
    for finding in (await target.preflight()).findings:
        if finding.problem.code == "relation_exists":
            return failed(finding.problem.message, finding.problem.remedy)
    return passed("no names in the way")


async def _versions(target: Target) -> Answer:
    status = await target.status()
    if status.problems:
        first, more = status.problems[0], len(status.problems) - 1
        return failed(first.message + (f" (and {more} more)" if more else ""), first.remedy)
    applied = [each for each in status.versions if each.state == "applied"]
    if not applied:
        return warned("not applied yet", _APPLY)
    value = f"{len(applied)} of {LATEST} versions applied"
    if status.pending:
        return warned(f"{value}; pending: {', '.join(map(str, status.pending))}", _APPLY)
    if status.waiting:
        reasons = "; ".join(wait.problem.message for wait in status.waiting)
        remedy = f"{status.waiting[0].problem.remedy}; then {_APPLY}"
        return warned(f"{value}; {reasons}", remedy)
    return passed(value)


async def _drift(target: Target) -> Answer:
    if not any(each.state == "applied" for each in (await target.status()).versions):
        return unknown("the schema is not applied yet", _APPLY)
    try:
        result = await check(target.connection)
    except asyncpg.LockNotAvailableError:
        return unknown("somebody is changing a table just now", "devora-console schema check, when that is over")
    if result.drift:
        first, more = result.drift[0], len(result.drift) - 1
        value = f"{first.kind} {first.object}: {first.aspect} differs from what was applied"
        value += f" (and {more} more)" if more else ""
        return failed(value, f"devora-console schema check lists all; this one: {first.remedy}")
    if result.verdict == "unknown":
        if result.problems:
            return unknown(result.problems[0].message, result.problems[0].remedy)
        return unknown(
            f"{len(result.undecided)} definitions cannot be compared: the server's major version has changed",
            "devora-console schema check shows them",
        )
    return passed(f"as version {result.version} left it")


async def _lease(target: Target) -> Answer:
    console = (await target.facts()).console
    if isinstance(console, Unknown):
        return unknown(console.reason, console.remedy)
    if console.lease_holder is None:
        return passed("no migration is writing")
    since = ""
    if console.lease_since is not None:
        age = span(max(0.0, (utc_now() - console.lease_since).total_seconds()))
        since = f" since {iso(console.lease_since.replace(microsecond=0))} ({age})"
    return warned(f"a migration is writing: {console.lease_holder}{since}", "Wait for it, or stop it where it runs")


async def _quarantine(target: Target) -> Answer:
    console = (await target.facts()).console
    if isinstance(console, Unknown):
        return unknown(console.reason, console.remedy)
    if not console.quarantine_open:
        return passed("empty")
    count = console.quarantine_open
    return warned(
        f"{count} document{'s' if count > 1 else ''} unresolved",
        "devora-console quarantine list; then mend the data or the mapping and migrate again, or waive each",
    )


QUESTIONS: tuple[Question[Target], ...] = (
    Question("schema.names", "names the schema needs", _names),
    Question("schema.versions", "schema versions", _versions),
    Question("schema.drift", "schema as applied", _drift, 15.0),
    Question("migration.lease", "running migration", _lease),
    Question("migration.quarantine", "quarantine", _quarantine),
)

"""The overview: what is known of both servers and of the migration between them, one line each. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.core.clock import span
from devora_console.core.console import HeaderSnapshot, Link, OverviewLine, OverviewSnapshot, ServerState, Verdict
from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.doctor.copying import copy_line, verify_line
from devora_console.doctor.cutover import cutover_line
from devora_console.doctor.events import events_line
from devora_console.doctor.headline import headline
from devora_console.doctor.watched import Seen, as_of_now, watched_lines
from devora_console.doctor.words import at, needs_postgres, plural, size, whole
from devora_console.migration.progress import MigrationSnapshot, VerificationSnapshot
from devora_console.mongo.observe import MongoFacts
from devora_console.postgres.observe import PostgresFacts
from devora_console.schema import LATEST, CheckResult, versions

_TABLES = sum(made.kind == "table" and made.schema == "public" for v in versions() for made in v.creates)


@dataclass(frozen=True, slots=True)
class Known:
    """All the overview is made from. The facts are None before a server was asked, a Problem while it fails.

    ``verification`` and ``dry_run`` are this process's last ones; ``drift`` its last check of the schema; ``watched``
    what the watching screens have seen.
    The moment is that of ``header``.
    """

    header: HeaderSnapshot
    postgres: PostgresFacts | Problem | None
    mongo: MongoFacts | Problem | None
    migration: MigrationSnapshot
    dry_run: MigrationSnapshot | None
    verification: VerificationSnapshot | None
    drift: CheckResult | None = None
    cutover: CutoverSnapshot | None = None
    delivery: DeliverySnapshot | Problem | None = None
    watched: Mapping[str, Seen] = field(default_factory=dict)


def overview(known: Known) -> OverviewSnapshot:
    """One line for everything known today, and a headline: the worst first, with the next step."""
    lines = (
        _mongo(known.header.mongo, known.mongo, known.header.as_of),
        _postgres(known.header.postgres, known.postgres, known.header.as_of),
        _schema(known),
        copy_line(known.postgres, known.migration, known.header.as_of),
        verify_line(known.postgres, known.verification, known.header.as_of),
        _quarantine(known.postgres),
        *watched_lines(known.watched, known.header.postgres),
        as_of_now(events_line(known.delivery), known.header.postgres),
        *([cutover_line(known.cutover)] if known.cutover is not None else []),
    )
    words = headline(known.header, {line.id: line for line in lines}, known.dry_run)
    return OverviewSnapshot(words, lines, known.header.as_of)


def _connection(id_: str, server: ServerState, now: datetime) -> OverviewLine:
    """The line of a server that gave no facts: why not."""
    age = span(max(0.0, (now - server.since).total_seconds()))
    if server.problem is None:
        text, verdict = f"{server.label} · connecting for {age}", Verdict.RUNNING
    elif server.link is Link.ABSENT:
        text, verdict = "not configured", Verdict.UNKNOWN
    else:
        text, verdict = f"{server.label} · {server.link.value} for {age}: {server.problem.message}", Verdict.FAIL
    why = f"{server.engine} is {server.link.value} since {at(server.since)}"
    if server.attempt:
        why += f", {plural(server.attempt, 'attempt')} so far"
    if server.next_try is not None:
        why += f", the next one at {at(server.next_try)}"
    return OverviewLine(id_, server.engine, verdict, text, why, server.problem.remedy if server.problem else "")


def _mongo(server: ServerState, facts: MongoFacts | Problem | None, now: datetime) -> OverviewLine:
    if not isinstance(facts, MongoFacts) or server.link is not Link.OK:
        return _connection("mongo", server, now)
    version = facts.server.version
    parts = [f"{facts.server.topology} {'?' if isinstance(version, Unknown) else version}"]
    remedy = ""
    if isinstance(facts.collections, Unknown):
        parts.append(f"collections ? {facts.collections.reason}")
        remedy = facts.collections.remedy
    else:
        counts = [info.documents for info in facts.collections if not isinstance(info.documents, Unknown)]
        sign = "" if len(counts) == len(facts.collections) else "at least "
        parts += [plural(len(facts.collections), "collection"), f"{sign}{plural(sum(counts), 'document')}"]
    parts.append(size(facts.size_bytes) if not isinstance(facts.size_bytes, Unknown) else "size ?")
    if facts.change_streams is False:
        parts.append("no change streams")
    reasons = [each.reason for each in (version, facts.size_bytes, facts.change_streams) if isinstance(each, Unknown)]
    why = (
        f"hello and buildInfo at {at(facts.as_of)}; counts are the server's estimates, the size is dbStats.dataSize, "
        f"both at {at(facts.counted_at)}"
    )
    why += "".join(f"\n? {reason}" for reason in reasons)
    empty = facts.collections == ()
    if empty:
        parts, remedy = [parts[0], f"database {one_line(facts.database, 60)} holds no collection"], "Check DB_NAME"
    verdict = Verdict.WARN if empty else Verdict.UNKNOWN if isinstance(facts.collections, Unknown) else Verdict.OK
    return OverviewLine("mongo", "MongoDB", verdict, " · ".join(parts), why, remedy)


def _postgres(server: ServerState, facts: PostgresFacts | Problem | None, now: datetime) -> OverviewLine:
    if not isinstance(facts, PostgresFacts) or server.link is not Link.OK:
        return _connection("postgres", server, now)
    name = one_line(facts.database, 60)
    bytes_ = facts.size_bytes
    tables = "tables ?" if isinstance(facts.tables, Unknown) else f"{facts.tables} of {_TABLES} tables"
    parts = [facts.version, f"{name} {'?' if isinstance(bytes_, Unknown) else size(bytes_)}", tables]
    why = (
        f"watch_server.sql and watch_objects.sql at {at(facts.as_of)} as {one_line(facts.user, 60)}, the size by "
        "watch_size.sql at most 30 s before; "
        f"the server runs since {at(facts.started_at)} ({span(max(0.0, facts.uptime_seconds))})"
    )
    why += "".join(
        f"\n? {each.reason}" for each in (bytes_, facts.tables, facts.extensions) if isinstance(each, Unknown)
    )
    if facts.in_recovery:
        text = " · ".join([*parts, "a standby: it takes no writes"])
        return OverviewLine("postgres", "PostgreSQL", Verdict.FAIL, text, why, "Connect to the primary")
    if isinstance(facts.extensions, Unknown):
        return OverviewLine("postgres", "PostgreSQL", Verdict.OK, " · ".join(parts), why)
    why += f"\nextensions: {', '.join(f'{each} {version}' for each, version in facts.extensions.items())}"
    return OverviewLine("postgres", "PostgreSQL", Verdict.OK, " · ".join(parts), why)


def _schema(known: Known) -> OverviewLine:
    facts = known.postgres
    title, apply = "Schema", "devora-console schema apply"
    if not isinstance(facts, PostgresFacts):
        return needs_postgres("schema", title)
    console = facts.console
    if isinstance(console, Unknown):
        never = console.remedy == apply
        verdict = Verdict.NONE if never else Verdict.UNKNOWN
        text = "not applied yet" if never else console.reason
        return OverviewLine("schema", title, verdict, text, f"at {at(facts.as_of)}: {console.reason}", console.remedy)
    why = (
        f"devora_console.schema_version holds {plural(console.schema_versions, 'version')} up to "
        f"{console.schema_version}, this console knows {LATEST}; watch_console.sql at {at(facts.as_of)}"
    )
    text = f"version {console.schema_version} of {LATEST}"
    if console.schema_version > LATEST:
        remedy = "Use the console that applied it, or a newer one"
        return OverviewLine("schema", title, Verdict.FAIL, f"{text}: applied by a newer console", why, remedy)
    if console.schema_versions < LATEST:
        missing = LATEST - console.schema_versions
        remedy = f"{apply} says which and why (devora-console schema status)"
        return OverviewLine("schema", title, Verdict.WARN, f"{text} · {missing} not applied", why, remedy)
    if known.drift is None:
        return OverviewLine(
            "schema", title, Verdict.OK, f"{text} · drift ? not checked yet", why, "devora-console schema check"
        )
    found = known.drift
    why += f"; compared with the recorded catalogue at {at(found.at)}"
    if found.drift:
        text += f" · {plural(len(found.drift), 'difference')}"
        return OverviewLine("schema", title, Verdict.FAIL, text, why, "devora-console schema check")
    if found.verdict == "unknown":
        return OverviewLine("schema", title, Verdict.UNKNOWN, f"{text} · drift ?", why, "devora-console schema check")
    return OverviewLine("schema", title, Verdict.OK, f"{text} · 0 drift", why)


def _quarantine(facts: PostgresFacts | Problem | None) -> OverviewLine:
    title = "Quarantine"
    if not isinstance(facts, PostgresFacts):
        return needs_postgres("quarantine", title)
    if isinstance(facts.console, Unknown):
        return OverviewLine(
            "quarantine", title, Verdict.NONE, "nothing copied yet", facts.console.reason, facts.console.remedy
        )
    count = facts.console.quarantine_open
    why = (
        f"rows of devora_console.quarantine with resolved_at IS NULL: {whole(count)}, limit 0; "
        f"watch_console.sql at {at(facts.as_of)}"
    )
    if count:
        remedy = "Look at them (2, q); mend them in MongoDB and copy again, or waive them with a reason"
        text = f"{plural(count, 'document')} unresolved"
        return OverviewLine("quarantine", title, Verdict.WARN, text, why, remedy, "migration")
    if facts.console.run is None:
        return OverviewLine("quarantine", title, Verdict.NONE, "nothing copied yet", why, screen="migration")
    return OverviewLine("quarantine", title, Verdict.OK, "empty", why, screen="migration")

"""Unused and rarely used indexes, and why some of those must be kept all the same.

The number of scans alone proves nothing: it is as old as the statistics, it counts this server only, checks of
uniqueness do not move it, and EXPLAIN does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts, TableFacts
from devora_console.postgres.indexes.snapshot import LIKELY, YES, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import create, drop, shorten
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.window import StatsWindow

DAY = 86_400.0
_MINUTE = 60.0
_READ_FILE = "GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) to this user, as a superuser"
_KEEPING = "The remedy keeps those statistics."
_HIDDEN = "How to keep those statistics is not known: a lock hides its expressions. Look again when it is gone."
_RECOVERY = "this is a replica: it counts only its own scans, and those of the primary are counted there"


def counted_since(catalogue: Catalogue) -> datetime | Unknown:
    """When the counters began: not before the database was made, whatever the server's own dates say."""
    window = catalogue.window
    if isinstance(window, Unknown):
        return window
    if isinstance(window.since, Unknown):
        return window.since
    if window.reset is not None:  # it was there then
        return window.since
    made = catalogue.database_made
    if not isinstance(made, Unknown):
        return max(window.since, made)
    if catalogue.database_seen is None:
        return Unknown(
            "when this database was made may not be read by this user, and counters are no older", _READ_FILE
        )
    return max(window.since, catalogue.database_seen)


def doubt(catalogue: Catalogue, settings: IndexesSettings) -> str:
    """Why a missing scan proves nothing here; empty where it does prove something."""
    window, since = catalogue.window, counted_since(catalogue)
    if isinstance(window, Unknown):
        return window.reason
    if isinstance(since, Unknown):
        return since.reason
    situation = catalogue.situation
    if not isinstance(situation, Unknown) and situation.in_recovery:
        return _RECOVERY  # no waiting betters that
    age = (window.now - since).total_seconds()
    if age < settings.unused_days * DAY:
        began = _beginning(window, since, catalogue.database_made)
        return f"statistics began {span(max(0.0, age))} ago{began}; {settings.unused_days:g} days are needed"
    if isinstance(situation, Unknown):
        return f"whether there are replicas: {situation.reason}"
    if situation.replicas:
        return f"connected replicas: {situation.replicas}; their scans are counted only there"
    if situation.absent_replicas:
        return f"replicas not connected now: {situation.absent_replicas}; their scans are counted only there"
    return ""


def _beginning(window: StatsWindow, since: datetime, made: datetime | Unknown) -> str:
    if since != window.since:
        trace = ", as far as this user can tell: the oldest trace of this database in them"
        return trace if isinstance(made, Unknown) else ", when this database was made"
    if not window.crashed:
        return ""
    if window.made is None and not isinstance(made, Unknown) and (since - made).total_seconds() > _MINUTE:
        return ", after a crash or restore"
    return f", after {window.cause}"


def keepers(catalogue: Catalogue, serving: dict[int, str]) -> dict[int, str]:
    """Indexes that must not be dropped for lack of scans, each with the reason. ``serving``: by foreign keys."""
    found: dict[int, str] = {}
    for oid, index in catalogue.indexes.items():
        why = must_stay(index) or serving.get(oid, "")
        if why:
            found[oid] = why
    return found


def must_stay(index: IndexFacts) -> str:
    """Why the index itself, whatever is read through it, cannot go; empty if it can."""
    if index.is_primary:
        return "it is the primary key"
    if index.is_exclusion:
        return "it enforces an exclusion constraint"
    if index.constraint_name is not None:
        return f"constraint {index.constraint_name} requires it"
    if index.referenced_by:
        return "foreign keys of other tables refer to it"
    if index.replica_identity:
        return "it is the replica identity: logical replication finds rows by it"
    if index.is_unique:
        return "it enforces uniqueness, which scans do not show, and may be the target of ON CONFLICT"
    if index.clustered:
        return "the table is clustered on it"
    if index.parent_oid is not None:
        return "it is part of a partitioned index and cannot be dropped alone"
    return ""


def usage_findings(
    catalogue: Catalogue, settings: IndexesSettings, kept: dict[int, str], settled: frozenset[int]
) -> Iterator[Finding]:
    """One finding per index without, or with few, scans. ``settled`` are spoken of elsewhere (invalid, redundant)."""
    why_not = doubt(catalogue, settings)
    for oid, index in catalogue.indexes.items():
        table = catalogue.tables.get(index.table_oid)
        if table is None or oid in settled or not index.usable:
            continue
        kind = _kind(catalogue, index, table, settings)
        if kind is None:
            continue
        if oid in kept:
            yield _kept(index, table, kept[oid])
        elif isinstance(index.size_bytes, Unknown) or index.size_bytes >= settings.least_mb * 1e6:
            yield _finding(catalogue, index, table, kind, why_not, settings)


def _kind(catalogue: Catalogue, index: IndexFacts, table: TableFacts, settings: IndexesSettings) -> Kind | None:
    limit = settings.unused_days * DAY
    if index.scans == 0 or 0 < limit <= _last_used(catalogue, index):
        return Kind.UNUSED
    few = index.scans <= settings.rare_scans
    return Kind.RARELY_USED if few and table.index_writes >= 10 * index.scans else None


def _last_used(catalogue: Catalogue, index: IndexFacts) -> float:
    """Seconds since the last scan, as far as it is known (16 and later); 0 otherwise."""
    return 0.0 if index.last_scan is None else (catalogue.as_of - index.last_scan).total_seconds()


def _kept(index: IndexFacts, table: TableFacts, why: str) -> Finding:
    return Finding(
        kind=Kind.KEPT,
        verdict=Verdict.OK,
        schema=index.schema,
        index=index.name,
        table=table.title,
        oid=index.oid,
        size_bytes=index.size_bytes,
        size_estimated=index.size_estimated,
        reason=f"{_scans(index)}, but {why}",
        confidence=YES,
    )


def _scans(index: IndexFacts) -> str:
    return "not scanned" if index.scans == 0 else f"scanned {index.scans} times" if index.scans > 1 else "scanned once"


def _finding(
    catalogue: Catalogue, index: IndexFacts, table: TableFacts, kind: Kind, why_not: str, settings: IndexesSettings
) -> Finding:
    """Few scans are a fact whatever the window; that they will stay few is not, before it is long enough."""
    verdict = Verdict.UNKNOWN if why_not else Verdict.WARN
    confidence = no(why_not) if why_not else _confidence(index, kind)
    return Finding(
        kind=kind,
        verdict=verdict,
        schema=index.schema,
        index=index.name,
        table=table.title,
        oid=index.oid,
        size_bytes=index.size_bytes,
        size_estimated=index.size_estimated,
        reason=_reason(catalogue, index, table),
        confidence=confidence,
        remedy_sql="" if why_not else _remedy(index, table),
        notes=tuple(_notes(catalogue, index, settings, why_not)),
        definition=create(index),
    )


def _reason(catalogue: Catalogue, index: IndexFacts, table: TableFacts) -> str:
    since = counted_since(catalogue)
    window = "" if isinstance(since, Unknown) else f" in {span((catalogue.as_of - since).total_seconds())}"
    words = f"{_scans(index)}{window}"
    if index.last_scan is not None:
        words += f", last {span(max(0.0, _last_used(catalogue, index)))} ago"
    situation = catalogue.situation
    if not isinstance(situation, Unknown) and situation.in_recovery:
        return f"{words} on this replica; how often its table is written is counted on the primary"
    return f"{words}; its table had {table.index_writes} row writes"


def _confidence(index: IndexFacts, kind: Kind) -> str:
    if index.has_expressions:
        return no("it provides statistics about its expressions, which the planner uses without scanning it")
    if kind is Kind.RARELY_USED:
        return no("few scans may be those that matter: a month's end, a report")
    if index.last_scan is not None:
        return YES  # it was there to be scanned, long enough ago, and was not scanned since
    return LIKELY


def _remedy(index: IndexFacts, table: TableFacts) -> str:
    if not index.has_expressions:
        return drop(index)
    if index.expressions is None:
        return ""  # a lock hides them, and dropping alone would lose their statistics
    statistics = [
        f"CREATE STATISTICS {quoted(index.schema, shorten(index.name, f'_stat{at}'))}"
        f" ON ({expression}) FROM {table.quoted};"
        for at, expression in enumerate(index.expressions, 1)
    ]
    return "\n".join((*statistics, f"ANALYZE {table.quoted};", drop(index)))


def _notes(catalogue: Catalogue, index: IndexFacts, settings: IndexesSettings, why_not: str) -> Iterator[str]:
    yield f"threshold: indexes.unused_days = {settings.unused_days:g}, indexes.rare_scans = {settings.rare_scans:g}"
    if why_not:
        yield f"Not a verdict yet: {why_not}."
    if index.scans == 0:
        yield (
            "PostgreSQL does not keep when an index was made: a younger index than the statistics has had less time."
        )
    else:
        yield "A scan need not be a query: EXPLAIN and the checks of foreign keys count as well."
    if isinstance(catalogue.database_made, Unknown):
        yield "When this database was made may not be read by this user; its oldest trace in the statistics stands in."
    situation = catalogue.situation
    if isinstance(situation, Unknown) or not (situation.replicas or situation.in_recovery):
        yield "Replicas that are fed from an archive cannot be seen from here; they count their own scans."
    if index.has_expressions:
        yield (
            "It provides statistics about its expressions; without it, row estimates of queries with them may be far"
            f" off. {_KEEPING if index.expressions is not None else _HIDDEN}"
        )
    if index.partitioned:
        yield "A partitioned index cannot be dropped CONCURRENTLY: DROP INDEX locks the table and all its partitions."

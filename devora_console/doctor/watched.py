"""The overview's lines about the watched server: statements, indexes, health, sessions. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from devora_console.core.console import Link, OverviewLine, ServerState, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.words import at, part, plural, size
from devora_console.postgres.activity.snapshot import ActivitySnapshot
from devora_console.postgres.activity.words import activity_headline
from devora_console.postgres.health.snapshot import HealthSnapshot, badness
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Kind
from devora_console.postgres.statements import QueriesSnapshot
from devora_console.postgres.watch.ring import Dated
from devora_console.search.seen import Embedded

Seen = Dated | Unknown | Problem | None
_PLACES = (
    ("queries", "Queries", "queries"),
    ("indexes", "Indexes", "indexes"),
    ("health", "Health", "health"),
    ("activity", "Activity", "activity"),
    ("embedded", "Search", "search"),
)
_WELL = 0.99  # of the documents are embedded as they are now: what was written a moment ago is no cause for a warning
_WORTH = (Kind.DUPLICATE, Kind.PREFIX, Kind.MISSING_FK, Kind.BLOATED, Kind.UNUSED)


def watched_lines(seen: Mapping[str, Seen], server: ServerState) -> tuple[OverviewLine, ...]:
    """A line for each place; while the server cannot be asked, why, and nothing that was seen before stays good."""
    return tuple(as_of_now(_line(title, place, seen.get(kind)), server) for kind, title, place in _PLACES)


def as_of_now(line: OverviewLine, server: ServerState) -> OverviewLine:
    """The line; of before, and unknown now, while the server cannot be asked."""
    if server.link is Link.OK or line.verdict in (Verdict.NONE, Verdict.UNKNOWN):
        return line
    text = f"{server.engine} is {server.link.value}; before that: {line.text}"
    remedy = server.problem.remedy if server.problem else ""
    return replace(line, verdict=Verdict.UNKNOWN, text=text, remedy=remedy)


def _line(title: str, place: str, seen: Seen) -> OverviewLine:
    if seen is None:
        return OverviewLine(
            place, title, Verdict.NONE, "not looked at yet", "the first look is under way", screen=place
        )
    if isinstance(seen, Problem):
        return OverviewLine(place, title, Verdict.UNKNOWN, "needs PostgreSQL", seen.message, seen.remedy, place)
    if isinstance(seen, Unknown):
        return OverviewLine(place, title, Verdict.UNKNOWN, seen.reason, "it cannot be known", seen.remedy, place)
    if isinstance(seen, Embedded):
        return _embedded(seen)
    if isinstance(seen, QueriesSnapshot):
        return _queries(seen)
    if isinstance(seen, IndexesSnapshot):
        return _indexes(seen)
    if isinstance(seen, HealthSnapshot):
        return _health(seen)
    assert isinstance(seen, ActivitySnapshot)
    return _activity(seen)


def _queries(seen: QueriesSnapshot) -> OverviewLine:
    found = seen.statements
    if isinstance(found, Unknown):
        return OverviewLine(
            "queries", "Queries", Verdict.UNKNOWN, found.reason, f"at {at(seen.as_of)}", found.remedy, "queries"
        )
    window = found.window.seconds
    over = "since the statistics began" if isinstance(window, Unknown) else f"in the last {window:.0f} s"
    text = f"{plural(found.slow, 'statement')} of {seen.slow_ms:g} ms or more"
    why = (
        f"means {over}, of {plural(found.count, 'statement')} in pg_stat_statements; queries.slow_ms is "
        f"{seen.slow_ms:g}; at {at(seen.as_of)}"
    )
    verdict = Verdict.WARN if found.slow else Verdict.OK
    if found.window.unknown and found.over_interval and not found.slow:
        verdict, text = Verdict.UNKNOWN, f"{plural(found.window.unknown, 'statement')} without figures for the interval"
    remedy = "See the slowest (3, l)" if found.slow else ""
    if found.hidden:
        why += f"; {found.hidden} of others are hidden"
        if not found.slow:
            verdict, text = Verdict.UNKNOWN, f"none that may be seen is slow, but {found.hidden} are hidden"
            remedy = f"As a superuser: {found.place.grant}"
    return OverviewLine("queries", "Queries", verdict, text, why, remedy, "queries")


def _embedded(seen: Embedded) -> OverviewLine:
    """How much of the documents can be searched for by words and by meaning."""
    why = f"search_documents and embeddings of model {seen.model or '?'}, counted at {at(seen.as_of)}"
    if not seen.documents:
        text = "no documents to search in yet"
        return OverviewLine(
            "embedded", "Search", Verdict.NONE, text, why, "Copy first (2), or search refresh", "search"
        )
    text = f"vectors {part(seen.vectors, seen.documents)}"
    run = "devora-console embed run"
    if isinstance(seen.current, Unknown) or isinstance(seen.stale, Unknown):
        missing = seen.current if isinstance(seen.current, Unknown) else Unknown("stale is not known")
        text += f" · embeddings ? {missing.reason}"
        return OverviewLine("search", "Search", Verdict.UNKNOWN, text, why, missing.remedy, "search")
    text += f" · embeddings {part(seen.current, seen.documents)}"
    if seen.stale:
        text += f" ({part(seen.stale, seen.documents)} stale)"
    well = seen.current >= _WELL * seen.documents
    why += f"; {seen.current} of {seen.documents} are embedded as they are now, {seen.stale} as they were before"
    return OverviewLine(
        "search", "Search", Verdict.OK if well else Verdict.WARN, text, why, "" if well else run, "search"
    )


def _indexes(seen: IndexesSnapshot) -> OverviewLine:
    invalid = [each for each in seen.of(Kind.INVALID) if each.verdict is Verdict.FAIL]
    worth = [each for each in seen.of(*_WORTH) if each.verdict is Verdict.WARN]
    parts = [f"{len(invalid)} invalid"] if invalid else []
    for kind in _WORTH:
        count = sum(each.kind is kind for each in worth)
        if count:
            parts.append(f"{count} {kind.value}")
    wasted = sum(
        each.size_bytes for each in worth if isinstance(each.size_bytes, int) and each.kind is not Kind.MISSING_FK
    )
    if wasted:
        parts.append(f"about {size(wasted)}")
    every = (
        "? indexes" if isinstance(seen.count, Unknown) else "1 index" if seen.count == 1 else f"{seen.count} indexes"
    )
    verdict = Verdict.FAIL if invalid else Verdict.WARN if worth else Verdict.OK
    text = " · ".join(parts) or f"{every}, nothing wrong that can be known"
    if verdict is Verdict.OK and isinstance(seen.count, Unknown):
        verdict, text = Verdict.UNKNOWN, seen.count.reason
    if seen.not_compared and not parts and verdict is Verdict.OK:
        verdict, text = Verdict.UNKNOWN, f"{seen.not_compared} of {every} could not be compared"
    why = f"the catalogue at {at(seen.as_of)}: {every}, {size(seen.size_bytes)}"
    if seen.unused_unknown:
        why += f'\n? "unused" is not known: {seen.unused_unknown}'
    return OverviewLine(
        "indexes", "Indexes", verdict, text, why, "See each with its SQL (4)" if parts else "", "indexes"
    )


def _health(seen: HealthSnapshot) -> OverviewLine:
    lines = sorted(seen.lines, key=badness)
    bad = [line for line in lines if line.verdict in (Verdict.FAIL, Verdict.WARN)]
    unknown = [line for line in lines if line.verdict is Verdict.UNKNOWN]
    why = f"{plural(len(lines), 'line')} at {at(seen.as_of)}"
    if bad:
        worst, rest = bad[0], len(bad) - 1
        text = f"{worst.title}: {worst.text}" + (f" · {rest} more" if rest else "")
        return OverviewLine("health", "Health", worst.verdict, text, f"{why}\n{worst.why}", worst.remedy, "health")
    if unknown:
        text = f"{plural(len(unknown), 'line')} not known: {unknown[0].title}"
        return OverviewLine("health", "Health", Verdict.UNKNOWN, text, why, unknown[0].remedy, "health")
    return OverviewLine("health", "Health", Verdict.OK, "nothing to warn of", why, screen="health")


def _activity(seen: ActivitySnapshot) -> OverviewLine:
    verdicts: Sequence[Verdict] = [each.finding.verdict for each in seen.sessions]
    verdict = next((each for each in (Verdict.FAIL, Verdict.WARN) if each in verdicts), Verdict.OK)
    if verdict is Verdict.OK and seen.hidden:
        verdict = Verdict.UNKNOWN
    why = f"pg_stat_activity at {at(seen.as_of)}: {plural(len(seen.sessions), 'session')}, {seen.hidden} hidden"
    return OverviewLine("activity", "Activity", verdict, activity_headline(seen), why, "", "activity")

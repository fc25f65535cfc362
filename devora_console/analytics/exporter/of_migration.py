"""Metrics of the migration: the copy, its verification, the gates, the cutover, and how findable the documents are."""

from __future__ import annotations

from collections import Counter

from devora_console.analytics.exporter.family import About, Family, Values, one_of, ratio
from devora_console.analytics.exporter.samples import Cutover, Migration, Verification
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Kind

STATES = ("none", "running", "paused", "stopping", "stopped", "done", "failed")
RUN_STATES = (
    *("none", "draft", "armed", "running", "paused", "baking", "rolling back"),
    *("rolled back", "done", "aborted", "diverged"),
)
_NEVER = Unknown("no copy has come to its end here", "devora-console migrate --execute")


def _progress(seen: Migration, _: About) -> Values:
    if isinstance(seen.done, Unknown) or isinstance(seen.total, Unknown):
        return seen.done if isinstance(seen.done, Unknown) else seen.total
    return ratio(seen.done, seen.total, "there is nothing to do")


def _lag(seen: Migration, about: About) -> Values:
    return _NEVER if seen.through is None else max(0.0, (about.now - seen.through).total_seconds())


def _silence(seen: Migration, about: About) -> Values:
    """Of a run that works. Another one has nothing to say."""
    if seen.state != "running":
        return None
    if seen.heard_of is None:
        return Unknown("the run has not told anything yet")
    return max(0.0, (about.now - seen.heard_of).total_seconds())


def _running(seen: Migration, value: Values) -> Values:
    """What has a meaning while a run works only."""
    return value if seen.state in ("running", "paused", "stopping") else None


def _gates(seen: Cutover, _: About) -> Values:
    return {(one_line(each.id, 120), each.verdict): 1 for each in seen.gates}


def _waived(seen: Cutover, _: About) -> Values:
    return {(one_line(each.id, 120),): int(each.waived) for each in seen.gates}


def _age(seen: Cutover, _: About) -> Values:
    return {(one_line(each.id, 120),): each.age_seconds for each in seen.gates if each.age_seconds is not None}


def _steps(seen: Cutover, _: About) -> Values:
    return None if seen.steps is None else {(state,): count for state, count in seen.steps.items()}


def _window(seen: Cutover, _: About) -> Values:
    return None if seen.window_ends is None else seen.window_ends.timestamp()


def _indexes(seen: IndexesSnapshot, _: About) -> Values:
    counts = Counter(each.kind for each in seen.findings)
    asked = [kind for kind in Kind if kind is not Kind.SUGGESTED]  # nobody asks for those here: they are dear
    return {(kind.value,): counts[kind] for kind in asked}


def _verified(seen: Verification, about: About) -> Values:
    return max(0.0, (about.now - seen.through).total_seconds())


FAMILIES = (
    Family(
        "migration_state",
        "1 for the state of the latest copy, 0 for the others; none: nothing was copied yet.",
        "migration",
        "devora_console.run",
        lambda seen, _: one_of(STATES, seen.state),
        ("state",),
    ),
    Family(
        "migration_rows_done",
        "What a running copy is through with in its present phase: documents while it surveys, rows while it writes.",
        "migration",
        "devora_console.run",
        lambda seen, _: _running(seen, seen.done),
    ),
    Family(
        "migration_progress_ratio",
        "Part of its present phase that a running copy is through with.",
        "migration",
        "devora_console.run",
        lambda seen, about: _running(seen, _progress(seen, about)),
    ),
    Family(
        "migration_rows_per_second",
        "Throughput of a running copy.",
        "migration",
        "devora_console.run",
        lambda seen, _: _running(seen, seen.rows_per_second),
    ),
    Family(
        "migration_remaining_seconds",
        "How long a running copy will take yet, by its own estimate.",
        "migration",
        "devora_console.run",
        lambda seen, _: _running(seen, seen.eta_seconds),
    ),
    Family(
        "migration_silence_seconds",
        "How long ago a running copy was last heard of.",
        "migration",
        "devora_console.run",
        _silence,
    ),
    Family(
        "migration_documents",
        "Documents of the latest copy by what became of them.",
        "migration",
        "devora_console.run",
        lambda seen, _: {(fate,): count for fate, count in seen.documents.items()} or None,
        ("fate",),
    ),
    Family(
        "migration_lag_seconds",
        "What was written to MongoDB within so many seconds is not in the target: age of the last whole copy's begin.",
        "migration",
        "devora_console.run",
        _lag,
    ),
    Family(
        "verification_ok",
        "Whether the newest recorded verification found no difference.",
        "verification",
        "devora_console.verification",
        lambda seen, _: int(seen.ok),
    ),
    Family(
        "verification_current",
        "Whether that still counts: it is young enough, and neither mapping nor target changed since.",
        "verification",
        "devora_console.verification",
        lambda seen, _: int(seen.counts),
    ),
    Family(
        "verification_age_seconds",
        "How long ago it began to read the source.",
        "verification",
        "devora_console.verification",
        _verified,
    ),
    Family(
        "verification_differences",
        "Differences that it has listed.",
        "verification",
        "devora_console.verification",
        lambda seen, _: seen.differences,
    ),
    Family(
        "gate_verdict",
        "1 for the present verdict of each gate of the runbook: ok, fail, unknown or stale.",
        "cutover",
        "the run's journal, or measured every exporter.gates_minutes",
        _gates,
        ("gate", "verdict"),
    ),
    Family("gate_waived", "Whether somebody let it pass by name.", "cutover", "the run's journal", _waived, ("gate",)),
    Family(
        "gate_age_seconds",
        "How old what a gate says is.",
        "cutover",
        "the run's journal, or measured every exporter.gates_minutes",
        _age,
        ("gate",),
    ),
    Family(
        "cutover_state",
        "1 for the state of the latest run of this environment; none: there was none yet.",
        "cutover",
        "the run's journal",
        lambda seen, _: one_of(RUN_STATES, seen.state or "none"),
        ("state",),
    ),
    Family("cutover_steps", "Steps of that run by state.", "cutover", "the run's journal", _steps, ("state",)),
    Family(
        "cutover_window_end_timestamp_seconds",
        "When the window of that run ends, in seconds since the epoch.",
        "cutover",
        "the run's journal",
        _window,
    ),
    Family(
        "index_findings",
        "Findings of devora-console indexes by kind.",
        "indexes",
        "pg_index, pg_stat_all_indexes",
        _indexes,
        ("kind",),
    ),
    Family(
        "search_documents",
        "Documents that can be searched.",
        "embedded",
        "search_documents",
        lambda seen, _: seen.documents,
    ),
    Family(
        "search_documents_with_words",
        "Those with words that full text can find.",
        "embedded",
        "search_documents",
        lambda seen, _: seen.vectors,
    ),
    Family(
        "search_documents_embedded",
        "Those with an embedding of the configured model, of their present text or of an earlier one.",
        "embedded",
        "embeddings",
        lambda seen, _: {("current",): seen.current, ("stale",): seen.stale},
        ("text",),
    ),
)

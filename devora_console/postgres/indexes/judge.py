"""From the catalogue to findings, the worst first; no finding about an index that another one already condemns."""

from __future__ import annotations

from itertools import chain

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.bloat import bloat_findings
from devora_console.postgres.indexes.facts import Catalogue
from devora_console.postgres.indexes.foreign_keys import ForeignKeys
from devora_console.postgres.indexes.invalid import invalid_findings
from devora_console.postgres.indexes.overlap import overlap_findings
from devora_console.postgres.indexes.snapshot import Finding, Kind
from devora_console.postgres.indexes.sqltext import Names
from devora_console.postgres.indexes.suggest import suggested
from devora_console.postgres.indexes.suggested import finding_of
from devora_console.postgres.indexes.usage import keepers, usage_findings

_KINDS = {kind: at for at, kind in enumerate(Kind)}
_VERDICTS = {Verdict.FAIL: 0, Verdict.WARN: 1, Verdict.RUNNING: 2, Verdict.UNKNOWN: 3}

_BY_COST = frozenset({Kind.MISSING_FK, Kind.SUGGESTED})


def judge(
    catalogue: Catalogue, settings: IndexesSettings, *, kept: bool = True, advice: Advice | Unknown | None = None
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings in the order of their weight, and notes about what could not be judged. ``kept``: with those that say
    why an index that is hardly scanned must stay, which may be many. ``advice``: what slow statements suggest.
    """
    names = Names(catalogue)
    keys = ForeignKeys(catalogue, settings, names)
    broken = list(invalid_findings(catalogue, names))
    redundant = list(overlap_findings(catalogue))
    missing, left_out = keys.findings()
    settled = frozenset(each.oid for each in (*broken, *redundant) if each.oid is not None)
    used = usage_findings(catalogue, settings, keepers(catalogue, keys.serving()), settled)
    bloated = (each for each in bloat_findings(catalogue, settings) if each.oid not in settled)
    advised = advice.suggestions if isinstance(advice, Advice) else ()
    named = (
        []
        if not isinstance(advice, Advice)
        else [finding_of(each, advice, catalogue, settings, names) for each in advised]
    )
    read_whole = suggested(catalogue, settings, [each.table_oid for each in advised])
    every = chain(broken, redundant, missing, bloated, used, named, read_whole)
    notes = (*catalogue.notes, *_elsewhere(catalogue), *_unreadable(catalogue), *left_out)
    listed = every if kept else (each for each in every if each.kind is not Kind.KEPT)
    return tuple(sorted(listed, key=_weight)), notes


def _weight(finding: Finding) -> tuple[int, int, int]:
    """Kinds in their order, verdicts within, then the largest; others keep the order of their cost."""
    size = 0 if isinstance(finding.size_bytes, Unknown) or finding.kind in _BY_COST else finding.size_bytes
    return _KINDS[finding.kind], _VERDICTS.get(finding.verdict, 4), -size


def _elsewhere(catalogue: Catalogue) -> list[str]:
    situation = catalogue.situation
    if isinstance(situation, Unknown) or not situation.in_recovery:
        return []
    return ["This server is a standby: what is to be done is done on its primary, and writes are counted only there."]


def _unreadable(catalogue: Catalogue) -> list[str]:
    notes = []
    locked = sorted(each.title for each in catalogue.indexes.values() if not each.free)
    if locked:
        named = ", ".join(locked[:5]) + (" and more" if len(locked) > 5 else "")
        notes.append(
            f"Under an exclusive lock, held or awaited, so that definitions were not asked for: {len(locked)} indexes"
            f" ({named}). See: locks."
        )
    parts = {
        "foreign keys": catalogue.foreign_keys,
        "partitions of foreign keys": catalogue.partition_columns,
        "operator classes": catalogue.opclasses,
        "builds in progress": catalogue.work,
        "replicas": catalogue.situation,
        "bloat": catalogue.bloat,
    }
    notes += [f"Not known: {name}: {part.reason}." for name, part in parts.items() if isinstance(part, Unknown)]
    return notes

"""Did the demo end as the generator's own books say? Compared by document fate and by row."""

from __future__ import annotations

from collections.abc import Iterator

from devora_console.core.problems import Problem
from devora_console.demo.data import SourceTruth
from devora_console.demo.data.anomalies import Fate
from devora_console.migration.progress import CollectionProgress, MigrationSnapshot, VerificationSnapshot

_FATES: tuple[Fate, ...] = ("migrated", "quarantined", "archived")
# Embedded arrays that become rows of a table of their own.
_ARRAYS = {("projects", "files"): "project_files", ("conversations", "messages"): "messages"}


def judge(
    planted: SourceTruth, dry: MigrationSnapshot, execution: MigrationSnapshot, verdict: VerificationSnapshot
) -> tuple[Problem, ...]:
    """Everything that is not as planted; empty when all is."""
    return (
        *_against_truth("dry run", planted, dry.collections),
        *_against_truth("execution", planted, execution.collections),
        *_dry_against_real(dry, execution),
        *_rows(planted, verdict),
    )


def _against_truth(step: str, planted: SourceTruth, found: tuple[CollectionProgress, ...]) -> Iterator[Problem]:
    by_name = {each.name: each for each in found}
    for name, told in planted.collections.items():
        here = by_name.get(name)
        for fate in _FATES:
            count = getattr(here, fate) if here is not None else 0
            if count != told.fates.get(fate, 0):
                yield Problem(
                    "truth", f"{step}: {name}: {count} documents {fate}, planted were {told.fates.get(fate, 0)}", ""
                )
    for name in sorted(by_name.keys() - planted.collections.keys()):
        yield Problem("truth", f"{step}: collection {name} was not planted", "")


def _dry_against_real(dry: MigrationSnapshot, execution: MigrationSnapshot) -> Iterator[Problem]:
    real = {each.name: each for each in execution.collections}
    for each in dry.collections:
        for what in ("migrated", "quarantined", "archived", "rows", "conversions"):
            if getattr(each, what) != getattr(real[each.name], what):
                yield Problem("dry_run", f"{each.name}: the dry run foretold other {what} than the execution had", "")
    if dry.quarantine_rules != execution.quarantine_rules:
        yield Problem("dry_run", "the dry run foretold another quarantine than the execution had", "")


def _rows(planted: SourceTruth, verdict: VerificationSnapshot) -> Iterator[Problem]:
    tables = {each.name: each for each in verdict.tables}
    for (collection, array), table in _ARRAYS.items():
        told = planted.collections[collection]
        found = tables.get(table)
        sums = (found.source, found.target) if found is not None else (0, 0)
        expected = (told.embedded.get(array, 0), told.migrated_embedded.get(array, 0))
        if sums != expected:
            yield Problem("truth", f"{table}: {sums[0]} in the source and {sums[1]} rows, planted were {expected}", "")

"""Every gate that can be measured, as the settings ask for it: each domain's own, put into one registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devora_console.backup.gates import gates as backup_gates
from devora_console.config.secret import Dsn
from devora_console.config.settings import Settings
from devora_console.core.gates import Gate, Measurement, Registry
from devora_console.cutover.gates import monitoring_gate, rehearsed_gate, site_tests_gate
from devora_console.cutover.model import Runbook
from devora_console.cutover.state import Run
from devora_console.migration import dry_runs
from devora_console.migration.gates import Scene, collections_gate, dry_run_gate, verification_gate
from devora_console.migration.gates_data import quarantine_gate, vectors_gate
from devora_console.migration.mapping import Mapping
from devora_console.mongo.freeze.gate import silent_gate
from devora_console.postgres.gates import sequences_gate, statistics_gate, watching
from devora_console.postgres.target import Target
from devora_console.schema.gates import constraints_gate, drift_gate
from devora_console.search.gates import quality_gate
from devora_console.services.backups import backup_context

DATA = (
    "migration.dry_run",
    "collections.mapped",
    "verification.fresh",
    "quarantine.empty",
    "constraints.validated",
    "schema.drift",
    "search.vectors",
    "sequences.ahead",
    "statistics.analyzed",
)
"""The gates that speak about the data: may what is in the target be committed to?"""
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Rehearsals:
    """Of which runbook, and every run that is known."""

    runbook: Runbook
    runs: Callable[[], Iterable[Run]]


def registry(
    settings: Settings, mapping: Mapping, *, source: Dsn | str | None = None, rehearsals: Rehearsals | None = None
) -> Registry:
    """The gates of these settings. ``source`` instead of the configured one: a URL, or the folder of a dump."""
    target = Target(settings.postgres)
    scene = Scene(
        target=target,
        source=source if source is not None else settings.mongo.url,
        database=settings.mongo.database,
        mapping=mapping,
        budget=settings.migration.max_quarantine,
        dry_runs=dry_runs.folder(),
        timeout_seconds=settings.mongo.server_selection_timeout_seconds,
        read_preference=settings.mongo.read_preference,
    )
    found = Registry()
    walk = _walk(settings, target, rehearsals)
    backups = backup_gates(backup_context(settings))
    for gates in (
        _migration(scene),
        _schema(target),
        _server(target, mapping),
        backups,
        (silent_gate(settings), quality_gate(settings.search)),
        walk,
    ):
        for gate in gates:
            found.add(gate)
    return found


def _migration(scene: Scene) -> Iterable[Gate]:
    return (
        dry_run_gate(scene),
        collections_gate(scene),
        verification_gate(scene),
        quarantine_gate(scene),
        vectors_gate(scene),
    )


def _schema(target: Target) -> Iterable[Gate]:
    return constraints_gate(target), drift_gate(target)


def _server(target: Target, mapping: Mapping) -> Iterable[Gate]:
    filled = frozenset(table for each in mapping.collections for table in each.tables())
    return sequences_gate(target), statistics_gate(target, filled)


def _walk(settings: Settings, target: Target, rehearsals: Rehearsals | None) -> Iterable[Gate]:
    if rehearsals is not None:
        yield rehearsed_gate(rehearsals.runs, rehearsals.runbook, settings.environment)
    yield site_tests_gate(settings.cutover.vars.get("tests", ""), settings.secrets())
    yield monitoring_gate(lambda: watching(target), settings.cutover.vars.get("monitoring_url", ""))


async def measure(gates: Iterable[Gate]) -> tuple[tuple[Gate, Measurement], ...]:
    """Measure each now, a few at once, so that the servers are asked gently."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(gate: Gate) -> tuple[Gate, Measurement]:
        async with room:
            return gate, await gate.measure()

    return tuple(await asyncio.gather(*(one(gate) for gate in gates)))

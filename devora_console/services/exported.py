"""What other domains know, as the exporter's samples: plain figures, taken over word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from devora_console.analytics.exporter.of_product import Business, Figure
from devora_console.analytics.exporter.samples import Cutover, Gate, Migration, Verification
from devora_console.analytics.metrics.model import CurrencyMetrics, DashboardMetrics
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.cutover.gating import GateLine
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.migration.steering import Status
from devora_console.migration.watermark import Watermark

_FATES = ("migrated", "quarantined", "archived", "ignored")
_UNTOLD = Unknown("the run has not told it")
NOT_VERIFIED = Unknown("no verification of this target is recorded", "devora-console verify")


def migration_of(found: Status, through: datetime | None) -> Migration:
    """From the record of the latest copy. ``through``: when the last one that came to its end began."""
    progress = found.progress
    collections = progress.get("collections", ())
    return Migration(
        state=_state(found),
        phase=progress.get("phase"),
        done=int(progress["rows_done"]) if "rows_done" in progress else _UNTOLD,
        total=_whole(progress.get("rows_total")),
        rows_per_second=_known(progress.get("rows_per_second")),
        eta_seconds=_known(progress.get("eta_seconds")),
        documents={fate: sum(int(each.get(fate, 0)) for each in collections) for fate in _FATES if collections},
        through=through,
        heard_of=found.updated_at or found.started_at,
    )


def _state(found: Status) -> str:
    if found.run is None:
        return "none"
    if found.alive:
        told = "paused" if found.wishes.paused else str(found.progress.get("state") or found.state)
        return "running" if told == "idle" else told  # it is about to begin
    return "stopped" if found.state == "running" else str(found.state)


def _known(value: Any) -> float | Unknown:
    """A number of a snapshot that has become JSON."""
    if isinstance(value, Mapping) and "unknown" in value:
        return Unknown(str(value["unknown"]), str(value.get("remedy", "")))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _UNTOLD


def _whole(value: Any) -> int | Unknown:
    found = _known(value)
    return found if isinstance(found, Unknown) else int(found)


def verification_of(found: Watermark) -> Verification:
    """From the newest recorded verdict."""
    return Verification(ok=found.ok, counts=not found.stale, differences=found.differences, through=found.through)


def gate_of(line: GateLine) -> Gate:
    """From a gate as it is shown."""
    return Gate(line.id, line.verdict.value, bool(line.waiver), line.age_seconds)


def cutover_of(seen: CutoverSnapshot) -> Cutover:
    """From the runbook's gates and the latest run."""
    run = seen.run
    gates = tuple(map(gate_of, seen.gates))
    if run is None:
        return Cutover(gates)
    ends = run.window_ends if run.window_ends is not None and run.window_ends > utc_now() else None
    return Cutover(gates, run.state.value, Counter(each.state.value for each in run.steps), ends)


def business_of(found: DashboardMetrics) -> Business:
    """Every figure by its name; what is told for each currency also as NAME_by_currency."""
    figures: dict[str, Figure] = {"age_seconds": found.freshness.age_seconds}
    for group in (found.user_metrics, found.revenue_metrics, found.engagement_metrics, found.performance_metrics):
        figures |= {each.name: getattr(group, each.name) for each in fields(group)}
    currencies = found.revenue_metrics.by_currency
    for each in fields(CurrencyMetrics):
        figures[f"{each.name}_by_currency"] = {name: getattr(one, each.name) for name, one in currencies.items()}
    return figures

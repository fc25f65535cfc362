"""Orders of statements, and which of them come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devora_console.core.unknown import Unknown
from devora_console.postgres.statements.judge import slow
from devora_console.postgres.statements.snapshot import Counters, Statement, StatementsSnapshot

SORTS: Mapping[str, Callable[[Counters], float]] = {
    "total": lambda counted: counted.exec_ms,
    "mean": lambda counted: counted.exec_ms / counted.calls if counted.calls else 0.0,
    "calls": lambda counted: counted.calls,
    "rows": lambda counted: counted.rows,
    "io": lambda counted: counted.shared_read + counted.shared_written + counted.local_read + counted.local_written,
    "temp": lambda counted: counted.temp_read + counted.temp_written,
    "wal": lambda counted: counted.wal_bytes,
}
"""What each order puts first: the largest value of a window."""


def in_window(statement: Statement, snapshot: StatementsSnapshot) -> Counters | Unknown:
    """The counters the snapshot is about: the interval's, or those since the reset when there is no interval."""
    return statement.delta if snapshot.over_interval else statement.total


def ranking(statement: Statement, order: str) -> tuple[float, ...]:
    """For sorting: the largest of the interval first; then those of an unknown one, by their value since the reset."""
    by, delta = SORTS[order], statement.delta
    lifetime = -by(statement.total)
    return (1.0, lifetime) if isinstance(delta, Unknown) else (0.0, -by(delta), lifetime)


def listed(
    snapshot: StatementsSnapshot, order: str = "total", *, min_ms: float = 0.0, active: bool = True
) -> list[Statement]:
    """The statements in order, those of a mean of at least ``min_ms`` in the window.

    ``active`` leaves out those that did not run in the interval. Those of an unknown interval are judged by their mean
    since the reset: they may have run.
    """
    found = []
    for each in snapshot.statements:
        counted = in_window(each, snapshot)
        known = each.total if isinstance(counted, Unknown) else counted
        if active and not known.calls and not known.plans:
            continue
        if min_ms <= 0 or slow(known, min_ms):
            found.append(each)
    found.sort(key=lambda each: ranking(each, order))
    return found

"""Whether autovacuum is due on a table, by the rules of the server: its settings, the table's options, its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devora_console.postgres.health.options import boolean, real

_UNSET = -2.0


@dataclass(frozen=True, slots=True)
class AutovacuumSettings:
    """The server's settings: thresholds in rows, scale factors as shares, ``naptime`` in seconds.

    ``vacuum_max`` caps the vacuum threshold from 18 on; None before. ``workers`` at work is None where it is hidden.
    """

    enabled: bool
    counting: bool
    naptime: int
    max_workers: int
    workers: int | None
    vacuum_threshold: float
    vacuum_scale: float
    vacuum_max: float | None
    insert_threshold: float
    insert_scale: float
    analyze_threshold: float
    analyze_scale: float


@dataclass(frozen=True, slots=True)
class Due:
    """Thresholds in rows, and which of them are passed. ``insert_at`` is None where inserts trigger nothing,
    ``analyze_at`` where the table is never analysed by itself. ``allowed``: autovacuum_enabled of the table.
    """

    vacuum_at: float
    insert_at: float | None
    analyze_at: float | None
    vacuum: bool
    insert: bool
    analyze: bool
    allowed: bool

    @property
    def any(self) -> bool:
        """Whether some threshold is passed."""
        return self.vacuum or self.insert or self.analyze


def due(
    server: AutovacuumSettings,
    options: Mapping[str, str],
    *,
    rows: float,
    pages: int,
    all_frozen: int,
    dead: int,
    inserted: int,
    changed: int,
    kind: str = "r",
) -> Due:
    """The rule of autovacuum: threshold + scale factor x rows, strictly exceeded.

    ``rows`` is reltuples (-1, never counted, as 0), ``all_frozen`` the pages of relallfrozen (18; 0 before), which
    shrink the insert threshold. A TOAST table (kind t) is never analysed.
    """
    rows = max(0.0, rows)
    vacuum_at = _at_least(options, "vacuum_threshold", server.vacuum_threshold, 0) + rows * _at_least(
        options, "vacuum_scale_factor", server.vacuum_scale, 0
    )
    if server.vacuum_max is not None:
        cap = _at_least(options, "vacuum_max_threshold", server.vacuum_max, -1)
        vacuum_at = min(vacuum_at, cap) if cap >= 0 else vacuum_at
    insert_base = _at_least(options, "vacuum_insert_threshold", server.insert_threshold, -1)
    unfrozen = 1 - min(all_frozen, pages) / pages if pages > 0 and all_frozen > 0 else 1.0
    insert_at = None
    if insert_base >= 0:
        scale = _at_least(options, "vacuum_insert_scale_factor", server.insert_scale, 0)
        insert_at = insert_base + scale * rows * unfrozen
    analyze_at = None
    if kind != "t":
        analyze_at = _at_least(options, "analyze_threshold", server.analyze_threshold, 0) + rows * _at_least(
            options, "analyze_scale_factor", server.analyze_scale, 0
        )
    return Due(
        vacuum_at,
        insert_at,
        analyze_at,
        dead > vacuum_at,
        insert_at is not None and inserted > insert_at,
        analyze_at is not None and changed > analyze_at,
        boolean(options, "autovacuum_enabled", True),
    )


def _at_least(options: Mapping[str, str], name: str, default: float, least: float) -> float:
    """The table's own value where it is set at all (below ``least`` it is not)."""
    own = real(options, f"autovacuum_{name}", _UNSET)
    return own if own >= least else default

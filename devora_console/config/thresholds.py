"""Thresholds of the watching screens: every verdict prints the one it used."""

from __future__ import annotations

from pydantic import Field

from devora_console.config.sections import Section


class QueriesSettings(Section):
    """Slow queries: what counts as slow."""

    slow_ms: float = Field(
        default=100.0, ge=0, le=86_400_000, description="Mean milliseconds from which a statement counts as slow."
    )


class IndexesSettings(Section):
    """Indexes: when a finding is worth a line."""

    unused_days: float = Field(
        default=30.0,
        ge=0,
        le=3650,
        description="Days of statistics without a scan before an index is called unused with confidence.",
    )


class HealthSettings(Section):
    """Cache, bloat, vacuum, sequences: from when on it is not well."""

    cache_hit_percent: float = Field(
        default=99.0, ge=0, le=100, description="Cache hit ratio, in percent, below which a warning is given."
    )


class ActivitySettings(Section):
    """Sessions and locks: how long is long."""

    long_statement_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds after which a running statement is called long."
    )
    long_transaction_seconds: float = Field(
        default=60.0, gt=0, le=864_000, description="Seconds after which a transaction is called long."
    )
    idle_in_transaction_seconds: float = Field(
        default=60.0, gt=0, le=864_000, description="Seconds after which a session idle in its transaction is named."
    )

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

    rare_scans: float = Field(
        default=50.0,
        ge=0,
        le=1e15,
        description="Scans up to which an index is called rarely used, if ten times as many rows were written.",
    )

    least_mb: float = Field(
        default=1.0, ge=0, le=1e9, description="Megabytes below which an index is not listed as unused or rarely used."
    )

    table_mb: float = Field(
        default=8.0,
        ge=0,
        le=1e9,
        description="Megabytes below which a table may be read whole: no index is missed on a smaller one.",
    )

    whole_scans: float = Field(
        default=100.0,
        ge=1,
        le=1e15,
        description="Sequential scans of a table from which an index is suggested, as an estimate.",
    )

    bloat_mb: float = Field(
        default=10.0, ge=0, le=1e9, description="Megabytes that must be estimated as waste to call an index bloated."
    )

    bloat_percent: float = Field(
        default=50.0,
        ge=0,
        le=100,
        description="Share of an index, in percent, that must be estimated as waste too, to call it bloated.",
    )

    suggest_statements: float = Field(
        default=20.0,
        ge=0,
        le=1000,
        description="How many slow statements, the costliest first, are planned when suggested indexes are asked for.",
    )

    suggest_mean_ms: float = Field(
        default=20.0,
        ge=0,
        le=86_400_000,
        description="Mean milliseconds from which a statement may suggest an index.",
    )

    suggest_calls: float = Field(
        default=50.0, ge=1, le=1e15, description="Calls from which a statement may suggest an index."
    )

    suggest_rows: float = Field(
        default=500.0, ge=0, le=1e15, description="Rows below which no index is suggested for a table."
    )

    suggest_percent: float = Field(
        default=30.0,
        gt=0,
        le=100,
        description="Share of the rows, in percent, that a column of a suggested index may leave at most.",
    )

    suggest_enough_rows: float = Field(
        default=50.0,
        ge=0,
        le=1e15,
        description="Rows left by the first column of a suggested index below which no second one is added.",
    )

    suggest_cost: float = Field(
        default=100.0, ge=0, le=1e15, description="Planner's cost of a statement below which it suggests no index."
    )

    suggest_saving_percent: float = Field(
        default=50.0,
        ge=0,
        le=100,
        description="Share of that cost, in percent, that a suggested index has to save.",
    )


class HealthSettings(Section):
    """Cache, bloat, vacuum, sequences: from when on it is not well."""

    cache_hit_percent: float = Field(
        default=99.0, ge=0, le=100, description="Cache hit ratio, in percent, below which a warning is given."
    )

    cache_min_accesses: float = Field(
        default=1000.0,
        ge=0,
        le=1e15,
        description="Block accesses below which a cache hit ratio is shown without a verdict.",
    )

    table_bloat_percent: float = Field(
        default=30.0,
        ge=0,
        le=100,
        description="Share of a table, in percent, that must be estimated as waste for a warning.",
    )

    table_bloat_min_mb: float = Field(
        default=10.0, ge=0, le=1e9, description="Megabytes that must be estimated as waste too, for that warning."
    )

    dead_percent: float = Field(
        default=20.0,
        ge=0,
        le=100,
        description="Dead rows, in percent of all rows of a table, from which a warning is given.",
    )

    dead_min_rows: float = Field(
        default=10000.0, ge=0, le=1e15, description="Dead rows a table must have too, for that warning."
    )

    horizon_seconds: float = Field(
        default=300.0,
        ge=0,
        le=1e8,
        description="Seconds after which an open transaction that keeps dead rows from being removed is named.",
    )

    horizon_age: float = Field(
        default=1000000.0,
        ge=0,
        le=2e9,
        description="Transactions since, from which any holder of the xmin horizon is named.",
    )

    hot_min_updates: float = Field(
        default=10000.0,
        ge=0,
        le=1e15,
        description="Updates of a table below which its share of HOT updates is not judged.",
    )

    hot_newpage_percent: float = Field(
        default=20.0,
        ge=0,
        le=100,
        description="Share of updates, in percent, that find no room on their page, from which a warning is given.",
    )

    hot_percent: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="Share of HOT updates, in percent of those that stay on their page, below which is warned.",
    )

    wraparound_percent: float = Field(
        default=40.0,
        ge=1,
        le=100,
        description="Age of the oldest transaction id, in percent of where the server stops, from which is warned.",
    )

    sequence_percent: float = Field(
        default=75.0,
        ge=0,
        le=100,
        description="Part of a sequence, in percent, that may be used up before a warning.",
    )

    sequence_fail_percent: float = Field(
        default=95.0,
        ge=0,
        le=100,
        description="Part of a sequence, in percent, that may be used up before it counts as failing.",
    )

    slot_retained_mb: float = Field(
        default=1000.0,
        ge=0,
        le=1e9,
        description="Megabytes of write-ahead log that an idle replication slot may keep before a warning.",
    )

    replica_lag_seconds: float = Field(
        default=30.0,
        ge=0,
        le=1e8,
        description="Seconds a standby may be behind, while it has something to replay, before a warning.",
    )

    replica_behind_mb: float = Field(
        default=64.0,
        ge=0,
        le=1e9,
        description="Megabytes of log a receiver may not have replayed yet, however late it says it is.",
    )

    settled_hours: float = Field(
        default=24.0,
        ge=0,
        le=87600,
        description="Hours after a restart of statistics during which they cannot say that all is well.",
    )

    rollback_percent: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="Share of transactions rolled back, in percent, from which a warning is given.",
    )

    rollback_min_transactions: float = Field(
        default=1000.0, ge=0, le=1e15, description="Transactions below which that share is not judged."
    )

    deadlocks_per_day: float = Field(
        default=1.0, ge=0, le=1e9, description="Deadlocks a day from which a warning is given."
    )

    temp_mb_per_hour: float = Field(
        default=1000.0,
        ge=0,
        le=1e12,
        description="Megabytes of temporary files an hour from which a warning is given.",
    )

    forced_checkpoint_percent: float = Field(
        default=50.0,
        ge=0,
        le=100,
        description="Share of checkpoints, in percent, that may be requested rather than timed, before a warning.",
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
    lock_wait_seconds: float = Field(
        default=5.0, gt=0, le=86_400, description="Seconds of waiting for a lock after which it is a warning."
    )
    connections_percent: float = Field(
        default=80.0, gt=0, le=100, description="Percent of the usable connections in use that give a warning."
    )
    act_lock_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=86_400,
        description="Seconds an act waits for a lock, or for older transactions, before it gives up.",
    )


class PlansSettings(Section):
    """Plans: from when on a number explains why a node is slow."""

    filtered_rows: float = Field(
        default=1000.0,
        ge=1,
        le=1e12,
        description="Rows a node reads before what its filter throws away is worth a word.",
    )
    filter_keeps_percent: float = Field(
        default=10.0, gt=0, le=100, description="Percent of the rows read up to which a filter keeps few."
    )
    misestimate_factor: float = Field(
        default=10.0, ge=2, le=1e9, description="Factor between rows estimated and actual from which it is named."
    )
    loops: float = Field(
        default=1000.0, ge=2, le=1e12, description="Runs of one node from which their number is named."
    )

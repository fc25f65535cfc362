"""What can be configured about the watch after the switch: how often it looks, and from when on a line is not well."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from devora_console.config.sections import Section


class WatchSettings(Section):
    """The first day after the switch: from when on a value is worse than before."""

    # Not strict: a path is written as text.
    home: Path | None = Field(
        default=None,
        strict=False,
        description="Where looks and values are kept. By default in the console's data folder (devora-console config "
        "path).",
        examples=["/var/lib/devora-console/watch"],
    )
    hours: float = Field(default=24.0, gt=0, le=720, description="Hours that a watch lasts.")
    every_seconds: float = Field(default=60.0, ge=1, le=86_400, description="Seconds between two looks.")
    slower_percent: float = Field(
        default=25.0,
        ge=0,
        le=100_000,
        description="By how much, in percent, P95 of searches or of RAG retrieval may rise before a warning.",
    )
    slower_fail_percent: float = Field(default=100.0, ge=0, le=100_000, description="The same, before the line fails.")
    slower_least_ms: float = Field(
        default=10.0, ge=0, le=3_600_000, description="Milliseconds it must have risen by too, for either."
    )
    search_ms: float = Field(
        default=500.0, gt=0, le=3_600_000, description="P95 of searches, in milliseconds, from which is warned anyway."
    )
    rag_ms: float = Field(
        default=1000.0,
        gt=0,
        le=3_600_000,
        description="P95 of RAG retrieval, in milliseconds, from which is warned anyway.",
    )
    least_searches: float = Field(
        default=20.0, ge=1, le=1e6, description="Searches, or retrievals, below which their times are not judged."
    )
    error_percent: float = Field(
        default=1.0, ge=0, le=100, description="Share of events that are errors, in percent, from which is warned."
    )
    error_fail_percent: float = Field(
        default=5.0, ge=0, le=100, description="Share of events that are errors, in percent, from which the line fails."
    )
    error_more_points: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="Points of percent by which the share of errors may rise above the one before, before a warning.",
    )
    least_events: float = Field(
        default=100.0, ge=1, le=1e9, description="Events below which the share of errors is not judged."
    )
    fewer_users_percent: float = Field(
        default=20.0,
        ge=0,
        le=100,
        description="Active users of a day that may be missing, in percent of those before, before a warning.",
    )
    fewer_users_fail_percent: float = Field(default=50.0, ge=0, le=100, description="The same, before the line fails.")
    quiet_hours: float = Field(
        default=2.0,
        gt=0,
        le=720,
        description="Hours after the switch without any active user, where there were some before, that make it fail.",
    )
    growth_percent: float = Field(
        default=20.0,
        ge=0,
        le=100_000,
        description="Growth of the database or of a table, in percent of its size before, before a warning.",
    )
    growth_fail_percent: float = Field(
        default=100.0, ge=0, le=100_000, description="The same of the whole database, before the line fails."
    )
    growth_least_mb: float = Field(
        default=100.0, ge=0, le=1e9, description="Megabytes it must have grown by too, for either."
    )
    shrunk_percent: float = Field(
        default=50.0,
        gt=0,
        le=100,
        description="Part of a table's size, in percent, that may be gone before a warning.",
    )
    cache_fewer_points: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Points of percent by which the cache hit ratio may fall below the one before, before a warning.",
    )
    cache_fail_percent: float = Field(
        default=90.0, ge=0, le=100, description="Cache hit ratio, in percent, below which the line fails."
    )

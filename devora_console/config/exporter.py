"""What can be configured of the exporter for Prometheus."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from devora_console.config.sections import Section


class ExporterSettings(Section):
    """Metrics for Prometheus ('metrics serve')."""

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[0-9A-Za-z.:_-]+$")] = Field(
        default="127.0.0.1",
        description="The address to listen on. There is no login and no encryption: whoever reaches it reads every "
        "figure. Anything but loopback is warned of.",
    )
    port: int = Field(default=9477, ge=0, le=65_535, description="The port to listen on; 0 takes any that is free.")
    every_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="Seconds between two looks at the servers. A scrape takes what was seen last and asks nobody, "
        "however often it comes; what is dear is looked at once a minute at most.",
    )
    gates_minutes: float = Field(
        default=10.0,
        ge=0,
        le=10_080,
        description="Minutes between two measurements of the runbook's gates that only read; 0 measures none, and only "
        "what a run's journal says is told.",
    )
    top: int = Field(
        default=10,
        ge=1,
        le=100,
        description="How many tables, or statements, get a series of their own; the rest is one, 'other'.",
    )

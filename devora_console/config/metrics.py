"""What can be configured about business metrics."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from devora_console.config.sections import Section


class MetricsSettings(Section):
    """Business metrics: users, revenue, engagement, performance."""

    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{3}$"), AfterValidator(str.upper)] = Field(
        default="EUR",
        description="The currency of the figures that are told first. Others stand beside it; they are never added.",
        examples=["USD"],
    )
    fresh_minutes: float = Field(default=15.0, gt=0, le=10_080, description="Minutes after which figures count as old.")
    refresh_when_old: bool = Field(
        default=True,
        description="Whether the backend's metrics service refreshes old figures before it tells them, if its login "
        "may. The console itself never does, but for 'analytics refresh'.",
    )
    statement_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds after which the server ends a question of the metrics."
    )

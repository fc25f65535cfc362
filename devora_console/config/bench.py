"""What can be configured about measuring before and after the switch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from devora_console.config.sections import Section


class BenchSettings(Section):
    """Before and after: the same questions asked of both databases ('bench latency')."""

    # Not strict: a path is written as text.
    questions: Path | None = Field(
        default=None,
        strict=False,
        description="A file of questions that adds to those of the console. In this file relative to its directory, "
        "elsewhere to the current one.",
        examples=["bench/questions.toml"],
    )
    home: Path | None = Field(
        default=None,
        strict=False,
        description="Where results are kept. By default in the console's data folder (devora-console config path).",
        examples=["/var/lib/devora-console/bench"],
    )
    subjects: int = Field(default=40, ge=1, le=10_000, description="Users for whom each question is asked.")
    rounds: int = Field(default=5, ge=1, le=10_000, description="How often each question is asked for each of them.")
    warm_up: int = Field(default=1, ge=0, le=1000, description="Rounds before those, which are not counted.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Questions under way at a time, of one side.")
    seed: int = Field(default=1, ge=0, le=2**31, description="What is drawn: the same seed draws the same.")
    timeout_seconds: float = Field(
        default=10.0, gt=0, le=600, description="Seconds after which a question is cut off; it counts as that long."
    )
    least_subjects: int = Field(
        default=20, ge=2, le=10_000, description="Users below which a change is shown without a verdict."
    )
    differing_percent: float = Field(
        default=5.0,
        ge=0,
        le=100,
        description="Users, in percent, whose answers may differ between the sides before a verdict is withheld.",
    )
    busy_load: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="Load of this machine for each of its processors above which figures that were measured at "
        "different times are not judged: the difference may be the machine's.",
    )
    goal_percent: float = Field(
        default=67.0, gt=0, lt=100, description="By how many percent the questions are to take less than before."
    )

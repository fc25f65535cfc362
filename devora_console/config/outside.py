"""What can be configured about the cutover, and the form of a key to somebody else's service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from devora_console.config.secret import Secret
from devora_console.config.sections import Section
from devora_console.config.variables import SiteVariables


def _is_one_word(secret: Secret) -> bool:
    return secret.reveal().isprintable() and " " not in secret.reveal()


def _key(secret: Secret) -> Secret:
    stripped = Secret(secret.reveal().strip())
    if not stripped:
        raise PydanticCustomError("secret", "is empty; leave the key out instead")
    if not _is_one_word(stripped):
        raise PydanticCustomError("secret", "holds white space or control characters")
    return stripped


ApiKey = Annotated[Secret, AfterValidator(_key)]


class CutoverSettings(Section):
    """The cutover: which runbook, and what of it belongs to this site."""

    runbook: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        default="big-bang",
        description="A runbook that comes with the console (big-bang, blue-green), or a file of your own. In this file "
        "relative to its directory, elsewhere to the current one.",
        examples=["runbooks/devora.toml"],
    )
    home: Path | None = Field(
        default=None,
        strict=False,
        description="Where runs are kept: a folder on a local disk. By default the console's data folder "
        "(devora-console config path).",
        examples=["/var/lib/devora-console/cutover"],
    )
    vars: SiteVariables = Field(
        default=SiteVariables(),
        description="Values for the runbook's variables, such as the commands and addresses of this site: the table "
        "[cutover.vars], or NAME=VALUE words. What a profile says adds to what the top of the file says. No secrets: "
        "they are shown.",
        examples=[{"front_url": "https://devora.example", "site": "/opt/devora/site.sh"}],
    )
    window_minutes: float | None = Field(
        default=None,
        gt=0,
        le=10_080,
        description="Minutes that the window lasts, instead of what the runbook says.",
        examples=[90.0],
    )
    notify_url: ApiKey | None = Field(
        default=None,
        description="A webhook that is told of each step (Slack's form: a JSON document with the key text). It never "
        "holds a step up. Better kept in the environment than here.",
        examples=["https://hooks.example/abc"],
    )
    posthog_annotations: bool = Field(
        default=False,
        description="Whether a real run is marked on PostHog's charts (section analytics): its begin, maintenance, the "
        "point of no return, the way back, its end. It never holds a step up.",
    )
    output_limit_mb: float = Field(
        default=256.0, gt=0, le=100_000, description="Megabytes of a step's output that are kept; the rest is counted."
    )

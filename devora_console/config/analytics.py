"""What can be configured about product analytics: PostHog, the local spool, and what may be said of a user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from devora_console.config.outside import ApiKey
from devora_console.config.sections import Section

EU, US = "https://eu.posthog.com", "https://us.posthog.com"
# PostHog's cloud takes events at one address, and its pages and private API are at another.
_APP = "https://app.posthog.com"
_CAPTURE = {EU: "https://eu.i.posthog.com", US: "https://us.i.posthog.com", _APP: "https://us.i.posthog.com"}
_PRIVATE = {"https://eu.i.posthog.com": EU, "https://us.i.posthog.com": US, _APP: US}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,99}")


def private_host(host: str) -> str:
    """Where PostHog's pages and private API are, for a host of either kind.

    >>> private_host("https://us.i.posthog.com/"), private_host("https://posthog.devora.example")
    ('https://us.posthog.com', 'https://posthog.devora.example')
    """
    plain = host.strip().rstrip("/")
    return _PRIVATE.get(plain, plain)


def capture_host(host: str) -> str:
    """Where PostHog takes events, for a host of either kind.

    >>> capture_host("https://eu.posthog.com"), capture_host("https://posthog.devora.example/")
    ('https://eu.i.posthog.com', 'https://posthog.devora.example')
    """
    plain = host.strip().rstrip("/")
    return _CAPTURE.get(plain, plain)


def host_fault(host: str) -> str:
    """Why nothing may be sent there; '' when it may. Events of users do not go over a network in the clear."""
    try:
        parts = urlsplit(host)
        name = parts.hostname or ""
    except ValueError:
        return "is no address"
    if parts.username or parts.password:
        return "holds a user or password"
    good = parts.scheme == "https" or (parts.scheme == "http" and name in _HERE)
    return "" if good and name and host.isprintable() and " " not in host else "is no https address"


def property_names(text: str) -> tuple[str, ...]:
    """The names in a text that separates them by commas or spaces.

    >>> property_names("project_name, plan")
    ('project_name', 'plan')
    """
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _allow(text: str) -> str:
    if not all(_NAME.fullmatch(name) for name in property_names(text)):
        raise PydanticCustomError("names", "should be names of properties, with commas between them")
    return text


class AnalyticsSettings(Section):
    """Product events and PostHog. Optional: without a key events stay in the database."""

    posthog_api_key: ApiKey | None = Field(
        default=None,
        description="The PostHog project's API key. Also POSTHOG_API_KEY. Better kept in the environment than here.",
        examples=["phc_your_key"],
    )
    posthog_host: Annotated[str, Field(min_length=1, max_length=400)] = Field(
        default=EU,
        description="Which PostHog: https://eu.posthog.com, https://us.posthog.com or your own. Also POSTHOG_HOST. "
        "https://eu.i.posthog.com and https://us.i.posthog.com say the same.",
        examples=["https://us.posthog.com"],
    )
    posthog_capture_host: Annotated[str, Field(min_length=1, max_length=400)] | None = Field(
        default=None,
        description="Where events are sent, when that is another address than posthog_host tells: a proxy of your own.",
        examples=["https://events.devora.example"],
    )
    posthog_project_id: int | None = Field(
        default=None,
        gt=0,
        description="The number of the PostHog project: it is in the address of its pages.",
        examples=[12345],
    )
    posthog_personal_api_key: ApiKey | None = Field(
        default=None,
        description="A personal API key with the scope annotation:write, for annotations. Also "
        "POSTHOG_PERSONAL_API_KEY. Better kept in the environment than here.",
        examples=["phx_your_key"],
    )
    # Not strict: a path is written as text.
    spool: Path | None = Field(
        default=None,
        strict=False,
        description="The folder where events wait for the database: on a local disk, the same one for the backend and "
        "the console. By default in the console's data folder (devora-console config path).",
        examples=["/var/lib/devora/events"],
    )
    spool_limit_mb: float = Field(
        default=64.0,
        ge=1,
        le=100_000,
        description="Megabytes that may wait in the spool; further events are dropped and counted.",
    )
    allow: Annotated[str, AfterValidator(_allow)] = Field(
        default="",
        description="Names of further properties that may be kept and sent, with commas between them. What is allowed "
        "without it: devora-console analytics events --types.",
        examples=["project_name, plan"],
    )
    longest_text: int = Field(
        default=200, ge=16, le=4000, description="Characters of a property's text; a longer one is dropped and counted."
    )
    console_usage: bool = Field(
        default=False,
        description="Whether the console tells PostHog about its own use: which command ran, how it ended.",
    )

    @property
    def capture(self) -> str:
        """Where events are sent."""
        return capture_host(self.posthog_capture_host or self.posthog_host)

    @property
    def private(self) -> str:
        """Where PostHog's private API is."""
        return private_host(self.posthog_host)

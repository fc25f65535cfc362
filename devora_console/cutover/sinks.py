"""Who is told of a run: a webhook, and PostHog's annotations. Each says what to send; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from devora_console.config.secret import Secret
from devora_console.core.clock import iso
from devora_console.core.safetext import one_line
from devora_console.cutover.events import Event
from devora_console.cutover.outbox import POSTHOG, WEBHOOK
from devora_console.cutover.state import Run

_LINE = 600  # characters of an event
_LONGEST = 400  # characters: PostHog refuses a longer annotation
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted where. Neither is shown to anybody: the address of a webhook is its password."""

    url: str = field(repr=False)
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def _plain(line: str) -> str:
    """A line that Slack shows as it is: what servers and commands said may not call everybody, or be a link."""
    return one_line(line, _LINE).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Sink(Protocol):
    """Somebody who is told. ``most`` events are told at once."""

    @property
    def name(self) -> str:
        """As the journal names it."""

    @property
    def most(self) -> int:
        """Events in one message."""

    def lacks(self) -> str:
        """What it cannot do without and is not given; '' when it can be told."""

    def message(self, run: Run, told: Sequence[tuple[Event, str]]) -> Message:
        """The message that tells these."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One that takes ``{"text": ...}``, as Slack, Mattermost and many others do."""

    url: Secret
    name: str = WEBHOOK
    most: int = 20

    def lacks(self) -> str:
        """Nothing: an address that is none is found out when it is used."""
        return ""

    def message(self, run: Run, told: Sequence[tuple[Event, str]]) -> Message:
        """Several lines, each with its time."""
        lines = [f"{run.title} ({run.environment})", *(f"{event.at:%H:%M:%SZ} {said}" for event, said in told)]
        return Message(self.url.reveal(), {"text": "\n".join(map(_plain, lines))})


@dataclass(frozen=True, slots=True)
class Annotations:
    """Annotations of a PostHog project, through its private API: a personal API key with ``annotation:write``."""

    host: str
    project: int | None
    key: Secret | None
    name: str = POSTHOG
    most: int = 1

    def lacks(self) -> str:
        """A setting that is not there, or an address to which a key must not be sent."""
        if self.project is None:
            return "analytics.posthog_project_id is not set"
        if not self.key:
            return "analytics.posthog_personal_api_key is not set"
        try:
            parts = urlsplit(self.host)
            good = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
        except ValueError:
            good = False
        return "" if good else "analytics.posthog_host is no https address"

    def message(self, run: Run, told: Sequence[tuple[Event, str]]) -> Message:
        """One annotation of the whole project, at the time of the event."""
        assert self.key is not None
        event, said = told[0]
        url = f"{self.host.rstrip('/')}/api/projects/{self.project}/annotations/"
        body = {"content": said[:_LONGEST], "date_marker": iso(event.at), "scope": "project"}
        return Message(url, body, {"Authorization": f"Bearer {self.key.reveal()}"})

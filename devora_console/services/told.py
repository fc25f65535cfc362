"""Who is told of a run, by the settings."""

from __future__ import annotations

from collections.abc import Sequence

from devora_console.config.settings import Settings
from devora_console.cutover.events import Event
from devora_console.cutover.model import Runbook
from devora_console.cutover.outbox import POSTHOG, Delivery, deliveries
from devora_console.cutover.sinks import Annotations, Sink, Webhook
from devora_console.cutover.state import Run, RunMode


def sinks(settings: Settings) -> tuple[Sink, ...]:
    """Those that are set up, with or without everything that they need."""
    found: list[Sink] = []
    if settings.cutover.notify_url is not None:
        found.append(Webhook(settings.cutover.notify_url))
    if settings.cutover.posthog_annotations:
        given = settings.analytics
        found.append(Annotations(given.private, given.posthog_project_id, given.posthog_personal_api_key))
    return tuple(found)


def told(settings: Settings, run: Run, runbook: Runbook, events: Sequence[Event]) -> tuple[Delivery, ...]:
    """How far each of them was told of a run, of which these are all events."""
    asked = {each.name: each.lacks() for each in sinks(settings)}
    if run.mode is RunMode.REHEARSAL:
        asked.pop(POSTHOG, None)  # a rehearsal has no marks
    return deliveries(run, runbook, events, asked)

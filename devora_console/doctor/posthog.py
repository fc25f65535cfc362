"""PostHog: whether it is set up, and, when told to ask, whether it can be reached. No event is sent for that."""

from __future__ import annotations

import httpx

from devora_console.analytics.setup import NO_KEY, Setup
from devora_console.config.settings import Settings
from devora_console.doctor.check import Answer, Check, check_of, failed, passed, warned

_SECONDS = 5.0
_TITLE = "events can be sent to PostHog"


async def checks(settings: Settings, *, ask: bool) -> list[Check]:
    """The one check. ``ask`` opens a connection to PostHog's host."""
    setup = Setup.of(settings)
    return [check_of("analytics.posthog", _TITLE, await _answer(setup, ask=ask), settings.secrets())]


async def _answer(setup: Setup, *, ask: bool) -> Answer:
    if setup.fault == NO_KEY:
        return passed("not configured: events stay in the database")
    if setup.fault:
        return failed(setup.fault, "Set POSTHOG_HOST to https://eu.posthog.com, https://us.posthog.com or your own")
    if not ask:
        return passed(f"a key is set, events go to {setup.host} (not asked: doctor --posthog)")
    try:
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            answer = await client.get(setup.host)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return failed(
            f"{setup.host} cannot be reached ({type(error).__name__})",
            "Check POSTHOG_HOST, the way out of this network and its proxy; events wait in the database meanwhile",
        )
    if answer.status_code >= 500:
        return warned(f"{setup.host} answers {answer.status_code}", "Events wait in the database until it is well")
    return passed(f"{setup.host} answers; that the key is right shows in analytics status after the first delivery")

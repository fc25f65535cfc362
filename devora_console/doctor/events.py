"""The overview's line about events on their way to PostHog. Pure."""

from __future__ import annotations

from datetime import timedelta

from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.core.clock import span
from devora_console.core.console import OverviewLine, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.doctor.words import at, plural, whole

_TITLE = "Events"
LATE = timedelta(minutes=10)
"""How long an event may wait before that is worth a warning."""
_STATUS = "See the delivery (9), or: devora-console analytics status"


def events_line(seen: DeliverySnapshot | Problem | None) -> OverviewLine:
    """Delivered, waiting, refused, or kept here only because no PostHog is configured."""
    if seen is None:
        why = "the first look is under way"
        return OverviewLine("events", _TITLE, Verdict.NONE, "not looked at yet", why, screen="analytics")
    if isinstance(seen, Problem):
        return OverviewLine("events", _TITLE, Verdict.UNKNOWN, seen.message, seen.message, seen.remedy, "analytics")
    verdict, text, remedy = verdict_of(seen)
    where = seen.fault or f"sent to {seen.host}"
    why = f"the spool of this machine, and devora_event_delivery() at {at(seen.at)}; {where}"
    return OverviewLine("events", _TITLE, verdict, text, why, remedy, "analytics")


def verdict_of(seen: DeliverySnapshot) -> tuple[Verdict, str, str]:
    """How delivery stands, in words, and what to do. What is not known is never called delivered."""
    missing = next((each for each in (seen.waiting, seen.refused, seen.spooled) if isinstance(each, Unknown)), None)
    if missing is not None:
        disk = "" if isinstance(seen.spooled, Unknown) else f"{plural(seen.spooled, 'event')} on this disk; "
        return Verdict.UNKNOWN, f"{disk}{missing.reason}", missing.remedy
    assert isinstance(seen.waiting, int)
    assert isinstance(seen.refused, int)
    assert isinstance(seen.spooled, int)
    disk = f"{whole(seen.spooled)} on this disk" if seen.spooled else ""
    if not seen.configured:
        stored = f"{whole(seen.stored)} kept here" if isinstance(seen.stored, int) else "kept here"
        text = " · ".join(filter(None, ("not sent to PostHog", stored, disk)))
        return Verdict.NONE, text, f"To have them sent, set POSTHOG_API_KEY ({seen.fault})"
    undelivered = seen.waiting + seen.refused + seen.spooled
    parts = [f"{whole(undelivered)} undelivered"]
    if seen.refused:
        parts.append(f"{whole(seen.refused)} refused")
    oldest = seen.oldest_waiting_at
    late = None if oldest is None or isinstance(oldest, Unknown) else seen.at - oldest
    if late is not None and seen.waiting:
        parts.append(f"oldest {span(max(0.0, late.total_seconds()))}")
    if disk:
        parts.append(disk)
    if isinstance(seen.last_error, str) and undelivered:
        parts.append(seen.last_error)
    if seen.refused or (late is not None and late > LATE and seen.waiting):
        return Verdict.WARN, " · ".join(parts), _STATUS
    return Verdict.OK, " · ".join(parts), ""

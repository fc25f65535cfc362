"""Product events, kept here first and then told to PostHog, and what the business can be told from them.

What Devora's backend imports is here. It is loaded on first use: importing this package loads no driver and no posthog.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devora_console.analytics.events import EventType
    from devora_console.analytics.metrics.service import get_metrics_service
    from devora_console.analytics.tracker import configure, shutdown, track_event

_HOMES = {
    "EventType": "events",
    "configure": "tracker",
    "shutdown": "tracker",
    "track_event": "tracker",
    "get_metrics_service": "metrics.service",
}

__all__ = [
    "EventType",
    "configure",
    "get_metrics_service",
    "shutdown",
    "track_event",
]


def __getattr__(name: str) -> Any:
    """Import what was asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)

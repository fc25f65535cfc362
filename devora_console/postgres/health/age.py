"""How much the counters can be trusted to say that all is well: by how long they count, and since what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devora_console.config.thresholds import HealthSettings
from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.words import ago, figure
from devora_console.postgres.watch.window import StatsWindow


@dataclass(frozen=True, slots=True)
class StatsAge:
    """``words`` begin no sentence ("since 3d04h ago"); ``seconds`` they count, or Unknown.

    ``settled``: whether they saw enough to say that there is nothing: they began with the server itself, or count
    longer than the threshold. Otherwise what happened before they began is not in them. ``standby``: the server is one.
    """

    words: str
    seconds: float | Unknown
    settled: bool
    counting: bool = True
    standby: bool = False


def judge_age(window: StatsWindow | Unknown, counting: bool, settings: HealthSettings) -> StatsAge:
    """From the window."""
    age = _age(window, counting, settings)
    return replace(age, standby=isinstance(window, StatsWindow) and window.standby)


def _age(window: StatsWindow | Unknown, counting: bool, settings: HealthSettings) -> StatsAge:
    if not counting:
        return StatsAge("track_counts is off: nothing is counted", Unknown("track_counts is off"), False, False)
    if isinstance(window, Unknown):
        return StatsAge("since an unknown moment", window, False)
    if isinstance(window.since, Unknown):
        return StatsAge("since an unknown moment", window.since, False)
    seconds = max(0.0, (window.now - window.since).total_seconds())
    if window.first:
        return StatsAge(f"since the server was made {ago(seconds)}", seconds, True)
    settled = seconds >= settings.settled_hours * 3600
    if window.crashed:
        return StatsAge(f"statistics began {ago(seconds)}, after {window.cause}", seconds, settled)
    return StatsAge(f"since {ago(seconds)}", seconds, settled)


def caution(age: StatsAge, settings: HealthSettings) -> str:
    """What to add to a finding that rests on young counters; empty when they are settled."""
    if age.settled:
        return ""
    if not age.counting:
        return "track_counts is off, so these counters do not move."
    if isinstance(age.seconds, Unknown):
        return f"Since when the counters count is not known: {age.seconds.reason}."
    return (
        f"The counters are only {span(age.seconds)} old ({age.words}); what happened before is not in them, so they "
        f"cannot say that all is well before {figure(settings.settled_hours)} h."
    )

"""The values of a watch in words: each with its unit, its window, and over how much it was read."""

from __future__ import annotations

from datetime import datetime

from devora_console.analytics.aftermath.model import FIGURES, Baseline, Number, Reading, Slow, Times
from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.words import count, plural, size


def value_words(unit: str, value: Number) -> str:
    """A value with its unit; percentages are cut, never rounded up to all.

    >>> [value_words(*pair) for pair in (("percent", 99.999), ("ms", 12.34), ("bytes", 44_100_000), ("users", 3))]
    ['99.99 %', '12 ms', '44.1 MB', '3']
    """
    if isinstance(value, Unknown):
        return f"? {value.reason}"
    if unit == "percent":
        return f"{int(round(value * 100, 6)) / 100:.2f} %"
    if unit == "ms":
        return f"{value:.1f} ms" if value < 10 else f"{count(round(value))} ms"
    return size(value) if unit == "bytes" else count(round(value))


def now_words(id_: str, reading: Reading, now: Number) -> str:
    """What a figure is now, over what it was read."""
    words = value_words(FIGURES[id_].unit, now)
    return words if isinstance(now, Unknown) else f"{words} {_of(id_, reading)}".rstrip()


def before_words(id_: str, baseline: Baseline | Unknown, before: Number) -> str:
    """What it was before, or that somebody gave it."""
    words = value_words(FIGURES[id_].unit, before)
    if isinstance(before, Unknown) or isinstance(baseline, Unknown):
        return words
    return f"{words} (given)" if id_ in baseline.given else f"{words} {_of(id_, baseline.reading)}".rstrip()


def _of(id_: str, reading: Reading) -> str:
    """Over what, and over how much, a value was read."""
    if id_ == "slow_queries" and isinstance(reading.slow, Slow):
        return _since(reading.slow.began, reading)
    if id_ == "cache_hit" and not isinstance(reading.cache, Unknown):
        return _since(reading.cache.began, reading)
    window = f"in {span(reading.window.total_seconds())}"
    if id_ == "active_users":
        return window
    if id_ == "error_rate" and not isinstance(reading.events, Unknown):
        return f"of {plural(reading.events.count, 'event')} {window}"
    times = {"search": reading.searches, "rag": reading.rag}.get(id_)
    return f"of {count(times.count)} {window}" if isinstance(times, Times) else ""


def _since(began: datetime | Unknown, reading: Reading) -> str:
    if isinstance(began, Unknown):
        return "since the statistics began"
    return f"in {span(max(0.0, (reading.as_of - began).total_seconds()))}"

"""Time as the console writes it: UTC, ISO 8601, to the second unless more is asked for."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present, zoned UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """``2024-12-09T14:03:27Z``: the moment in UTC, microseconds only when there are any.

    >>> iso(datetime(2024, 12, 9, 14, 3, 27, tzinfo=UTC))
    '2024-12-09T14:03:27Z'
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def span(seconds: float) -> str:
    """A duration as people say it: ``0.4s``, ``12s``, ``4m10s``, ``2h05m``, ``3d04h``.

    >>> [span(s) for s in (0.42, 12, 250, 7500, 273600)]
    ['0.4s', '12s', '4m10s', '2h05m', '3d04h']
    """
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"

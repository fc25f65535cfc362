"""What the users of the demo do, told as Devora's backend tells it: the last ten weeks at once, then as it happens."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devora_console.analytics import EventType, configure, track_event
from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings

_DAYS, _PRESENT_PERCENT = 70, 45
_LIKELY = (
    (EventType.PROJECT_OPENED, 30),
    (EventType.CHAT_MESSAGE_SENT, 24),
    (EventType.AI_RESPONSE_RECEIVED, 20),
    (EventType.RAG_CONTEXT_RETRIEVED, 14),
    (EventType.CODE_GENERATED, 6),
    (EventType.SEARCH_PERFORMED, 4),
    (EventType.API_ERROR, 2),
)
_EVENTS, _WEIGHTS = [event for event, _ in _LIKELY], [weight for _, weight in _LIKELY]
_telling = False


def begin(dsn: Dsn, spool: Path) -> None:
    """Tell from here on. Whatever key of PostHog the person has: made-up events are not sent there."""
    global _telling  # noqa: PLW0603 - the tracker is one for the process, too
    configure(Settings(postgres=PostgresSettings(dsn=dsn), analytics=AnalyticsSettings(spool=spool)))
    _telling = True


def one(user: object, *, contexts: int, milliseconds: int, at: datetime | None = None) -> None:
    """Something that this user does; ``milliseconds``: what finding the contexts took, if it was that."""
    if not _telling or (at is None and not _is_about(user)):
        return
    event = random.choices(_EVENTS, _WEIGHTS)[0]  # noqa: S311 - a demo, not secrets
    properties: dict[str, object] = {"platform": "web"}
    if event is EventType.RAG_CONTEXT_RETRIEVED:
        properties |= {"contexts_used": contexts, "retrieval_time_ms": milliseconds}
    elif event is EventType.API_ERROR:
        properties |= {"status_code": random.choice((500, 502, 504)), "handled": True}  # noqa: S311
    track_event(event, str(user), properties, timestamp=at)


def _is_about(user: object) -> bool:
    """Whether this user does anything today: less than half of them do."""
    return (zlib.crc32(str(user).encode()) + datetime.now(UTC).toordinal()) % 100 < _PRESENT_PERCENT


async def past(users: Sequence[object]) -> None:
    """Ten weeks of a product that grows, quieter at weekends, each user as keen as they are."""
    rng = random.Random(1)  # noqa: S311
    keen = [(user, rng.betavariate(1.2, 4)) for user in users]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(_DAYS, 0, -1):
        day = today - timedelta(days=back)
        mood = (0.6 + 0.4 * (_DAYS - back) / _DAYS) * (0.55 if day.weekday() >= 5 else 1)
        for user, likely in keen:
            for _ in range(rng.randrange(1, 5) if rng.random() < likely * mood else 0):
                at = day + timedelta(hours=rng.triangular(7, 23.9, 15))
                one(user, contexts=rng.randrange(1, 6), milliseconds=round(rng.lognormvariate(1.2, 0.6)), at=at)
        await asyncio.sleep(0)

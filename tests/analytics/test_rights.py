"""The application's login records events of all users, and reads back only what its own spool recorded."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from devora_console.analytics import EventType, spool, track_event
from tests.analytics.conftest import ANA, BOB, Place
from tests.postgres.conftest import as_role

TAKE = "SELECT id FROM devora_take_events(10, 60, $1)"


async def test_a_backend_sends_its_own_and_nobody_else_s(place: Place, tmp_path: Path) -> None:
    owner = place.dsn
    place.dsn = await as_role(owner, "app_user")
    place.track()
    told = [track_event(EventType.PAGE_VIEWED, each) for each in (ANA, BOB)]
    flushed = await place.flush()
    assert (flushed.moved, flushed.delivered) == (2, 2)
    assert sorted(place.posthog.ids) == sorted(map(str, told))
    track_event(EventType.PAGE_VIEWED, BOB)
    place.posthog.status = 500
    await place.flush(seconds=0)
    assert await place.fetch(TAKE, None) == []
    assert await place.fetch(TAKE, "guessed") == []
    assert (await place.fetch("SELECT devora_settle_events(array_agg(id), 'refused') FROM analytics_events"))[0][0] == 0
    for closed in ("SELECT * FROM devora_console.event_waiting", "SELECT devora_retry_events()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await place.fetch(closed)
    assert len(await place.fetch(TAKE, spool.token(place.spool))) == 1
    place.dsn = owner
    await place.fetch("UPDATE devora_console.event_waiting SET taken_until = '-infinity'")
    assert len(await place.fetch(TAKE, None)) == 1


async def test_metrics_see_counts_and_strangers_nothing(place: Place) -> None:
    owner = place.dsn
    place.dsn = await as_role(owner, "metrics_role")
    assert (await place.look()).waiting == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await place.fetch(TAKE, None)
    place.dsn = await as_role(owner)
    assert "may not" in str((await place.look()).waiting)

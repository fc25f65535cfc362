"""From a call to PostHog: every event arrives once, under its own id, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from devora_console.analytics import EventType, shutdown, track_event
from devora_console.analytics import spool as spools
from devora_console.analytics import tracker as tracking
from devora_console.analytics.courier import Courier, postroom
from devora_console.analytics.mover import Mover
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.sender import Sender
from devora_console.analytics.setup import Setup
from devora_console.analytics.spool import Spool
from devora_console.analytics.store import Store
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from tests.analytics.conftest import ANA, BOB, Place
from tests.analytics.posthog_server import serving
from tests.eventually import eventually


def _some(many: int) -> list[str]:
    return [str(track_event(EventType.PROJECT_CREATED, ANA, {"project_id": str(n)})) for n in range(many)]


@pytest.mark.slow
async def test_one_that_does_not_answer_is_waited_for_a_little_when_the_time_is_over(place: Place) -> None:
    place.track()
    _some(3)
    place.posthog.hang = True
    begun = time.monotonic()
    flushed = await place.flush(0)
    assert time.monotonic() - begun < 8
    assert (flushed.delivered, flushed.problem) == (0, "PostHog does not come to the end of its answer")
    place.posthog.hang = False
    assert (await place.flush(20)).delivered == 3


async def test_a_large_spool_is_moved_as_far_as_the_time_goes(place: Place) -> None:
    place.track()
    told = _some(450)
    sizes = [size for _, size in spools.files(place.spool)]
    flushed = await place.flush(0, posthog_api_key=None)
    assert flushed.moved == 200
    assert (await place.look()).spooled == 250
    assert sum(size for _, size in spools.files(place.spool)) < sizes[0]
    assert (await place.flush(60, posthog_api_key=None)).moved == 250
    assert spools.files(place.spool) == []
    assert {str(row["id"]) for row in await place.fetch("SELECT id FROM analytics_events")} == {*told}


async def test_an_event_comes_to_the_table_and_to_posthog(place: Place) -> None:
    place.track()
    session, moment = uuid4(), datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    said = {"contexts_used": 3, "retrieval_time_ms": 41.5, "project_name": "secret plans"}
    told = track_event(EventType.CHAT_MESSAGE_SENT, str(ANA), said, session_id=session, timestamp=moment)
    flushed = await place.flush()
    assert (flushed.moved, flushed.delivered, flushed.problem) == (1, 1, "")
    (row,) = await place.fetch("SELECT * FROM analytics_events")
    assert (str(row["id"]), row["user_id"], row["event_name"]) == (told, ANA, "chat_message_sent")
    assert (row["session_id"], row["timestamp"], row["created_date"]) == (session, moment, moment.date())
    assert row["event_properties"] == '{"contexts_used": 3, "retrieval_time_ms": 41.5}'
    (event,) = place.posthog.received
    assert (event["uuid"], event["distinct_id"], event["event"]) == (told, str(ANA), "chat_message_sent")
    assert datetime.fromisoformat(event["timestamp"]) == moment
    assert event["properties"]["contexts_used"] == 3
    assert event["properties"]["$session_id"] == str(session)
    assert not {name for name in event["properties"] if name.startswith("$os")}
    found = await place.look()
    assert (found.spooled, found.stored, found.delivered, found.waiting, found.refused) == (0, 1, 1, 0, 0)
    assert found.dropped == Dropped()  # nobody counted yet: the background task does that


async def test_the_background_task_brings_them_away(place: Place) -> None:
    tracking.configure(place.settings())
    told = _some(250)
    track_event("search_performed", ANA, {"query": "fuite mémoire", "results_count": 3})
    assert await asyncio.to_thread(eventually, lambda: len(place.posthog.ids) == 251, 20)
    assert set(told) < set(place.posthog.ids)
    await asyncio.to_thread(shutdown)
    found = await place.look()
    assert (found.delivered, found.waiting, found.spooled) == (251, 0, 0)
    assert isinstance(found.dropped, Dropped)
    assert found.dropped.properties == {"query": 1}
    assert not any("fuite" in str(event) for event in place.posthog.received)


async def test_without_a_key_moving_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending has nothing to do then and ends at once; the others must not wind up with it, a minute later."""
    setup = Setup.of(place.settings(posthog_api_key=None))
    courier = Courier(setup, Spool(setup.folder, setup.limit))
    wound_up: list[object] = []
    wait = asyncio.wait

    async def noted(*given: Any, **more: Any) -> Any:
        wound_up.append(given)
        return await wait(*given, **more)

    monkeypatch.setattr(asyncio, "wait", noted)
    running = asyncio.ensure_future(courier._work())
    await asyncio.sleep(0.3)
    assert (running.done(), wound_up) == (False, [])
    courier._deadline = time.monotonic() + 1
    assert courier._ending is not None
    courier._ending.set()
    await running


async def test_what_fails_comes_later_under_the_same_id(place: Place) -> None:
    place.track()
    told = _some(3)
    place.posthog.status = 500
    flushed = await place.flush(seconds=0)
    assert flushed.delivered == 0
    found = await place.look()
    assert (found.waiting, found.last_error) == (3, 'PostHog answers 500: {"status": 1}')
    place.posthog.status = 200
    assert (await place.flush()).delivered == 3
    first, second = place.posthog.requests[0][1], place.posthog.requests[-1][1]
    assert [e["uuid"] for e in first] == [e["uuid"] for e in second] == told
    assert [e["timestamp"] for e in first] == [e["timestamp"] for e in second]


async def test_an_outage_loses_nothing(place: Place) -> None:
    with serving() as other:
        place.posthog = other
        place.track()
        told = _some(2)
    flushed = await place.flush(seconds=0)
    assert "cannot be reached" in flushed.problem
    assert (await place.look()).waiting == 2
    with serving(other):
        assert (await place.flush()).delivered == 2
    assert other.ids == told


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_key_stops_and_is_said(place: Place, status: int) -> None:
    place.track()
    _some(150)
    place.posthog.status = status
    flushed = await place.flush()
    assert flushed.halted
    assert len(place.posthog.requests) == 1  # nothing else is tried
    assert str(status) in flushed.problem
    assert (await place.look()).waiting == 150


async def test_a_page_is_no_confirmation(place: Place) -> None:
    place.track()
    _some(1)
    place.posthog.body = b"<html>Welcome to the wireless network</html>"
    assert "is not PostHog" in (await place.flush()).problem
    place.posthog.status, place.posthog.headers = 301, {"Location": "/welcome"}
    assert "redirect" in (await place.flush()).problem
    place.posthog.status, place.posthog.headers = 200, {}
    place.posthog.body = b'{"status": 1, "quota_limited": ["events"]}'
    assert "quota" in (await place.flush(seconds=0)).problem
    assert (await place.look()).waiting == 1


async def test_one_that_is_refused_holds_up_no_other(place: Place) -> None:
    place.track()
    told = _some(60)
    place.posthog.poison = lambda event: event["uuid"] == told[17]
    assert (await place.flush()).delivered == 59
    found = await place.look()
    assert (found.delivered, found.refused, found.waiting) == (59, 1, 0)
    assert sorted(place.posthog.ids) == sorted({*told} - {told[17]})


async def test_telling_events_apart_ends_with_the_time(place: Place) -> None:
    place.track()
    _some(64)
    place.posthog.poison = lambda _: True
    place.posthog.before_answer = lambda: time.sleep(0.1)
    flushed = await place.flush(0.3)
    assert len(place.posthog.requests) < 20  # 127 tell them all apart
    seen = await place.look()
    assert flushed.problem
    assert isinstance(seen.refused, int)
    assert 0 < seen.refused < 10
    assert seen.waiting == 64 - seen.refused
    place.posthog.before_answer = lambda: None
    await place.flush(30)
    assert (await place.look()).refused == 64


async def test_two_who_send_at_once_send_nothing_twice(place: Place) -> None:
    place.track()
    told = _some(600)
    await asyncio.gather(*(place.flush() for _ in range(3)))
    assert sorted(place.posthog.ids) == sorted(told)


async def test_an_account_may_appear_after_its_first_event(place: Place) -> None:
    place.track()
    late, never = uuid4(), "u-17"
    track_event(EventType.USER_REGISTERED, late)
    track_event(EventType.PAGE_VIEWED, never)
    track_event(EventType.PAGE_VIEWED, None)
    await place.flush()
    rows = await place.fetch(
        "SELECT user_id, event_properties ->> '$user_id' AS said FROM analytics_events ORDER BY timestamp"
    )
    assert [tuple(row) for row in rows] == [(None, str(late)), (None, never), (None, None)]
    assert [e["distinct_id"] for e in place.posthog.received][:2] == [str(late), never]
    assert place.posthog.received[2]["properties"]["$process_person_profile"] is False
    await place.fetch("INSERT INTO users (id, email, hashed_password) VALUES ($1, 'l@devora.invalid', '-')", late)
    await place.flush()
    rows = await place.fetch("SELECT user_id, event_properties::text FROM analytics_events ORDER BY timestamp LIMIT 1")
    assert tuple(rows[0]) == (late, "{}")


async def test_without_a_key_they_stay_in_the_database(place: Place) -> None:
    place.track(posthog_api_key=None)
    _some(2)
    flushed = await place.flush(posthog_api_key=None)
    found = await place.look(posthog_api_key=None)
    assert (flushed.moved, found.stored, found.waiting, found.configured) == (2, 2, 2, False)
    assert "no PostHog key" in found.fault
    assert not place.posthog.requests


async def test_without_a_database_they_stay_on_the_disk(place: Place) -> None:
    place.track()
    _some(4)
    there, place.dsn = place.dsn, type(place.dsn)("postgresql://nobody@127.0.0.1:1/x")
    found = await place.look()
    assert found.spooled == 4
    assert isinstance(found.stored, Unknown)
    place.dsn = there
    assert (await place.flush()).moved == 4


async def test_what_others_wrote_is_no_event_of_ours(place: Place) -> None:
    await place.fetch("INSERT INTO analytics_events (event_name, user_id) VALUES ('login', $1)", BOB)
    place.track()
    _some(1)
    await place.flush()
    found = await place.look()
    assert (found.stored, found.delivered, found.untracked) == (2, 1, 1)
    assert len(place.posthog.received) == 1


async def test_who_deletes_an_account_is_not_told_of_it(place: Place) -> None:
    place.track()
    track_event(EventType.PAGE_VIEWED, BOB, timestamp=datetime.now(UTC) - timedelta(days=1))
    place.posthog.status = 500
    await place.flush(seconds=0)
    await place.fetch("DELETE FROM users WHERE id = $1", BOB)
    place.posthog.status = 200
    await place.flush()
    (event,) = place.posthog.received
    assert UUID(event["distinct_id"]) != BOB
    assert event["properties"]["$process_person_profile"] is False


async def test_a_moment_out_of_range_holds_up_no_other(place: Place) -> None:
    place.track()
    told = _some(2)
    odd = [datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), datetime.min.replace(tzinfo=UTC)]
    assert [track_event("page_viewed", ANA, timestamp=each) for each in odd] == [None, None]
    planted = [
        {"id": str(uuid4()), "event": "page_viewed", "at": "infinity"},
        {"id": str(uuid4()), "event": "page_viewed", "at": "0001-01-01T00:00:00+14:00", "properties": 5},
    ]
    await place.fetch("SELECT devora_record_events($1::jsonb)", json.dumps(planted))
    await place.flush()
    found = await place.look()
    assert (found.delivered, found.refused, found.waiting) == (2, 2, 0)
    assert place.posthog.ids == told


async def test_an_answer_cannot_put_deliveries_off_for_good(place: Place) -> None:
    place.track()
    _some(1)
    place.posthog.status, place.posthog.headers = 429, {"Retry-After": "1e12"}
    await place.flush(seconds=0)
    sender = Sender(Store(place.settings().postgres, None), lambda: postroom(Setup.of(place.settings())))
    await sender.step()
    assert 0 < sender._not_before - time.monotonic() <= 3600


async def test_a_redirect_takes_no_event_along(place: Place) -> None:
    with serving() as elsewhere:
        place.track()
        _some(1)
        place.posthog.status, place.posthog.headers = 307, {"Location": f"{elsewhere.url}/batch/"}
        assert "redirect" in (await place.flush(seconds=0)).problem
        assert not elsewhere.requests


async def test_a_spool_that_cannot_be_used_at_first_is_used_later(place: Place) -> None:
    place.spool.write_text("no folder")
    tracking.configure(place.settings())
    assert track_event(EventType.PAGE_VIEWED, ANA) is None
    await asyncio.sleep(0.2)
    place.spool.unlink()
    told = track_event(EventType.PAGE_VIEWED, ANA)
    await asyncio.to_thread(shutdown)
    assert place.posthog.ids == [told]


async def test_a_torn_line_is_counted_once(place: Place) -> None:
    place.track()
    _some(1)
    ((path, _),) = spools.files(place.spool)
    with path.open("ab") as file:
        file.write(b'{"id": ')
    there, place.dsn = place.dsn, type(place.dsn)("postgresql://nobody@127.0.0.1:1/x")
    tracking._use(None)
    spool = Spool(place.spool, 10_000_000)
    dropped = Dropped()
    for dsn in (place.dsn, place.dsn, there):
        place.dsn = dsn
        setup = Setup.of(place.settings())
        mover = Mover(spool, Store(setup.postgres, "t"), setup.privacy, dropped)
        with suppress(ConsoleError):
            await mover.step()
        mover.release()
    assert dropped.events == {spools.TORN: 1}

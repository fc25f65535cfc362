"""kill -9 at the three places where it could hurt: before the table, before PostHog, and before our own mark."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.analytics.conftest import Place
from tests.eventually import eventually


@contextmanager
def _backend(place: Place, how: str, many: int) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """It, and the ids of its events once it has tracked them all."""
    environ = {**os.environ, "TEST_DSN": place.dsn.reveal(), "TEST_POSTHOG": place.posthog.url}
    command = [sys.executable, "-m", "tests.analytics.a_backend", how, str(many)]
    child = subprocess.Popen(
        command,
        env={**environ, "TEST_SPOOL": str(place.spool)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stdout is not None
        told = [line.strip() for line in iter(child.stdout.readline, "all\n") if line]
        yield child, told
    finally:
        child.kill()
        child.wait(10)
        assert child.stdout is not None
        child.stdout.close()


async def _due(place: Place) -> None:
    """As if the time were over for which taken events are nobody else's."""
    await place.fetch("UPDATE devora_console.event_waiting SET taken_until = '-infinity'")


@pytest.mark.slow
async def test_between_the_disk_and_the_table(place: Place) -> None:
    with _backend(place, "disk", 40) as (child, told):
        child.send_signal(signal.SIGKILL)
    assert (await place.look()).spooled == 40
    flushed = await place.flush()
    assert (flushed.moved, flushed.delivered) == (40, 40)
    assert sorted(place.posthog.ids) == sorted(told)
    assert (await place.look()).spooled == 0


@pytest.mark.slow
async def test_between_the_table_and_the_answer(place: Place) -> None:
    place.posthog.hang = True
    with _backend(place, "away", 40) as (child, told):
        assert await asyncio.to_thread(eventually, lambda: bool(place.posthog.requests), 20)
        child.send_signal(signal.SIGKILL)
    place.posthog.hang = False
    assert (await place.look()).delivered == 0
    await _due(place)
    await place.flush()
    assert sorted(place.posthog.ids) == sorted(told)
    assert (await place.look()).delivered == 40


async def test_between_the_answer_and_the_mark(place: Place) -> None:
    """That PostHog has them cannot be known: they come again, and PostHog can tell that they are the same."""
    with _backend(place, "away", 5) as (child, told):
        place.posthog.before_answer = lambda: child.send_signal(signal.SIGKILL)
        assert await asyncio.to_thread(eventually, lambda: child.poll() is not None, 20)
    place.posthog.before_answer = lambda: None
    assert (await place.look()).delivered == 0
    taken = [event for _, batch in place.posthog.requests for event in batch]
    await _due(place)
    await place.flush()
    assert set(place.posthog.ids) == set(told)
    moments = {event["uuid"]: event["timestamp"] for event in taken}
    again = {event["uuid"]: event["timestamp"] for event in place.posthog.requests[-1][1]}
    assert {uuid: again[uuid] for uuid in moments} == moments
    assert (await place.look()).delivered == 5

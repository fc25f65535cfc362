"""The crossing: the services never wait for the screens, nor the screens for the services."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from textual.message import Message

from devora_console.core.problems import ConsoleError
from devora_console.tui.bridge import Bridge, Wake
from tests.tui.fake import FakeServices, copying
from tests.tui.test_screens import SMALL, make, press, shown, until


@pytest.fixture
def services() -> Iterator[FakeServices]:
    found = FakeServices()
    yield found
    found.loop.close()


async def test_a_blocked_screen_does_not_slow_the_services(services: FakeServices) -> None:
    app = make(services)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: len(services.gaps) > 2)
        services.gaps.clear()
        time.sleep(3.0)  # noqa: ASYNC251  (blocking the screens' loop is what is tested)
        assert len(services.gaps) > 50
        assert max(services.gaps) < 1.0


async def test_five_thousand_wakes_are_few_draws_and_the_last_wins(services: FakeServices) -> None:
    handled: list[Message] = []
    app = make(services)

    def hook(message: Message) -> None:
        if isinstance(message, Wake):
            handled.append(message)

    async with app.run_test(size=SMALL, message_hook=hook) as pilot:
        await press(pilot, "2")

        async def storm() -> None:
            for number in range(5_000):
                services.migration_now = copying(number / 10_000)
                for wake in list(services._wakes):
                    wake(("header", "overview", "migration")[number % 3])
                if number % 100 == 0:
                    await asyncio.sleep(0)
            services.migration_now = copying(0.99)
            for wake in list(services._wakes):
                wake("migration")

        await asyncio.wrap_future(services.loop.submit(storm()))
        await until(pilot, lambda: "Copy running: 98 %" in shown(app) or "Copy running: 99 %" in shown(app))
    assert 0 < len({id(message) for message in handled}) < 500


def test_one_message_is_on_its_way_at_a_time(services: FakeServices) -> None:
    posted: list[Message] = []

    def post(message: Message) -> bool:
        posted.append(message)
        return True

    bridge = Bridge(services, post)
    bridge.open()
    for kind in ("header", "migration", "header"):
        services.publish(kind)
    assert len(posted) == 1
    assert bridge.take() == {"header", "migration"}
    services.publish("overview")
    assert len(posted) == 2
    assert bridge.take() == {"overview"}
    bridge.close()
    services.publish("overview")
    assert len(posted) == 2


def test_waking_after_the_screens_have_ended_is_harmless(services: FakeServices) -> None:
    def closed(message: Message) -> bool:
        raise RuntimeError("Event loop is closed")

    bridge = Bridge(services, closed)
    bridge.open()
    services.publish("header")


async def test_calls_run_on_the_service_loop_and_give_results(services: FakeServices) -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert await Bridge(services, lambda message: True).ask(where(), "where") == "fake-services"


async def test_a_call_without_answer_ends_in_words(services: FakeServices) -> None:
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ConsoleError, match=r"look: no answer within 0\.1 s"):
        await Bridge(services, lambda message: True).ask(forever(), "look", within=0.1)
    assert await asyncio.to_thread(ended.wait, 2.0)


async def test_an_act_without_answer_is_left_to_end_and_not_tried_again(services: FakeServices) -> None:
    runs: list[str] = []
    done = threading.Event()

    async def slow() -> None:
        runs.append("began")
        await asyncio.sleep(0.4)
        runs.append("ended")
        done.set()

    with pytest.raises(ConsoleError, match="Look at the state before you try again"):
        await Bridge(services, lambda message: True).ask(slow(), "act", within=0.1, abandon=False)
    assert await asyncio.to_thread(done.wait, 2.0)
    assert runs == ["began", "ended"]


async def test_ended_services_end_in_words(services: FakeServices) -> None:
    services.loop.call(services.verify(), 5)
    services.loop.close()
    with pytest.raises(ConsoleError, match="the services have ended"):
        await Bridge(services, lambda message: True).ask(services.dry_run(), "dry run")

"""Telling a webhook and PostHog: what, how often, and that it holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from devora_console.config.secret import Secret
from devora_console.cutover import notify
from devora_console.cutover.events import Kind
from devora_console.cutover.notify import LONGEST_WAIT, judged
from devora_console.cutover.outbox import Delivery, deliveries, told_words
from devora_console.cutover.sinks import Annotations, Sink, Webhook
from devora_console.cutover.state import RunMode, RunState, StepState
from devora_console.cutover.walk import Walk
from tests.cutover.posthog_server import Answer, Told, serving
from tests.cutover.walking import Scene, book, opening, rest, step, until

KEY = "phx_a1B2c3D4e5F6g7H8"
REFUSED: Answer = (401, {}, '{"type": "authentication_error", "detail": "Invalid personal API key."}')
BUSY: Answer = (500, {}, "<h1>Oops</h1>")


@pytest.fixture
def told() -> Iterator[Told]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_LOOK", 0.05)
    monkeypatch.setattr(notify, "SECONDS", 0.3)
    monkeypatch.setattr(notify, "backoff", lambda tries, *, refused: 0.02)


def posthog(told: Told, key: str = KEY) -> Annotations:
    return Annotations(told.url, 42, Secret(key))


async def begun(scene: Scene, text: str, *sinks: Sink, mode: RunMode = RunMode.REAL) -> Walk:
    scene.write(text)
    scene.secrets = (Secret(KEY),)
    walk = scene.walk(scene.open(mode))
    walk._means = replace(walk._means, sinks=sinks)
    await walk.drive()
    await walk.people.go()
    return walk


async def opens(walk: Walk) -> None:
    """Until only the point of no return is left, whatever others answer."""
    await until(lambda: walk.run.step("open").state is StepState.WAITING)


def how_far(scene: Scene, walk: Walk) -> dict[str, Delivery]:
    return {each.sink: each for each in deliveries(walk.run, walk.runbook, scene.events(), {})}


PAUSED = step("maintenance-on", annotate=True)


async def test_marks_are_few_and_in_their_order(scene: Scene, told: Told) -> None:
    walk = await begun(scene, book(step("quiet"), PAUSED, opening(annotate=True)), posthog(told))
    await opens(walk)
    await walk.people.go("open")
    assert (await rest(walk)).state is RunState.DONE
    await walk.close()
    head = f"Cutover of {walk.run.environment}, run {walk.run.id}: "
    assert [each.removeprefix(head) for each in told.contents()] == [
        "begins",
        "Step maintenance-on",
        "point of no return, Step open starts",
        "Step open",
        "done",
    ]
    path, headers, body = told.asked[0]
    assert path == "/api/projects/42/annotations/"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert set(body) == {"content", "date_marker", "scope"}
    assert body["scope"] == "project"
    assert datetime.fromisoformat(body["date_marker"]) == scene.events(Kind.GO)[0].at
    one = how_far(scene, walk)["posthog"]
    assert (one.delivered, one.waiting, one.given_up, one.reason) == (5, 0, 0, "")
    assert told_words(one) == "✓ posthog: 5 told"


async def test_the_way_back_is_marked(scene: Scene, told: Told) -> None:
    walk = await begun(scene, book(PAUSED, step("late", "false")), posthog(told))
    assert (await rest(walk)).state is RunState.PAUSED
    await walk.people.rollback("it `does` not <b>work</b>")
    await rest(walk, RunState.ROLLED_BACK)
    await until(lambda: walk.run.state is RunState.ROLLED_BACK)
    await walk.close()
    said = [each.rpartition(": ")[2] for each in told.contents()]
    assert said == [
        "begins",
        "Step maintenance-on",
        "rollback begins",
        "taken back, Step maintenance-on",
        "rolled back",
    ]


async def test_a_rehearsal_is_not_marked_and_is_told_to_a_webhook(scene: Scene, told: Told) -> None:
    hook = Webhook(Secret(told.url + "/hook"))
    walk = await begun(scene, book(PAUSED), posthog(told), hook, mode=RunMode.REHEARSAL)
    await until(lambda: walk.run.state is RunState.ROLLED_BACK)
    await walk.close()
    assert {path for path, _, _ in told.asked} == {"/hook"}
    assert "run rolled back" in "\n".join(told.contents()).replace("_", " ")


@pytest.mark.parametrize("answers", [[BUSY, BUSY, BUSY], [None], [(429, {"Retry-After": "0"}, "slow down")]])
async def test_what_fails_is_told_again_and_holds_nothing_up(
    scene: Scene, told: Told, answers: list[Answer | None]
) -> None:
    told.answers = list(answers)
    walk = await begun(scene, book(PAUSED), posthog(told))
    await opens(walk)
    await until(lambda: how_far(scene, walk)["posthog"].delivered == 2 if scene.events(Kind.NOTIFIED) else False)
    said = told.contents()
    assert said[: len(answers) + 1] == [said[0]] * (len(answers) + 1)
    failed = [each.payload for each in scene.events(Kind.NOTIFIED) if not each.payload["ok"]]
    assert [each["tries"] for each in failed] == [1, 2][: len(answers)]  # not each of them
    assert not any(each["gave_up"] for each in failed)


async def test_a_wrong_key_is_given_up_with_its_reason(scene: Scene, told: Told) -> None:
    told.answers = [REFUSED, REFUSED]
    walk = await begun(scene, book(PAUSED), posthog(told))
    await until(lambda: len(told.asked) == 2)
    await until(lambda: how_far(scene, walk)["posthog"].given_up == 2)
    one = how_far(scene, walk)["posthog"]
    assert told_words(one) == "✗ posthog: 0 told, 2 refused and given up: HTTP 401: Invalid personal API key."
    assert KEY not in repr([each.payload for each in scene.events()])


async def test_a_server_that_repeats_the_key_does_not_put_it_into_the_journal(scene: Scene, told: Told) -> None:
    told.answers = [(403, {}, f'{{"detail": "no: {KEY}\\u202e\\u001b[31m {"x" * 5000}"}}')]
    walk = await begun(scene, book(PAUSED), posthog(told))
    await until(lambda: bool(scene.events(Kind.NOTIFIED)))
    reason = str(scene.events(Kind.NOTIFIED)[0].payload["reason"])
    assert KEY not in reason
    assert len(reason) < 200
    assert reason.isprintable()
    await walk.close()


async def test_what_is_left_is_told_by_the_console_that_takes_over(scene: Scene, told: Told) -> None:
    told.answers = [BUSY] * 500
    walk = await begun(scene, book(PAUSED), posthog(told))
    await opens(walk)
    await walk.close()
    scene.walks.remove(walk)
    assert how_far(scene, walk)["posthog"].waiting == 2
    told.answers.clear()
    before = len(told.asked)
    other = scene.walk(scene.again("bo"), "bo")
    other._means = replace(other._means, sinks=(posthog(told),))
    await other.drive()
    await until(lambda: how_far(scene, other)["posthog"].delivered == 2)
    assert len(told.asked) == before + 2


async def test_two_sinks_do_not_wait_for_each_other(scene: Scene, told: Told) -> None:
    with serving() as other:
        other.answers = [None] * 50
        walk = await begun(scene, book(PAUSED), posthog(told), Webhook(Secret(other.url)))
        await until(lambda: len(told.asked) == 2 and bool(other.asked))
        await until(lambda: how_far(scene, walk)["posthog"].waiting == 0)  # the answer comes before our note of it
        other.over.set()


@pytest.mark.parametrize(
    ("status", "over"),
    [(301, True), (400, True), (401, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_which_answers_are_final(status: int, over: bool) -> None:
    found = judged(status, {}, b"", datetime.now(UTC))
    assert (found.ok, found.over, found.reason) == (False, over, f"HTTP {status}")


NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("86400", LONGEST_WAIT),
        ("9" * 400, LONGEST_WAIT),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("soon", 0),
        ("-3", 0),
        ("", 0),
    ],
)
def test_retry_after(said: str, seconds: float) -> None:
    assert judged(429, {"retry-after": said}, b"", NOW).wait == seconds


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({"project": None}, "analytics.posthog_project_id is not set"),
        ({"key": None}, "analytics.posthog_personal_api_key is not set"),
        ({"host": "http://eu.posthog.com"}, "analytics.posthog_host is no https address"),
        ({"host": "https://[::"}, "analytics.posthog_host is no https address"),
        ({}, ""),
    ],
)
def test_what_annotations_need(changes: dict[str, Any], lacks: str) -> None:
    assert replace(Annotations("https://eu.posthog.com", 42, Secret(KEY)), **changes).lacks() == lacks


async def test_an_annotation_is_never_longer_than_posthog_takes(scene: Scene, told: Told) -> None:
    text = book(PAUSED.replace('title = "Step maintenance-on"', f'title = "{"é" * 900}"'))
    walk = await begun(scene, text, posthog(told))
    await until(lambda: len(told.asked) == 2)
    assert max(map(len, told.contents())) <= 400
    await walk.close()

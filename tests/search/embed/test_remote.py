"""A provider that limits, runs out, fails, lies and hangs up: each told apart, and each answered as it asks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from devora_console.config.secret import Secret
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError
from devora_console.search.embed.refusals import EmbeddingRefused, Refusal
from devora_console.search.embed.remote import Patience, RemoteEmbedder, remote_embedder
from devora_console.search.embed.tokens import counter_for, requests
from tests.search.openai_server import POISON, Fault, OpenAIServer, openai_server, vector_of


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server() as running:
        yield running


class Waits:
    """A clock that runs ahead instead of waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(round(seconds, 3))

    def clock(self) -> float:
        return time.monotonic() + sum(self.seconds)


def embedder(server: OpenAIServer, waits: Waits | None = None, **more: Any) -> RemoteEmbedder:
    given = {"provider": "openai", "base_url": server.url, "api_key": server.key} | more
    patience = Patience(60, waits.sleep, waits.clock) if waits else Patience(60)
    return remote_embedder(Settings.model_validate({"embed": given}), patience)


async def refused(asked: RemoteEmbedder, *texts: str) -> EmbeddingRefused:
    with pytest.raises(EmbeddingRefused) as caught:
        await asked.embed(list(texts) or ["a"])
    return caught.value


async def test_vectors_come_in_order_at_length_one_and_blank_texts_are_not_sent(server: OpenAIServer) -> None:
    asked = embedder(server)
    vectors = await asked.embed(["un", "  \n", "deux"])
    assert vectors[1] is None
    for text, found in (("un", vectors[0]), ("deux", vectors[2])):
        assert found is not None
        assert list(found) == pytest.approx(vector_of(text, 1536), abs=1e-6)
        assert math.sqrt(sum(each * each for each in found)) == pytest.approx(1, abs=1e-5)
    assert server.asked[0].texts == ["un", "deux"]
    assert asked.tokens_used == 2
    assert asked.model == "text-embedding-3-small"
    await asked.close()


async def test_fewer_numbers_are_asked_for_and_stand_in_the_name(server: OpenAIServer) -> None:
    asked = embedder(server, dimensions=256)
    (vector,) = await asked.embed(["un"])
    assert vector is not None
    assert (len(vector), asked.model, server.asked[0].body["dimensions"]) == (256, "text-embedding-3-small@256", 256)


async def test_a_rate_limit_waits_as_long_as_it_says(server: OpenAIServer) -> None:
    server.faults += [Fault.rate_limit("3"), Fault.rate_limit("7", retry_after_ms="250"), Fault.fails(503)]
    waits = Waits()
    asked = embedder(server, waits)
    said: list[str] = []
    asked.on_wait = lambda seconds, problem: said.append(problem.code)
    assert (await asked.embed(["a"]))[0] is not None
    assert waits.seconds[:2] == [3, 0.25]
    assert 0 < waits.seconds[2] <= 2
    assert said == ["embed_rate", "embed_rate", "embed_server"]


@pytest.mark.slow
async def test_no_requests_left_is_waited_for_before_the_next_one(server: OpenAIServer) -> None:
    server.faults += [Fault.remaining("0", "1m30s"), Fault.remaining("5", "1s")]
    waits = Waits()
    asked = embedder(server, waits)
    await asked.embed(["a"])
    await asked.embed(["b"])
    assert waits.seconds == [pytest.approx(60, abs=1)]  # no longer than its patience


async def test_a_quota_is_a_stop_at_once(server: OpenAIServer) -> None:
    server.faults += [Fault.quota()]
    found = await refused(embedder(server))
    assert (found.refusal, found.problem.code, len(server.asked)) == (Refusal.STOP, "embed_quota", 1)


async def test_a_wrong_key_names_the_setting_and_not_the_key(server: OpenAIServer) -> None:
    found = await refused(embedder(server, api_key="sk-wrong-key-12345"))
    assert (found.refusal, found.problem.code) == (Refusal.STOP, "embed_key")
    assert "embed.api_key" in found.problem.remedy
    assert "12345" not in str(found)
    # OpenAI's key is not sent to another endpoint, wrong or right
    settings = Settings.model_validate(
        {"embed": {"provider": "openai", "base_url": server.url}, "search": {"openai_api_key": server.key}}
    )
    found = await refused(remote_embedder(settings))
    assert "embed.api_key" in found.problem.remedy


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "embed_key"),
        ({"api_key": Secret("sk-clé")}, "embed_key"),
        ({"api_key": "sk-a", "model": "bge-m3"}, "embed_dimensions"),
        ({"api_key": "sk-a", "model": "text-embedding-ada-002", "dimensions": 256}, "embed_dimensions"),
        ({"api_key": "sk-a", "dimensions": 2000}, "embed_dimensions"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(given: dict[str, Any], code: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        remote_embedder(Settings.model_validate({"embed": {"provider": "openai"} | given}))
    assert caught.value.problem.code == code


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (Fault.fewer(), Refusal.SHORT),
        pytest.param(Fault.fewer(9), Refusal.SHORT, marks=pytest.mark.slow),
        (Fault.rubbish(), Refusal.SHORT),
        pytest.param(Fault.zero(), Refusal.SHORT, marks=pytest.mark.slow),
        pytest.param(Fault.fails(403), Refusal.STOP, marks=pytest.mark.slow),
        (Fault.fails(422), Refusal.INPUT),
    ],
)
async def test_what_is_wrong_with_an_answer_is_not_tried_again(
    server: OpenAIServer, fault: Fault, refusal: Refusal
) -> None:
    server.faults.append(fault)
    assert (await refused(embedder(server), "a", "b")).refusal is refusal
    assert len(server.asked) == 1


async def test_a_poisonous_text_is_an_input_and_an_unknown_model_a_stop(server: OpenAIServer) -> None:
    assert (await refused(embedder(server), "a", POISON)).refusal is Refusal.INPUT
    asked = embedder(server, model="bge-m3", dimensions=8)
    assert (await refused(asked)).problem.code == "embed_model"


async def test_a_cut_answer_and_a_hang_are_tried_again(server: OpenAIServer) -> None:
    server.faults += [Fault.cut(), Fault.hangs(0.5)]
    waits = Waits()
    asked = embedder(server, waits, timeout_seconds=0.2)
    assert (await asked.embed(["a"]))[0] is not None
    assert len(server.asked) == 3


@pytest.mark.slow
async def test_patience_ends(server: OpenAIServer) -> None:
    server.faults += [Fault.fails(500)] * 40
    found = await refused(embedder(server, Waits()))
    assert (found.refusal, found.problem.code) == (Refusal.GONE, "embed_server")
    server.faults.clear()
    server.faults.append(Fault.rate_limit("3600"))
    waits = Waits()
    assert (await refused(embedder(server, waits))).problem.code == "embed_rate"
    assert waits.seconds == []  # an hour is more than it has
    server.stop()
    assert (await refused(embedder(server, Waits()))).problem.code == "embed_connection"


def test_requests_are_closed_by_count_and_by_tokens() -> None:
    assert [(part.start, part.stop) for part in requests(["a"] * 5000)] == [(0, 2048), (2048, 4096), (4096, 5000)]
    assert [(part.start, part.stop) for part in requests(["é" * 150_000] * 5)] == [(0, 2), (2, 4), (4, 5)]
    assert [(part.start, part.stop) for part in requests(["x" * 2_000_000, "a"])] == [(0, 1), (1, 2)]


def test_the_counter_says_which_it_is_and_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    counter = counter_for("text-embedding-3-small")
    assert (counter.name, counter.exact, counter.budget(2000)) == ("Llama 2 tokenizer", False, 1900)
    assert 5 < counter.count("La base de données ne répond plus") < 15


_ENDINGS = [pytest.param(how, marks=pytest.mark.slow) for how in ("incomplete", "failed", "error", "silent", "cut")]


@pytest.mark.parametrize("how", ["ok", *_ENDINGS])
async def test_the_server_of_these_tests_streams_answers(server: OpenAIServer, how: str) -> None:
    if how != "ok":
        server.faults.append(Fault.cut() if how == "cut" else Fault.ends(how))
    client = openai.AsyncOpenAI(api_key=server.key, base_url=server.url, max_retries=0)
    said, last = "", ""
    async for event in await client.responses.create(model="gpt-4o-mini", input="?", stream=True, store=False):
        last = event.type
        said += event.delta if event.type == "response.output_text.delta" else ""
    assert said == ("Le serveur redémarre " if how != "ok" else "".join(server.answer))
    ends = {"ok": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}
    assert last == ends.get(how, "error" if how == "error" else "response.output_text.delta")
    await client.close()

"""Answers that end well, are cut off, fail, break off and are stopped: told apart, and what came is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from devora_console.config.rag import RagSettings
from devora_console.config.secret import Secret
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.search.rag.answer import Answering
from devora_console.search.rag.model import Answer, AnswerState, RagResponse, Usage
from devora_console.search.rag.pack import Limits, pack
from devora_console.search.rag.price import most_it_costs, price_of
from devora_console.search.rag.provider import endpoint_of
from tests.search.openai_server import Fault, OpenAIServer, openai_server
from tests.search.rag.test_pack import COUNTER, material, said

WHOLE = "Le serveur redémarre à minuit [1]."
BEGINNING = "Le serveur redémarre "
PACKED = pack("Quand redémarre-t-il ?", [material(1, said(1))], (), limits=Limits(), counter=COUNTER)
RESPONSE = RagResponse(PACKED.contexts, (), (), PACKED.tokens, 1.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server() as one:
        yield one


def settings_for(server: OpenAIServer, key: str | None = None, **more: Any) -> Settings:
    wanted: dict[str, Any] = {"base_url": server.url, "api_key": key or server.key, "silence_seconds": 2.0} | more
    return Settings(rag=RagSettings(**wanted))


async def ask(server: OpenAIServer, heard: list[str] | None = None, **more: Any) -> Answer:
    heard = [] if heard is None else heard
    return await Answering(PACKED.prompt, RESPONSE, settings_for(server, **more), on_text=heard.append).run()


async def test_a_whole_answer_with_its_tokens_and_cost(server: OpenAIServer) -> None:
    heard: list[str] = []
    prices = {"price_input_per_million": 0.4, "price_output_per_million": 1.6, "price_as_of": "2026-11-01"}
    answer = await ask(server, heard, **prices)
    assert (answer.text, answer.state, answer.problem) == (WHOLE, AnswerState.COMPLETE, None)
    assert heard == ["Le serveur ", "redémarre ", "à minuit ", "[1]."]
    (asked,) = server.asked
    assert asked.body["input"] == PACKED.prompt  # what was shown is what is sent
    assert asked.body["store"] is False
    assert asked.body["max_output_tokens"] == 800
    assert isinstance(answer.usage, Usage)
    whole = answer.usage.input_tokens * Decimal("0.4") + answer.usage.output_tokens * Decimal("1.6")
    assert answer.cost == whole / 1_000_000
    assert not isinstance(answer.price, Unknown)
    assert answer.price.as_of == "2026-11-01"
    assert f"the prompt took {answer.usage.input_tokens} tokens" in answer.notes[0]
    assert f"the {PACKED.tokens.prompt} we counted" in answer.notes[0]
    assert (answer.cited, answer.cited_unknown) == ((1,), ())
    assert answer.response_id == "resp_1"


async def test_an_unknown_price_is_unknown(server: OpenAIServer) -> None:
    answer = await ask(server, price_input_per_million=0.4)
    assert isinstance(answer.cost, Unknown)
    assert "price of gpt-4.1-mini is not known" in answer.cost.reason
    assert isinstance(most_it_costs(price_of(RagSettings()), 100, RagSettings()), Unknown)


async def test_numbers_that_nothing_bears_are_told(server: OpenAIServer) -> None:
    server.answer = ["Voir [1], [3; 7] et x[0]."]
    answer = await ask(server)
    assert (answer.cited, answer.cited_unknown) == ((1,), (0, 3, 7))
    assert "[0], [3], [7], which is not in the prompt" in answer.notes[-1]


@pytest.mark.parametrize(
    ("fault", "state", "text", "code", "told"),
    [
        (Fault.ends("incomplete"), AnswerState.CUT_OFF, BEGINNING, "rag_cut_off", True),
        (Fault.ends("failed"), AnswerState.FAILED, BEGINNING, "rag_failed", True),
        (Fault.ends("error"), AnswerState.FAILED, BEGINNING, "rag_failed", False),
        (Fault.ends("nested_error"), AnswerState.FAILED, BEGINNING, "rag_failed", False),
        (Fault.ends("silent"), AnswerState.BROKEN, BEGINNING, "rag_cut", False),
        (Fault.cut(1), AnswerState.BROKEN, "Le serveur ", "rag_cut", False),
        (Fault.cut(0), AnswerState.BROKEN, "", "rag_cut", False),
        (Fault.quota(), AnswerState.FAILED, "", "rag_quota", False),
        (Fault.rate_limit("7"), AnswerState.FAILED, "", "rag_rate", False),
        (Fault.fails(500), AnswerState.FAILED, "", "rag_server", False),
        (Fault.fails(400), AnswerState.FAILED, "", "rag_refused", False),
        (Fault.fails(403), AnswerState.FAILED, "", "rag_forbidden", False),
        (Fault.fails(404), AnswerState.FAILED, "", "rag_model", False),
        (Fault.rubbish(), AnswerState.FAILED, "", "rag_answer", False),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_an_answer_that_does_not_end_well_keeps_what_came(
    server: OpenAIServer, fault: Fault, state: AnswerState, text: str, code: str, told: bool
) -> None:
    server.faults.append(fault)
    answer = await ask(server)
    assert (answer.text, answer.state) == (text, state)
    assert answer.problem is not None
    assert answer.problem.code == code
    assert isinstance(answer.usage, Usage) is told
    assert isinstance(answer.cost, Unknown)
    assert not answer.whole
    assert len(server.asked) == 1  # nothing is tried again behind a person's back


async def test_a_server_that_falls_silent(server: OpenAIServer) -> None:
    server.faults.append(Fault.hangs(1.0))
    answer = await ask(server, silence_seconds=0.1)
    assert answer.problem is not None
    assert answer.problem.code == "rag_timeout"
    server.faults.append(Fault.slow(0.2))
    answer = await ask(server, answer_seconds=0.5)
    assert (answer.state, answer.text.startswith("Le serveur ")) == (AnswerState.BROKEN, True)
    assert answer.problem is not None
    assert answer.problem.code == "rag_answer_slow"


async def test_stopping_keeps_what_came(server: OpenAIServer) -> None:
    server.faults.append(Fault.slow(0.05))
    some = asyncio.Event()
    answering = Answering(PACKED.prompt, RESPONSE, settings_for(server), on_text=lambda text: some.set())
    running = asyncio.ensure_future(answering.run())
    await some.wait()
    assert answering.so_far().state is AnswerState.RUNNING
    answering.cancel()
    answer = await running
    assert answer.state is AnswerState.CANCELLED
    assert answer.text.startswith("Le serveur ")
    assert isinstance(answer.usage, Unknown)
    answering.cancel()
    assert answering.so_far() == answer


async def test_stopped_before_it_began_nothing_is_asked(server: OpenAIServer) -> None:
    answering = Answering(PACKED.prompt, RESPONSE, settings_for(server))
    answering.cancel()
    assert (await answering.run()).state is AnswerState.CANCELLED
    assert server.asked == []


async def test_whoever_cancels_the_task_is_obeyed(server: OpenAIServer) -> None:
    server.faults.append(Fault.slow(0.05))
    some = asyncio.Event()
    answering = Answering(PACKED.prompt, RESPONSE, settings_for(server), on_text=lambda text: some.set())
    running = asyncio.ensure_future(answering.run())
    await some.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert answering.so_far().state is AnswerState.CANCELLED
    assert answering.so_far().text


async def test_offline_and_with_a_wrong_key(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await ask(server, key="sk-wrong-secret")
    assert answer.problem is not None
    assert (answer.state, answer.problem.code) == (AnswerState.FAILED, "rag_key")
    assert "rag.api_key" in answer.problem.remedy
    assert "sk-wrong-secret" not in str(answer)
    answer = await ask(server, base_url="http://127.0.0.1:1/v1")
    assert answer.problem is not None
    assert (answer.state, answer.problem.code) == (AnswerState.FAILED, "rag_connection")
    await ask(server)
    for secret in ("sk-wrong-secret", "Quand redémarre", "minuit", server.key):
        assert secret not in caplog.text


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999/v1", "http://\u00e9\u00e9.invalid/v1"])
async def test_an_address_that_is_none(server: OpenAIServer, address: str) -> None:
    answer = await ask(server, base_url=address)
    assert (answer.state, answer.text) == (AnswerState.FAILED, "")
    assert answer.problem is not None


async def test_an_address_that_cannot_be_read(server: OpenAIServer) -> None:
    with pytest.raises(ConsoleError, match="no address"):
        await ask(server, base_url="http://[::1/v1")


async def test_a_listener_that_fails_is_not_the_providers_fault(server: OpenAIServer) -> None:
    def fail(text: str) -> None:
        raise BrokenPipeError(text)

    answering = Answering(PACKED.prompt, RESPONSE, settings_for(server), on_text=fail)
    with pytest.raises(BrokenPipeError):
        await answering.run()
    assert answering.so_far().state is AnswerState.CANCELLED


def test_the_key_of_openai_goes_to_openai_only() -> None:
    own = Settings.model_validate({"search": {"openai_api_key": "sk-openai"}})
    assert endpoint_of(own).key == Secret("sk-openai")
    elsewhere = Settings.model_validate(
        {"search": {"openai_api_key": "sk-openai"}, "rag": {"base_url": "http://localhost:1/v1"}}
    )
    assert endpoint_of(elsewhere).key is None
    with pytest.raises(ConsoleError, match="no key for OpenAI"):
        endpoint_of(Settings())
    with pytest.raises(ConsoleError, match="beyond ASCII"):
        endpoint_of(Settings.model_validate({"rag": {"api_key": "sk-clé"}}))

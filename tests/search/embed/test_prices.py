"""Prices: of a day, told with every cost, yours before ours, and unknown where nobody knows them."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from rich.console import Console

from devora_console.cli.embed_view import print_result, progress_line
from devora_console.config.embed import EmbedSettings
from devora_console.config.rag import RagSettings
from devora_console.core.unknown import Unknown
from devora_console.search.embed import models
from devora_console.search.embed.models import OPENAI_DIMS, Price, price_of
from devora_console.search.embed.progress import Ending, Progress, Result
from devora_console.search.rag.model import Answer, AnswerState, Usage
from devora_console.search.rag.price import cost_of
from devora_console.search.rag.price import price_of as answer_price
from devora_console.tui.render.search_prompt import _cost

TOLD = Progress(UUID(int=1), "m", 10, embedded=5, tokens=2_000_000, cost=0.04, seconds=1.0)


def test_our_list_knows_its_day_and_only_what_it_lists() -> None:
    found = price_of(EmbedSettings(provider="openai"))
    assert found == Price(0.02, "2026-11-01", "the console's list")
    assert set(models._PRICES) <= set(OPENAI_DIMS)
    for model in ("text-embedding-ada-002", "text-embedding-4-tiny"):
        unknown = price_of(EmbedSettings(provider="openai", model=model))
        assert isinstance(unknown, Unknown)
        assert model in unknown.reason
        assert "embed.price_per_million" in unknown.remedy


def test_another_endpoint_has_another_price() -> None:
    elsewhere = EmbedSettings(provider="openai", base_url="http://localhost:11434/v1")
    assert isinstance(price_of(elsewhere), Unknown)
    yours = elsewhere.model_copy(update={"price_per_million": 0.5, "price_as_of": "2027-02-03"})
    assert price_of(yours) == Price(0.5, "2027-02-03", "embed.price_per_million")


def test_yours_goes_before_ours() -> None:
    assert price_of(EmbedSettings(provider="openai", price_per_million=0.0)) == Price(
        0.0, "an unknown day", "embed.price_per_million"
    )
    assert price_of(EmbedSettings(price_per_million=9.0)).per_million == 0.0  # type: ignore[union-attr]  # made here


@pytest.mark.parametrize(
    ("told", "short", "long"),
    [
        (TOLD, "", ""),
        (replace(TOLD, price=Price(0.0, "always", "made here"), cost=0.0), "", ""),
        (replace(TOLD, price=Price(0.02, "2026-11-01", "")), ", $0.0400 (price of 2026-11-01)", None),
        (replace(TOLD, price=Unknown("the price of m is not known"), cost=None), ", cost unknown", ": the price of m"),
    ],
)
def test_a_backfill_tells_its_cost_with_the_day_of_the_price(told: Progress, short: str, long: str | None) -> None:
    assert progress_line(told).endswith(f"5/s{short}")
    said = io.StringIO()
    print_result(Console(file=said, width=200), Result(told, Ending.DONE, 5, None, None, 0))
    assert f"2,000,000 tokens{short}{long or ''}" in said.getvalue().replace("\u202f", ",").replace(" 000", ",000")


def test_an_answer_on_screen_tells_the_day_too() -> None:
    settings = RagSettings(price_input_per_million=0.4, price_output_per_million=1.6, price_as_of="2026-11-01")
    usage, price = Usage(1000, 500), answer_price(settings)
    answer = Answer("", AnswerState.COMPLETE, "m", 0, "c", 1.0, None, usage, cost_of(price, usage), price)
    assert answer.cost == Decimal("0.0012")
    assert _cost(answer).endswith("$0.0012 (price of 2026-11-01)")
    unknown = answer_price(RagSettings())
    assert _cost(replace(answer, cost=cost_of(unknown, usage), price=unknown)).endswith("cost ?")

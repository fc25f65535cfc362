"""What can be configured about RAG: how a prompt is packed, and who answers it at what price."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from devora_console.config.embed import Endpoint
from devora_console.config.outside import ApiKey
from devora_console.config.sections import Section

Part = Annotated[float, Field(ge=0, le=1)]


class RagSettings(Section):
    """RAG: the prompt that is made of what a search found, and the model that answers it when asked to."""

    max_context_tokens: int = Field(
        default=2000,
        ge=100,
        le=1_000_000,
        description="Tokens that may be added to a question: instructions, the conversation's latest turns and the "
        "texts that were found. Five in a hundred of them are kept free. Also --max-context-tokens.",
    )
    context_tokens: int = Field(
        default=600, ge=60, le=1_000_000, description="The most tokens of one text; of a longer one a passage is taken."
    )
    candidates: int = Field(
        default=20, ge=1, le=200, description="How many things a search is asked for, to choose from."
    )
    threshold: Part = Field(
        default=0.2, description="A text is left out when its score is below this part of the best one's (0 to 1)."
    )
    turns: int = Field(
        default=6, ge=0, le=100, description="How many of the conversation's latest turns are taken, at most."
    )
    turns_share: Part = Field(
        default=0.3, description="The part of the tokens (0 to 1) that those turns may take beside found texts."
    )
    retrieval_seconds: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="Seconds to wait for the search; after that the question is asked without it.",
    )
    model: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\x21-\x7e]+$")] = Field(
        default="gpt-4.1-mini", description="The model that answers."
    )
    base_url: Endpoint | None = Field(
        default=None,
        description="Another endpoint that speaks OpenAI's Responses API. Without it OpenAI's own.",
        examples=["http://localhost:11434/v1"],
    )
    api_key: ApiKey | None = Field(
        default=None,
        description="The key of that endpoint. OpenAI's own endpoint takes search.openai_api_key without it; another "
        "one is never sent that key. Better kept in the environment than here.",
        examples=["sk-your_key"],
    )
    max_output_tokens: int = Field(
        default=800, ge=16, le=1_000_000, description="Tokens after which an answer is cut off, thinking included."
    )
    answer_seconds: float = Field(default=120.0, gt=0, le=3600, description="Seconds that an answer may take in all.")
    silence_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds without a word after which an answer counts as broken off."
    )
    price_input_per_million: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="US dollars for a million tokens of a prompt. Without both prices the cost is unknown.",
        examples=[0.4],
    )
    price_output_per_million: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="US dollars for a million tokens of an answer.",
        examples=[1.6],
    )
    price_as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = Field(
        default=None, description="The day of those prices.", examples=["2026-11-01"]
    )

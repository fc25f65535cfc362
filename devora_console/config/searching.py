"""What can be configured about searching: as whom, how patiently, and how the methods are weighed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from devora_console.config.outside import ApiKey
from devora_console.config.sections import Section

Weight = Annotated[float, Field(ge=0, le=100)]


class SearchSettings(Section):
    """Searching, and the key of OpenAI."""

    openai_api_key: ApiKey | None = Field(
        default=None,
        description="The OpenAI API key for embeddings. Also OPENAI_API_KEY. Better kept in the environment than here.",
        examples=["sk-your_key"],
    )
    role: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")] = Field(
        default="app_user", description="The application's role: searches as a user are asked with its rights."
    )
    method: Literal["fts", "trigram", "semantic", "hybrid"] = Field(
        default="hybrid", description="How Devora's search API answers, and what is shown first."
    )
    limit: int = Field(default=10, ge=1, le=1000, description="Hits shown of each method.")
    statement_seconds: float = Field(
        default=5.0, gt=0, le=600, description="Seconds after which the server ends a statement of a search."
    )
    meaning_seconds: float = Field(
        default=3.0,
        gt=0,
        le=600,
        description="Seconds that a provider of embeddings has for the vector of a query; then the other methods "
        "answer without it.",
    )
    fts_weight: Weight = Field(default=1.0, description="What a rank of full text search counts in the hybrid.")
    trigram_weight: Weight = Field(default=1.0, description="What a rank of trigram search counts in the hybrid.")
    semantic_weight: Weight = Field(default=1.0, description="What a rank of semantic search counts in the hybrid.")
    fusion_k: int = Field(
        default=60,
        ge=1,
        le=10_000,
        description="Damps the first ranks in the hybrid: a hit counts weight / (fusion_k + rank).",
    )
    candidates: int = Field(
        default=50, ge=1, le=1000, description="Hits that the hybrid asks of each method before they are fused."
    )
    ef_search: int = Field(
        default=200,
        ge=1,
        le=1000,
        description="How widely the index of nearest neighbours looks; more widely the more vectors a user has.",
    )
    exact_rows: int = Field(
        default=10_000,
        ge=0,
        le=10_000_000,
        description="Vectors of a user up to which every one is compared, instead of asking the index.",
    )
    trigram_threshold: float = Field(
        default=0.5,
        ge=0.1,
        le=1,
        description="Word similarity from which a word of a title or name matches one that was typed (0.1 to 1).",
    )
    common_percent: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Share of the documents, in percent, from which a word is left out when any word may match.",
    )
    # Not strict: a path is written as text.
    suite: Path | None = Field(
        default=None,
        strict=False,
        description="The judged queries that the gate search.quality watches. In this file relative to its directory, "
        "elsewhere to the current one.",
        examples=["suites/devora.json"],
    )
    tolerance: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="By how much a metric may fall, beyond what chance explains, before a comparison fails.",
    )

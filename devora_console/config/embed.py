"""What can be configured about embeddings: who makes the vectors, and what that may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from devora_console.config.outside import ApiKey
from devora_console.config.sections import Section


def _endpoint(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.partition("/")[0]:
        raise PydanticCustomError("url", "is not of the form 'https://host/v1'")
    if "@" in rest.partition("/")[0]:
        raise PydanticCustomError("url", "holds a user name or password; the key belongs into api_key")
    if not url.isprintable() or " " in url:
        raise PydanticCustomError("url", "holds white space or control characters")
    return url.rstrip("/")


Endpoint = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_endpoint)]


class EmbedSettings(Section):
    """Embeddings: who makes the vectors of semantic search, and what a back-fill may cost."""

    provider: Literal["offline", "openai", "hash"] = Field(
        default="offline",
        description="Who makes the vectors: offline (word vectors that come with the console, English and, through a "
        "glossary, French), openai (OpenAI, or what speaks like it at base_url), hash (letters only, the last "
        "resort).",
    )
    model: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\x21-\x7e]+$")] = Field(
        default="text-embedding-3-small", description="The model to ask for; only with provider openai."
    )
    base_url: Endpoint | None = Field(
        default=None,
        description="Another endpoint that speaks like OpenAI's. Without it OpenAI's own.",
        examples=["http://localhost:11434/v1"],
    )
    api_key: ApiKey | None = Field(
        default=None,
        description="The key of that endpoint, where it is not the one of OpenAI (search.openai_api_key). Better kept "
        "in the environment than here.",
        examples=["sk-your_key"],
    )
    dimensions: int | None = Field(
        default=None,
        ge=8,
        le=4000,
        description="Numbers of a vector, where the model can be asked for fewer than it has (text-embedding-3), or is "
        "not known to the console.",
        examples=[512],
    )
    glossary: Path | None = Field(
        default=None,
        strict=False,
        description="A glossary of your own for provider offline: a line is French, a tab, English. It adds to the one "
        "of the console. In this file relative to its directory, elsewhere to the current one.",
        examples=["glossary.tsv"],
    )
    price_per_million: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="US dollars for a million tokens, where the console does not know it or it has changed.",
        examples=[0.02],
    )
    price_as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = Field(
        default=None, description="The day of that price.", examples=["2026-11-01"]
    )
    max_cost: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="US dollars after which 'embed run' stops, to be resumed (also --max-cost).",
        examples=[5.0],
    )
    timeout_seconds: float = Field(
        default=60.0, gt=0, le=600, description="Seconds to wait for the provider's answer to one request."
    )
    patience_seconds: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="Seconds for which a request is tried again while the provider limits its rate or fails.",
    )

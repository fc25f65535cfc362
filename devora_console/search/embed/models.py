"""What the console knows of OpenAI's embedding models: sizes, limits, and what they cost as of a day."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from devora_console.config.embed import EmbedSettings
from devora_console.core.unknown import Unknown

OPENAI_DIMS = MappingProxyType(
    {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
)
OPENAI_SHORTENS = frozenset({"text-embedding-3-small", "text-embedding-3-large"})
MOST_TEXTS = 2048
"""Texts of one request."""
MOST_TOKENS = 250_000
"""Tokens of one request: OpenAI takes 300,000, and ours are counted with another tokenizer."""
MOST_TOKENS_OF_A_TEXT = 8192

_AS_OF = "2026-11-01"
_PRICES = MappingProxyType({"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, the day that was so, who says so; ``own``: nobody is paid."""

    per_million: float
    as_of: str
    source: str
    own: bool = False

    def cost(self, tokens: int) -> float:
        """US dollars for so many tokens."""
        return tokens * self.per_million / 1_000_000


def price_of(settings: EmbedSettings) -> Price | Unknown:
    """What tokens cost with these settings; never a guess."""
    if settings.provider != "openai":
        return Price(0.0, "always", "made here", own=True)
    if settings.price_per_million is not None:
        return Price(settings.price_per_million, settings.price_as_of or "an unknown day", "embed.price_per_million")
    known = _PRICES.get(settings.model) if settings.base_url is None else None
    if known is None:
        return Unknown(f"the price of {settings.model} is not known", "Set embed.price_per_million and price_as_of")
    return Price(known, _AS_OF, "the console's list")

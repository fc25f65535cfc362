"""What a question costs: what is known of it, and nothing that is not."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from devora_console.config.rag import RagSettings
from devora_console.core.unknown import Unknown
from devora_console.search.rag.model import Price, Usage

_MILLION = Decimal(1_000_000)


def price_of(settings: RagSettings) -> Price | Unknown:
    """The price of the settings. Half of one is none."""
    wanted = settings.price_input_per_million, settings.price_output_per_million
    if wanted[0] is None or wanted[1] is None:
        return Unknown(
            f"the price of {settings.model} is not known",
            "Set rag.price_input_per_million, rag.price_output_per_million and rag.price_as_of",
        )
    return Price(Decimal(str(wanted[0])), Decimal(str(wanted[1])), settings.price_as_of or "an unknown day")


def cost_of(price: Price | Unknown, usage: Usage | Unknown) -> Decimal | Unknown:
    """US dollars for what the provider counted. What it took from its cache is cheaper: then this is too much.

    >>> cost_of(Price(Decimal("0.4"), Decimal("1.6"), "2026-11-01"), Usage(1000, 500))
    Decimal('0.0012')
    """
    if isinstance(usage, Unknown):
        return usage
    if isinstance(price, Unknown):
        return price
    whole = usage.input_tokens * price.input_per_million + usage.output_tokens * price.output_per_million
    return (whole / _MILLION).normalize()


def most_it_costs(price: Price | Unknown, prompt_tokens: int, settings: RagSettings) -> Decimal | Unknown:
    """US dollars when the answer becomes as long as it may; the prompt as we count it."""
    return cost_of(price, Usage(prompt_tokens, settings.max_output_tokens))


def dollars(amount: Decimal) -> str:
    """An amount as people read money: cents, or of less than ten cents two digits; rounded up.

    >>> [dollars(Decimal(each)) for each in ("0", "0.0012345", "0.00000071", "0.1234", "12.3")]
    ['$0', '$0.0013', '$0.00000071', '$0.13', '$12.30']
    """
    if not amount:
        return "$0"
    last = min(-2, amount.adjusted() - 1)
    return f"${amount.quantize(Decimal(1).scaleb(last), ROUND_UP):f}"

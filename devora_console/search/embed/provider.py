"""What turns texts into vectors: the protocol every provider keeps, and which one the settings ask for.

A model's name stands on every vector and says everything that shapes it: weights, preprocessing, dimensions. Vectors
of two names are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from devora_console.config.settings import Settings
from devora_console.core.problems import usage_error

Vector = Sequence[float]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors of ``dims`` numbers, all of length 1.

    ``model`` is the name that stands on the vectors, ``label`` says in words for people what it is and what not to
    expect of it. ``local``: it runs here, costs nothing and asks nobody.
    """

    model: str
    dims: int
    label: str
    local: bool

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """One vector for each text, in order; None for a text that has nothing in it to embed.

        Raises :class:`devora_console.search.embed.refusals.EmbeddingRefused` for what a provider says no to.
        """
        ...

    def coverage(self, text: str) -> float | None:
        """The part of the words that the embedder knows (0 to 1); None where the question has no meaning.

        Little coverage foretells results that have little to do with the question.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


def embedder_of(settings: Settings) -> Embedder:
    """The embedder that ``settings.embed`` asks for. The offline one takes half a second the first time.

    Raises ConsoleError (exit 2) when it cannot be: no key, a package that is missing, a glossary that is unreadable.
    """
    wanted = settings.embed.provider
    if wanted == "hash":
        from devora_console.search.embed.hashing import HashEmbedder  # noqa: PLC0415 - loads numpy

        return HashEmbedder()
    if wanted == "openai":
        from devora_console.search.embed.remote import remote_embedder  # noqa: PLC0415 - loads openai

        return remote_embedder(settings)
    from devora_console.search.embed.offline import offline_embedder  # noqa: PLC0415 - loads numpy and weights

    try:
        return offline_embedder(settings.embed.glossary)
    except ModuleNotFoundError as error:
        raise usage_error(
            "embedder_missing",
            f"the offline embedder needs the package {error.name}",
            'Install it (pip install wordllama), or set embed.provider = "hash" for vectors that know letters only',
        ) from None
